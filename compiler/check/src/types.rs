//! Types as written become types: names are resolved, aliases vanish, refinements are read.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::types::{
    EnumValue, Field, FloatRange, IntRange, Literal, Media, Record, Size, Trust, TypeBody, Where,
};
use flow_ir::{Expr, Type, TypeDef, TypeName};
use flow_source::{FileSpan, Span};
use flow_syntax::tree::{self, ItemKind, Primitive, TypeKind};
use smol_str::SmolStr;

use crate::program::{Entry, Module, Program, literal_type, qualified, short};
use crate::suggest::nearest;

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
        let at = self.at(name.span);
        let declared = self
            .module
            .scope
            .iter()
            .filter(|(_, entry)| matches!(entry, Entry::Type(_)))
            .map(|(name, _)| name.as_str());
        let built_in = Primitive::ALL.iter().map(|primitive| primitive.as_str());
        let habit = match name.as_str() {
            "str" | "String" | "Str" => Some("string"),
            "integer" | "Int" | "Integer" | "number" | "Number" => Some("int"),
            "double" | "Float" => Some("float"),
            "boolean" | "Bool" | "Boolean" => Some("bool"),
            "Any" | "any" | "object" | "Object" => Some("json"),
            _ => None,
        };
        let near = habit.or_else(|| nearest(name.as_str(), declared.chain(built_in)));
        let mut diagnostic = Diagnostic::new(Code::UnknownType, at, format!("unknown type `{}`", name.text))
            .here("not declared or imported in this file");
        diagnostic = match near {
            Some(near) => diagnostic.help(format!("a type with a similar name exists: `{near}`")).fix(
                format!("replace `{}` by `{near}`", name.text),
                at,
                near,
            ),
            None => diagnostic.help(format!("declare it: `type {} {{ … }}`, or import it", name.text)),
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
        let mut places: HashMap<&str, Span> = HashMap::new();
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
                self.report(
                    Code::BadType,
                    member.span,
                    "a union cannot have `null` as a member",
                    "write `T?` for a value that may be null",
                );
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
        self.report(
            Code::EmptyRange,
            range.span,
            "no value lies in this range",
            "write the smaller bound first",
        );
        Type::Error
    }
}

/// Returns the label written on a type.
pub(crate) fn trust(written: &tree::TypeExpr) -> Option<Trust> {
    written.trust.map(|(label, _)| match label {
        tree::Trust::Trusted => Trust::Trusted,
        tree::Trust::Untrusted => Trust::Untrusted,
    })
}

/// Returns the text of a doc comment.
pub(crate) fn docs(docs: &Option<tree::Docs>) -> String {
    docs.as_ref().map(|docs| docs.text.to_string()).unwrap_or_default()
}

/// Aliases of aliases at most.
const ALIASES_MAX: usize = 100;

/// Where a named type is declared.
struct Home<'a> {
    module: &'a Module,
    item: &'a tree::Item,
}

/// Resolves every declared type of the program.
pub(crate) struct Resolver<'a> {
    program: &'a Program,
    homes: HashMap<TypeName, Home<'a>>,
    done: HashMap<TypeName, Type>,
    open: Vec<TypeName>,
    result: Resolved,
    diagnostics: Vec<Diagnostic>,
    used: HashMap<SmolStr, HashSet<SmolStr>>,
    /// The program with types whose rules aren't checked yet; without it, rules are taken as true.
    rules_with: Option<&'a Program>,
    /// Whether a `where` was met.
    met_rule: bool,
}

/// The types of a program.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    pub types: flow_ir::TypeDefs,
    pub aliases: HashMap<TypeName, Type>,
    pub unions_of: HashMap<TypeName, Vec<TypeName>>,
    pub places: HashMap<TypeName, FileSpan>,
    /// Names that types use, by module.
    pub used: HashMap<SmolStr, HashSet<SmolStr>>,
}

