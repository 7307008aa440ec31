//! Calls of nodes where only values may stand.

use flow_diagnostics::Code;
use flow_source::Span;
use flow_syntax::tree;

use crate::cx::Cx;
use crate::program::CallKind;

impl Cx<'_> {
    /// What is said of a call of a node where only values may stand.
    pub fn effect_in_expression(&mut self, name: &str, kind: CallKind, span: Span) {
        self.effect(name, kind.as_str(), span);
    }

    /// The same of anything that has an effect; `what` is what the message calls it.
    pub fn effect(&mut self, name: &str, what: &str, span: Span) {
        let clauses = self.clauses.take();
        let article = if what.starts_with(['a', 'e']) { "an" } else { "a" };
        let mut diagnostic = self
            .error(
                Code::EffectInExpression,
                span,
                format!("`{name}` is {article} {what} and must be a step of its own"),
            )
            .here("called inside an expression");
        match self.hoist {
            Some(step) => {
                let short_name = name.rsplit('.').next().unwrap_or(name);
                let mut fresh = String::from(short_name);
                // Steps are named by what takes them, so a name is taken where any word of the item is the same.
                let words = |fresh: &str| {
                    self.item
                        .text
                        .split(|c: char| !c.is_alphanumeric() && c != '_')
                        .filter(|word| *word == fresh)
                        .count()
                };
                let taken = |fresh: &str| {
                    let own = usize::from(fresh == short_name);
                    words(fresh) > own
                        || self.fresh.contains(fresh)
                        || self.module.scope.contains_key(fresh) && fresh != name
                };
                let mut number = 2;
                while taken(&fresh) {
                    fresh = format!("{short_name}_{number}");
                    number += 1;
                }
                let line = self.item.text[..step.start as usize].rfind('\n').map_or(0, |at| at + 1);
                let before = &self.item.text[line..step.start as usize];
                let between =
                    if before.trim().is_empty() { format!("\n{before}") } else { String::from("  ") };
                let call = self.text(span).to_string();
                let (module, item) = (self.module, self.item);
                let edit = |at: Span, text: String| flow_diagnostics::Edit {
                    at: item.locate(module.file, at),
                    text,
                };
                let mut moved = None;
                // What belongs to the call moves with it.
                let clauses = clauses.map_or("", |at| {
                    moved = Some(at);
                    self.text(at)
                });
                let mut edits = vec![
                    edit(Span::at(step.start), format!("let {fresh} = {call}{clauses}{between}")),
                    edit(span, fresh.clone()),
                ];
                edits.extend(moved.map(|at| edit(at, String::new())));
                self.fresh.insert(fresh.clone());
                diagnostic = diagnostic
                    .help(format!("call it in a step before this one: `let {fresh} = {call}`"))
                    .fix_all(format!("extract `let {fresh} = {call}`"), edits);
            }
            None if self.in_macro => {
                diagnostic = diagnostic.help(format!(
                    "walk the list in a step of its own: `let results = parallel for x in xs max 50 collect {{ yield {name}(…) }}`"
                ));
            }
            None if matches!(self.item.kind, tree::ItemKind::Code(_)) => {
                diagnostic = diagnostic
                    .here("code is pure")
                    .help(format!("call `{name}` in the flow, and pass what it gives as an argument"));
            }
            None => {
                let call = self.shown(span);
                let value = name.rsplit('.').next().unwrap_or(name);
                diagnostic = match &self.item.kind {
                    tree::ItemKind::Const(_) => diagnostic
                        .here("a constant is known before a run")
                        .help(format!("take the constant out, and call it in the flow that needs it: `let {value} = {call}`")),
                    tree::ItemKind::Type(_) => diagnostic
                        .here("a rule of a type calls nothing")
                        .help(format!("take it out of the rule, and test it in the flow: `let checked = {call}`, then `fail not_usable(\"…\") if …`")),
                    _ => diagnostic.help(format!("call it in a step of its own before this one, `let found = {call}`, and use `found` here")),
                };
            }
        }
        self.report(diagnostic);
    }
}
