//! Modules, what they declare and import, and the symbols of a whole program.

use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::types::Literal;
use flow_ir::{Type, TypeDefs, TypeName, Value};
use flow_source::{FileId, FileSpan, Span};
use flow_syntax::tree::{self, ItemKind};
use smol_str::SmolStr;

use crate::hash::{HashMap, IndexMap};
use crate::imports;
use crate::suggest::Names;

/// A file of the program as it comes in: its name (the path beneath the root), its tree, and for each import path as
/// written the name of the module it denotes.
#[derive(Clone, Debug)]
pub struct Unit {
    /// The path beneath the project's root, `/` between its parts: `lib/review.flow`.
    pub name: SmolStr,
    /// The tree.
    pub tree: Arc<tree::File>,
    /// The items of which a part could not be read, by index: what hangs on the lost part stays silent.
    pub broken: std::collections::HashSet<usize>,
    /// The module that each import path denotes; an `Err` says why there is none.
    pub imports: std::collections::HashMap<SmolStr, Result<SmolStr, NoModule>>,
}

/// Why an import's path denotes no module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NoModule {
    /// What is wrong with it: "no such file".
    pub why: String,
    /// What to do instead, if that is known.
    pub help: Option<String>,
    /// The path that was probably meant.
    pub meant: Option<SmolStr>,
}

impl NoModule {
    /// Returns a reason alone.
    pub fn because(why: impl Into<String>) -> NoModule {
        NoModule { why: why.into(), ..NoModule::default() }
    }
}

/// A declared thing other than a type: the module that declares it, and its name there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Symbol {
    /// The module.
    pub module: SmolStr,
    /// The declared name.
    pub name: SmolStr,
}

/// What kind of thing can be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// `prompt`.
    Prompt,
    /// `agent`.
    Agent,
    /// `tool`.
    Tool,
    /// `human`.
    Human,
    /// `event`.
    Event,
    /// `flow`.
    Flow,
    /// `code`: pure.
    Code,
}

impl CallKind {
    /// The keyword: `prompt`.
    pub fn as_str(self) -> &'static str {
        match self {
            CallKind::Prompt => "prompt",
            CallKind::Agent => "agent",
            CallKind::Tool => "tool",
            CallKind::Human => "human",
            CallKind::Event => "event",
            CallKind::Flow => "flow",
            CallKind::Code => "code",
        }
    }
}

/// What callers see of a parameter.
#[derive(Clone, Debug)]
pub struct ParamSig {
    /// Its name.
    pub name: SmolStr,
    /// Its type with refinements.
    pub ty: Type,
    /// Its default, folded; `Null` with type error if it could not be.
    pub default: Option<flow_ir::Expr>,
    /// Its label.
    pub trust: Option<flow_ir::types::Trust>,
    /// Its doc comment.
    pub doc: SmolStr,
    /// Where it stands in its item.
    pub span: Span,
}

/// What callers see of a node, flow or code.
#[derive(Clone, Debug)]
pub struct CallSig {
    /// Which kind.
    pub kind: CallKind,
    /// In written order.
    pub params: Vec<ParamSig>,
    /// Its result; `Null` for a flow without one.
    pub returns: Type,
    /// A tool that writes and isn't declared idempotent.
    pub unsafe_writer: bool,
    /// Whether a doc comment says what it is for.
    pub documented: bool,
}

/// What others see of a model that a provider has.
#[derive(Clone, Debug)]
pub struct ModelSig {
    /// The provider's name; an alias is resolved.
    pub provider: SmolStr,
    /// The model there; `None` where another server may have another one of this name.
    pub model: Option<SmolStr>,
    /// Which of the provider's APIs it says.
    pub api: Option<SmolStr>,
}

/// What others see of a declaration.
#[derive(Clone, Debug)]
pub enum Sig {
    /// A node, flow or code.
    Call(Arc<CallSig>),
    /// A constant and its folded value; `None` if it could not be folded.
    Const(Type, Option<Value>),
    /// A model, and what its provider has, if it isn't made of others.
    Model(Option<ModelSig>),
    /// A memory: what it holds, and whether it is `kv`.
    Memory(Type, bool),
    /// An MCP server.
    Server,
    /// A trigger, eval or variant.
    Other,
    /// What could not be read.
    Error,
}

/// What a name of a module's scope stands for.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A type.
    Type(TypeName),
    /// Anything else.
    Value(Symbol),
    /// An import that failed: silent.
    Error,
}