/// Resolves all types and puts them into the program.
pub(crate) fn resolve(
    program: &mut Program,
    diagnostics: &mut Vec<Diagnostic>,
) -> HashMap<SmolStr, HashSet<SmolStr>> {
    let (first, found, met_rule) = Resolver::new(program, None).run();
    let (resolved, found) = if met_rule {
        put(program, first);
        let (second, found, _) = Resolver::new(program, Some(program)).run();
        (second, found)
    } else {
        (first, found)
    };
    diagnostics.extend(found);
    let used = put(program, resolved);
    endless(program, diagnostics);
    used
}

fn put(program: &mut Program, resolved: Resolved) -> HashMap<SmolStr, HashSet<SmolStr>> {
    program.types = resolved.types;
    program.aliases = resolved.aliases;
    program.unions_of = resolved.unions_of;
    program.type_places = resolved.places;
    resolved.used
}

impl<'a> Resolver<'a> {
    fn new(program: &'a Program, rules_with: Option<&'a Program>) -> Self {
        let mut homes = HashMap::new();
        for module in program.modules.values() {
            for (name, index) in &module.items {
                if matches!(module.scope.get(name), Some(Entry::Type(_))) {
                    let item = &module.tree.items[*index];
                    homes.insert(qualified(&module.name, name), Home { module, item });
                }
            }
        }
        Resolver {
            program,
            homes,
            done: HashMap::new(),
            open: Vec::new(),
            result: Resolved::default(),
            diagnostics: Vec::new(),
            used: HashMap::new(),
            rules_with,
            met_rule: false,
        }
    }

    fn run(mut self) -> (Resolved, Vec<Diagnostic>, bool) {
        let program = self.program;
        for module in program.modules.values() {
            for (index, item) in module.tree.items.iter().enumerate() {
                let name = match &item.kind {
                    ItemKind::Type(decl) => &decl.name,
                    ItemKind::Enum(decl) => &decl.name,
                    _ => continue,
                };
                if module.items.get(&name.text) == Some(&index) {
                    self.define(&qualified(&module.name, &name.text));
                }
            }
        }
        self.result.used = self.used;
        (self.result, self.diagnostics, self.met_rule)
    }

    /// Reads something of an item, with this resolver behind it.
    fn read<T>(&mut self, home: &Home<'a>, what: impl FnOnce(&mut TypeReader) -> T) -> T {
        let mut diagnostics = Vec::new();
        let mut used = HashSet::new();
        let rules_with = self.rules_with;
        let mut met = false;
        let mut rule = |base: &Type,
                        rule: &tree::Expr,
                        diagnostics: &mut Vec<Diagnostic>,
                        used: &mut HashSet<SmolStr>| {
            met = true;
            match rules_with {
                Some(program) => {
                    crate::expr::check_rule(program, home.module, home.item, base, rule, diagnostics, used)
                }
                None => Expr::truth(),
            }
        };
        let result = {
            let mut lookup = |name: &TypeName| self.define(name);
            let mut reader = TypeReader {
                module: home.module,
                item: home.item,
                diagnostics: &mut diagnostics,
                used: &mut used,
                lookup: &mut lookup,
                rule: &mut rule,
            };
            what(&mut reader)
        };
        self.met_rule |= met;
        self.diagnostics.extend(diagnostics);
        self.used.entry(home.module.name.clone()).or_default().extend(used);
        result
    }

    fn define(&mut self, name: &TypeName) -> Type {
        if let Some(ty) = self.done.get(name) {
            return ty.clone();
        }
        let Some(home) = self.homes.get(name) else { return Type::Error };
        let home = Home { module: home.module, item: home.item };
        let at = home.item.locate(home.module.file, home.item.kind.name().map_or(home.item.span, |n| n.span));
        match &home.item.kind {
            ItemKind::Enum(decl) => self.enumeration(name, decl, &home, at),
            ItemKind::Type(decl) => self.declared(name, decl, &home, at),
            _ => Type::Error,
        }
    }

