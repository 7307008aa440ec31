//! Keys and jitter of coordinates (C8).

use std::fmt::Write;

use flow_ir::Value;
use flow_ir::plan::hex;
use sha2::{Digest, Sha256};

/// A longer key is hashed.
const KEY_BYTES_MAX: usize = 64;

/// Returns the key of a branch as its coordinate writes it: percent-encoded, or hashed if that is long.
pub(crate) fn key_text(key: &Value) -> String {
    let raw = match key {
        Value::String(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Enum(value) => value.name().to_string(),
        _ => String::new(),
    };
    let encoded = percent_encode(&raw);
    if encoded.len() <= KEY_BYTES_MAX { encoded } else { hex(&Sha256::digest(raw.as_bytes())) }
}

/// Percent-encodes all but letters, digits and `-._~`.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            other => {
                let _ = write!(out, "%{other:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_encoded_and_long_ones_hashed() {
        assert_eq!(key_text(&Value::string("a/b c]ü")), "a%2Fb%20c%5D%C3%BC");
        assert_eq!(key_text(&Value::Int(-3)), "-3");
        assert_eq!(key_text(&Value::string("x".repeat(64))).len(), 64);
        let hashed = key_text(&Value::string("x".repeat(65)));
        assert_eq!(hashed.len(), 64);
        assert!(hashed.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }
}
