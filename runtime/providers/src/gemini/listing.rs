//! The models that a server has, page by page.

use flow_runtime_api::{Failure, ModelInfo};
use serde::Deserialize;

use super::{BODY_BYTES_MAX, encode, root};
use crate::http::{Form, Http};
use crate::peer::Peer;

/// A page at most, as the vendor allows.
const PAGE_MODELS: usize = 1_000;
/// A list that is longer has no end.
const PAGES_MAX: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    #[serde(default)]
    models: Option<Vec<Entry>>,
    #[serde(default)]
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    name: String,
}

pub(super) async fn models(http: &Http, peer: &Peer<'_>) -> Result<Vec<ModelInfo>, Failure> {
    let mut found = Vec::new();
    let mut token = String::new();
    for _ in 0..PAGES_MAX {
        let more =
            if token.is_empty() { String::new() } else { format!("&pageToken={}", encode(&token, "")) };
        let path = format!("{}/models?pageSize={PAGE_MODELS}{more}", root(peer));
        let mut body = http.get(peer, &path).await?;
        if body.form(peer).await? == Form::Html {
            return Err(peer.html(200));
        }
        let bytes = body.whole(peer, BODY_BYTES_MAX).await?;
        let wrong = || peer.gibberish("sent something else than a list of models");
        let page: Page = serde_json::from_slice(&bytes).map_err(|_| wrong())?;
        let first = found.is_empty();
        // What is empty is left out, but then a page says nothing of a list.
        let entries = match (page.models, &page.next_page_token) {
            (Some(entries), _) => entries,
            (None, None) if first && bytes.trim_ascii() != b"{}" => return Err(wrong()),
            (None, _) => Vec::new(),
        };
        found.extend(entries.into_iter().map(|entry| {
            let name = entry.name.strip_prefix("models/").unwrap_or(&entry.name);
            ModelInfo { name: String::from(name) }
        }));
        match page.next_page_token {
            Some(next) if !next.is_empty() && next != token => token = next,
            _ => break,
        }
    }
    Ok(found)
}
