//! `flowc doctor`: what is missing on this machine, a line each.

use flow_diagnostics::escape;
use flow_host::{Fact, FactStatus};
use flow_ir::plan::Plan;
use serde_json::json;

use crate::args::Doctor;
use crate::exit::{Code, Outcome};
use crate::place::{self, Place};
use crate::terminal::{self, GREEN, RED, Stream, YELLOW};
use crate::{problems, program};

pub fn run(args: &Doctor) -> Outcome {
    let place = Place::here()?;
    let host = place.host(&args.store)?;
    let plan = plan(&place);
    let runtime = place::runtime()?;
    let facts = runtime.block_on(host.doctor(plan.as_ref(), args.timeout));
    // A name that is still being looked up keeps nobody waiting.
    runtime.shutdown_background();
    for fact in &facts {
        terminal::out(if args.json { object(fact) } else { line(fact, terminal::unicode()) })?;
    }
    let missing = facts.iter().any(|fact| fact.status == FactStatus::Missing);
    if Stream::Err.is_terminal() && !args.json {
        terminal::err(match missing {
            true => "\nsomething is missing; what is marked tells what to do\n",
            false => "\nnothing is missing that every program needs; `!` marks what some do\n",
        });
    }
    Ok(if missing { Code::Environment } else { Code::Done })
}

/// Returns the plan of the project around; of one with problems, or with several flows to choose from, there is none.
fn plan(place: &Place) -> Option<Plan> {
    let project = program::open(place.root.as_deref()?, place.settings.default_model.is_some()).ok()?;
    let problems = project.check().to_vec();
    (!problems::has_errors(&problems)).then(|| project.plan(None).ok())?
}

fn line(fact: &Fact, unicode: bool) -> String {
    let (style, sign, ascii) = match fact.status {
        FactStatus::Ok => (GREEN, "✓", "+"),
        FactStatus::Warn => (YELLOW, "!", "!"),
        FactStatus::Missing => (RED, "✗", "x"),
    };
    let sign = if unicode { sign } else { ascii };
    format!("{style}{sign}{style:#} {:<10} {}\n", escape(&fact.name), escape(&fact.text))
}

fn object(fact: &Fact) -> String {
    let status = match fact.status {
        FactStatus::Ok => "ok",
        FactStatus::Warn => "warn",
        FactStatus::Missing => "missing",
    };
    format!("{}\n", json!({"name": fact.name, "status": status, "text": fact.text}))
}