/// A module.
#[derive(Clone, Debug)]
pub struct Module {
    /// Its name.
    pub name: SmolStr,
    /// Its file.
    pub file: FileId,
    /// Its tree.
    pub tree: Arc<tree::File>,
    /// The items of which a part could not be read.
    pub broken: std::collections::HashSet<usize>,
    /// All names it sees, its own and imported.
    pub scope: HashMap<SmolStr, Entry>,
    /// Its own declarations by name: the index of the item.
    pub items: HashMap<SmolStr, usize>,
    /// What others see of its declarations that are no types.
    pub sigs: HashMap<SmolStr, Sig>,
    /// Imported names: the local name, where it stands, and the symbol's home.
    pub imported: Vec<ImportedName>,
    /// Imported names that lead nowhere.
    pub lost: Vec<LostImport>,
    /// The modules it imports and where.
    pub requires: Vec<(SmolStr, FileSpan)>,
    /// `allow` of the file.
    pub allow: Vec<(flow_ir::plan::Grant, FileSpan)>,
    /// Where the list of `allow` stands, with whether it is empty.
    pub allow_at: Option<FileSpan>,
    /// `allow` has an entry that could not be read.
    pub allow_broken: bool,
    own: OnceLock<Names>,
    lookup: OnceLock<Lookup>,
}

/// What is looked up of a scope where something is wrong.
#[derive(Clone, Debug)]
struct Lookup {
    names: Names,
    /// The local name of what is imported under another name, by the declared one.
    aliases: HashMap<SmolStr, SmolStr>,
    /// The name that each type has here.
    types: HashMap<TypeName, SmolStr>,
}

/// A name brought in by an import.
#[derive(Clone, Debug)]
pub struct ImportedName {
    /// The name it has here.
    pub local: SmolStr,
    /// The name it is declared with.
    pub declared: SmolStr,
    /// All of `review as judge`.
    pub span: FileSpan,
    /// The whole import if this is its only name.
    pub whole: FileSpan,
    /// Whether it is the import's only name.
    pub alone: bool,
}

/// A name that an import asks for in vain.
#[derive(Clone, Debug)]
pub struct LostImport {
    /// The name that was asked for; empty if that can't be read.
    pub name: SmolStr,
    /// The module that was asked; `None` if any may be meant.
    pub module: Option<SmolStr>,
}

impl LostImport {
    pub(crate) fn of(name: &tree::Name, target: Option<&Module>) -> LostImport {
        LostImport { name: name.text.clone(), module: target.map(|target| target.name.clone()) }
    }
}

/// All modules of a project and their types.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// By name.
    pub modules: IndexMap<SmolStr, Module>,
    /// By qualified name: `lib/review.flow::Review`.
    pub types: TypeDefs,
    /// For each record type, the unions that have it as a member.
    pub unions_of: HashMap<TypeName, Vec<TypeName>>,
    /// For each union, its members by their declared names, which differ in one union.
    pub members_by_name: HashMap<TypeName, HashMap<SmolStr, TypeName>>,
    /// Where each type is declared.
    pub type_places: HashMap<TypeName, FileSpan>,
    /// Aliases, resolved away in all other types.
    pub aliases: HashMap<TypeName, Type>,
}

impl Module {
    /// Whether it is part of the standard library, which users don't write: its name is `std/words`, without `.flow`.
    pub fn is_standard(&self) -> bool {
        self.name.starts_with("std/") && !self.name.ends_with(".flow")
    }

    /// Returns the name that something has here which is declared as `declared` and imported under another name.
    pub fn alias_of(&self, declared: &str) -> Option<&SmolStr> {
        self.lookup().aliases.get(declared)
    }

    /// Returns the first name, by the alphabet, that a type has here.
    pub(crate) fn type_called(&self, name: &TypeName) -> Option<&str> {
        self.lookup().types.get(name).map(SmolStr::as_str)
    }

    /// Returns the names of the scope that look most like a name; of a small scope, all.
    pub(crate) fn names_like(&self, name: &str) -> Vec<&str> {
        self.lookup().names.like(name)
    }

    /// Returns the declared names that look most like a name; of few, all.
    pub(crate) fn declared_like(&self, name: &str) -> Vec<&str> {
        self.own.get_or_init(|| Names::new(self.items.keys().cloned())).like(name)
    }

