//! Names: of bindings, constants and types, and what is said where nothing has one.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::{Expr, Type, TypeName, Value};
use flow_source::Span;
use flow_syntax::tree;
use smol_str::SmolStr;

use crate::cx::{Access, BindingKind, Cx, Place, Typed};
use crate::program::{Entry, Sig, short};

/// The names that `type(x)` is compared with.
const TYPE_VALUES: [&str; 11] =
    ["bool", "int", "uint", "double", "float", "string", "bytes", "list", "map", "null_type", "type"];

impl Cx<'_> {
    pub fn name(&mut self, name: &SmolStr, expr: &tree::Expr, hint: Option<&Type>) -> Typed {
        if let Some(&id) = self.visible.get(name) {
            return self.read(id, expr.span);
        }
        if self.is_broken(name) {
            return Typed::poison();
        }
        // The types that values have are values where one is compared with them.
        if matches!(hint, Some(Type::Type)) && TYPE_VALUES.contains(&name.as_str()) {
            // `double` and `float` name one type (F4).
            let value = if name == "float" { "double".into() } else { name.clone() };
            return Typed::new(Expr::Const(Value::Type(value)), Type::Type);
        }
        match self.sig_of(name) {
            Some(Sig::Const(ty, value)) => {
                self.used.insert(name.clone());
                return match value {
                    Some(value) => Typed::new(Expr::Const(value.clone()), ty.clone()),
                    None => Typed::poison(),
                };
            }
            Some(sig) => {
                self.used.insert(name.clone());
                let (what, help) = match sig {
                    Sig::Call(sig) => (sig.kind.as_str(), format!("call it: `{name}(…)`")),
                    Sig::Model(_) => {
                        ("model", "models stand in `model:` fields and in `with {model: …}`".to_string())
                    }
                    Sig::Memory(_, true) => ("memory", format!("read it in a step: `{name}.get(…)`")),
                    Sig::Memory(_, false) => {
                        ("memory", format!("read it in a step: `{name}.search(query, top: 5)`"))
                    }
                    Sig::Server => ("server", format!("call one of its tools in a step: `{name}.tool(…)`")),
                    _ => ("declaration", "it is not a value".to_string()),
                };
                let diagnostic = self
                    .error(Code::TypeMismatch, expr.span, format!("`{name}` is a {what}, not a value"))
                    .help(help);
                self.report(diagnostic);
                return Typed::poison();
            }
            None => {}
        }
        self.unknown_name(name, expr.span, hint);
        Typed::poison()
    }

    /// Reads a binding: what is known here goes before its declared type.
    fn read(&mut self, id: u32, span: Span) -> Typed {
        let binding = &mut self.bindings[id as usize];
        binding.read = true;
        let place = match binding.place {
            Place::Slot(slot) => Expr::Slot(slot),
            Place::Local(local) => Expr::Local(local),
        };
        let (kind, ty, name) = (binding.kind, binding.ty.clone(), binding.name.clone());
        if kind != BindingKind::Variable || matches!(place, Expr::Slot(_)) {
            self.accesses.push(Access { binding: id, span, write: false });
        }
        if kind == BindingKind::State
            && self.point.reachable
            && !self.lost
            && !self.point.assigned.contains(id)
        {
            self.unassigned(id, span, "read before it is surely assigned");
        }
        if let Some((names, jump)) = self.skipped.clone()
            && names.contains(&id)
            && !self.lost
        {
            let ty = self.bindings[id as usize].ty.clone();
            let (ty, start) = (crate::sample::declared(&ty), self.sample(&ty));
            let (bound, jump) = (self.at(self.bindings[id as usize].span), self.at(jump));
            let diagnostic = self
                .error(Code::UnassignedState, span, format!("`{name}` may have no value here"))
                .here("tested after each turn, one that `continue` ends included")
                .label(jump, "leads to the test")
                .label(bound, "not bound yet on that way")
                .help(format!(
                    "bind `{name}` before the `continue`, or declare it at the head of the loop's body: `state {{ {name}: {ty} = {start} }}`, and write `{name} = …` instead of the `let`"
                ));
            self.report(diagnostic);
            self.skipped = None;
        }
        let ty = self.known(id, &[]).map(|known| known.ty.clone()).unwrap_or(ty);
        Typed::new(place, ty)
    }

    /// Whether the word stands earlier in the item, where a part that could not be read may have declared it.
    fn stands_before(&self, name: &str, span: Span) -> bool {
        let before = self.item.text.get(..span.start as usize).unwrap_or_default();
        before.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == name)
    }

    /// Whether this is the `match` of an event, which looks at `body`.
    fn in_match(&self) -> bool {
        let event = |node: &tree::Node| node.kind == tree::NodeKind::Event;
        matches!(&self.item.kind, tree::ItemKind::Node(node) if event(node))
            && self.visible.contains_key("body")
    }

    pub fn unknown_name(&mut self, name: &SmolStr, span: Span, hint: Option<&Type>) {
        if self.siblings.contains_key(name) {
            self.sibling_read(name, span);
            return;
        }
        if name == "secret" {
            let diagnostic = self
                .error(Code::SecretLeak, span, "a secret cannot stand here")
                .help("`secret.NAME` stands only in `api_key`, `headers`, `env`, URL queries and `hmac(…)`");
            self.report(diagnostic);
            return;
        }
        if self.lost_words.contains(name) || self.lost && self.stands_before(name, span) {
            return;
        }
        if let Some(bound) = self.ended(name) {
            return self.out_of_scope(name, span, bound);
        }
        let enum_hint = hint.and_then(|ty| match ty.non_null() {
            Type::Named(enum_name) => {
                let values = self.program.enum_values(enum_name)?;
                let names = || values.iter().map(|value| value.name.as_str());
                let own = names().find(|own| own == name).or_else(|| self.nearest(name, names()))?;
                Some(format!("{}.{own}", self.local_type(enum_name)?))
            }
            _ => None,
        });
        let mut diagnostic = self
            .error(Code::UnknownName, span, format!("unknown name `{name}`"))
            .here("nothing in scope has this name");
        let habit = match name.as_str() {
            "nil" | "none" | "undefined" | "None" => Some("null"),
            "request" | "payload" | "event" | "data" | "delivery" | "json" if self.in_match() => Some("body"),
            _ => None,
        };
        let constants = self
            .module
            .names_like(name)
            .into_iter()
            .filter(|name| matches!(self.sig_of(name), Some(Sig::Const(..))));
        let constant_only = self.constant_only;
        let names = self.visible.keys().map(SmolStr::as_str).filter(|_| !constant_only).chain(constants);
        let near = enum_hint.or_else(|| habit.or_else(|| self.nearest(name, names)).map(String::from));
        let later = self.bound_later(name, span).filter(|_| near.is_none() && !constant_only);
        if let Some(bound) = later {
            diagnostic = diagnostic.label(self.at(bound), "bound further down");
        }
        // What is named by mistake isn't unused as well.
        if let Some(&id) = near.as_ref().and_then(|near| self.visible.get(near.as_str())) {
            self.bindings[id as usize].read = true;
        }
        diagnostic = match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("replace `{name}` by `{near}`"),
                self.at(span),
                near,
            ),
            None if constant_only => {
                diagnostic.help(format!("only constants can be named here: declare it, `const {name} = …`"))
            }
            None if later.is_some() => diagnostic.help(format!("move `let {name}` before this")),
            // The rule of a type that isn't a record.
            None if self
                .visible
                .get("it")
                .is_some_and(|id| self.bindings[*id as usize].kind == BindingKind::Implied) =>
            {
                diagnostic.help(format!(
                    "the value that the rule is about is called `it`: write `it` instead of `{name}`"
                ))
            }
            None => diagnostic.help(format!(
                "bind it before this, `let {name} = …`, or declare it as a parameter: `{name}: {}`",
                hint.map_or("string".to_string(), crate::sample::declared)
            )),
        };
        self.report(diagnostic);
    }

    /// Returns the name that a type has in this file; `None` if it isn't imported.
    pub fn local_type(&self, name: &TypeName) -> Option<&str> {
        let own = short(name);
        let means = |entry: &Entry| matches!(entry, Entry::Type(declared) if declared == name);
        if self.module.scope.get(own).is_some_and(means) {
            return self.module.scope.get_key_value(own).map(|(own, _)| own.as_str());
        }
        self.module.type_called(name)
    }

    /// Finds the `let` further down that binds a name; one in a comment or a text does no harm.
    fn bound_later(&self, name: &SmolStr, span: Span) -> Option<Span> {
        let after = span.end as usize;
        let rest = self.item.text.get(after..)?;
        let mut words = rest.match_indices(name.as_str()).take(64).map(|(at, _)| at);
        let bound = words.find(|at| {
            let before = rest[..*at].trim_end();
            let whole = !rest[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_');
            whole && before.ends_with("let") && before.len() < *at
        })?;
        let start = (after + bound) as u32;
        Some(Span::new(start, start + name.len() as u32))
    }

    /// Returns where a name was bound whose block has ended.
    fn ended(&mut self, name: &SmolStr) -> Option<Span> {
        if self.constant_only || self.diagnostics.len() > 100 {
            return None;
        }
        let binding = self.bindings.iter_mut().rev().find(|binding| binding.name == *name)?;
        // Read where it isn't known, it isn't unused as well.
        binding.read = true;
        (binding.kind != BindingKind::Implied).then_some(binding.span)
    }

    fn out_of_scope(&mut self, name: &SmolStr, span: Span, bound: Span) {
        let help = match self.late_reads.is_empty() {
            true => "values leave a block by `yield`, or in state that is declared before the block",
            false => {
                "hand it to the stage that needs it, `goto next(x)` and `stage next(x: T)`, or keep it in state that is declared before the graph"
            }
        };
        let diagnostic = self
            .error(Code::UnknownName, span, format!("`{name}` is not known here any more"))
            .here("outside of the block that binds it")
            .label(self.at(bound), "bound here, until the end of its block")
            .help(help);
        self.report(diagnostic);
    }

    pub fn type_name(&mut self, name: &SmolStr, span: Span) -> Typed {
        let habit = match name.as_str() {
            "True" => Some("true"),
            "False" => Some("false"),
            "None" | "Null" | "Nil" => Some("null"),
            _ => None,
        };
        let mut diagnostic = match habit {
            Some(word) => self
                .error(Code::UnknownName, span, format!("unknown name `{name}`"))
                .help(format!("it is written `{word}`"))
                .fix(format!("write `{word}`"), self.at(span), word),
            None if matches!(self.module.scope.get(name), Some(Entry::Type(_))) => {
                self.used.insert(name.clone());
                self.error(Code::TypeMismatch, span, format!("`{name}` is a type, not a value")).help(
                    format!("make a value of it: `{name}{{…}}`, or name a value of an enum: `{name}.value`"),
                )
            }
            None => self.unknown_type(name, span),
        };
        if self.is_broken(name) {
            return Typed::poison();
        }
        if diagnostic.help.is_none() {
            diagnostic = diagnostic.help(format!(
                "declare it, `type {name} {{ name: string }}` with the fields it has, or import it: `import {{ {name} }} from \"./other.flow\"`"
            ));
        }
        self.report(diagnostic);
        Typed::poison()
    }

    /// Reports a name with a capital letter that stands for a value: of what was meant nothing is said.
    fn unknown_type(&mut self, name: &SmolStr, span: Span) -> Diagnostic {
        let diagnostic = self
            .error(Code::UnknownType, span, format!("unknown type `{name}`"))
            .here("not declared or imported in this file");
        let own = name.to_ascii_lowercase();
        if let Some(&id) = self.visible.get(own.as_str()) {
            self.bindings[id as usize].read = true;
            return diagnostic
                .help(format!("names with a capital letter are types; did you mean `{own}`?"))
                .fix(format!("write `{own}`"), self.at(span), own);
        }
        let is_type = |name: &&str| matches!(self.module.scope.get(*name), Some(Entry::Type(_)));
        let types = self.module.names_like(name).into_iter().filter(is_type);
        let near = match self.module.alias_of(name) {
            Some(alias) => Some(alias.clone()),
            None => self.nearest(name, types).map(SmolStr::from),
        };
        match near {
            Some(near) => {
                self.used.insert(near.clone());
                diagnostic.similar("type", name, &near, self.at(span))
            }
            None => diagnostic,
        }
    }

    pub fn loop_value(&mut self, which: tree::LoopValue, span: Span) -> Typed {
        let Some(&counters) = self.counters.last() else {
            let diagnostic = self
                .error(Code::UnknownName, span, "there is no loop around this")
                .help("`loop.index` and `loop.last` belong to the innermost `loop`, `for` or `parallel for`");
            self.report(diagnostic);
            return Typed::poison();
        };
        match which {
            tree::LoopValue::Index => {
                Typed::new(Expr::Slot(self.counter_slot(which, counters.index)), Type::INT)
            }
            tree::LoopValue::Last => {
                Typed::new(Expr::Slot(self.counter_slot(which, counters.last)), Type::Bool)
            }
        }
    }

    /// Returns where the innermost loop keeps a value.
    fn counter_slot(&mut self, which: tree::LoopValue, known: Option<u32>) -> u32 {
        let (name, ty) = match which {
            tree::LoopValue::Index => ("$index", Type::INT),
            tree::LoopValue::Last => ("$last", Type::Bool),
        };
        let slot = known.unwrap_or_else(|| self.slot(name, ty));
        if let Some(counters) = self.counters.last_mut() {
            match which {
                tree::LoopValue::Index => counters.index = Some(slot),
                tree::LoopValue::Last => counters.last = Some(slot),
            }
        }
        slot
    }

    /// Gives the innermost loop its values before branches begin: what lies among a branch's own slots is nobody else's to set.
    pub fn keep_counters(&mut self) {
        if let Some(&counters) = self.counters.last() {
            self.counter_slot(tree::LoopValue::Index, counters.index);
            self.counter_slot(tree::LoopValue::Last, counters.last);
        }
    }
}
