//! Programs become plans.

use std::path::Path;

use flow_project::{MemoryWorld, PlanError, Project};

/// Checks a program that must be clean, and prints the plan of its flow.
fn plan(text: &str) -> String {
    let world = MemoryWorld::new([("/p/main.flow", text)]);
    let project = Project::open(&world, Path::new("/p/main.flow")).expect("the file is there");
    let found: Vec<String> = project
        .check()
        .iter()
        .map(|d| {
            let line = project.sources().position(d.primary.at.file, d.primary.at.span.start).line;
            format!("{}@{line} {} ({})", d.code.info().code, d.message, d.primary.text)
        })
        .collect();
    assert!(found.is_empty(), "{found:#?}");
    match project.plan(None) {
        Ok(plan) => {
            let json = serde_json::to_string(&plan).expect("plain data");
            let again: flow_ir::Plan = serde_json::from_str(&json).expect("reads what it wrote");
            assert_eq!(again, plan);
            flow_lower::print(&plan)
        }
        Err(PlanError::Problems(problems)) => panic!("{problems:#?}"),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn hello() {
    insta::assert_snapshot!(plan(
        r#"
model default = "ollama/llama3.2" { temperature: 0.2 }

/// Greets.
prompt greet(name: string(..80)) -> string {
  system: "You are friendly."
  user: "Greet ${name} in one sentence."
}

flow hello(name: string(..80) = "world") -> string {
  let greeting = greet(name)
  return greeting
}
"#
    ));
}

#[test]
fn article() {
    insta::assert_snapshot!(plan(
        r#"
model default = "openai/gpt-4.1-mini"
model judge = "ollama/llama3.2" { temperature: 0.0, timeout: 40s }

enum Verdict { accept revise reject }
type Review { score: int(1..5)  verdict: Verdict  fixes: [string](..6) }
type Article { title: string  body: string  review: Review }

prompt outline(topic: string) -> [string](..8) { user: "Outline ${topic}" }
prompt draft(topic: string, sections: [string]) -> string {
  user: """
    Write about ${topic}.
    ${for i, s in sections}
    ${i + 1}. ${s}
    ${end}
    """
}
prompt critique(text: string) -> Review { model: judge  user: "Review:\n\n${text}"  repair: 2  retry: 3 }
prompt rewrite(text: string, fixes: [string]) -> string { user: "${text}${fixes}" }
prompt headline(text: string) -> string { user: "Headline for ${text}" }

flow write_article(topic: string(..200), rounds: int(1..5) = 3) -> Article {
  budget { usd: 0.60, time: 5m }
  state { text: string  review: Review }

  let sections = outline(topic)
  text = draft(topic, sections)

  loop polish max rounds {
    review = critique(text)
    route review.verdict {
      when accept => break
      when revise => text = rewrite(text, review.fixes)
      when reject => fail rejected("editor: ${review.fixes.join("; ")}")
    }
  } else {
    fail not_converged("still at ${review.score}/5")
  }
  let title = headline(text)
  return Article{title: title, body: text, review: review}
}
"#
    ));
}

#[test]
fn research() {
    insta::assert_snapshot!(plan(
        r#"
allow [net("api.example.com"), secret("KEY")]
model default = "openai/gpt-4.1-mini"

type Hit { title: string  url: string  rank: float }

tool search(query: string, limit: int = 5) -> [Hit](..20) {
  get: "https://api.example.com/search/${query}"
  query: {q: query, n: limit}
  headers: {authorization: "Bearer ${secret.KEY}"}
  retry: 2
  timeout: 10s
}
prompt questions(topic: string) -> [string](1..6) { user: "Questions about ${topic}" }
prompt answer(question: string, hits: [Hit]) -> string { user: "${question}: ${hits}" }
prompt report(topic: string, answers: [string]) -> string { user: "${topic} ${answers}" }

code best(hits: [Hit], n: int) -> [Hit] = hits.filter(h, h.rank > 0.5).sort_by(h, -h.rank).take(n)

flow research(topic: string) -> {text: string, count: int} {
  state { failed: int = 0 merge sum }
  let asked = questions(topic)
  let answers = parallel for q in asked by q jobs 4 {
    let hits = search(q, limit: 3) catch { when timeout | tool_failed => [] else as e => fail e }
    if hits.size() == 0 { failed += 1 }
    let text = answer(q, best(hits, 2)) with {retry: 1, timeout: 20s} catch "nothing"
    yield text
  }
  let text = report(topic, answers.filter(a, a != "nothing"))
  return {text: text, count: answers.size() - failed}
}
"#
    ));
}

#[test]
fn a_plan_can_be_read_again_or_is_refused() {
    let long = |count: usize| vec!["n"; count].join(" + ");
    let deep = |depth: usize| format!("{}n{}", "[".repeat(depth), "]".repeat(depth));
    let mut planned = Vec::new();
    for value in [long(10), long(900), deep(10), deep(38), deep(39), deep(40), deep(41), deep(100)] {
        let text = format!("flow f(n: int) -> bool {{ return [{value}].size() > 0 }}\n");
        let world = MemoryWorld::new([("/p/main.flow", text)]);
        let project = Project::open(&world, Path::new("/p/main.flow")).expect("the file is there");
        assert_eq!(project.check(), []);
        if let Ok(plan) = project.plan(None) {
            planned.push(value.len());
            let json = serde_json::to_string(&plan).expect("plain data");
            assert_eq!(serde_json::from_str::<flow_ir::Plan>(&json).expect("reads what it wrote"), plan);
        }
    }
    assert!(planned.contains(&long(900).len()) && !planned.contains(&deep(100).len()), "{planned:?}");
}
