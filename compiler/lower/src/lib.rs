//! From checked programs to plans.
//!
//! In: a checked program and the name of a flow. Out: the plan of that flow and all it reaches, or what of it can't run.
//! It reports nothing about mistakes: a program with errors isn't lowered. It must not know trees or files.

mod link;
mod print;

use flow_check::{CheckedProgram, Symbol};
use flow_diagnostics::Diagnostic;
use flow_ir::Plan;

pub use print::print;

/// Names places: `article.flow:31` for a place in a file.
pub trait Locate {
    /// Returns the text that messages show for a place.
    fn locate(&self, at: flow_source::FileSpan) -> String;
}

/// Lowers a flow. The `Err` lists everything that the flow can reach and this version can't carry out (E0902).
pub fn lower(checked: &CheckedProgram, entry: &Symbol, places: &dyn Locate) -> Result<Plan, Vec<Diagnostic>> {
    let linked = link::Linker::new(checked).run(entry);
    let mut problems = linked.problems;
    if !problems.is_empty() {
        problems.sort_by_key(|problem| problem.primary.at);
        problems.dedup();
        return Err(problems);
    }
    let mut plan = linked.plan;
    for (coordinate, at) in linked.steps {
        plan.places.steps.insert(coordinate, places.locate(at));
    }
    Ok(plan)
}
