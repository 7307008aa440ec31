//! One expression by itself, as `flowc expr` evaluates it.

use flow_check::cel;
use flow_diagnostics::{Diagnostic, Severity};
use flow_ir::Expr;

pub use flow_check::cel::{CelType, Declared, Scope, Variable};

/// An expression that was read and checked.
#[derive(Debug)]
pub struct Expression {
    /// What is evaluated: slot n is the scope's nth variable.
    pub expr: Expr,
    /// Its type.
    pub ty: CelType,
    /// All problems; spans are those of the text, in the file of [`flow_source::FileId::default`].
    pub diagnostics: Vec<Diagnostic>,
}

impl Expression {
    /// Whether it can't be evaluated.
    pub fn has_errors(&self) -> bool {
        self.diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error)
    }
}

/// Reads and checks an expression. What checks the tree goes as deep as the tree does: a thousand operators in a row need
/// some megabytes of stack.
pub fn read(text: &str, scope: &Scope) -> Expression {
    let (tree, mut diagnostics) = flow_syntax::parse_expression(text);
    // What could not be read is told; what else is wrong with the rest would only be guessed.
    if diagnostics.iter().any(|diagnostic| diagnostic.severity() == Severity::Error) {
        let expr =
            Expr::Fail { kind: "bad_value".into(), message: "an expression that can't be read".into() };
        return Expression { expr, ty: CelType::Error, diagnostics };
    }
    let checked = cel::check(&tree, text, scope);
    diagnostics.extend(checked.diagnostics);
    Expression { expr: checked.expr, ty: checked.ty, diagnostics }
}
