//! How an event is written in a row: JSON, its large part outside by hash, and a sum over both.

use flow_runtime_api::{Event, Record};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The version of the form of a row. In the first, which part stands outside followed from the kind of event.
pub(crate) const VERSION: u32 = 2;

/// What is larger than this stands outside the log, once per content.
const INLINE_BYTES_MAX: usize = 8 * 1024;

/// Names the field of an event that stands outside.
const OUTSIDE: &str = "@outside";

/// A row, to be written or as it was read.
pub(crate) struct Row {
    pub(crate) seq: u64,
    pub(crate) at: i64,
    pub(crate) event: String,
    pub(crate) blob: Option<Blob>,
    /// Rows of older stores have none.
    pub(crate) sum: Option<u32>,
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

    /// Whether the bytes are still those that were stored.
    pub(crate) fn is_whole(&self) -> bool {
        *Sha256::digest(&self.bytes) == self.hash
    }
}

impl Row {
    pub(crate) fn of(record: &Record) -> Result<Row, serde_json::Error> {
        let (event, blob) = encode(&record.event)?;
        let mut row = Row { seq: record.seq, at: record.at.0, event, blob, sum: None };
        row.sum = Some(row.summed());
        Ok(row)
    }

    /// Returns the event; the error says what is wrong with the row.
    pub(crate) fn read(&self) -> Result<Event, String> {
        let is_whole = self.blob.as_ref().is_none_or(Blob::is_whole);
        if !is_whole || self.sum.is_some_and(|sum| sum != self.summed()) {
            return Err(String::from("its bytes aren't those that were written, so the store is damaged"));
        }
        decode(&self.event, self.blob.as_ref().map(|blob| blob.bytes.as_slice()))
            .map_err(|error| error.to_string())
    }

    /// Returns how many bytes it takes, roughly.
    pub(crate) fn size(&self) -> usize {
        self.event.len() + self.blob.as_ref().map_or(0, |blob| blob.bytes.len())
    }

    fn summed(&self) -> u32 {
        let mut sum = crc32fast::Hasher::new();
        sum.update(&self.seq.to_le_bytes());
        sum.update(&self.at.to_le_bytes());
        sum.update(self.event.as_bytes());
        if let Some(blob) = &self.blob {
            sum.update(&blob.hash);
        }
        sum.finalize()
    }
}

/// Writes an event; if it is large, its largest field goes outside.
fn encode(event: &Event) -> Result<(String, Option<Blob>), serde_json::Error> {
    let text = serde_json::to_string(event)?;
    if text.len() <= INLINE_BYTES_MAX {
        return Ok((text, None));
    }
    let mut json = serde_json::to_value(event)?;
    let mut largest: Option<(String, Vec<u8>)> = None;
    for (name, field) in json.as_object().into_iter().flatten() {
        let bytes = serde_json::to_vec(field)?;
        if largest.as_ref().is_none_or(|(_, other)| bytes.len() > other.len()) {
            largest = Some((name.clone(), bytes));
        }
    }
    let (Some((name, bytes)), Some(fields)) = (largest, json.as_object_mut()) else {
        return Ok((text, None));
    };
    fields.shift_remove(&name);
    fields.insert(String::from(OUTSIDE), Value::String(name));
    Ok((serde_json::to_string(&json)?, Some(Blob::new(bytes))))
}

/// Reads an event; `blob` is what stood outside.
fn decode(text: &str, blob: Option<&[u8]>) -> Result<Event, serde_json::Error> {
    let Some(blob) = blob else { return serde_json::from_str(text) };
    let mut json: Value = serde_json::from_str(text)?;
    let outside = json.as_object_mut().and_then(|fields| {
        let named = fields.shift_remove(OUTSIDE).and_then(|name| name.as_str().map(str::to_owned));
        Some((named.or_else(|| payload(fields).map(str::to_owned))?, fields))
    });
    if let Some((name, fields)) = outside {
        fields.insert(name, serde_json::from_slice(blob)?);
    }
    serde_json::from_value(json)
}

/// The one field that stood outside in rows of the first version.
fn payload(fields: &serde_json::Map<String, Value>) -> Option<&'static str> {
    Some(match fields.get("event")?.as_str()? {
        "run_started" => "inputs",
        "step_finished" | "run_finished" => "result",
        "attempt_failed" => "answer",
        "asked" => "question",
        "delivered" => "body",
        _ => return None,
    })
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
    fn rows_of_the_first_version_are_read() {
        let event = finished(Value::from("x".repeat(20_000)));
        let text = r#"{"event":"step_finished","step":"f/a","result":null,"usage":{"input_tokens":0,"output_tokens":0,"cached_tokens":0,"reasoning_tokens":0},"cost":{"nanodollars":0,"complete":true},"duration_ms":1}"#;
        let blob = serde_json::to_vec(&"x".repeat(20_000)).unwrap();
        assert_eq!(decode(text, Some(&blob)).unwrap(), event);
    }

    #[test]
    fn a_flipped_bit_is_found() {
        for size in [3, 20_000] {
            let record = Record {
                seq: 7,
                at: flow_runtime_api::Time(9),
                event: finished(Value::from("x".repeat(size))),
            };
            let row = || Row::of(&record).unwrap();
            assert_eq!(row().read().unwrap(), record.event);
            let broken = |change: fn(&mut Row)| {
                let mut row = row();
                change(&mut row);
                row.read().unwrap_err()
            };
            for error in [
                broken(|row| row.event = row.event.replace("f/a", "f/b")),
                broken(|row| row.at += 1),
                broken(|row| row.seq += 1),
                broken(|row| match &mut row.blob {
                    Some(blob) => blob.bytes[5] ^= 1,
                    None => row.event = row.event.replace("xxx", "xyx"),
                }),
            ] {
                assert!(error.contains("damaged"), "{error}");
            }
        }
    }

    #[test]
    fn any_large_field_stands_outside() {
        let event = Event::StepFailed {
            step: Coordinate("f/a".into()),
            failure: flow_runtime_api::Failure::new(flow_runtime_api::Kind::Timeout, "x".repeat(20_000)),
            usage: Usage::default(),
            cost: Cost::ZERO,
            duration_ms: 1,
        };
        let (text, blob) = encode(&event).unwrap();
        assert!(text.len() < 300, "{text}");
        assert_eq!(decode(&text, Some(&blob.unwrap().bytes)).unwrap(), event);
    }
}
