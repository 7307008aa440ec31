//! What both APIs say of tokens, each under names of its own.

use flow_runtime_api::Usage;
use serde::Deserialize;

/// Of what was read.
#[derive(Deserialize)]
pub(super) struct InputCounts {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

/// Of what was written.
#[derive(Deserialize)]
pub(super) struct OutputCounts {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

/// Returns the usage of a call; without both counts nothing is known, which isn't the same as nothing.
pub(super) fn usage(
    read: Option<u64>,
    written: Option<u64>,
    input: Option<InputCounts>,
    output: Option<OutputCounts>,
) -> Option<Usage> {
    Some(Usage {
        input_tokens: read?,
        output_tokens: written?,
        cached_tokens: input.as_ref().and_then(|counts| counts.cached_tokens).unwrap_or(0),
        cache_write_tokens: input.and_then(|counts| counts.cache_write_tokens).unwrap_or(0),
        reasoning_tokens: output.and_then(|counts| counts.reasoning_tokens).unwrap_or(0),
        cache_write_1h_tokens: 0,
    })
}
