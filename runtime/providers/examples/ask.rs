//! Asks models as `flowc` does: a question as JSON a line on stdin, what came of it as JSON a line on stdout. So other
//! clients can be held beside these; `tests/bench/sdk.py` does.
//!
//! A question is `{"provider", "model", "base_url", "call", "times"}`; it is asked `times` times, and `cpu_us` is the
//! processor time of this thread for one of them, the first aside.

#![allow(clippy::disallowed_methods, clippy::print_stdout, reason = "it is asked from outside, and measures")]

use std::io::BufRead;

use flow_providers::Registry;
use flow_runtime_api::{Answer, Call, Failure, ResolvedModel, Scrubber, Secret, Usage};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Question {
    provider: String,
    model: String,
    base_url: String,
    call: Call,
    #[serde(default)]
    times: u32,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let registry = Registry::new(Scrubber::default());
    for line in std::io::stdin().lock().lines() {
        let question: Question = serde_json::from_str(&line?)?;
        println!("{}", runtime.block_on(ask(&registry, &question)));
    }
    Ok(())
}

async fn ask(registry: &Registry, question: &Question) -> Value {
    let Some(provider) = registry.provider(&question.provider) else {
        return json!({"error": format!("there is no provider `{}`", question.provider)});
    };
    let model = ResolvedModel {
        provider: question.provider.as_str().into(),
        model: question.model.as_str().into(),
        base_url: Some(question.base_url.clone()),
        api_key: Some(Secret::new("sk-not-a-key")),
        ..ResolvedModel::default()
    };
    let mut told = told(provider.ask(&model, &question.call, &mut |_| {}).await);
    let before = cpu_ns();
    for _ in 0..question.times {
        // What comes of the first is told; the others only take time.
        let _ = provider.ask(&model, &question.call, &mut |_| {}).await;
    }
    if question.times > 0 {
        told["cpu_us"] = json!((cpu_ns() - before) as f64 / 1e3 / f64::from(question.times));
    }
    told
}

fn told(asked: Result<Answer, (Failure, Option<Usage>)>) -> Value {
    match asked {
        Ok(answer) => {
            let calls = answer.tool_calls.iter().map(|call| json!([call.name, call.arguments]));
            json!({
                "text": answer.text,
                "calls": calls.collect::<Vec<_>>(),
                "usage": answer.usage.map(|usage| [usage.input_tokens, usage.output_tokens]),
                "finish": answer.finish,
            })
        }
        Err((failure, _)) => json!({"error": failure.message, "kind": failure.kind}),
    }
}

/// Returns the processor time of this thread, in nanoseconds.
fn cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or_default()
}
