//! Every cell of the table of wires and what can be asked of them: what a wire has is in its request, what a server does
//! by itself leaves the request as it is, and what a wire lacks is refused, by the check and by the wire.

#![allow(clippy::disallowed_methods, reason = "tests start servers")]

use std::io::Write as _;

use flow_diagnostics::Code;
use flow_ir::catalogue::{self, Feature, Support, WIRES};
use flow_ir::plan::{Cache, Effort, Thinking};
use flow_providers::Registry;
use flow_runtime_api::{
    Call, Kind, Message, Part, ResolvedModel, Role, Sampling, Schema, Scrubber, Secret, ToolSpec,
};
use flow_tests::compile;
use flow_tests::server::{Request, Server};
use serde_json::json;

/// What stands in a request that asks for a feature; empty where it has no word of its own.
fn mark(feature: Feature) -> &'static str {
    match feature {
        Feature::Tools => "look_up_zebras",
        Feature::Schema => "stripe_count",
        Feature::Images => "aW1hZ2VieXRlcw==",
        Feature::Audio => "YXVkaW9ieXRlcw==",
        Feature::Files => "ZmlsZWJ5dGVz",
        Feature::Temperature => "0.4375",
        Feature::TopP => "0.8125",
        Feature::MaxTokens => "3217",
        Feature::Seed => "48151623",
        Feature::Stop => "ENDOFZEBRA",
        Feature::Embeddings => "a zebra to embed",
        // Where a model takes only levels, a number is one of them.
        Feature::Thinking | Feature::ThinkingTokens | Feature::Cache | Feature::CacheTime => "",
    }
}

/// A call that asks for a feature, and else for nothing.
fn call(feature: Option<Feature>) -> Call {
    let mut call = Call {
        messages: vec![Message::text(Role::System, "Be brief."), Message::text(Role::User, "hi")],
        sampling: Sampling { max_tokens: Some(4000), ..Sampling::default() },
        ..Call::default()
    };
    let Some(feature) = feature else { return call };
    let sampling = &mut call.sampling;
    let media = |mime: &str| Part::Media { mime: mime.into(), data: Some(mark(feature).into()), url: None };
    let object = |name: &str| json!({"type": "object", "properties": {name: {"type": "integer"}}, "required": [name], "additionalProperties": false});
    match feature {
        Feature::Tools => call.tools.push(ToolSpec {
            name: mark(feature).into(),
            description: "Finds zebras.".into(),
            parameters: object("x"),
        }),
        Feature::Schema => call.schema = Some(Schema { name: "Zebra".into(), json: object(mark(feature)) }),
        Feature::Images => call.messages[1].parts.push(media("image/png")),
        Feature::Audio => call.messages[1].parts.push(media("audio/wav")),
        Feature::Files => call.messages[1].parts.push(media("application/pdf")),
        Feature::Temperature => sampling.temperature = Some(0.4375),
        Feature::TopP => sampling.top_p = Some(0.8125),
        Feature::MaxTokens => sampling.max_tokens = Some(3217),
        Feature::Seed => sampling.seed = Some(48_151_623),
        Feature::Stop => sampling.stop = vec![mark(feature).into()],
        Feature::Thinking => sampling.thinking = Some(Thinking::Effort(Effort::High)),
        Feature::ThinkingTokens => sampling.thinking = Some(Thinking::Tokens(2345)),
        Feature::Cache => call.cache = Some(Cache::On),
        Feature::CacheTime => call.cache = Some(Cache::For(3_600_000)),
        Feature::Embeddings => {}
    }
    call
}

fn server() -> Server {
    Server::start(|_, stream| {
        // Nobody reads what is answered: an error ends the call soonest.
        let _ =
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
    })
}

fn shown(request: &Request) -> String {
    format!("{} {}", request.path, String::from_utf8_lossy(&request.body))
}

