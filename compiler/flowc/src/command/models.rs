//! `flowc models`: what is known of models, what the servers here have, and which keys are there. A key is never printed.

use flow_diagnostics::escape;
use flow_host::{Known, KnownModel, KnownServer, Reach};
use flow_ir::catalogue::{self, Capability, Price};
use serde_json::{Map, Value as Json, json};

use crate::args::{Models, Store};
use crate::exit::{Code, Outcome};
use crate::place::{self, Place};
use crate::table::{Table, column, numbers, remarks};
use crate::terminal::{self, Stream};
use crate::text;

pub fn run(args: &Models) -> Outcome {
    let host = Place::here()?.host(&Store { url: Some("memory:".into()) })?;
    let reach = if args.ask { Reach::All } else { Reach::Local };
    let runtime = place::runtime()?;
    let mut known = runtime.block_on(host.known(reach, args.timeout));
    // A name that is still being looked up keeps nobody waiting.
    runtime.shutdown_background();
    let filter: Vec<String> = args.filter.iter().map(|text| text.to_lowercase()).collect();
    known.models.retain(|model| {
        let name = model.name.to_lowercase();
        filter.iter().all(|text| name.contains(text))
    });
    if args.json {
        for model in &known.models {
            terminal::out(object(model, &known.servers))?;
        }
        return Ok(Code::Done);
    }
    terminal::out(draw(&known.models, Stream::Out.width()))?;
    terminal::err(remark(&known));
    Ok(Code::Done)
}

fn draw(models: &[KnownModel], width: Option<usize>) -> String {
    let mut table = Table::new([
        column("MODEL", 0),
        numbers("$ IN", 1),
        numbers("$ CACHED", 5),
        numbers("$ OUT", 2),
        column("HERE", 3),
        numbers("READS", 4),
        numbers("WRITES", 6),
        remarks("CAN", 7),
    ]);
    let limit = |tokens: Option<u64>| tokens.map_or("unknown".into(), text::number);
    for model in models {
        let price = |of: fn(&Price) -> u64| match &model.price {
            // What is dearer for a long call has a mark.
            Some(price) => rate(of(price)) + if price.long.is_some() { "*" } else { "" },
            None => "unknown".into(),
        };
        let cached = model.price.filter(|price| price.cached.is_some());
        table.row([
            model.name.clone(),
            price(|price| price.input),
            cached.map_or(String::new(), |_| price(|price| price.cached.unwrap_or(price.input))),
            price(|price| price.output),
            model.listed.map_or("", |listed| if listed { "yes" } else { "no" }).into(),
            limit(model.limits.input_tokens),
            limit(model.limits.output_tokens),
            model.capabilities.iter().map(|can| word(*can)).collect::<Vec<_>>().join(" "),
        ]);
    }
    table.draw(width)
}

fn word(capability: Capability) -> &'static str {
    match capability {
        Capability::Tools => "tools",
        Capability::Schema => "schema",
        Capability::Reasoning => "reasoning",
        Capability::Images => "images",
        Capability::Pdf => "pdf",
        Capability::Audio => "audio",
        Capability::Caching => "cache",
    }
}

