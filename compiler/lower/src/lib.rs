//! From checked programs to plans.
//!
//! In: a checked program and the name of a flow, or a test. Out: the plan of that and all it reaches, or what of it can't
//! run.
//! It reports nothing about mistakes: a program with errors isn't lowered. It must not know trees or files.

mod link;
mod print;

use flow_check::{CheckedProgram, Symbol};
use flow_diagnostics::Diagnostic;
use flow_ir::Plan;
use flow_ir::test::Test;

pub use print::print;

/// Names places: `article.flow:31` for a place in a file.
pub trait Locate {
    /// Returns the text that messages show for a place.
    fn locate(&self, at: flow_source::FileSpan) -> String;
}

/// Lowers the test that is this item of a module; `None` if it is no test. The `Err` is that of [`lower`].
pub fn lower_test(
    checked: &CheckedProgram,
    module: &flow_check::Module,
    index: usize,
    places: &dyn Locate,
) -> Option<Result<Test, Vec<Diagnostic>>> {
    let (test, linked) = link::Linker::new(checked).test(module, index)?;
    let link::Unplanned { title, replay, first_ask, asks } = test;
    Some(finished(linked, places).map(|plan| Test { title, replay, plan, first_ask, asks }))
}

/// Lowers a flow. The `Err` lists everything that the flow can reach and this version can't carry out (E0902).
pub fn lower(checked: &CheckedProgram, entry: &Symbol, places: &dyn Locate) -> Result<Plan, Vec<Diagnostic>> {
    finished(link::Linker::new(checked).run(entry), places)
}

fn finished(linked: link::Linked, places: &dyn Locate) -> Result<Plan, Vec<Diagnostic>> {
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
