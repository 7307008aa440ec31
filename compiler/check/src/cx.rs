//! What the check of one item carries along: names in scope, what is known at this point, slots, and what was found.

use std::sync::Arc;

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::plan::{BuiltIn, Counters, Merge, Slot};
use flow_ir::types::{Field, Record};
use flow_ir::value::{EnumShape, EnumValue, Shape};
use flow_ir::{Expr, Type, TypeName, Value};
use flow_source::{FileSpan, Span};
use flow_syntax::tree;
use smol_str::SmolStr;

use crate::fit::{Fit, fit};
use crate::hash::{HashMap, HashSet};
use crate::program::{CallKind, CallSig, Entry, Module, Program, Sig, Symbol, short};
use crate::types::TypeReader;
use crate::writers::WriterCall;

/// Problems of an item for which similar names are looked up.
const SUGGESTIONS_MAX: usize = 100;

/// An expression and its type.
#[derive(Clone, Debug)]
pub(crate) struct Typed {
    pub expr: Expr,
    pub ty: Type,
}

impl Typed {
    pub fn new(expr: Expr, ty: Type) -> Typed {
        Typed { expr, ty }
    }

    /// The result of what failed to check: it fits everywhere and says nothing more.
    pub fn poison() -> Typed {
        Typed { expr: Expr::Const(Value::Null), ty: Type::Error }
    }

    pub fn constant(&self) -> Option<&Value> {
        match &self.expr {
            Expr::Const(value) => Some(value),
            _ => None,
        }
    }
}

/// What an item refers to besides types; an item's plan names these by their index.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Use {
    /// A node that runs as a step.
    Node(Symbol),
    /// A flow.
    Flow(Symbol),
    /// Pure code.
    Code(Symbol),
    /// A declared model.
    Model(Symbol),
    /// A model named by its provider string.
    Inline(SmolStr),
    /// Pure code that a model calls; it stands in the list as code, too.
    CodeTool(Symbol),
    /// A tool that every program has.
    BuiltIn(BuiltIn),
}

/// The references of an item, each once, with the place of its first use.
#[derive(Clone, Debug, Default)]
pub struct Uses {
    /// In order of first use.
    pub list: Vec<(Use, Span)>,
    index: HashMap<Use, u32>,
}

impl Uses {
    /// Returns the index of a reference.
    pub fn add(&mut self, what: Use, span: Span) -> u32 {
        if let Some(index) = self.index.get(&what) {
            return *index;
        }
        let index = self.list.len() as u32;
        self.index.insert(what.clone(), index);
        self.list.push((what, span));
        index
    }
}

/// Where a name's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Slot(u32),
    Local(u32),
}

/// What kind of name it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BindingKind {
    Param,
    Let,
    State,
    /// A loop's, branch's, arm's or macro's variable.
    Variable,
    /// `it` and the fields of a rule: never reported as unused.
    Implied,
}

#[derive(Clone, Debug)]
pub(crate) struct Binding {
    pub name: SmolStr,
    pub span: Span,
    pub ty: Type,
    pub kind: BindingKind,
    pub place: Place,
    pub read: bool,
    pub merge: Option<Merge>,
    /// Its name was taken, which is reported: nothing more is said of what is done with it.
    pub clash: bool,
    /// The number of branches around its declaration.
    pub branch_depth: u32,
}

/// A set of bindings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct BindingSet(Vec<u64>);

impl BindingSet {
    pub fn insert(&mut self, binding: u32) {
        let word = binding as usize / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (binding % 64);
    }

    pub fn remove(&mut self, binding: u32) {
        if let Some(word) = self.0.get_mut(binding as usize / 64) {
            *word &= !(1 << (binding % 64));
        }
    }

    pub fn contains(&self, binding: u32) -> bool {
        self.0.get(binding as usize / 64).is_some_and(|word| word & (1 << (binding % 64)) != 0)
    }

    /// Whether both hold the same.
    pub fn has_same(&self, other: &BindingSet) -> bool {
        let (short, long) = if self.0.len() < other.0.len() { (self, other) } else { (other, self) };
        long.0.starts_with(&short.0) && long.0[short.0.len()..].iter().all(|word| *word == 0)
    }