/// Nano-dollars a million tokens, as dollars: `0.4`, `15`.
fn rate(nanodollars: u64) -> String {
    let (whole, part) = (nanodollars / 1_000_000_000, nanodollars % 1_000_000_000);
    let text = format!("{whole}.{part:09}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn object(model: &KnownModel, servers: &[KnownServer]) -> String {
    let usd = |nanodollars: u64| Json::from(nanodollars as f64 / 1e9);
    let given = |rate: Option<u64>| rate.map_or(Json::Null, usd);
    let price = model.price;
    let part = |of: fn(&Price) -> Option<u64>| given(price.as_ref().and_then(of));
    let long = price.and_then(|price| price.long).map(|long| {
        json!({
            "above_input_tokens": long.above,
            "input_usd_per_million": usd(long.input),
            "cached_input_usd_per_million": given(long.cached),
            "cache_write_usd_per_million": given(long.cache_write),
            "cache_write_1h_usd_per_million": given(long.cache_write_1h),
            "output_usd_per_million": usd(long.output),
            "reasoning_usd_per_million": given(long.reasoning),
        })
    });
    let can: Map<String, Json> = Capability::ALL
        .into_iter()
        .map(|can| (word(can).to_owned(), model.capabilities.contains(&can).into()))
        .collect();
    let server = servers.iter().find(|server| server.provider == model.provider);
    let source = match (price, model.is_priced_here) {
        (None, _) => Json::Null,
        (Some(_), true) => "flow.toml".into(),
        (Some(_), false) => catalogue::VERSION.into(),
    };
    let object = json!({
        "model": model.name,
        "provider": model.provider,
        "mode": model.mode,
        "input_tokens_max": model.limits.input_tokens,
        "output_tokens_max": model.limits.output_tokens,
        "input_usd_per_million": part(|price| Some(price.input)),
        "cached_input_usd_per_million": part(|price| price.cached),
        "cache_write_usd_per_million": part(|price| price.cache_write),
        "cache_write_1h_usd_per_million": part(|price| price.cache_write_1h),
        "output_usd_per_million": part(|price| Some(price.output)),
        "reasoning_usd_per_million": part(|price| price.reasoning),
        "long": long,
        "price_source": source,
        // What the table doesn't know of a model is unknown, not missing.
        "can": model.mode.map(|_| can),
        "key_present": server.is_some_and(|server| server.key_place.is_some()),
        "listed": model.listed,
    });
    format!("{object}\n")
}

fn remark(known: &Known) -> String {
    let mut out = format!("\n$ per million tokens, limits in tokens; prices: {}\n", catalogue::VERSION);
    if known.models.iter().any(|model| model.price.is_some_and(|price| price.long.is_some())) {
        out.push_str("* more for a call that reads much: `--json` tells\n");
    }
    for server in &known.servers {
        let key = match &server.key_place {
            Some(place) => format!("key in {place}"),
            None if server.lacks_key => {
                let names = catalogue::provider(server.provider).map_or(&[][..], |known| known.key_variables);
                format!("no key: set {}", names.join(" or "))
            }
            None => "needs no key".into(),
        };
        let listed = match &server.listed {
            Some(Ok(1)) => format!("; {} has 1 model", server.address),
            Some(Ok(count)) => format!("; {} has {count} models", server.address),
            Some(Err(text)) => format!("; {text}"),
            None => String::new(),
        };
        out.push_str(&format!("  {:<10} {}\n", server.provider, escape(&format!("{key}{listed}"))));
    }
    out
}

#[cfg(test)]
mod tests {
    use flow_ir::catalogue::LongPrice;

    use super::*;

    fn models() -> Vec<KnownModel> {
        let model = |name: &str, provider| KnownModel {
            name: name.into(),
            provider,
            mode: Some("chat"),
            limits: catalogue::limits(provider, name.split_once('/').map_or("", |(_, model)| model)),
            price: catalogue::price_at(
                provider,
                name.split_once('/').map_or("", |(_, model)| model),
                None,
                None,
            ),
            is_priced_here: false,
            capabilities: Vec::new(),
            listed: None,
        };
        let mut known = model("openai/gpt-5.4", "openai");
        known.capabilities = vec![Capability::Tools, Capability::Reasoning, Capability::Caching];
        let mut local = model("ollama/llama3.2", "ollama");
        local.listed = Some(true);
        vec![known, model("openai/mine", "openai"), local]
    }

    #[test]
    fn the_table_fits() {
        insta::assert_snapshot!("models_120", draw(&models(), Some(120)));
        insta::assert_snapshot!("models_40", draw(&models(), Some(40)));
        insta::assert_snapshot!("models_pipe", draw(&models(), None));
    }

    #[test]
    fn an_object_has_every_rate() {
        let rates = |from: u64| (from + 1..from + 7).map(|n| n * 1_000_000_000).collect::<Vec<_>>();
        let (short, far) = (rates(0), rates(10));
        let price = Price {
            input: short[0],
            cached: Some(short[1]),
            cache_write: Some(short[2]),
            cache_write_1h: Some(short[3]),
            output: short[4],
            reasoning: Some(short[5]),
            long: Some(LongPrice {
                above: 99,
                input: far[0],
                cached: Some(far[1]),
                cache_write: Some(far[2]),
                cache_write_1h: Some(far[3]),
                output: far[4],
                reasoning: Some(far[5]),
            }),
        };
        let model = KnownModel { price: Some(price), is_priced_here: true, ..models().remove(1) };
        let object: Json = serde_json::from_str(&object(&model, &[])).expect("JSON");
        let names = ["input", "cached_input", "cache_write", "cache_write_1h", "output", "reasoning"];
        for (at, name) in names.iter().enumerate() {
            let key = format!("{name}_usd_per_million");
            assert_eq!(object[&key], json!(at as f64 + 1.0), "{key}");
            assert_eq!(object["long"][&key], json!(at as f64 + 11.0), "long {key}");
        }
        assert_eq!(object["price_source"], "flow.toml");
        assert_eq!(object["long"]["above_input_tokens"], 99);
    }

    #[test]
    fn keys_are_told_by_their_place() {
        let server = |provider, key_place: Option<&str>, lacks_key| KnownServer {
            provider,
            address: "http://127.0.0.1:1".into(),
            key_place: key_place.map(str::to_owned),
            lacks_key,
            listed: (provider == "ollama").then_some(Ok(2)),
        };
        let servers = vec![
            server("openai", Some("OPENAI_API_KEY"), false),
            server("anthropic", None, true),
            server("ollama", None, false),
        ];
        let told = remark(&Known { models: models(), servers });
        assert!(told.contains("openai     key in OPENAI_API_KEY\n"), "{told}");
        assert!(told.contains("anthropic  no key: set ANTHROPIC_API_KEY\n"));
        assert!(told.contains("ollama     needs no key; http://127.0.0.1:1 has 2 models\n"));
        assert!(told.contains("* more"));
    }
}
