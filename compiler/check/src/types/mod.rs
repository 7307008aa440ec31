//! Types as written become types: names are resolved, aliases vanish, refinements are read.

mod endless;
mod resolve;

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::types::{Field, FloatRange, IntRange, Literal, Media, Record, Size, Trust, Where};
use flow_ir::{Expr, Type, TypeName};
use flow_source::{FileSpan, Span};
use flow_syntax::tree::{self, Primitive, TypeKind};
use smol_str::SmolStr;

use crate::hash::{HashMap, HashSet};
use crate::program::{Entry, Module, literal_type};
use crate::suggest::nearest;

pub(crate) use resolve::resolve;

/// Types of other languages, and what is written here.
const HABITS: [(&str, &str); 24] = [
    ("str", "string"),
    ("Str", "string"),
    ("String", "string"),
    ("Text", "string"),
    ("integer", "int"),
    ("Int", "int"),
    ("Integer", "int"),
    ("Long", "int"),
    ("number", "int"),
    ("Number", "int"),
    ("double", "float"),
    ("Double", "float"),
    ("Float", "float"),
    ("Decimal", "float"),
    ("boolean", "bool"),
    ("Bool", "bool"),
    ("Boolean", "bool"),
    ("Any", "json"),
    ("any", "json"),
    ("object", "json"),
    ("Object", "json"),
    ("Date", "timestamp"),
    ("DateTime", "timestamp"),
    ("Datetime", "timestamp"),
];

/// Checks the rule of a `where` over a base type; notes problems and the names it uses.
pub(crate) type RuleCheck<'a> =
    dyn FnMut(&Type, &tree::Expr, &mut Vec<Diagnostic>, &mut HashSet<SmolStr>) -> Expr + 'a;

/// Reads the types of one item.
pub(crate) struct TypeReader<'a> {
    pub module: &'a Module,
    pub item: &'a tree::Item,
    pub diagnostics: &'a mut Vec<Diagnostic>,
    /// Names of the module's scope that were used.
    pub used: &'a mut HashSet<SmolStr>,
    /// What a declared name stands for.
    pub lookup: &'a mut dyn FnMut(&TypeName) -> Type,
    /// Checks the rule of a `where`.
    pub rule: &'a mut RuleCheck<'a>,
}

