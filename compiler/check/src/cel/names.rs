//! Names: variables of macros, of the scope and its container, and types as values.

use flow_diagnostics::Code;
use flow_ir::{Expr, Value};
use flow_source::Span;
use flow_syntax::tree::{self, ExprKind};

use super::types::OPTIONAL;
use super::{CelType, Checker, Typed, failure};
use crate::suggest::nearest;

/// Words that CEL keeps for the languages around it. They name neither variables nor functions; fields they may.
const RESERVED: [&str; 17] = [
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

/// Types that stand as values, and what `type(x)` gives for their values.
const TYPES: [(&str, &str); 15] = [
    ("int", "int"),
    ("uint", "uint"),
    ("double", "double"),
    ("float", "double"),
    ("bool", "bool"),
    ("string", "string"),
    ("bytes", "bytes"),
    ("list", "list"),
    ("map", "map"),
    ("null_type", "null_type"),
    ("type", "type"),
    ("google.protobuf.Timestamp", "google.protobuf.Timestamp"),
    ("google.protobuf.Duration", "google.protobuf.Duration"),
    (OPTIONAL, OPTIONAL),
    ("optional", OPTIONAL),
];

impl Checker<'_> {
    /// A name by itself: `x`, `.x`, `Kind`.
    pub(super) fn name(&mut self, name: &str, span: Span) -> Typed {
        if let Some(local) = self.local(name) {
            return local;
        }
        if let Some(found) = self.global(name) {
            return found;
        }
        self.reserved(name, span).unwrap_or_else(|| self.unknown(name, span))
    }

    /// A variable of a macro.
    pub(super) fn local(&self, name: &str) -> Option<Typed> {
        let local = self.locals.iter().rev().find(|local| local.name == name)?;
        Some(Typed::new(Expr::Local(local.id), local.ty.clone()))
    }

    /// What a name with or without dots stands for in the container, from the inside out. A leading dot goes outside at
    /// once.
    pub(super) fn global(&self, name: &str) -> Option<Typed> {
        self.candidates(name).find_map(|candidate| self.declared(&candidate))
    }

    fn declared(&self, name: &str) -> Option<Typed> {
        if let Some((slot, ty)) = self.variables.get(name) {
            return Some(Typed::new(Expr::Slot(*slot), ty.clone()));
        }
        let (_, value) = TYPES.iter().find(|(known, _)| *known == name && name != "optional")?;
        let ty = match *value {
            "type" => CelType::type_of(CelType::Type(None)),
            "list" => CelType::type_of(CelType::list(CelType::Dyn)),
            "map" => CelType::type_of(CelType::map(CelType::Dyn, CelType::Dyn)),
            OPTIONAL => CelType::type_of(CelType::optional(CelType::Dyn)),
            other => CelType::type_of(CelType::parse(other)?),
        };
        Some(Typed::new(Expr::Const(Value::Type((*value).into())), ty))
    }

    /// The names that a name may stand for, the nearest first.
    pub(super) fn candidates<'n>(&self, name: &'n str) -> impl Iterator<Item = String> + use<'_, 'n> {
        let (container, name) = match name.strip_prefix('.') {
            Some(name) => ("", name),
            None => (self.scope.container.as_str(), name),
        };
        let mut next = Some(container);
        std::iter::from_fn(move || {
            let prefix = next?;
            if prefix.is_empty() {
                next = None;
                return Some(name.to_owned());
            }
            next = Some(prefix.rfind('.').map_or("", |at| &prefix[..at]));
            Some(format!("{prefix}.{name}"))
        })
    }

    /// What is told of a word that is reserved.
    pub(super) fn reserved(&mut self, name: &str, span: Span) -> Option<Typed> {
        if !RESERVED.contains(&name) {
            return None;
        }
        let diagnostic = self
            .error(Code::UnexpectedToken, span, format!("`{name}` is a reserved word"))
            .help("give it another name; only fields may be called so");
        Some(self.fault(diagnostic))
    }

    fn unknown(&mut self, name: &str, span: Span) -> Typed {
        let message = format!("unknown name `{name}`");
        if self.scope.unchecked {
            return failure(message);
        }
        let diagnostic = self.error(Code::UnknownName, span, message);
        let known = self.locals.iter().map(|local| local.name.as_str());
        let known = known.chain(self.variables.keys().copied());
        let near = nearest(name, known.chain(TYPES.iter().map(|(name, _)| *name))).map(str::to_owned);
        let at = diagnostic.primary.at;
        let function = flow_expr::functions::lookup(name, false).next().is_some();
        let diagnostic = match near {
            Some(near) => diagnostic.similar("name", name, &near, at),
            None if function => diagnostic.help(format!("`{name}` is a function: call it, `{name}(…)`")),
            None if self.scope.container.is_empty() => {
                diagnostic.help(format!("give it a value: `{name}=…` after the expression"))
            }
            None => diagnostic.help(format!(
                "nothing of this name is declared, in the container `{}` or outside of it",
                self.scope.container
            )),
        };
        self.fault(diagnostic)
    }

    /// Returns `a.b.c` as one name, if it is made of names alone and doesn't start at a macro's variable.
    pub(super) fn qualified(&self, tree: &tree::Expr) -> Option<String> {
        let mut parts = Vec::new();
        let mut at = tree;
        loop {
            match &at.kind {
                ExprKind::Member(member) if !member.optional && !self.is_quoted(&member.name) => {
                    parts.push(member.name.as_str());
                    at = &member.object;
                }
                ExprKind::Name(name) | ExprKind::TypeName(name) => {
                    if self.local(name).is_some() {
                        return None;
                    }
                    parts.push(name);
                    break;
                }
                _ => return None,
            }
        }
        parts.reverse();
        Some(parts.join("."))
    }

    /// Whether a name stands between backticks.
    pub(super) fn is_quoted(&self, name: &tree::Name) -> bool {
        name.span.len() as usize != name.text.len()
    }
}