    fn enumeration(&mut self, name: &TypeName, decl: &tree::EnumDecl, home: &Home<'a>, at: FileSpan) -> Type {
        let mut values: Vec<EnumValue> = Vec::with_capacity(decl.values.len());
        let mut places: HashMap<&str, Span> = HashMap::new();
        for value in &decl.values {
            if let Some(first) = places.get(value.name.as_str()) {
                let at = home.item.locate(home.module.file, value.name.span);
                let first = home.item.locate(home.module.file, *first);
                self.diagnostics.push(crate::program::duplicate(&value.name.text, at, first));
                continue;
            }
            places.insert(value.name.as_str(), value.name.span);
            values.push(EnumValue { name: value.name.text.clone(), doc: docs(&value.docs) });
        }
        if values.is_empty() {
            self.diagnostics.push(
                Diagnostic::new(Code::BadType, at, format!("enum `{}` has no values", decl.name.text))
                    .help("list its values between the braces"),
            );
        }
        let body = TypeBody::Enum { values: Arc::from(values) };
        self.finish(name, &decl.name, docs(&home.item.docs), body, at)
    }

    fn finish(
        &mut self,
        name: &TypeName,
        declared: &tree::Name,
        doc: String,
        body: TypeBody,
        at: FileSpan,
    ) -> Type {
        let ty = Type::Named(name.clone());
        self.result.types.insert(name.clone(), TypeDef { name: declared.text.clone(), doc, body });
        self.result.places.insert(name.clone(), at);
        self.done.insert(name.clone(), ty.clone());
        ty
    }

    fn declared(&mut self, name: &TypeName, decl: &tree::TypeDecl, home: &Home<'a>, at: FileSpan) -> Type {
        let doc = docs(&home.item.docs);
        match &decl.body {
            tree::TypeBody::Record(written) => {
                // Known before its fields are read, so that it may name itself.
                self.done.insert(name.clone(), Type::Named(name.clone()));
                let slot = self.reserve(name, &decl.name, at);
                let record = Arc::new(self.read(home, |reader| reader.record(written)));
                let rule = decl.rule.as_ref().map(|rule| {
                    let base = Type::Record(record.clone());
                    let ty = self.read(home, |reader| reader.with_rule(base, Some(rule)));
                    match ty {
                        Type::Where(rule) => rule,
                        other => Arc::new(Where { base: other, text: String::new(), rule: Expr::truth() }),
                    }
                });
                self.fill(slot, name, doc, TypeBody::Record { record, rule })
            }
            tree::TypeBody::Union(union) => {
                let sole = match union.members.as_slice() {
                    [tree::UnionMember::Type(alias)] => Some(alias),
                    _ => None,
                };
                match sole {
                    Some(alias) => self.alias(name, decl, alias, home, at, doc),
                    None => self.union(name, decl, union, home, at, doc),
                }
            }
        }
    }

    fn reserve(&mut self, name: &TypeName, declared: &tree::Name, at: FileSpan) -> usize {
        let body = TypeBody::Union { members: Vec::new() };
        self.result.places.insert(name.clone(), at);
        let def = TypeDef { name: declared.text.clone(), doc: String::new(), body };
        self.result.types.insert_full(name.clone(), def).0
    }

    fn fill(&mut self, slot: usize, name: &TypeName, doc: String, body: TypeBody) -> Type {
        if let Some((_, def)) = self.result.types.get_index_mut(slot) {
            def.doc = doc;
            def.body = body;
        }
        Type::Named(name.clone())
    }