impl TypeReader<'_> {
    fn at(&self, span: Span) -> FileSpan {
        self.item.locate(self.module.file, span)
    }

    fn report(&mut self, code: Code, span: Span, message: impl Into<String>, help: &str) {
        let mut diagnostic = Diagnostic::new(code, self.at(span), message);
        if !help.is_empty() {
            diagnostic = diagnostic.help(help);
        }
        self.diagnostics.push(diagnostic);
    }

    /// Reads a type and its `where`.
    pub fn refined(&mut self, written: &tree::RefinedType) -> Type {
        let ty = self.read(&written.ty);
        self.with_rule(ty, written.rule.as_ref())
    }

    fn with_rule(&mut self, ty: Type, rule: Option<&tree::Expr>) -> Type {
        let Some(rule) = rule else { return ty };
        if matches!(ty, Type::Error) {
            return ty;
        }
        let text = self.item.slice(rule.span).trim().to_string();
        let checked = (self.rule)(&ty, rule, self.diagnostics, self.used);
        Type::Where(Arc::new(Where { base: ty, text, rule: checked }))
    }

    /// Reads a type; its trust label is read by [`trust`].
    pub fn read(&mut self, written: &tree::TypeExpr) -> Type {
        let bare = match &written.kind {
            // `number` is mended to `int`, and may as well mean `float`.
            TypeKind::Primitive(_)
                if self.item.slice(written.span).to_ascii_lowercase().starts_with("num") =>
            {
                Type::Error
            }
            TypeKind::Primitive(primitive) => self.primitive(*primitive),
            TypeKind::Named(name) => self.named(name),
            TypeKind::List(of) => Type::list(self.read(of)),
            TypeKind::Map(key, value) => self.map(key, value),
            TypeKind::Record(record) => Type::Record(Arc::new(self.record(record))),
            TypeKind::Literal(literal) => match literal_type(literal) {
                Some(literal) => Type::Literals(Arc::from([literal])),
                None if matches!(literal, tree::Literal::Null) => Type::Null,
                None => {
                    self.report(
                        Code::BadType,
                        written.span,
                        "only strings, ints and bools can be types by their value",
                        "use a refinement, such as `float(0..1)`",
                    );
                    Type::Error
                }
            },
            TypeKind::Union(members) => self.union(members, written.span),
            TypeKind::Error => Type::Error,
        };
        let ranged = match &written.range {
            Some(range) => self.range(bare, range),
            None => bare,
        };
        if written.nullable { ranged.nullable() } else { ranged }
    }

    fn primitive(&mut self, primitive: Primitive) -> Type {
        match primitive {
            Primitive::String => Type::STRING,
            Primitive::Int => Type::INT,
            Primitive::Float => Type::FLOAT,
            Primitive::Bool => Type::Bool,
            Primitive::Bytes => Type::Bytes,
            Primitive::Duration => Type::Duration,
            Primitive::Timestamp => Type::Timestamp,
            Primitive::Json => Type::Json,
            Primitive::Null => Type::Null,
            Primitive::Image => Type::Media(Media::Image),
            Primitive::Audio => Type::Media(Media::Audio),
            Primitive::File => Type::Media(Media::File),
        }
    }

    fn named(&mut self, name: &tree::Name) -> Type {
        match self.module.scope.get(&name.text) {
            Some(Entry::Type(qualified)) => {
                self.used.insert(name.text.clone());
                (self.lookup)(qualified)
            }
            Some(Entry::Error) => {
                self.used.insert(name.text.clone());
                Type::Error
            }
            Some(Entry::Value(_)) | None => {
                self.unknown(name);
                Type::Error
            }
        }
    }

    fn unknown(&mut self, name: &tree::Name) {
        // Written otherwise in the file, it was mended and told by the parser.
        if self.item.slice(name.span) != name.as_str() {
            return;
        }
        let at = self.at(name.span);
        let is_type = |name: &&str| matches!(self.module.scope.get(*name), Some(Entry::Type(_)));
        let declared = self.module.names_like(&name.text).into_iter().filter(is_type);
        let built_in = Primitive::ALL.iter().map(|primitive| primitive.as_str());
        let habit = HABITS.iter().find(|(habit, _)| *habit == name.as_str()).map(|(_, instead)| *instead);
        let shape = match name.as_str() {
            "List" | "Array" | "Set" | "Tuple" | "Sequence" | "Iterable" => Some("a list is written `[T]`"),
            "Dict" | "Map" | "Record" | "HashMap" => Some("a map is written `[string: T]`"),
            "Optional" | "Option" | "Maybe" => Some("what may be null is written `T?`"),
            "Union" | "Literal" => Some("a union is declared: `type Size = \"small\" | \"large\"`"),
            "None" | "Void" | "Unit" => Some("a flow without a result has no `->`"),
            _ => None,
        };
        let near = habit
            .or_else(|| self.module.alias_of(&name.text).map(SmolStr::as_str))
            .or_else(|| nearest(name.as_str(), declared.chain(built_in)));
        // What was meant is used.
        self.used.extend(near.map(SmolStr::from));
        let mut diagnostic = Diagnostic::new(Code::UnknownType, at, format!("unknown type `{}`", name.text))
            .here("not declared or imported in this file");
        diagnostic = match (shape, near) {
            (Some(shape), _) => diagnostic.help(shape),
            (None, Some(near)) => {
                let help = match habit {
                    Some(_) => format!("it is written `{near}`"),
                    None => format!("a type with a similar name exists: `{near}`"),
                };
                diagnostic.help(help).fix(format!("replace `{}` by `{near}`", name.text), at, near)
            }
            (None, None) => {
                diagnostic.help(format!(
                    "declare it, `type {0} {{ name: string }}` with the fields it has, or import it: `import {{ {0} }} from \"./other.flow\"`",
                    name.text
                ))
            }
        };
        self.diagnostics.push(diagnostic);
    }

    fn map(&mut self, key: &tree::TypeExpr, value: &tree::TypeExpr) -> Type {
        let key_type = self.read(key);
        let value = self.read(value);
        let base = key_type.base();
        let fine = matches!(base, Type::String(_) | Type::Int(_) | Type::Bool | Type::Error | Type::Named(_));
        if !fine {
            self.report(
                Code::BadType,
                key.span,
                format!("a map cannot have keys of type `{key_type}`"),
                "keys are `string`, `int`, `bool` or an enum",
            );
            return Type::Error;
        }
        Type::map(key_type, value)
    }

    /// Reads the fields of a record.
    pub fn record(&mut self, written: &tree::RecordType) -> Record {
        let mut record = Record { fields: Vec::with_capacity(written.fields.len()) };
        let mut places: HashMap<&str, Span> = HashMap::default();
        for field in &written.fields {
            if let Some(first) = places.get(field.name.as_str()) {
                let (at, first) = (self.at(field.name.span), self.at(*first));
                self.diagnostics.push(crate::program::duplicate(&field.name.text, at, first));
                continue;
            }
            places.insert(field.name.as_str(), field.name.span);
            record.fields.push(Field {
                name: field.name.text.clone(),
                ty: self.refined(&field.ty),
                trust: trust(&field.ty.ty),
                doc: docs(&field.docs),
            });
        }
        record
    }

    fn union(&mut self, members: &[tree::TypeExpr], span: Span) -> Type {
        let mut literals: Vec<Literal> = Vec::new();
        let mut failed = false;
        for member in members {
            if matches!(
                member.kind,
                TypeKind::Literal(tree::Literal::Null) | TypeKind::Primitive(Primitive::Null)
            ) {
                let mut diagnostic = no_null(self.at(member.span));
                if let [one, other] = members {
                    let kept = if std::ptr::eq(one, member) { other } else { one };
                    diagnostic = nullable_fix(diagnostic, self.at(span), self.item.slice(kept.span));
                }
                self.diagnostics.push(diagnostic);
                return Type::Error;
            }
            match self.read(member) {
                Type::Literals(more) => {
                    for literal in more.iter() {
                        if !literals.contains(literal) {
                            literals.push(literal.clone());
                        }
                    }
                }
                Type::Error => failed = true,
                other => {
                    let help = match other {
                        Type::Named(_) => {
                            "declare the union: `type Action = Reply | Stop`, and use its name here"
                        }
                        _ => "only literals can be joined here; unions of records are declared with `type`",
                    };
                    self.report(
                        Code::BadType,
                        member.span,
                        format!("`{other}` cannot be a member of a union"),
                        help,
                    );
                    return Type::Error;
                }
            }
        }
        let kind = |literal: &Literal| std::mem::discriminant(literal);
        if failed || literals.is_empty() {
            return Type::Error;
        }
        if literals.iter().any(|literal| kind(literal) != kind(&literals[0])) {
            self.report(
                Code::BadType,
                span,
                "the literals of a union have different types",
                "use strings only, or ints only",
            );
            return Type::Error;
        }
        Type::Literals(Arc::from(literals))
    }

    fn range(&mut self, bare: Type, range: &tree::Range) -> Type {
        let whole = |literal: &tree::Literal| match literal {
            tree::Literal::Int(number) | tree::Literal::Size(number) => Some(*number),
            _ => None,
        };
        let bad = |this: &mut Self, span: Span, what: &str| {
            this.report(Code::BadRefinement, span, format!("this is no bound of `{bare}`"), what);
            Type::Error
        };
        let ends = [&range.from, &range.to];
        match &bare {
            Type::Int(_) => {
                let mut found = [None, None];
                for (index, end) in ends.into_iter().enumerate() {
                    let Some((literal, span)) = end else { continue };
                    match whole(literal) {
                        Some(number) => found[index] = Some(number),
                        None => return bad(self, *span, "bounds of `int` are whole numbers"),
                    }
                }
                if matches!(found, [Some(min), Some(max)] if min > max) {
                    return self.empty(range);
                }
                Type::Int(IntRange { min: found[0], max: found[1] })
            }
            Type::Float(_) => {
                let mut found = [None, None];
                for (index, end) in ends.into_iter().enumerate() {
                    let Some((literal, span)) = end else { continue };
                    match (literal, whole(literal)) {
                        (tree::Literal::Float(number), _) => found[index] = Some(number.get()),
                        (_, Some(number)) => found[index] = Some(number as f64),
                        _ => return bad(self, *span, "bounds of `float` are numbers"),
                    }
                }
                if matches!(found, [Some(min), Some(max)] if min > max) {
                    return self.empty(range);
                }
                Type::Float(FloatRange { min: found[0], max: found[1] })
            }
            Type::String(_) | Type::List(..) => {
                let mut found = [None, None];
                for (index, end) in ends.into_iter().enumerate() {
                    let Some((literal, span)) = end else { continue };
                    match whole(literal).and_then(|number| u64::try_from(number).ok()) {
                        Some(number) => found[index] = Some(number),
                        None => return bad(self, *span, "sizes are whole numbers from 0"),
                    }
                }
                if matches!(found, [Some(min), Some(max)] if min > max) {
                    return self.empty(range);
                }
                let size = Size { min: found[0], max: found[1] };
                match &bare {
                    Type::List(of, _) => Type::List(of.clone(), size),
                    _ => Type::String(size),
                }
            }
            Type::Error => Type::Error,
            _ => {
                self.report(
                    Code::BadRefinement,
                    range.span,
                    format!("`{bare}` takes no range"),
                    "ranges go with `int`, `float`, `string` and lists; other rules are written with `where`",
                );
                bare
            }
        }
    }

    fn empty(&mut self, range: &tree::Range) -> Type {
        let text = self.item.slice(range.span).trim_start_matches('(').trim_end_matches(')');
        let swapped = match text.split_once("..") {
            Some((low, high)) => {
                format!("write the smaller bound first: `({}..{})`", high.trim(), low.trim())
            }
            None => "write the smaller bound first".to_string(),
        };
        self.report(Code::EmptyRange, range.span, "no value lies in this range", &swapped);
        Type::Error
    }
}

/// `null` among the members of a union.
fn no_null(at: FileSpan) -> Diagnostic {
    Diagnostic::new(Code::BadType, at, "a union cannot have `null` as a member")
        .help("write `T?` for a value that may be null")
}

/// `Note | null` becomes `Note?`.
fn nullable_fix(diagnostic: Diagnostic, union: FileSpan, kept: &str) -> Diagnostic {
    if kept.ends_with('?') {
        return diagnostic;
    }
    diagnostic.fix(format!("write `{kept}?`"), union, format!("{kept}?"))
}

/// Returns the label written on a type.
pub(crate) fn trust(written: &tree::TypeExpr) -> Option<Trust> {
    written.trust.map(|(label, _)| match label {
        tree::Trust::Trusted => Trust::Trusted,
        tree::Trust::Untrusted => Trust::Untrusted,
    })
}

/// Returns the text of a doc comment.
pub fn docs(docs: &Option<tree::Docs>) -> String {
    docs.as_ref().map(|docs| docs.text.to_string()).unwrap_or_default()
}
