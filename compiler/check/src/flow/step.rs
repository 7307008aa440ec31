//! Steps: calls with their clauses, and everything else that gives a value.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::plan::{Extract, ModelRef, Statement, Step, Target, With};
use flow_ir::{Expr, Type};
use flow_source::Span;
use flow_syntax::tree::{self, Entry, ExprKind, Key, ValueKind};
use smol_str::SmolStr;

use super::ways::{Exit, Way};
use super::{FlowCheck, Frame, ValueFrame};
use crate::coordinates::Naming;
use crate::cx::{Point, Typed, Use};
use crate::expr::CallTarget;
use crate::fit::{Fit, fit, join};
use crate::node::settings::{Kind, setting};
use crate::program::CallKind;
use crate::writers::{Danger, WriterCall};

/// What a value turned out to be.
pub(crate) enum Got {
    /// An expression; nothing was emitted.
    Pure(Typed),
    /// Statements that put a value of this type into the wanted slot.
    Stored(Type),
}

impl FlowCheck<'_> {
    /// A value as a statement: nobody takes what it gives.
    pub fn bare(&mut self, value: &tree::Value) {
        if let ValueKind::Expr(expr) = &value.kind
            && self.root_target(expr).is_none()
        {
            return self.useless(expr, value);
        }
        self.value_of(value, None, None, None);
    }

    fn useless(&mut self, expr: &tree::Expr, value: &tree::Value) {
        // `sumarize(x)` as a step is most likely a node with a slip in its name.
        let root = root_of(expr);
        if let ExprKind::Call(call) = &root.kind {
            let known = self.callable(&call.name.text).is_some()
                || self.is_broken(&call.name.text)
                || flow_expr::functions::lookup(&call.name.text, false).next().is_some()
                || crate::expr::is_function_habit(&call.name.text);
            if !known {
                for arg in &call.args {
                    self.expr(&arg.value, None);
                }
                if !std::ptr::eq(root, expr) || !self.calls_stage(call) {
                    self.unknown_call(&call.name.text, call.name.span, Code::UnknownNode);
                }
                return;
            }
        }
        self.cx.bare = Some(expr.span);
        let typed = self.expr(expr, None);
        self.cx.bare = None;
        if let Some(undo) = &value.undo {
            return match typed.ty {
                Type::Error => self.mention(undo),
                _ => self.no_undo(value),
            };
        }
        if matches!(typed.ty, Type::Error) {
            return;
        }
        let diagnostic = self
            .error(Code::UnusedBinding, value.span, "this value is never used")
            .here("computed and dropped")
            .help("bind it with `let`, or remove it");
        self.dropped = Some(value.span);
        self.report(diagnostic);
    }

    /// Says what is called at the root of `f(x).field[0] as T`.
    fn root_target(&mut self, expr: &tree::Expr) -> Option<CallTarget> {
        let root = root_of(expr);
        self.target(root)
    }

    /// Checks a value. `name` is that of the `let` or state that takes it; without a slot nobody does.
    pub fn value_of(
        &mut self,
        value: &tree::Value,
        name: Option<&SmolStr>,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> Got {
        if !matches!(value.kind, ValueKind::Expr(_)) {
            self.no_undo(value);
        }
        match &value.kind {
            ValueKind::Expr(expr) => match self.root_target(expr) {
                Some(target) => self.call_step(expr, target, value, name, expected, into),
                None => self.pure(expr, value, expected),
            },
            ValueKind::Do(block) => self.do_value(block, value, name, expected, into),
            ValueKind::ParallelFor(walk) => self.parallel_for(walk, value, name, expected, into),
            ValueKind::Route(route) => self.route_value(route, value, name, expected, into),
            ValueKind::Race(race) => self.race(race, value, name, expected, into),
            ValueKind::Graph(graph) => self.graph(graph, value, name, expected, into),
        }
    }

    fn pure(&mut self, expr: &tree::Expr, value: &tree::Value, expected: Option<&Type>) -> Got {
        // An unknown call in step position is a node with a slip in its name.
        if let ExprKind::Call(call) = &root_of(expr).kind
            && self.means_node(&call.name.text)
        {
            for arg in &call.args {
                self.expr(&arg.value, None);
            }
            self.unknown_call(&call.name.text, call.name.span, Code::UnknownNode);
            if let Some(undo) = &value.undo {
                self.mention(undo);
            }
            return Got::Pure(Typed::poison());
        }
        let has_clauses = value.name.is_some() || value.with.is_some() || value.catch.is_some();
        self.cx.clauses =
            Some(Span::new(expr.span.end, value.span.end)).filter(|at| has_clauses && at.start < at.end);
        let offered = self.cx.clauses.is_some();
        let typed = self.expr(expr, expected);
        // They go with the call that is told to be a step of its own.
        let moved = offered && self.cx.clauses.take().is_none();
        if let Some(undo) = &value.undo {
            match typed.ty {
                Type::Error => self.mention(undo),
                _ => self.no_undo(value),
            }
        }
        let clause = [
            value.with.as_ref().map(|with| (with.span, "with")),
            value.name.as_ref().map(|name| (name.span, "as")),
            value.catch.as_ref().map(|_| (value.span, "catch")),
        ];
        if let Some((span, word)) = clause.into_iter().flatten().next()
            && !matches!(typed.ty, Type::Error)
            && !moved
        {
            let diagnostic = self
                .error(Code::TypeMismatch, span, format!("`{word}` belongs to a step"))
                .here("this value is pure")
                .help("remove it: nothing is called here");
            self.report(diagnostic);
        }
        Got::Pure(typed)
    }

    /// Whether an unknown call in step position is a node with a slip in its name.
    pub fn means_node(&mut self, name: &str) -> bool {
        self.callable(name).is_none()
            && !self.is_broken(name)
            && flow_expr::functions::lookup(name, false).next().is_none()
            && !matches!(name, "has" | "endorse")
            && !crate::expr::is_function_habit(name)
    }

    fn call_step(
        &mut self,
        expr: &tree::Expr,
        target: CallTarget,
        value: &tree::Value,
        name: Option<&SmolStr>,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> Got {
        let root = root_of(expr);
        let (callee, name_span, args_written) = match &root.kind {
            ExprKind::Call(call) => (call.name.text.clone(), call.name.span, call.args.as_slice()),
            ExprKind::Method(method) => {
                let callee = SmolStr::from(self.text(method.receiver.span.to(method.name.span)));
                (callee, method.name.span, method.args.as_slice())
            }
            // `prefs["theme"]`
            ExprKind::Index(index) => {
                let memory = SmolStr::from(self.text(index.object.span));
                (memory, index.object.span, [].as_slice())
            }
            _ => return Got::Pure(Typed::poison()),
        };
        let segment = value
            .name
            .as_ref()
            .map(|name| name.text.clone())
            // A test calls flows by their own names: so coordinates are those of a run.
            .or_else(|| name.filter(|_| !self.loose).cloned())
            .unwrap_or_else(|| callee.clone());
        let before = self.point.clone();
        let (mut flow, mut node) = (None, None);
        let (plan_target, args, returns, kind, unsafe_writer) = match target {
            CallTarget::Step(symbol, sig) => {
                let args = self.arguments(&sig.params_of(), args_written, &callee, name_span);
                if self.racing > 0 {
                    let call = WriterCall { symbol: symbol.clone(), span: root.span, danger: Danger::Race };
                    self.cx.writer_calls.push(call);
                }
                let target = match sig.kind {
                    CallKind::Flow => {
                        flow = Some(symbol.clone());
                        Target::Flow(self.uses.add(Use::Flow(symbol), name_span))
                    }
                    _ => {
                        node = Some(symbol.clone());
                        Target::Node(self.uses.add(Use::Node(symbol), name_span))
                    }
                };
                (Some(target), args, sig.returns.clone(), sig.kind, sig.unsafe_writer)
            }
            CallTarget::Foreign(ty, what) => {
                let ty = self.foreign_call(root, ty);
                self.not_runnable.push((root.span, what));
                (None, Vec::new(), ty, CallKind::Tool, false)
            }
        };
        let naming = Naming::of(value.name.as_ref(), expr.span.end);
        let is_free = self.coordinate(&segment, root.span, naming, flow);
        self.calls_node(&segment, node);
        let with = self.with(value.with.as_ref(), kind, unsafe_writer, &callee);
        let expected = expected.cloned();
        let (extract, ty) = self.extract(expr, root, returns, expected.as_ref());
        let undo = value
            .undo
            .as_ref()
            .and_then(|undo| self.undo(undo, &segment, name, &ty, before.clone(), is_free));
        // What a failure knows is what was known before.
        let mut ty = ty;
        let catch = value.catch.as_ref().map(|catch| {
            let (catch, joined) = self.step_catch(catch, &segment, before, &ty, expected.as_ref(), into);
            ty = joined;
            catch
        });
        if let Some(target) = plan_target {
            self.emit(Statement::Step(Box::new(Step {
                segment,
                target,
                args,
                with,
                into,
                extract,
                catch,
                undo,
            })));
        }
        Got::Stored(ty)
    }

    /// What is made of the result before it is stored: fields, indices, casts, and the conversion to the place.
    fn extract(
        &mut self,
        expr: &tree::Expr,
        root: &tree::Expr,
        returns: Type,
        expected: Option<&Type>,
    ) -> (Option<Extract>, Type) {
        let bare = std::ptr::eq(expr, root);
        let direct = expected.is_none_or(|to| fit(self.program, &returns, to) == Fit::Same);
        if bare && direct {
            return (None, returns);
        }
        let raw = self.slot("$raw", returns.clone());
        let made = self.unwrap(expr, root, Typed::new(Expr::Slot(raw), returns));
        let (value, ty) = match expected {
            Some(to) => (self.coerce(made, to, expr.span, "what takes it"), to.clone()),
            None => self.storable(made),
        };
        (Some(Extract { raw, value }), ty)
    }

    fn unwrap(&mut self, expr: &tree::Expr, root: &tree::Expr, raw: Typed) -> Typed {
        if std::ptr::eq(expr, root) {
            return raw;
        }
        match &expr.kind {
            ExprKind::Member(member) => {
                let object = self.unwrap(&member.object, root, raw);
                self.field(object, &member.object, &member.name, member.optional)
            }
            ExprKind::Index(index) => {
                let object = self.unwrap(&index.object, root, raw);
                let key = self.expr(&index.index, None);
                self.index_typed(object, key, index, expr.span)
            }
            ExprKind::Cast(of, to) => {
                let object = self.unwrap(of, root, raw);
                let to_type = self.read_type(|reader| reader.read(to));
                self.cast_typed(object, of.span, to_type, to.span)
            }
            _ => raw,
        }
    }

    /// Reads `with {retry: 3, timeout: 20s}`.
    fn with(&mut self, with: Option<&tree::With>, kind: CallKind, unsafe_writer: bool, callee: &str) -> With {
        let mut policy = With::default();
        let Some(with) = with else { return policy };
        let keys = match kind {
            CallKind::Prompt | CallKind::Agent => Kind::WithModel,
            CallKind::Tool => Kind::WithTool,
            _ => Kind::WithTime,
        };
        for entry in &with.record.entries {
            let Entry::Pair { optional: false, key: Key::Name(key), value } = entry else {
                let diagnostic = self
                    .error(Code::BadSetting, with.span, "`with` takes constant names")
                    .help("write `with {retry: 3, timeout: 20s}`");
                self.report(diagnostic);
                continue;
            };
            let Some(row) = setting(keys, &key.text) else {
                self.unknown_setting(keys, key);
                continue;
            };
            match row.name {
                "model" => {
                    if let ModelRef::Model(id) = self.model_ref(Some(value), value.span) {
                        policy.model = Some(ModelRef::Model(id));
                    }
                }
                "retry" => {
                    policy.retry = self.int_setting(value, row).map(|number| number as u32);
                    if unsafe_writer && policy.retry.is_some_and(|count| count > 0) {
                        self.unsafe_retry(callee, value.span);
                    }
                }
                "timeout" => policy.timeout_ms = self.duration_setting(value, row.name),
                "repair" => policy.repair = self.int_setting(value, row).map(|number| number as u32),
                _ => {}
            }
        }
        policy
    }

    /// What is known where these steps fail: they may have assigned anything before.
    pub fn before(&self, steps: &[tree::Step]) -> Point {
        let mut point = self.point.clone();
        if !point.facts.is_empty() {
            let assigned = self.assigned_state(steps);
            point.facts.retain(|fact| !assigned.contains(&fact.root));
        }
        point
    }

    /// `do { … yield v }`.
    fn do_value(
        &mut self,
        block: &tree::Block,
        value: &tree::Value,
        name: Option<&SmolStr>,
        expected: Option<&Type>,
        into: Option<u32>,
    ) -> Got {
        let segment = value.name.as_ref().map(|name| name.text.clone()).or_else(|| name.cloned());
        self.no_with(value, "a `do`");
        let path = segment.as_ref().map(|segment| self.enter(segment));
        let before = self.before(&block.steps);
        self.frames.push(Frame::Value(ValueFrame::new(expected.cloned())));
        let id = self.plain_block(block);
        let (mut ty, yields) = self.close_value(into.is_some(), block.span);
        let mut into = into;
        if yields && into.is_none() {
            into = Some(self.slot("$do", ty.clone()));
        }
        let catch = value.catch.as_ref().map(|catch| {
            let (catch, joined) = self.block_catch(catch, before, &ty, expected, into);
            ty = joined;
            catch
        });
        if let Some(path) = path {
            self.leave(path);
        }
        self.emit(Statement::Do { segment, block: id, into, catch });
        Got::Stored(ty)
    }

    /// Of a block that ends without a value, and with one that nothing takes, only the first is told: `yield` is missing.
    pub fn not_dropped(&mut self, diagnostic: Diagnostic, block: Span, word: &str) -> Diagnostic {
        let Some(value) = self.dropped.take().filter(|value| block.contains(*value)) else {
            return diagnostic;
        };
        let at = self.at(value);
        let is_told = |other: &Diagnostic| other.code == Code::UnusedBinding && other.primary.at == at;
        self.cx.diagnostics.retain(|other| !is_told(other));
        diagnostic.label(at, "this value is dropped").help(format!("hand it out: `{word} …`")).fix(
            format!("write `{word}`"),
            self.at(Span::at(value.start)),
            format!("{word} "),
        )
    }

    /// Ends a block that takes `yield`: the point after it is where the yields lead.
    pub fn close_value(&mut self, needed: bool, span: Span) -> (Type, bool) {
        let Some(Frame::Value(frame) | Frame::BranchValue(frame)) = self.frames.pop() else {
            return (Type::Error, false);
        };
        let yields = frame.joined.is_some();
        let mut ty = frame.ty();
        let exit = frame.exit;
        if self.point.reachable && !self.point.vague && (needed || yields) && !self.lost && !self.lost_way {
            let end = Span::new(span.end.saturating_sub(1), span.end);
            let diagnostic = self
                .error(Code::MissingReturn, end, "this block can end without a value")
                .here("a way leads here")
                .help(match &ty {
                    Type::Error | Type::Never | Type::Null => {
                        "write the block's value before this `}`: `yield` and the value".to_string()
                    }
                    ty => format!(
                        "write the block's value before this `}}`, such as `yield {}`",
                        self.sample(ty)
                    ),
                });
            let diagnostic = self.not_dropped(diagnostic, span, "yield");
            self.report(diagnostic);
            // As if the value were given there.
            match yields {
                true => self.cx.point = exit,
                false => ty = Type::Error,
            }
            return (ty, yields);
        }
        match self.point.reachable {
            true => self.cx.point.meet(exit),
            false => self.cx.point = exit,
        }
        (ty, yields)
    }

    /// Notes a value that is yielded to the innermost block that takes one; returns it as that block needs it.
    pub fn yielded(&mut self, typed: Typed, span: Span) -> Expr {
        let frame = self.frames.iter().rev().find_map(|frame| match frame {
            Frame::Value(frame) | Frame::BranchValue(frame) => {
                Some((frame.expected.clone(), frame.joined.clone()))
            }
            _ => None,
        });
        let Some((expected, joined)) = frame else { return typed.expr };
        let (value, next) = match expected {
            Some(expected) => {
                let value = self.coerce(typed, &expected, span, "the value");
                (value.clone(), Typed::new(Self::unset(), expected))
            }
            None => {
                let (value, ty) = self.storable(typed);
                let typed = Typed::new(value.clone(), ty);
                let next = match &joined {
                    None => typed,
                    Some(before) => match self.join_types(before, &typed, None) {
                        Some(ty) => Typed::new(Expr::Slot(0), ty),
                        None => {
                            let diagnostic = self
                                .error(
                                    Code::TypeMismatch,
                                    span,
                                    format!("expected `{}`, found `{}`", before.ty, typed.ty),
                                )
                                .here("values given before have another type")
                                .help(format!(
                                    "give a value of `{0}` here, such as `{1}`, or another type in the places before it",
                                    crate::sample::declared(&before.ty),
                                    self.sample(&before.ty)
                                ));
                            self.report(diagnostic);
                            Typed::new(Expr::Slot(0), Type::Error)
                        }
                    },
                };
                (value, next)
            }
        };
        for frame in self.frames.iter_mut().rev() {
            if let Frame::Value(frame) | Frame::BranchValue(frame) = frame {
                frame.joined = Some(next);
                break;
            }
        }
        let point = self.point.clone();
        let takes = |frame: &Frame| matches!(frame, Frame::Value(_) | Frame::BranchValue(_));
        if let Some(frame) = self.innermost(takes) {
            self.lead(Exit { frame, way: Way::Yield }, point);
        }
        value
    }

    /// Reports `catch` after what takes none (S6).
    pub fn no_catch(&mut self, value: &tree::Value, what: &str, inside: &str) {
        let Some(catch) = &value.catch else { return };
        let diagnostic = self
            .error(Code::UnexpectedToken, value.span, format!("{what} takes no `catch`"))
            .help(format!("put it after the calls in the {inside}, or use `try`"));
        self.report(diagnostic);
        if let tree::Catch::Value(expr) = catch {
            self.mention(expr);
        }
    }

    pub fn no_with(&mut self, value: &tree::Value, what: &str) {
        if let Some(with) = &value.with {
            let diagnostic = self
                .error(Code::UnknownSetting, with.span, format!("{what} takes no `with`"))
                .help("give it to the calls inside");
            self.report(diagnostic);
        }
    }

    /// Brings the type of a step and that of its `catch` together.
    pub fn joined_type(&mut self, a: &Type, b: &Type, span: Span) -> Type {
        match join(self.program, a, b) {
            Some(ty) => ty,
            None => {
                let diagnostic = self
                    .error(Code::TypeMismatch, span, format!("expected `{a}`, found `{b}`"))
                    .here("the step gives another type")
                    .help("give a value of the step's type");
                self.report(diagnostic);
                Type::Error
            }
        }
    }
}

/// Returns the call that `f(x).field[0] as T` starts with; `prefs["theme"]` may read a memory, and is a root too.
pub(crate) fn root_of(expr: &tree::Expr) -> &tree::Expr {
    match &expr.kind {
        ExprKind::Index(index) if matches!(index.object.kind, ExprKind::Name(_)) => expr,
        ExprKind::Member(member) => root_of(&member.object),
        ExprKind::Index(index) => root_of(&index.object),
        ExprKind::Cast(of, _) => root_of(of),
        _ => expr,
    }
}