    fn alias(
        &mut self,
        name: &TypeName,
        decl: &tree::TypeDecl,
        alias: &tree::TypeExpr,
        home: &Home<'a>,
        at: FileSpan,
        doc: String,
    ) -> Type {
        if self.open.contains(name) || self.open.len() >= ALIASES_MAX {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::BadType,
                    at,
                    match self.open.contains(name) {
                        true => format!("type `{}` stands for itself", decl.name.text),
                        false => format!("type `{}` stands at the end of too many aliases", decl.name.text),
                    },
                )
                .help("a type that contains itself is a record with a list or a nullable field of it"),
            );
            self.done.insert(name.clone(), Type::Error);
            return Type::Error;
        }
        self.open.push(name.clone());
        let ty = self.read(home, |reader| {
            let ty = reader.read(alias);
            reader.with_rule(ty, decl.rule.as_ref())
        });
        self.open.pop();
        if let Some(known) = self.done.get(name) {
            return known.clone();
        }
        self.result.types.insert(
            name.clone(),
            TypeDef { name: decl.name.text.clone(), doc, body: TypeBody::Alias { ty: ty.clone() } },
        );
        self.result.places.insert(name.clone(), at);
        self.result.aliases.insert(name.clone(), ty.clone());
        self.done.insert(name.clone(), ty.clone());
        ty
    }

    fn union(
        &mut self,
        name: &TypeName,
        decl: &tree::TypeDecl,
        union: &tree::Union,
        home: &Home<'a>,
        at: FileSpan,
        doc: String,
    ) -> Type {
        let literal = |member: &tree::UnionMember| {
            matches!(member, tree::UnionMember::Type(tree::TypeExpr { kind: TypeKind::Literal(_), .. }))
        };
        if union.members.iter().all(literal) {
            let members: Vec<tree::TypeExpr> = union
                .members
                .iter()
                .filter_map(|member| match member {
                    tree::UnionMember::Type(ty) => Some(ty.clone()),
                    tree::UnionMember::Variant(_) => None,
                })
                .collect();
            let alias = tree::TypeExpr {
                trust: None,
                kind: TypeKind::Union(members),
                range: None,
                nullable: false,
                span: union.span,
            };
            return self.alias(name, decl, &alias, home, at, doc);
        }
        self.done.insert(name.clone(), Type::Named(name.clone()));
        let slot = self.reserve(name, &decl.name, at);
        let mut members: Vec<TypeName> = Vec::with_capacity(union.members.len());
        for member in &union.members {
            let member_name = match member {
                tree::UnionMember::Variant(variant) => self.variant(variant, home),
                tree::UnionMember::Type(ty) => self.member(ty, home),
            };
            let Some(member_name) = member_name else { continue };
            if members.iter().any(|other| short(other) == short(&member_name)) {
                let span = match member {
                    tree::UnionMember::Variant(variant) => variant.name.span,
                    tree::UnionMember::Type(ty) => ty.span,
                };
                let at = home.item.locate(home.module.file, span);
                self.diagnostics.push(
                    Diagnostic::new(
                        Code::BadType,
                        at,
                        format!("`{}` is twice a member of this union", short(&member_name)),
                    )
                    .help("members are told apart by their names"),
                );
                continue;
            }
            self.result.unions_of.entry(member_name.clone()).or_default().push(name.clone());
            members.push(member_name);
        }
        if let Some(rule) = &decl.rule {
            let at = home.item.locate(home.module.file, rule.span);
            self.diagnostics.push(
                Diagnostic::new(Code::BadRefinement, at, "a union of records takes no `where`")
                    .help("put the rule on the member that it is about"),
            );
        }
        self.fill(slot, name, doc, TypeBody::Union { members })
    }

    fn variant(&mut self, variant: &tree::VariantDecl, home: &Home<'a>) -> Option<TypeName> {
        let name = qualified(&home.module.name, &variant.name.text);
        let at = home.item.locate(home.module.file, variant.name.span);
        let mine = self.homes.get(&name).is_some_and(|declared| std::ptr::eq(declared.item, home.item));
        if !mine || self.result.types.contains_key(&name) {
            return None;
        }
        self.done.insert(name.clone(), Type::Named(name.clone()));
        let slot = self.reserve(&name, &variant.name, at);
        let record = self.read(home, |reader| reader.record(&variant.body));
        if let Some(field) = variant.body.fields.iter().find(|field| field.name.text == "type") {
            self.tagged_field(home.item.locate(home.module.file, field.name.span));
        }
        self.fill(
            slot,
            &name,
            docs(&variant.docs),
            TypeBody::Record { record: Arc::new(record), rule: None },
        );
        Some(name)
    }

    fn tagged_field(&mut self, at: FileSpan) {
        self.diagnostics.push(
            Diagnostic::new(Code::BadType, at, "a member of a union has a field `type`")
                .here("`type` holds the member's name when it is written as JSON")
                .help("rename the field"),
        );
    }

    fn member(&mut self, written: &tree::TypeExpr, home: &Home<'a>) -> Option<TypeName> {
        let at = home.item.locate(home.module.file, written.span);
        let null = matches!(
            written.kind,
            TypeKind::Literal(tree::Literal::Null) | TypeKind::Primitive(Primitive::Null)
        );
        if null || written.nullable {
            self.diagnostics.push(
                Diagnostic::new(Code::BadType, at, "a union cannot have `null` as a member")
                    .help("write `T?` where the union is used"),
            );
            return None;
        }
        let ty = self.read(home, |reader| reader.read(written));
        let Type::Named(name) = &ty else {
            if !matches!(ty, Type::Error) {
                self.diagnostics.push(
                    Diagnostic::new(Code::BadType, at, format!("`{ty}` cannot be a member of a union"))
                        .here("members are records")
                        .help("give it a name: `Text { value: string }`"),
                );
            }
            return None;
        };
        // The member's own definition may still be open, so its declaration is looked at, not its type.
        let declared = self.homes.get(name)?;
        let is_record = match &declared.item.kind {
            ItemKind::Type(decl) if decl.name.text == short(name) => match &decl.body {
                tree::TypeBody::Record(record) => {
                    if let Some(field) = record.fields.iter().find(|field| field.name.text == "type") {
                        let at = declared.item.locate(declared.module.file, field.name.span);
                        self.tagged_field(at);
                    }
                    true
                }
                tree::TypeBody::Union(_) => false,
            },
            // A variant of another union.
            ItemKind::Type(_) => true,
            _ => false,
        };
        if !is_record {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::BadType,
                    at,
                    format!("`{}` cannot be a member of a union", short(name)),
                )
                .here("members are records")
                .help("list its members, or give a record a field of it"),
            );
            return None;
        }
        Some(name.clone())
    }
}

