//! Texts to vectors: `batchEmbedContents`.

use flow_runtime_api::{Embeddings, Failure, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{BODY_BYTES_MAX, model_path, resource};
use crate::http::{Form, Http};
use crate::peer::Peer;

/// Texts of one request, as the vendor allows.
const TEXTS_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Made {
    embeddings: Vec<Vector>,
    #[serde(default)]
    usage_metadata: Option<Counts>,
}

#[derive(Deserialize)]
struct Vector {
    values: Vec<f32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Counts {
    #[serde(default)]
    prompt_token_count: Option<u64>,
}

pub(super) async fn embed(http: &Http, peer: &Peer<'_>, texts: &[String]) -> Result<Embeddings, Failure> {
    let mut all = Embeddings { vectors: Vec::with_capacity(texts.len()), usage: Some(Usage::default()) };
    for texts in texts.chunks(TEXTS_MAX) {
        let made = request(http, peer, texts).await?;
        let vectors = made.embeddings.into_iter().map(|vector| vector.values);
        all.vectors.extend(vectors);
        // One request that isn't counted leaves all unknown.
        let counted = made.usage_metadata.and_then(|counts| counts.prompt_token_count);
        all.usage = all.usage.zip(counted).map(|(mut sum, input_tokens)| {
            sum += Usage { input_tokens, ..Usage::default() };
            sum
        });
    }
    let length = all.vectors.first().map_or(0, Vec::len);
    if all.vectors.iter().any(|vector| vector.len() != length || vector.is_empty()) {
        return Err(peer.gibberish("sent vectors of different lengths"));
    }
    Ok(all)
}

async fn request(http: &Http, peer: &Peer<'_>, texts: &[String]) -> Result<Made, Failure> {
    let name = resource(&peer.model.model);
    let requests: Vec<Value> =
        texts.iter().map(|text| json!({"model": name, "content": {"parts": [{"text": text}]}})).collect();
    let path = format!("{}:batchEmbedContents", model_path(peer)?);
    let mut body = http.post(peer, &path, json!({"requests": requests}).to_string().into_bytes()).await?;
    if body.form(peer).await? == Form::Html {
        return Err(peer.html(200));
    }
    let bytes = body.whole(peer, BODY_BYTES_MAX).await?;
    let made: Made = serde_json::from_slice(&bytes)
        .map_err(|_| peer.gibberish("sent something else than a list of vectors"))?;
    if made.embeddings.len() != texts.len() {
        let what = format!("sent {} vectors for {} texts", made.embeddings.len(), texts.len());
        return Err(peer.gibberish(what));
    }
    Ok(made)
}
