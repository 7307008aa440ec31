//! How an event is written in a row: JSON, its large part outside by hash.

use flow_runtime_api::Event;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The version of the form of a row.
pub(crate) const VERSION: u32 = 1;

/// A payload larger than this stands outside the log, once per content.
const INLINE_BYTES_MAX: usize = 8 * 1024;

/// A row to be written.
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) at: i64,
    pub(crate) event: String,
    pub(crate) blob: Option<Blob>,
}

/// Bytes and their SHA-256.
pub(crate) struct Blob {
    pub(crate) hash: [u8; 32],
    pub(crate) bytes: Vec<u8>,
}

impl Blob {
    pub(crate) fn new(bytes: Vec<u8>) -> Blob {
        Blob { hash: Sha256::digest(&bytes).into(), bytes }
    }
}

/// Writes an event; its payload goes outside if the whole is large.
pub(crate) fn encode(event: &Event) -> Result<(String, Option<Blob>), serde_json::Error> {
    let text = serde_json::to_string(event)?;
    if text.len() <= INLINE_BYTES_MAX {
        return Ok((text, None));
    }
    let mut json = serde_json::to_value(event)?;
    let Some(payload) = payload(&mut json) else { return Ok((text, None)) };
    let blob = Blob::new(serde_json::to_vec(&payload.take())?);
    Ok((serde_json::to_string(&json)?, Some(blob)))
}

/// Reads an event; `blob` is what stood outside.
pub(crate) fn decode(text: &str, blob: Option<&[u8]>) -> Result<Event, serde_json::Error> {
    let Some(blob) = blob else { return serde_json::from_str(text) };
    let mut json: Value = serde_json::from_str(text)?;
    if let Some(payload) = payload(&mut json) {
        *payload = serde_json::from_slice(blob)?;
    }
    serde_json::from_value(json)
}

/// The one part of an event that may be large. Which it is follows from the kind of event, so that a row need not say.
fn payload(json: &mut Value) -> Option<&mut Value> {
    let name = match json.get("event")?.as_str()? {
        "run_started" => "inputs",
        "step_finished" | "run_finished" => "result",
        "attempt_failed" => "answer",
        _ => return None,
    };
    json.get_mut(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use flow_runtime_api::{Coordinate, Cost, Usage};

    fn finished(result: Value) -> Event {
        Event::StepFinished {
            step: Coordinate("f/a".into()),
            result,
            usage: Usage::default(),
            cost: Cost::ZERO,
            duration_ms: 1,
        }
    }

    #[test]
    fn small_results_stay_in_the_row() {
        let event = finished(serde_json::json!({"a": [1, null, "x"]}));
        let (text, blob) = encode(&event).unwrap();
        assert!(blob.is_none());
        assert_eq!(decode(&text, None).unwrap(), event);
    }

    #[test]
    fn large_results_stand_outside_and_come_back() {
        let event = finished(serde_json::json!({"text": "é".repeat(20_000)}));
        let (text, blob) = encode(&event).unwrap();
        let blob = blob.unwrap();
        assert!(text.len() < 300, "{text}");
        assert_eq!(decode(&text, Some(&blob.bytes)).unwrap(), event);
    }

    #[test]
    fn a_large_event_without_payload_stays_whole() {
        let event = Event::StepFailed {
            step: Coordinate("f/a".into()),
            failure: flow_runtime_api::Failure::new(flow_runtime_api::Kind::Timeout, "x".repeat(20_000)),
            usage: Usage::default(),
            cost: Cost::ZERO,
            duration_ms: 1,
        };
        let (text, blob) = encode(&event).unwrap();
        assert!(blob.is_none());
        assert_eq!(decode(&text, None).unwrap(), event);
    }
}