/// Reports records that contain themselves on every path, so that no value of them can exist.
fn endless(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    let mut done: HashSet<TypeName> = HashSet::new();
    for name in program.types.keys() {
        let mut path: Vec<TypeName> = Vec::new();
        visit(program, name, &mut path, &mut done, diagnostics);
    }

    fn visit(
        program: &Program,
        name: &TypeName,
        path: &mut Vec<TypeName>,
        done: &mut HashSet<TypeName>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        if path.contains(name) {
            if let Some(at) = program.type_places.get(name) {
                diagnostics.push(
                    Diagnostic::new(
                        Code::BadType,
                        *at,
                        format!("type `{}` contains itself without end", short(name)),
                    )
                    .help("make the field nullable (`T?`) or a list (`[T]`)"),
                );
            }
            return;
        }
        if !done.insert(name.clone()) || path.len() > 200 {
            return;
        }
        path.push(name.clone());
        if let Some(TypeBody::Record { record, .. }) = program.types.get(name).map(|def| &def.body) {
            for field in &record.fields {
                inner(program, &field.ty, path, done, diagnostics);
            }
        }
        path.pop();
        // A type on an open path may be reached again through another one.
    }

    fn inner(
        program: &Program,
        ty: &Type,
        path: &mut Vec<TypeName>,
        done: &mut HashSet<TypeName>,
        diagnostics: &mut Vec<Diagnostic>,
    ) {
        match ty {
            Type::Named(name) => visit(program, name, path, done, diagnostics),
            Type::Where(rule) => inner(program, &rule.base, path, done, diagnostics),
            Type::Record(record) => {
                for field in &record.fields {
                    inner(program, &field.ty, path, done, diagnostics);
                }
            }
            _ => {}
        }
    }
}
