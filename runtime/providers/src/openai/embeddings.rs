//! Texts to vectors: `/embeddings`.

use flow_runtime_api::{Embeddings, Failure, Usage};
use serde::Deserialize;
use serde_json::json;

use crate::http::{Form, Http};
use crate::peer::Peer;

/// Of an answer: 2,048 texts of 3,072 numbers, written out.
const BODY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// So many texts go into one request at most.
const TEXTS_MAX: usize = 2048;

/// Asks for a vector of each text, in their order; many texts go in several requests.
pub(super) async fn embed(http: &Http, peer: &Peer<'_>, texts: &[String]) -> Result<Embeddings, Failure> {
    let mut all = Embeddings::default();
    for texts in texts.chunks(TEXTS_MAX) {
        let body = json!({"model": peer.model.model, "input": texts, "encoding_format": "float"});
        let mut body = http.post(peer, "/embeddings", body.to_string().into_bytes()).await?;
        if body.form(peer).await? == Form::Html {
            return Err(peer.html(200));
        }
        let bytes = body.whole(peer, BODY_BYTES_MAX).await?;
        let list: List =
            serde_json::from_slice(&bytes).map_err(|_| peer.gibberish("sent something else than vectors"))?;
        let mut vectors: Vec<Option<Vec<f32>>> = vec![None; texts.len()];
        for (position, entry) in list.data.into_iter().enumerate() {
            let index = entry.index.unwrap_or(position);
            let place =
                vectors.get_mut(index).ok_or_else(|| peer.gibberish("sent more vectors than texts"))?;
            *place = Some(entry.embedding);
        }
        for vector in vectors {
            let missing = || peer.gibberish("sent fewer vectors than texts");
            all.vectors.push(vector.filter(|vector| !vector.is_empty()).ok_or_else(missing)?);
        }
        if let Some(input_tokens) = list.usage.and_then(|usage| usage.prompt_tokens) {
            *all.usage.get_or_insert_default() += Usage { input_tokens, ..Usage::default() };
        }
    }
    Ok(all)
}

#[derive(Deserialize)]
struct List {
    data: Vec<Entry>,
    #[serde(default)]
    usage: Option<Counts>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    index: Option<usize>,
    embedding: Vec<f32>,
}

#[derive(Deserialize)]
struct Counts {
    #[serde(default)]
    prompt_tokens: Option<u64>,
}