    pub fn join(&mut self, other: &BindingSet) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word |= more;
        }
    }

    pub fn meet(&mut self, other: &BindingSet) {
        self.0.truncate(other.0.len());
        for (word, more) in self.0.iter_mut().zip(&other.0) {
            *word &= more;
        }
    }
}

/// A name or a path of fields from it, and the type it is known to have here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Fact {
    pub root: u32,
    pub fields: Vec<SmolStr>,
    pub known: Narrowed,
}

/// What a value is known to be: its type, and which members of a union it can be, if not all.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Narrowed {
    pub ty: Type,
    pub left: Option<Arc<[TypeName]>>,
}

impl From<Type> for Narrowed {
    fn from(ty: Type) -> Narrowed {
        Narrowed { ty, left: None }
    }
}

impl Narrowed {
    /// Whether this says at least as much as another of the same type.
    fn implies(&self, other: &Narrowed) -> bool {
        match (&self.left, &other.left) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(other)) => {
                Arc::ptr_eq(own, other)
                    || own.len() <= other.len() && {
                        let other: HashSet<&TypeName> = other.iter().collect();
                        own.iter().all(|name| other.contains(name))
                    }
            }
        }
    }
}

/// What is known at a point of a flow.
#[derive(Clone, Debug, Default)]
pub(crate) struct Point {
    /// Whether any way leads here.
    pub reachable: bool,
    /// Whether only a jump that is wrong leads here: where it should lead isn't known, and what follows from that isn't
    /// reported.
    pub vague: bool,
    /// State that is surely assigned.
    pub assigned: BindingSet,
    /// What conditions and assignments say about names; later ones win.
    pub facts: Vec<Fact>,
}

impl Point {
    /// Two ways come together.
    pub fn meet(&mut self, other: Point) {
        if !other.reachable {
            return;
        }
        if !self.reachable {
            *self = other;
            return;
        }
        // What a wrong jump knows says nothing about the other way.
        match (self.vague, other.vague) {
            (false, true) => return,
            (true, false) => {
                *self = other;
                return;
            }
            _ => {}
        }
        self.assigned.meet(&other.assigned);
        let known = std::mem::take(&mut self.facts);
        self.facts = known.into_iter().filter(|fact| other.holds(fact)).collect();
    }

    /// Whether a fact is known here, at least in what it says of the type.
    fn holds(&self, fact: &Fact) -> bool {
        self.facts.iter().any(|own| {
            own.root == fact.root
                && own.fields == fact.fields
                && own.known.ty == fact.known.ty
                && own.known.implies(&fact.known)
        })
    }
}

/// A read or write of a state or name, in written order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub binding: u32,
    pub span: Span,
    pub write: bool,
}

/// The values of an enum.
pub(crate) struct Values {
    pub shape: Arc<EnumShape>,
    /// Where each name stands first.
    pub index: HashMap<SmolStr, u32>,
}

