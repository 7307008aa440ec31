//! `flowc models`: what the table of models knows, and which keys are there. A key is never printed.

use flow_host::Environment;
use flow_ir::catalogue::{self, Model, PROVIDERS, Provider};
use serde_json::json;

use crate::args::Models;
use crate::exit::{Code, Outcome};
use crate::table::{Table, column, numbers};
use crate::terminal::{self, Stream};
use crate::text;

pub fn run(args: &Models) -> Outcome {
    let environment = Environment::process();
    let filter = args.filter.as_deref().unwrap_or_default().to_lowercase();
    let models: Vec<Model> =
        catalogue::models().filter(|model| full_name(model).to_lowercase().contains(&filter)).collect();
    if args.json {
        for model in &models {
            terminal::out(object(model, &environment))?;
        }
        return Ok(Code::Done);
    }
    terminal::out(draw(&models, Stream::Out.width()))?;
    terminal::err(keys(&environment));
    Ok(Code::Done)
}

fn full_name(model: &Model) -> String {
    format!("{}/{}", model.provider, model.name)
}

fn draw(models: &[Model], width: Option<usize>) -> String {
    let mut table = Table::new([
        column("MODEL", 0),
        numbers("INPUT LIMIT", 3),
        numbers("OUTPUT LIMIT", 3),
        numbers("$ IN / 1M", 1),
        numbers("$ OUT / 1M", 2),
    ]);
    let limit = |tokens: Option<u64>| tokens.map_or("unknown".into(), text::number);
    for model in models {
        let price =
            |of: fn(&catalogue::Price) -> u64| model.price.as_ref().map_or("unknown".into(), |p| rate(of(p)));
        table.row([
            full_name(model),
            limit(model.limits.input_tokens),
            limit(model.limits.output_tokens),
            price(|price| price.input),
            price(|price| price.output),
        ]);
    }
    table.draw(width)
}

/// Nano-dollars a million tokens, as dollars: `0.4`, `15`.
fn rate(nanodollars: u64) -> String {
    let text = format!("{:.4}", nanodollars as f64 / 1e9);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn object(model: &Model, environment: &Environment) -> String {
    let usd = |nanodollars: u64| nanodollars as f64 / 1e9;
    let key = catalogue::provider(model.provider).and_then(|provider| key_variable(provider, environment));
    let object = json!({
        "model": full_name(model),
        "mode": model.mode,
        "input_tokens_max": model.limits.input_tokens,
        "output_tokens_max": model.limits.output_tokens,
        "input_usd_per_million": model.price.map(|price| usd(price.input)),
        "output_usd_per_million": model.price.map(|price| usd(price.output)),
        "key_present": key.is_some(),
    });
    format!("{object}\n")
}

/// The variable that holds a provider's key, if one does.
fn key_variable(provider: &Provider, environment: &Environment) -> Option<&'static str> {
    let set = |name: &&str| environment.get(name).is_some_and(|value| !value.trim().is_empty());
    provider.key_variables.iter().copied().find(|name| set(name))
}

fn keys(environment: &Environment) -> String {
    let mut out = format!("\nprices and limits: {}\n", catalogue::VERSION);
    for provider in PROVIDERS.iter().filter(|provider| !provider.simulated) {
        let state = match (key_variable(provider, environment), provider.needs_key) {
            (Some(name), _) => format!("key in {name}"),
            (None, true) => format!("no key: set {}", provider.key_variables.join(" or ")),
            (None, false) => "needs no key".into(),
        };
        out.push_str(&format!("  {:<10} {state}\n", provider.name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_named_and_never_printed() {
        let environment = Environment::of([("OPENAI_API_KEY", "sk-very-secret"), ("ANTHROPIC_API_KEY", " ")]);
        let keys = keys(&environment);
        assert!(keys.contains("openai     key in OPENAI_API_KEY"));
        assert!(keys.contains("anthropic  no key: set ANTHROPIC_API_KEY"));
        assert!(keys.contains("ollama     needs no key"));
        assert!(!keys.contains("secret"));
        let model = catalogue::model("openai", "gpt-4.1").expect("known");
        let object = object(&model, &environment);
        assert!(object.contains("\"key_present\":true") && !object.contains("secret"));
    }

    #[test]
    fn the_table_tells_prices_per_million() {
        let model = catalogue::model("openai", "gpt-4.1").expect("known");
        insta::assert_snapshot!(draw(&[model], Some(40)), @r"
        MODEL           $ IN / 1M  $ OUT / 1M
        openai/gpt-4.1          2           8
        ");
    }
}
