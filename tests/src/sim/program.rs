//! Programs that the checker takes and the engine runs, from a seed.

use std::sync::{Arc, OnceLock};

use flow_expr::Hot;
use flow_ir::Plan;
use flow_ir::plan::Statement;
use flow_project::bounds::Bound;

use super::writer::Writer;
use crate::generate::Dice;
use crate::{compile, forms};

/// What every program begins with: types, models, a node of each kind.
const PRELUDE: &str = r#"allow [net("sim.example")]
enum Kind { billing bug spam }
type Review { score: int(1..5)  kind: Kind  note: string }
type Delivery { id: string  place: string }
type Action = Reply { text: string } | Stop { why: string  code: int }
model one = "ollama/llama3.2" { max_tokens: 50 }
model two = "openai/gpt-4.1-mini" { max_tokens: 50 }
model both = fallback(one, two)
model turns = round_robin(one, two)
model default = "ollama/llama3.2" { max_tokens: 50 }
prompt say(text: string) -> string { user: text }
prompt count(text: string) -> int(0..9) { user: text  repair: 2  retry: 1 }
prompt judge(text: string, n: int = 1) -> Review { model: both  user: "${text} ${n}" }
prompt decide(text: string) -> Action { model: two  user: text }
prompt sort(text: string) -> Kind { model: turns  user: text }
prompt words(text: string) -> [string](..3) { user: text  timeout: 20s }
tool look(text: string) -> string {
  get: "https://sim.example/look"
  query: {q: text}
  decode: text
  retry: 1
}
tool grade(text: string, n: int) -> Review {
  get: "https://sim.example/grade/${n}"
  query: {q: text}
  retry: 2
  timeout: 10s
}
tool send(text: string) -> int { post: "https://sim.example/send"  body: {text: text} }
tool reject(text: string) -> int { post: "https://sim.example/reject"  body: {text: text} }
tool pay(text: string) -> string {
  post: "https://sim.example/pay"
  body: {text: text}
  decode: text
  idempotent: by text
  retry: 2
}
human confirm(text: string) -> string { message: text  timeout: 2d }
event arrived(id: string) -> Delivery {
  via: webhook("/carrier")
  match: body.id == id
  timeout: 2d
}
/// Doubles a number.
code twice(n: int) -> int = n + n
/// Looks a text up twice.
flow look_twice(text: string) -> string {
  let first = look(text)
  let second = look(clip(first))
  return second
}
agent dig(text: string, n: int = 1) -> Review {
  model: both
  user: "${text} ${n}"
  tools: [look, grade(n: n) max 2, twice, look_twice max 1, pay, now, uuid]
  max_turns: 3
  finish: "Answer."
  timeout: 30d
}
agent strict(text: string, n: int = 1) -> Review {
  user: "${text} ${n}"
  tools: [look, twice, random]
  max_turns: 2
  finish: "Answer."
  on_error: fail
  timeout: 30d
}
code clip(text: string) -> string = text.size() > 12 ? text.substring(0, 12) : text
"#;

/// What may differ between two runs of a program that no fault has touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// Nothing: in a branch nothing fails that isn't caught there, and no limit lies near.
    Free,
    /// Which of two failures, or of two arms of a race, comes first.
    Matters,
}

/// A program, ready to be run any number of times.
#[derive(Clone, Debug)]
pub struct Program {
    /// What it was made from.
    pub seed: u64,
    /// Its text.
    pub text: String,
    /// Whether the order of completion may change how it ends.
    pub order: Order,
    /// Whether it has branches, so that the order of completion is one of the order in which values are emitted.
    pub forks: bool,
    /// Whether each race has a coordinate of its own: one without a name stands where its block does.
    pub names_races: bool,
    /// Its plan.
    pub plan: Arc<Plan>,
    /// How much its flow does at most.
    pub bound: Bound,
    hot: OnceLock<Arc<Hot>>,
}

impl Program {
    /// Returns its plan as machine code, which half of the processes compute by: what a run does must not depend on it.
    pub fn compiled(&self) -> &Arc<Hot> {
        self.hot.get_or_init(|| {
            let hot = Hot::new(self.plan.clone());
            hot.compile();
            Arc::new(hot)
        })
    }

    /// Makes a program.
    ///
    /// # Errors
    /// The checker refuses it, which is a fault of one of the two.
    pub fn new(seed: u64) -> anyhow::Result<Program> {
        let mut dice = Dice::new(seed);
        let order = if dice.one_in(3) { Order::Matters } else { Order::Free };
        let text = format!("{PRELUDE}{}", Writer::new(dice, order).program());
        let files = [(String::from("main.flow"), text.clone().into_bytes())];
        let (plan, bounds) = compile::plan_and_bounds(&files)
            .map_err(|error| anyhow::anyhow!("program {seed}: {error:#}\n{}", numbered(&text)))?;
        let bound = bounds.into_iter().find(|bound| bound.flow.name == plan.entry);
        let bound = bound.ok_or_else(|| anyhow::anyhow!("program {seed}: its flow has no bound"))?;
        let forks = forms::of(&plan).iter().any(|form| form.starts_with("parallel"));
        let bodies = plan.flows.iter().flat_map(|flow| &flow.blocks).flat_map(|block| &block.body);
        let is_nameless = |one: &Statement| matches!(one, Statement::Race(race) if race.segment.is_none());
        let names_races = !bodies.into_iter().any(is_nameless);
        Ok(Program { seed, text, order, forks, names_races, plan, bound, hot: OnceLock::new() })
    }
}

fn numbered(text: &str) -> String {
    text.lines().enumerate().map(|(at, line)| format!("{:>4} {line}\n", at + 1)).collect()
}
