//! One expression by the rules of the Common Expression Language: what `flowc expr` evaluates.
//!
//! In: the tree of an expression, and which variables, functions and container it stands in. Out: a typed expression, its
//! type as CEL writes it, and what is wrong with it. It must not know values. Where `check` is off, types are not asked:
//! what they would refuse is left to the values, and names that stand for nothing fail when they are reached.
//!
//! A program's own expressions are checked by `expr`, which knows no `dyn`. Both make the same [`flow_ir::Expr`]; the
//! look of texts, literals and keys is `.flow`'s in both (F1, G8, G9).

mod call;
mod literal;
mod macros;
mod names;
mod select;
mod types;
mod unify;
mod walk;

use std::collections::HashMap;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::Expr;
use flow_ir::expr::LocalId;
use flow_source::{FileId, Span};
use flow_syntax::tree;
use smol_str::SmolStr;

pub use types::CelType;
use unify::Unifier;

/// A variable that an expression may read: slot n of its frame is the nth.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name; dots are part of it.
    pub name: SmolStr,
    /// Its type.
    pub ty: CelType,
}

/// An overload of a function that is declared, but not here to be called.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// The function's name; dots are part of it.
    pub name: SmolStr,
    /// The types of its arguments, a receiver first.
    pub params: Vec<CelType>,
    /// The type of its result.
    pub result: CelType,
    /// Whether it is called on its first argument.
    pub member: bool,
}

/// What an expression stands in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Scope {
    /// The namespace that names are looked up in, from the inside out: `com.example`.
    pub container: SmolStr,
    /// The variables.
    pub variables: Vec<Variable>,
    /// The declared functions, besides those of the language.
    pub functions: Vec<Declared>,
    /// Whether types are not checked.
    pub unchecked: bool,
    /// Whether `has`, `all` and the like are no macros, but functions.
    pub without_macros: bool,
}

/// A checked expression.
#[derive(Debug)]
pub struct Checked {
    /// What is evaluated; it fails where a problem is.
    pub expr: Expr,
    /// Its type.
    pub ty: CelType,
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks an expression. `text` is what its spans point into.
pub fn check(tree: &tree::Expr, text: &str, scope: &Scope) -> Checked {
    let mut variables = HashMap::new();
    let mut types = Unifier::default();
    for (slot, variable) in scope.variables.iter().enumerate() {
        let ty = types.instance(&variable.ty, &mut Vec::new());
        variables.entry(variable.name.as_str()).or_insert((slot as u32, ty));
    }
    let mut checker = Checker {
        scope,
        text,
        variables,
        locals: Vec::new(),
        locals_count: 0,
        types,
        diagnostics: Vec::new(),
    };
    let typed = checker.expr(tree);
    let ty = checker.types.settled(&typed.ty);
    let mut diagnostics = checker.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.primary.at.span.start);
    Checked { expr: typed.expr, ty, diagnostics }
}

/// An expression and its type.
struct Typed {
    expr: Expr,
    ty: CelType,
}

impl Typed {
    fn new(expr: Expr, ty: CelType) -> Typed {
        Typed { expr, ty }
    }
}

/// A variable of the expression itself.
struct Local {
    name: SmolStr,
    id: LocalId,
    ty: CelType,
}

struct Checker<'a> {
    scope: &'a Scope,
    text: &'a str,
    /// The slots and types of the scope's variables.
    variables: HashMap<&'a str, (u32, CelType)>,
    /// The variables of macros that are open, the innermost last.
    locals: Vec<Local>,
    locals_count: LocalId,
    types: Unifier,
    diagnostics: Vec<Diagnostic>,
}

impl Checker<'_> {
    /// Tells a fault; what stands in its place fails when it is reached, and fits everywhere.
    fn fault(&mut self, diagnostic: Diagnostic) -> Typed {
        let message = diagnostic.message.clone();
        self.diagnostics.push(diagnostic);
        failure(message)
    }

    fn error(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, span.within(FileId::default()), message)
    }

    /// Tells what types refuse. Without a check nothing is told, and `otherwise` is left to the values.
    fn refuse(&mut self, code: Code, span: Span, message: String, help: Option<String>) {
        if !self.scope.unchecked {
            let mut diagnostic = self.error(code, span, message);
            diagnostic.help = help;
            self.diagnostics.push(diagnostic);
        }
    }

    /// Asks for a bool.
    fn condition(&mut self, tree: &tree::Expr, what: &str) -> Expr {
        let typed = self.expr(tree);
        if !self.types.assign(&typed.ty, &CelType::Bool) {
            let found = self.types.settled(&typed.ty);
            self.refuse(
                Code::TypeMismatch,
                tree.span,
                format!("{what} is a `bool`, not `{found}`"),
                Some("compare it: `… == …`, `… != \"\"`, `….size() > 0`".into()),
            );
        }
        typed.expr
    }

    fn bind(&mut self, name: &str, ty: CelType) -> LocalId {
        let id = self.locals_count;
        self.locals_count += 1;
        self.locals.push(Local { name: name.into(), id, ty });
        id
    }

    fn shown(&self, span: Span) -> &str {
        let text = self.text.get(span.range()).unwrap_or("…");
        if text.len() <= 40 && !text.contains('\n') { text } else { "…" }
    }
}

/// What fails when it is reached.
fn failure(message: impl Into<String>) -> Typed {
    Typed::new(Expr::Fail { kind: "bad_value".into(), message: message.into() }, CelType::Error)
}
