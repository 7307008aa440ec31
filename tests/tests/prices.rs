//! The table of prices, column by column, against the one that it was copied from.

#![allow(clippy::disallowed_methods, reason = "tests read files and start processes")]

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use flow_ir::catalogue::{self, Capability, Model};
use flow_tests::peers;
use serde_json::{Map, Value};

/// Dollars a token, as nano-dollars a million tokens.
fn rate(entry: &Map<String, Value>, key: &str) -> Option<u64> {
    entry.get(key).and_then(Value::as_f64).map(|usd| (usd * 1e15).round() as u64)
}

/// What differs between a model and its entry in the source.
fn differences(model: &Model, entry: &Map<String, Value>) -> Vec<String> {
    let text = |value: Option<u64>| value.map_or_else(|| String::from("unknown"), |value| value.to_string());
    let limit = |key: &str| entry.get(key).and_then(Value::as_u64);
    let price = model.price;
    let long = price.and_then(|price| price.long);
    // Ollama's entries have no price of their own: on this machine it costs nothing, elsewhere it is unknown.
    let source = |key: &str| if model.provider == "ollama" { None } else { rate(entry, key) };
    let mut columns = vec![
        ("max_input_tokens", model.limits.input_tokens, limit("max_input_tokens")),
        ("max_output_tokens", model.limits.output_tokens, limit("max_output_tokens")),
        ("input", price.map(|price| price.input), source("input_cost_per_token")),
        ("cached", price.and_then(|price| price.cached), source("cache_read_input_token_cost")),
        ("cache_write", price.and_then(|price| price.cache_write), source("cache_creation_input_token_cost")),
        ("output", price.map(|price| price.output), source("output_cost_per_token")),
        ("reasoning", price.and_then(|price| price.reasoning), source("output_cost_per_reasoning_token")),
    ];
    // Where the source knows of long calls the table says the same; other thresholds are the vendors' own pages'.
    if source("input_cost_per_token_above_200k_tokens").is_some() {
        columns.extend([
            ("above", long.map(|long| long.above), Some(200_000)),
            ("long input", long.map(|long| long.input), source("input_cost_per_token_above_200k_tokens")),
            ("long output", long.map(|long| long.output), source("output_cost_per_token_above_200k_tokens")),
        ]);
    }
    let mut found: Vec<String> = columns
        .into_iter()
        .filter(|(_, own, source)| own != source)
        .map(|(column, own, source)| format!("{column}: {} is not {}", text(own), text(source)))
        .collect();
    if entry.get("mode").and_then(Value::as_str) != Some(model.mode) {
        found.push(format!("mode: {}", model.mode));
    }
    let capabilities = [
        (Capability::Tools, "supports_function_calling"),
        (Capability::Schema, "supports_response_schema"),
        (Capability::Reasoning, "supports_reasoning"),
        (Capability::Images, "supports_vision"),
        (Capability::Pdf, "supports_pdf_input"),
        (Capability::Audio, "supports_audio_input"),
        (Capability::Caching, "supports_prompt_caching"),
    ];
    for (capability, key) in capabilities {
        if entry.get(key).and_then(Value::as_bool).unwrap_or(false) != model.can(capability) {
            found.push(format!("{capability:?} is not as {key}"));
        }
    }
    found
}

#[test]
fn every_column_is_the_sources() -> Result<()> {
    let Some(shared) = peers::shared() else {
        peers::skip("prices");
        return Ok(());
    };
    let text = std::fs::read_to_string(shared.join("corpus/prices/models.json"))?;
    let source: BTreeMap<String, Map<String, Value>> = serde_json::from_str(&text)?;
    let mut entries: BTreeMap<String, Vec<&Map<String, Value>>> = BTreeMap::new();
    for (name, entry) in &source {
        let provider = entry["litellm_provider"].as_str().context("a provider")?;
        let bare = name.strip_prefix(provider).and_then(|rest| rest.strip_prefix('/')).unwrap_or(name);
        entries.entry(format!("{provider}/{bare}")).or_default().push(entry);
    }
    let mut gaps = Vec::new();
    for model in catalogue::models() {
        let name = format!("{}/{}", model.provider, model.name);
        match entries.remove(&name) {
            // The source has some models twice, with and without the provider's name.
            Some(all) => match all.iter().map(|entry| differences(&model, entry)).min_by_key(Vec::len) {
                Some(found) if found.is_empty() => {}
                found => gaps.push(format!("{name}: {found:?}")),
            },
            None => gaps.push(format!("{name} is not in the source")),
        }
    }
    // What has neither a price nor a limit is no model.
    entries.retain(|_, all| all.iter().any(|entry| entry.len() > 2));
    gaps.extend(entries.into_keys().map(|name| format!("{name} is left out")));
    assert!(gaps.is_empty(), "\n{}\n", gaps.join("\n"));
    Ok(())
}

#[test]
fn what_the_source_leaves_out_follows_the_vendors_rules() {
    for model in catalogue::models() {
        let name = format!("{}/{}", model.provider, model.name);
        let Some(price) = model.price else { continue };
        let hour = (model.provider == "anthropic").then_some(2 * price.input);
        assert_eq!(price.cache_write_1h, hour, "{name}");
        let Some(long) = price.long else { continue };
        // In halves: what is read, and what is written.
        let (above, reads, writes) = match model.provider {
            "openai" => (272_000, 4, 3),
            "gemini" => (200_000, 4, 3),
            "anthropic" => (100_000, 10, 10),
            _ => panic!("{name} has rates of long calls"),
        };
        assert_eq!(long.above, above, "{name}");
        assert_eq!((2 * long.input, 2 * long.output), (reads * price.input, writes * price.output), "{name}");
        for (own, base) in [
            (long.cached, price.cached),
            (long.cache_write, price.cache_write),
            (long.cache_write_1h, price.cache_write_1h),
        ] {
            assert_eq!(own.map(|own| 2 * own), base.map(|base| reads * base), "{name}");
        }
    }
}