    /// Asked for only once all modules are linked.
    fn lookup(&self) -> &Lookup {
        self.lookup.get_or_init(|| {
            let mut aliases = HashMap::default();
            for name in self.imported.iter().filter(|name| name.local != name.declared) {
                aliases.entry(name.declared.clone()).or_insert_with(|| name.local.clone());
            }
            let mut types: HashMap<TypeName, SmolStr> = HashMap::default();
            for (local, entry) in &self.scope {
                if let Entry::Type(declared) = entry {
                    let known = types.entry(declared.clone()).or_insert_with(|| local.clone());
                    if *local < *known {
                        *known = local.clone();
                    }
                }
            }
            Lookup { names: Names::new(self.scope.keys().cloned()), aliases, types }
        })
    }
}

impl Program {
    /// Returns a declared thing's signature.
    pub fn sig(&self, symbol: &Symbol) -> Option<&Sig> {
        self.modules.get(&symbol.module)?.sigs.get(&symbol.name)
    }

    /// Returns the item that declares a symbol. An item's check looks at another item's tree in this way only.
    pub fn item(&self, symbol: &Symbol) -> Option<(&Module, &tree::Item)> {
        LOOKS.with_borrow_mut(|looks| {
            if let Some(looks) = looks
                && !looks.contains_key(symbol)
            {
                looks.insert(symbol.clone(), self.seen(symbol));
            }
        });
        self.declared(symbol)
    }

    fn seen(&self, symbol: &Symbol) -> Option<Seen> {
        let (module, item) = self.declared(symbol)?;
        Some(Seen { file: module.file, start: item.start, text: item.text.clone() })
    }

    fn declared(&self, symbol: &Symbol) -> Option<(&Module, &tree::Item)> {
        let module = self.modules.get(&symbol.module)?;
        Some((module, module.tree.items.get(*module.items.get(&symbol.name)?)?))
    }

    /// Returns the values of an enum, by its name.
    pub fn enum_values(&self, name: &TypeName) -> Option<&Arc<[flow_ir::types::EnumValue]>> {
        match &self.types.get(name)?.body {
            flow_ir::types::TypeBody::Enum { values } => Some(values),
            _ => None,
        }
    }

    /// Returns the fields of a named or bare record.
    pub fn record_of<'a>(&'a self, ty: &'a Type) -> Option<&'a Arc<flow_ir::types::Record>> {
        match ty {
            Type::Record(record) => Some(record),
            Type::Where(rule) => self.record_of(&rule.base),
            Type::Named(name) => match &self.types.get(name)?.body {
                flow_ir::types::TypeBody::Record { record, .. } => Some(record),
                _ => None,
            },
            _ => None,
        }
    }

    /// Returns the members of a tagged union.
    pub fn members_of(&self, ty: &Type) -> Option<&[TypeName]> {
        match ty {
            Type::Where(rule) => self.members_of(&rule.base),
            Type::Named(name) => match &self.types.get(name)?.body {
                flow_ir::types::TypeBody::Union { members } => Some(members),
                _ => None,
            },
            _ => None,
        }
    }
}

thread_local! {
    /// The items that [`Program::item`] gave out on this thread, while [`looking`] wants to know.
    static LOOKS: RefCell<Option<HashMap<Symbol, Option<Seen>>>> = const { RefCell::new(None) };
}

/// A declaration whose tree was asked for, and what was there.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    symbol: Symbol,
    seen: Option<Seen>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    file: FileId,
    start: u32,
    text: Arc<str>,
}

impl Look {
    /// The module of the declaration.
    pub fn module(&self) -> &SmolStr {
        &self.symbol.module
    }

    /// Whether the same would be seen in this program.
    pub fn holds(&self, program: &Program) -> bool {
        self.seen == program.seen(&self.symbol)
    }

    /// Whether a place lies in what was seen.
    pub fn contains(&self, at: FileSpan) -> bool {
        self.seen.as_ref().is_some_and(|seen| {
            let end = seen.start + seen.text.len() as u32;
            at.file == seen.file && seen.start <= at.span.start && at.span.end <= end
        })
    }
}

/// Runs something and returns with its result which items it asked for by [`Program::item`].
pub(crate) fn looking<T>(run: impl FnOnce() -> T) -> (T, Vec<Look>) {
    LOOKS.set(Some(HashMap::default()));
    let result = run();
    let looks = LOOKS.take().unwrap_or_default();
    (result, looks.into_iter().map(|(symbol, seen)| Look { symbol, seen }).collect())
}

