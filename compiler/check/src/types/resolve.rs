//! Every declared type of the program: aliases vanish, members are held against what a union may hold.

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::types::{EnumValue, TypeBody, Where};
use flow_ir::{Expr, Type, TypeDef, TypeName};
use flow_source::{FileSpan, Span};
use flow_syntax::tree::{self, ItemKind, Primitive, TypeKind};
use smol_str::SmolStr;

use super::endless::endless;
use super::{TypeReader, docs, no_null, nullable_fix};
use crate::hash::{HashMap, HashSet};
use crate::program::{Entry, Module, Program, qualified, short};

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
    pub members_by_name: HashMap<TypeName, HashMap<SmolStr, TypeName>>,
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
        // Rules may name constants, whose types are known by now.
        crate::sig::constants(program, &mut Vec::new(), &mut HashMap::default());
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
    program.members_by_name = resolved.members_by_name;
    program.type_places = resolved.places;
    resolved.used
}

impl<'a> Resolver<'a> {
    fn new(program: &'a Program, rules_with: Option<&'a Program>) -> Self {
        let mut homes = HashMap::default();
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
            done: HashMap::default(),
            open: Vec::new(),
            result: Resolved::default(),
            diagnostics: Vec::new(),
            used: HashMap::default(),
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
        let mut used = HashSet::default();
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
        let mut places: HashMap<&str, Span> = HashMap::default();
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
        let mut names: HashMap<SmolStr, TypeName> = HashMap::default();
        let mut told = false;
        for member in &union.members {
            let member_name = match member {
                tree::UnionMember::Variant(variant) => self.variant(variant, home),
                tree::UnionMember::Type(ty) => self.member(ty, home, union, &mut told),
            };
            let Some(member_name) = member_name else { continue };
            let same = names.entry(SmolStr::from(short(&member_name)));
            if let std::collections::hash_map::Entry::Occupied(_) = same {
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
            same.or_insert_with(|| member_name.clone());
            self.result.unions_of.entry(member_name.clone()).or_default().push(name.clone());
            members.push(member_name);
        }
        self.result.members_by_name.insert(name.clone(), names);
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

    /// Returns the record that a member names. Of plain types in one union, only the first is `told`.
    fn member(
        &mut self,
        written: &tree::TypeExpr,
        home: &Home<'a>,
        union: &tree::Union,
        told: &mut bool,
    ) -> Option<TypeName> {
        let at = home.item.locate(home.module.file, written.span);
        let null = matches!(
            written.kind,
            TypeKind::Literal(tree::Literal::Null) | TypeKind::Primitive(Primitive::Null)
        );
        if null || written.nullable {
            let mut diagnostic = no_null(at);
            let kept = |member: &&tree::UnionMember| matches!(member, tree::UnionMember::Type(other) if other.span != written.span);
            if let ([_, _], Some(tree::UnionMember::Type(kept))) =
                (union.members.as_slice(), union.members.iter().find(kept))
                && null
            {
                let whole = home.item.locate(home.module.file, union.span);
                diagnostic = nullable_fix(diagnostic, whole, home.item.slice(kept.span));
            }
            self.diagnostics.push(diagnostic);
            return None;
        }
        let ty = self.read(home, |reader| reader.read(written));
        let Type::Named(name) = &ty else {
            if !matches!(ty, Type::Error) && !std::mem::replace(told, true) {
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
