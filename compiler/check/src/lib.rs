//! From trees to named, typed programs.
//!
//! In: the trees of a project's files and what their import paths denote. Out: diagnostics, and for each item its part of
//! a plan, with references by name. It must not know files, settings of a deployment, or how a plan is carried out.
//!
//! Names are linked first, then types, then signatures; after that each item is checked by itself ([`check_item`]), on
//! several threads, and kept by a [`Checker`] for as long as nothing that it reads changes. What only the whole program
//! shows is found last, from what the items' checks have summed up.
//!
//! | where | what |
//! |---|---|
//! | `checker`, `memo` | a round, and what is kept of each item from one round to the next |
//! | `front`: `imports`, `program`, `types`, `sig`, `standard` | what is known before any item is checked |
//! | `items`: `flow`, `expr`, `node`, `test` | the check of one item, by what it declares; `cx` is what it carries along |
//! | `fit` | which values may stand where |
//! | `lost` | text that could not be read, of which nothing more is said |
//! | `suggest`, `sample` | what a help shows: names that were probably meant, values of a type |
//! | `work` | what an item calls, raises and catches, summed up with its check |
//! | `whole`: `coordinates`, `kinds`, `recursion`, `writers` | the passes over the whole program |
//! | [`cel`] | one expression by CEL's own types, for `flowc expr` |
//! | [`bounds`] | how much each flow does at most, for who asks |
//! | `graph`, `hash`, [`parallel`] | graphs of what stands on what, maps by hash, work on several threads |

pub mod bounds;
pub mod cel;
mod checker;
mod coordinates;
mod cx;
mod expr;
mod fit;
mod flow;
mod front;
mod graph;
mod hash;
mod imports;
mod items;
mod kinds;
mod lost;
mod memo;
mod node;
pub mod parallel;
mod program;
mod recursion;
mod sample;
mod sig;
mod standard;
mod suggest;
mod test;
mod types;
mod whole;
mod work;
mod writers;

use std::sync::Arc;

use flow_diagnostics::Diagnostic;

pub use checker::Checker;
pub use coordinates::{Coordinate, Coordinates, Naming};
pub use cx::{Use, Uses};
pub use imports::path_to;
pub use items::{Body, Checked, Items, TestBody, check_item};
pub use node::settings;
pub use program::{
    CallKind, CallSig, Entry, ImportedName, ModelSig, Module, NoModule, ParamSig, Program, Sig, Symbol, Unit,
    short,
};
pub use suggest::nearest;
pub use test::TestFacts;
pub use types::docs;
pub use work::Work;
pub use writers::{Danger, WriterCall};

/// A checked program.
#[derive(Debug, Default)]
pub struct CheckedProgram {
    /// Modules, types and signatures.
    pub program: Arc<Program>,
    /// What each declaration gives to a plan.
    pub items: Arc<Items>,
    /// All problems but those of syntax, in the order of files and places.
    pub diagnostics: Vec<Diagnostic>,
}

impl CheckedProgram {
    /// Whether it has a flow of the user's own. Where none is, nothing is called unused: the file is there for others.
    pub fn has_flow(&self) -> bool {
        whole::has_flow(&self.program)
    }
}

/// Checks a program. `has_default_model` says whether prompts without a model get one from outside: from `flow.toml`, the
/// environment or a flag.
pub fn check(units: &[Unit], has_default_model: bool) -> CheckedProgram {
    Checker::once().check(units, has_default_model)
}