/// The check of one item.
pub(crate) struct Cx<'a> {
    pub program: &'a Program,
    pub module: &'a Module,
    pub item: &'a tree::Item,
    pub diagnostics: Vec<Diagnostic>,
    /// Names of the module's scope that were used.
    pub used: HashSet<SmolStr>,
    pub uses: Uses,
    pub bindings: Vec<Binding>,
    pub visible: HashMap<SmolStr, u32>,
    /// What each name of the open scopes stood for before.
    hidden: Vec<(SmolStr, Option<u32>)>,
    pub point: Point,
    pub slots: Vec<Slot>,
    pub locals: u32,
    pub accesses: Vec<Access>,
    /// `loop.index` and `loop.last` of the loops around.
    pub counters: Vec<Counters>,
    /// How many at most, by where it is written: counts that are settings, `max`, and the sizes of what is walked.
    pub counts: HashMap<Span, u64>,
    /// The statement before which a call can be moved into a `let`.
    pub hoist: Option<Span>,
    /// ` as name with {…}` of a step that calls nothing itself: it belongs to the call that is moved.
    pub clauses: Option<Span>,
    /// The expression that stands alone as a step.
    pub bare: Option<Span>,
    /// Names that fixes have chosen.
    pub fresh: HashSet<String>,
    /// Whether this is the body of a macro, which is done once for each element.
    pub in_macro: bool,
    /// Whether only constants may be named.
    pub constant_only: bool,
    /// The number of branches around this point.
    pub branch_depth: u32,
    /// Reads that hang on what is assigned where the stages around start, innermost last.
    pub late_reads: Vec<crate::flow::LateReads>,
    /// Calls that are unsafe if they write.
    pub writer_calls: Vec<WriterCall>,
    /// Images, recordings and files in the text that is being checked, where a message may hold them.
    pub media: Option<Vec<(flow_ir::types::Media, Span)>>,
    /// What no version of this runtime can do yet, and where.
    pub not_runnable: Vec<(Span, String)>,
    /// Whether a part of the item could not be read: what it would have used, bound or left isn't known.
    pub lost: bool,
    /// The words of what could not be read.
    pub lost_words: HashSet<SmolStr>,
    /// Text that could not be read and may have left, ascending.
    pub lost_jumps: Vec<Span>,
    /// Names that are in scope and that a `continue` jumps over, and where it stands.
    pub skipped: Option<(std::ops::Range<u32>, Span)>,
    /// A name that was read, and told, before the `let` that binds it ends.
    pub read_early: Option<SmolStr>,
    /// Whether some way through the item isn't known: what is reached, and what ends without a value, isn't judged.
    pub lost_way: bool,
    /// What branches beside this one bind.
    pub siblings: HashMap<SmolStr, Span>,
    /// What must be in `allow`.
    pub needs: Vec<(flow_ir::plan::Grant, Span)>,
    /// Whether this is an expectation of a test, where more functions are known.
    pub in_expect: bool,
    /// What a test says of the program.
    pub test: crate::test::TestFacts,
    /// A name was used that stands for something that failed.
    pub names_broken: bool,
    /// Arguments that calls lack: what would have been given isn't unused as well.
    pub absent: Vec<Type>,
    enums: HashMap<TypeName, Arc<Values>>,
    shapes: HashMap<TypeName, Arc<Shape>>,
}

impl<'a> Cx<'a> {
    pub fn new(program: &'a Program, module: &'a Module, item: &'a tree::Item) -> Cx<'a> {
        Cx {
            program,
            module,
            item,
            diagnostics: Vec::new(),
            used: HashSet::default(),
            uses: Uses::default(),
            bindings: Vec::new(),
            visible: HashMap::default(),
            hidden: Vec::new(),
            point: Point { reachable: true, ..Point::default() },
            slots: Vec::new(),
            locals: 0,
            accesses: Vec::new(),
            counters: Vec::new(),
            counts: HashMap::default(),
            hoist: None,
            clauses: None,
            bare: None,
            fresh: HashSet::default(),
            in_macro: false,
            constant_only: false,
            branch_depth: 0,
            late_reads: Vec::new(),
            writer_calls: Vec::new(),
            media: None,
            not_runnable: Vec::new(),
            lost: false,
            lost_words: HashSet::default(),
            lost_jumps: Vec::new(),
            skipped: None,
            read_early: None,
            lost_way: false,
            siblings: HashMap::default(),
            needs: Vec::new(),
            in_expect: false,
            test: crate::test::TestFacts::default(),
            names_broken: false,
            absent: Vec::new(),
            enums: HashMap::default(),
            shapes: HashMap::default(),
        }
    }

    /// Returns the nearest name; an item with very many problems isn't searched for each.
    pub fn nearest<'n>(&self, name: &str, candidates: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
        if self.diagnostics.len() > SUGGESTIONS_MAX {
            None
        } else {
            crate::suggest::nearest(name, candidates)
        }
    }

    pub fn at(&self, span: Span) -> FileSpan {
        self.item.locate(self.module.file, span)
    }