/// Returns the declared part of a qualified name: `Review` of `lib/review.flow::Review`.
pub fn short(name: &str) -> &str {
    name.rsplit("::").next().unwrap_or(name)
}

/// Returns the name that a module's type has in the program.
pub fn qualified(module: &str, name: &str) -> TypeName {
    TypeName::from(format!("{module}::{name}"))
}

/// Returns the type of a literal, if literals of its kind can be types.
pub fn literal_type(literal: &tree::Literal) -> Option<Literal> {
    match literal {
        tree::Literal::String(text) => Some(Literal::String(text.clone())),
        tree::Literal::Int(number) | tree::Literal::Size(number) => Some(Literal::Int(*number)),
        tree::Literal::Bool(value) => Some(Literal::Bool(*value)),
        _ => None,
    }
}

/// Declares and links all modules: duplicates, imports, cycles. Types and signatures come next.
pub fn link(units: &[Unit], diagnostics: &mut Vec<Diagnostic>) -> Program {
    let mut program = Program::default();
    let mut taken = HashMap::default();
    for unit in units {
        let module = declare(unit, diagnostics, &mut taken);
        program.modules.insert(unit.name.clone(), module);
    }
    let declared = imports::Declared::default();
    for unit in units {
        let links = imports::resolve(unit, &program, &declared, diagnostics);
        if let Some(module) = program.modules.get_mut(&unit.name) {
            for (name, entry) in links.scope {
                module.scope.entry(name).or_insert(entry);
            }
            module.imported = links.imported;
            module.lost = links.lost;
            module.requires = links.requires;
        }
    }
    imports::cycles(&program, diagnostics);
    program
}

fn item_types(kind: &ItemKind) -> Vec<&tree::Name> {
    match kind {
        ItemKind::Type(decl) => {
            let mut all = vec![&decl.name];
            if let tree::TypeBody::Union(union) = &decl.body {
                all.extend(union.members.iter().filter_map(|member| match member {
                    tree::UnionMember::Variant(variant) => Some(&variant.name),
                    tree::UnionMember::Type(_) => None,
                }));
            }
            all
        }
        ItemKind::Enum(decl) => vec![&decl.name],
        ItemKind::Error(item) => {
            item.name.iter().filter(|name| name.text.starts_with(|c: char| c.is_ascii_uppercase())).collect()
        }
        _ => Vec::new(),
    }
}

fn declare(unit: &Unit, diagnostics: &mut Vec<Diagnostic>, taken: &mut HashMap<SmolStr, FileSpan>) -> Module {
    let file = unit.tree.file;
    taken.clear();
    let mut module = Module {
        name: unit.name.clone(),
        file,
        tree: unit.tree.clone(),
        broken: unit.broken.clone(),
        scope: HashMap::default(),
        items: HashMap::default(),
        sigs: HashMap::default(),
        imported: Vec::new(),
        lost: Vec::new(),
        requires: Vec::new(),
        allow: Vec::new(),
        allow_at: None,
        allow_broken: false,
        own: OnceLock::new(),
        lookup: OnceLock::new(),
    };
    crate::test::titles(&unit.tree, diagnostics);
    crate::node::trigger::paths(&unit.tree, diagnostics);
    for (index, item) in unit.tree.items.iter().enumerate() {
        if let ItemKind::Error(lost) = &item.kind {
            for name in &lost.imported {
                module.scope.entry(name.text.clone()).or_insert(Entry::Error);
            }
        }
        let types = item_types(&item.kind);
        let is_type = !types.is_empty();
        let names = if is_type { types } else { item.kind.name().into_iter().collect() };
        for name in names {
            let at = item.locate(file, name.span);
            if let Some(first) = taken.get(&name.text) {
                diagnostics.push(duplicate(&name.text, at, *first));
                continue;
            }
            taken.insert(name.text.clone(), at);
            module.items.insert(name.text.clone(), index);
            let entry = if is_type {
                Entry::Type(qualified(&unit.name, &name.text))
            } else {
                Entry::Value(Symbol { module: unit.name.clone(), name: name.text.clone() })
            };
            module.scope.insert(name.text.clone(), entry);
        }
    }
    module
}

/// A name declared twice.
pub fn duplicate(name: &str, at: FileSpan, first: FileSpan) -> Diagnostic {
    Diagnostic::new(Code::DuplicateName, at, format!("`{name}` is declared twice"))
        .here("declared again here")
        .label(first, "first declared here")
        .help(format!("give one of the two another name, such as `{name}_2`, here and where it is used"))
}