/// Asks for a feature and returns the request, or what the wire says where it sends none.
async fn asked(wire: &catalogue::Wire, feature: Option<Feature>) -> Result<String, String> {
    let provider = Registry::new(Scrubber::default()).provider(wire.provider).expect("it has a client");
    let server = server();
    let model = ResolvedModel {
        provider: wire.provider.into(),
        model: "zebra-1".into(),
        api: wire.api.map(Into::into),
        base_url: Some(server.url()),
        api_key: Some(Secret::new("of-the-test")),
        ..ResolvedModel::default()
    };
    let failure = if feature == Some(Feature::Embeddings) {
        provider.embed(&model, &[mark(Feature::Embeddings).to_owned()]).await.map(drop)
    } else {
        provider.ask(&model, &call(feature), &mut |_| {}).await.map(drop).map_err(|(failure, _)| failure)
    };
    let failure = failure.expect_err("the server answers with an error");
    match &server.requests()[..] {
        [] => {
            assert_eq!(failure.built_in(), Some(Kind::Refused), "{failure}");
            Err(failure.message)
        }
        [request] => Ok(shown(request)),
        more => panic!("{} requests for one call", more.len()),
    }
}

/// A program that asks a model of a wire, at a server of its own, for a feature; none where a program has no word for it.
fn program(wire: &catalogue::Wire, feature: Feature) -> Option<String> {
    let setting = match feature {
        Feature::Temperature => "temperature: 0.4",
        Feature::TopP => "top_p: 0.8",
        Feature::MaxTokens => "max_tokens: 3000",
        Feature::Seed => "seed: 3",
        Feature::Stop => "stop: [\"END\"]",
        Feature::Thinking => "thinking: high",
        Feature::ThinkingTokens => "thinking: 4000",
        Feature::Cache => "cache: true",
        Feature::CacheTime => "cache: 1h",
        Feature::Tools | Feature::Schema | Feature::Images | Feature::Audio | Feature::Files => "",
        Feature::Embeddings => "",
    };
    let api = wire.api.map(|api| format!("api: {api}, ")).unwrap_or_default();
    let model = format!(
        "model m = \"{}/zebra-1\" {{ base_url: \"http://127.0.0.1:1\", {api}{setting} }}\n",
        wire.provider
    );
    let media = |ty: &str| format!("prompt p(x: {ty}) -> string {{ model: m  user: \"See: ${{x}}\" }}\n");
    Some(match feature {
        Feature::Images => model + &media("image"),
        Feature::Audio => model + &media("audio"),
        Feature::Files => model + &media("file"),
        Feature::Schema => model + "prompt p(x: string) -> {n: int} { model: m  user: \"${x}\" }\n",
        Feature::Tools => {
            model + "agent a(x: string) -> string { model: m  user: \"${x}\"  max_turns: 2  tools: [now] }\n"
        }
        Feature::Embeddings => model + "memory notes: string = vector { embed: m }\n",
        _ => model + "prompt p(x: string) -> string { model: m  user: \"${x}\" }\n",
    })
}

#[tokio::test]
async fn every_cell_of_the_table() {
    let mut gaps = Vec::new();
    for wire in WIRES {
        let name = format!("{} {}", wire.provider, wire.api.unwrap_or_default());
        let plain = asked(wire, None).await.expect("a plain question is sent");
        for feature in Feature::ALL {
            let support = wire.support(feature);
            let mut gap = |why: String| gaps.push(format!("{name}, {}: {why}", feature.title()));
            match (support, asked(wire, Some(feature)).await) {
                (Support::Asked, Ok(request)) if request == plain => {
                    gap("the request is as without it".into())
                }
                (Support::Asked, Ok(request)) if !request.contains(mark(feature)) => gap(request),
                (Support::Unasked, Ok(request)) if request != plain => gap(request),
                (Support::Lacks, Ok(request)) => gap(format!("it is sent: {request}")),
                (Support::Asked | Support::Unasked, Err(why)) => gap(format!("it is refused: {why}")),
                _ => {}
            }
            let Some(text) = program(wire, feature) else { continue };
            let found = compile::check(&[(String::from("main.flow"), text.clone().into_bytes())]);
            let refused = found.iter().any(|one| one.code == Code::UnsupportedByProvider);
            if refused != (support == Support::Lacks) {
                gap(format!("the check says {}\n{text}", compile::listed(&found)));
            }
        }
    }
    assert!(gaps.is_empty(), "\n{}\n", gaps.join("\n"));
}