    pub fn text(&self, span: Span) -> &'a str {
        self.item.slice(span)
    }

    /// Reports; nothing is reported about what can't be reached, beyond that it can't.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub fn error(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, self.at(span), message)
    }

    // Names.

    pub fn slot(&mut self, name: impl Into<SmolStr>, ty: Type) -> u32 {
        self.slots.push(Slot { name: name.into(), ty, merge: None });
        self.slots.len() as u32 - 1
    }

    pub fn local(&mut self) -> u32 {
        self.locals += 1;
        self.locals - 1
    }

    /// Makes a name visible. Reports a name that is taken, unless it is a macro's.
    pub fn bind(&mut self, name: &tree::Name, ty: Type, kind: BindingKind, place: Place) -> u32 {
        let mut clash = false;
        if let Some(&other) = self.visible.get(&name.text) {
            let other = &mut self.bindings[other as usize];
            if other.kind != BindingKind::Implied {
                // Which of the two is read isn't known.
                other.read = true;
                clash = true;
                let span = other.span;
                let first = self.at(span);
                self.diagnostics.push(
                    Diagnostic::new(
                        Code::DuplicateName,
                        self.at(name.span),
                        format!("`{}` is declared twice", name.text),
                    )
                    .here("declared again while the first one is still alive")
                    .label(first, "first declared here")
                    .help(format!(
                        "give this one another name, such as `{}`: a name means one thing inside a flow",
                        self.other_name(&name.text)
                    )),
                );
            }
        } else if let Some(Entry::Value(symbol)) = self.module.scope.get(&name.text)
            && matches!(self.program.sig(symbol), Some(Sig::Const(..)))
        {
            let mut diagnostic = self
                .error(Code::DuplicateName, name.span, format!("`{}` is already a constant", name.text))
                .here("declared again")
                .help(format!(
                    "give this one another name, such as `{}`: a name means one thing inside a flow",
                    self.other_name(&name.text)
                ));
            if let Some((home, item)) = self.program.item(symbol) {
                let place = item.kind.name().map_or(item.span, |name| name.span);
                diagnostic = diagnostic.label(item.locate(home.file, place), "the constant");
            }
            self.report(diagnostic);
            self.used.insert(name.text.clone());
            clash = true;
        }
        let id = self.bind_unchecked(name, ty, kind, place);
        if clash {
            let binding = &mut self.bindings[id as usize];
            (binding.clash, binding.read, binding.ty) = (true, true, Type::Error);
        }
        id
    }

    pub fn bind_unchecked(&mut self, name: &tree::Name, ty: Type, kind: BindingKind, place: Place) -> u32 {
        let id = self.bindings.len() as u32;
        let read = self.read_early.take_if(|early| *early == name.text).is_some();
        self.bindings.push(Binding {
            name: name.text.clone(),
            span: name.span,
            ty,
            kind,
            place,
            read,
            merge: None,
            clash: false,
            branch_depth: self.branch_depth,
        });
        let before = self.visible.insert(name.text.clone(), id);
        self.hidden.push((name.text.clone(), before));
        id
    }

    /// Runs `inside` with names of its own.
    pub fn scope<T>(&mut self, inside: impl FnOnce(&mut Self) -> T) -> T {
        let mark = self.scope_mark();
        let result = inside(self);
        self.scope_close(mark);
        result
    }

    /// Opens a scope by hand.
    pub fn scope_mark(&self) -> usize {
        self.hidden.len()
    }

    /// Closes the scope that was opened with this mark.
    pub fn scope_close(&mut self, mark: usize) {
        while self.hidden.len() > mark {
            match self.hidden.pop() {
                Some((name, Some(before))) => self.visible.insert(name, before),
                Some((name, None)) => self.visible.remove(&name),
                None => break,
            };
        }
    }

    /// Warns of names that nothing reads. A leading underscore keeps it quiet.
    pub fn unused_bindings(&mut self) {
        if self.lost {
            return;
        }
        for binding in std::mem::take(&mut self.bindings) {
            let what = match binding.kind {
                BindingKind::Let => "this value",
                BindingKind::State => "this state",
                BindingKind::Param => "this parameter",
                BindingKind::Variable | BindingKind::Implied => continue,
            };
            if binding.read
                || binding.name.starts_with('_')
                || matches!(binding.ty, Type::Error)
                || self.lost_words.contains(&binding.name)
            {
                continue;
            }
            if self.absent.iter().any(|ty| fit(self.program, &binding.ty, ty) <= Fit::Same) {
                continue;
            }
            let at = self.at(binding.span);
            self.diagnostics.push(
                Diagnostic::new(Code::UnusedBinding, at, format!("`{}` is never read", binding.name))
                    .here(format!("nothing reads {what}"))
                    .help(match binding.kind {
                        BindingKind::Let => format!(
                            "use it, or take the line out; a call that is needed for what it does stands alone, without `let {} =`",
                            binding.name
                        ),
                        _ => format!("use it or take it out; one that must stay is called `_{}`", binding.name),
                    }),
            );
        }
    }

    /// Looks up a node, flow or code of the module's scope.
    pub fn callable(&mut self, name: &str) -> Option<(Symbol, Arc<CallSig>)> {
        let Some(Entry::Value(symbol)) = self.module.scope.get(name) else { return None };
        match self.program.sig(symbol) {
            Some(Sig::Call(sig)) => {
                self.used.insert(SmolStr::from(name));
                Some((symbol.clone(), sig.clone()))
            }
            _ => None,
        }
    }

    /// Whether a name of the scope stands for something that failed, so that nothing more is said.
    pub fn is_broken(&mut self, name: &str) -> bool {
        let broken = match self.module.scope.get(name) {
            Some(Entry::Error) => true,
            Some(Entry::Value(symbol)) => matches!(self.program.sig(symbol), Some(Sig::Error)),
            _ => false,
        };
        if broken {
            self.used.insert(SmolStr::from(name));
            self.names_broken = true;
        }
        broken
    }

    pub fn sig_of(&self, name: &str) -> Option<&'a Sig> {
        match self.module.scope.get(name)? {
            Entry::Value(symbol) => self.program.sig(symbol),
            _ => None,
        }
    }

    /// The names of the scope like this one that can be called as steps.
    pub fn steps_like(&self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        let (program, module) = (self.program, self.module);
        module.names_like(name).into_iter().filter(move |name| match module.scope.get(*name) {
            Some(Entry::Value(symbol)) => {
                matches!(program.sig(symbol), Some(Sig::Call(sig)) if sig.kind != CallKind::Code)
            }
            _ => false,
        })
    }

    /// Reports a name that a branch beside this one binds.
    pub fn sibling_read(&mut self, name: &SmolStr, span: Span) {
        let mut diagnostic = self
            .error(Code::ReadsSiblingBranch, span, format!("`{name}` is bound by a branch beside this one"))
            .here("not known before all branches are done")
            .help(format!(
                "read `{name}` behind the `}}` of the block, or put both steps into one branch: `do {{ … }}`"
            ));
        if let Some(bound) = self.siblings.get(name) {
            diagnostic = diagnostic.label(self.at(*bound), "bound here, at the same time");
        }
        self.report(diagnostic);
    }

    // Types.

    pub fn read_type<T>(&mut self, what: impl FnOnce(&mut TypeReader) -> T) -> T {
        let (program, module, item) = (self.program, self.module, self.item);
        let mut lookup = |name: &TypeName| match program.aliases.get(name) {
            Some(alias) => alias.clone(),
            None if program.types.contains_key(name) => Type::Named(name.clone()),
            None => Type::Error,
        };
        let mut rule = |base: &Type,
                        rule: &tree::Expr,
                        diagnostics: &mut Vec<Diagnostic>,
                        used: &mut HashSet<SmolStr>| {
            crate::expr::check_rule(program, module, item, base, rule, diagnostics, used)
        };
        let mut reader = TypeReader {
            module,
            item,
            diagnostics: &mut self.diagnostics,
            used: &mut self.used,
            lookup: &mut lookup,
            rule: &mut rule,
        };
        what(&mut reader)
    }

    /// Reads a type of the item's head once more: what is wrong with it, its signature has reported.
    pub fn read_type_again(&mut self, written: &tree::TypeExpr) -> Type {
        let found = self.diagnostics.len();
        let ty = self.read_type(|reader| reader.read(written));
        self.diagnostics.truncate(found);
        ty
    }

    /// Returns an enum's values.
    pub fn enum_of(&mut self, name: &TypeName) -> Option<Arc<Values>> {
        if let Some(values) = self.enums.get(name) {
            return Some(values.clone());
        }
        let values = self.program.enum_values(name)?;
        let shape = Arc::new(EnumShape {
            name: name.clone(),
            values: values.iter().map(|value| value.name.clone()).collect(),
        });
        let mut index = HashMap::with_capacity_and_hasher(values.len(), Default::default());
        for (at, value) in values.iter().enumerate() {
            index.entry(value.name.clone()).or_insert(at as u32);
        }
        let values = Arc::new(Values { shape, index });
        self.enums.insert(name.clone(), values.clone());
        Some(values)
    }

    /// Returns a value of an enum as a constant.
    pub fn enum_value(&mut self, name: &TypeName, value: &str) -> Option<Value> {
        let values = self.enum_of(name)?;
        Some(Value::Enum(EnumValue { shape: values.shape.clone(), index: *values.index.get(value)? }))
    }

    /// Returns the shape of a record type.
    pub fn shape(&mut self, ty: &Type) -> Option<Arc<Shape>> {
        let name = match ty {
            Type::Named(name) => Some(name.clone()),
            Type::Where(rule) => return self.shape(&rule.base.clone()),
            _ => None,
        };
        if let Some(name) = &name
            && let Some(shape) = self.shapes.get(name)
        {
            return Some(shape.clone());
        }
        let record = self.program.record_of(ty)?;
        let fields = record.fields.iter().map(|field| field.name.clone()).collect();
        let tag = name
            .as_ref()
            .filter(|name| self.program.unions_of.contains_key(*name))
            .map(|name| SmolStr::from(short(name)));
        let shape = Arc::new(Shape { name: name.clone(), tag, fields });
        if let Some(name) = name {
            self.shapes.insert(name, shape.clone());
        }
        Some(shape)
    }

    // Facts.

    /// Returns the name and fields that an expression is: `review.fixes`.
    pub fn path(&self, expr: &tree::Expr) -> Option<(u32, Vec<SmolStr>)> {
        match &expr.kind {
            tree::ExprKind::Name(name) => Some((*self.visible.get(name)?, Vec::new())),
            tree::ExprKind::Member(member) if !member.optional => {
                let (root, mut fields) = self.path(&member.object)?;
                fields.push(member.name.text.clone());
                Some((root, fields))
            }
            _ => None,
        }
    }

    pub fn known(&self, root: u32, fields: &[SmolStr]) -> Option<&Narrowed> {
        self.point
            .facts
            .iter()
            .rev()
            .find(|fact| fact.root == root && fact.fields == fields)
            .map(|fact| &fact.known)
    }

    pub fn learn(&mut self, root: u32, fields: Vec<SmolStr>, known: impl Into<Narrowed>) {
        self.point.facts.push(Fact { root, fields, known: known.into() });
    }

    /// What branches wrote isn't known any more.
    pub fn forget_written<'x>(&mut self, accesses: impl IntoIterator<Item = &'x Access>) {
        if self.point.facts.is_empty() {
            return;
        }
        let written: HashSet<u32> =
            accesses.into_iter().filter(|access| access.write).map(|access| access.binding).collect();
        self.point.facts.retain(|fact| !written.contains(&fact.root));
    }

    /// An assignment ends what was known.
    pub fn forget(&mut self, root: u32) {
        self.point.facts.retain(|fact| fact.root != root);
    }
}

/// The type of an error: `{kind, message, step}`.
pub(crate) fn error_type() -> Type {
    let field = |name: &str| Field { name: name.into(), ty: Type::STRING, trust: None, doc: String::new() };
    Type::Record(Arc::new(Record { fields: vec![field("kind"), field("message"), field("step")] }))
}
