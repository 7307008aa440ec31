//! Prompts: from parameters to messages, and from an answer to a value of the type.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use flow_ir::plan::{ModelId, ModelKind, ModelRef, ModelSettings, Node, NodeId, Prompt, Step};
use flow_ir::types::Media;
use flow_ir::value::{MediaSource, MediaValue};
use flow_ir::{Expr, Name, Plan, Type, Value};
use flow_runtime_api::{
    Answer, Call, Choice, Failure, FinishReason, Kind, Message, Part, Role, Sampling, Schema, ToolChoice,
};
use sha2::{Digest, Sha256};

use super::retry::setting;
use super::{Prepared, Request, StepState, Verdict, good};
use crate::engine::Run;

/// Models within models, `fallback(round_robin(…), …)`; more is a circle.
const MODEL_DEPTH_MAX: usize = 16;
/// A wrong answer is shown to the model, and recorded, up to so many bytes.
const SHOWN_BYTES_MAX: usize = 16 << 10;

/// The models that a prompt may ask, while they are looked for.
#[derive(Default)]
struct Candidates<'a> {
    recorded: Option<&'a [Choice]>,
    models: Vec<ModelRef>,
    choices: Vec<Choice>,
}

impl Run {
    /// Returns the models that a prompt may ask, in order, and what `round_robin` chose on the way: as `recorded` says,
    /// else in turn.
    pub(crate) fn candidates(
        &mut self,
        plan: &Plan,
        step: &Step,
        node: NodeId,
        recorded: Option<&[Choice]>,
    ) -> (Vec<ModelRef>, Vec<Choice>) {
        let Some(prompt) = plan.nodes[node as usize].kind.ask() else { return Default::default() };
        let mut found = Candidates { recorded, ..Candidates::default() };
        self.resolve(plan, step.with.model.unwrap_or(prompt.model), MODEL_DEPTH_MAX, &mut found);
        (found.models, found.choices)
    }

    fn resolve(&mut self, plan: &Plan, model: ModelRef, depth: usize, found: &mut Candidates<'_>) {
        let ModelRef::Model(id) = model else { return found.models.push(model) };
        let Some(depth) = depth.checked_sub(1) else { return };
        match plan.models.get(id as usize).map(|model| &model.kind) {
            Some(ModelKind::Fallback(all)) => {
                all.iter().for_each(|id| self.resolve(plan, ModelRef::Model(*id), depth, found))
            }
            Some(ModelKind::RoundRobin(all)) => {
                let chosen = self.choose_model(plan, id, all, found);
                self.resolve(plan, ModelRef::Model(chosen), depth, found);
            }
            Some(ModelKind::Provider { .. }) => found.models.push(model),
            None => {}
        }
    }

    /// Chooses as the record says, if that is one of these; else the next in turn. What is on record was a turn, too.
    fn choose_model(
        &mut self,
        plan: &Plan,
        id: ModelId,
        all: &[ModelId],
        found: &mut Candidates<'_>,
    ) -> ModelId {
        let name = |id: ModelId| plan.models[id as usize].name.clone();
        let next = self.turns.entry(id).or_default();
        let recorded = found.recorded.and_then(|recorded| recorded.get(found.choices.len()));
        let known = recorded
            .filter(|choice| choice.model == name(id))
            .and_then(|choice| Some((choice.turn, *all.iter().find(|id| name(**id) == choice.chosen)?)));
        let (turn, chosen) = known.unwrap_or((*next, all[(*next % all.len() as u64) as usize]));
        *next = (*next).max(turn.saturating_add(1));
        found.choices.push(Choice { model: name(id), turn, chosen: name(chosen) });
        chosen
    }

    pub(super) fn prepare_prompt(
        &mut self,
        plan: &Plan,
        node: &Node,
        prompt: &Prompt,
        state: &StepState,
    ) -> Result<Prepared, Failure> {
        let Some(model) = state.candidates.get(state.candidate).copied() else {
            return Err(Failure::new(Kind::Unavailable, "no model can be asked"));
        };
        let name = self.model_name(plan, model)?;
        let mut messages = Vec::with_capacity(2 + 2 * state.repairs.len());
        if let Some(system) = &prompt.system {
            messages.push(Message::text(Role::System, self.text(plan, state, system)?));
        }
        if let Some(history) = &prompt.history {
            self.history(plan, state, history, &mut messages)?;
        }
        messages.push(self.said(plan, state, &prompt.user)?);
        if let Some(turn) = &state.turn {
            messages.extend(turn.so_far.iter().cloned());
        }
        for (answer, complaint) in &state.repairs {
            messages.extend(repaired(answer, complaint));
        }
        if let Some(assistant) = &prompt.assistant {
            messages.push(Message::text(Role::Assistant, self.text(plan, state, assistant)?));
        }
        let schema = self.schema(plan, state.node, &node.returns);
        let mut call = Call {
            model: name.clone(),
            messages,
            schema: schema.as_deref().cloned(),
            tools: if state.turn.is_some() { self.tool_specs(plan, state.node).to_vec() } else { Vec::new() },
            tool_choice: match &state.turn {
                Some(turn) if turn.is_last => ToolChoice::None,
                _ => ToolChoice::Auto,
            },
            sampling: sampling(plan, state),
            cache: setting(plan, state, |settings| settings.cache),
            has_own_limit: false,
        };
        if call.sampling.max_tokens.is_none() {
            call.has_own_limit = true;
            call.sampling.max_tokens = self.facts(Some(model)).and_then(|facts| facts.output_tokens_max);
        }
        let fingerprint = fingerprint(&call);
        let request = Request::Ask(Box::new(call), model);
        Ok(Prepared { request, fingerprint, model: Some(name), repeatable: true })
    }

    /// Returns an answer with the beginning that it was given: some servers go on after it, others repeat it.
    pub(super) fn with_beginning(
        &self,
        plan: &Plan,
        prompt: &Prompt,
        state: &StepState,
        text: String,
    ) -> String {
        match prompt.assistant.as_ref().map(|begin| self.text(plan, state, begin)) {
            Some(Ok(begin)) if !text.starts_with(&begin) => begin + &text,
            _ => text,
        }
    }

    pub(crate) fn model_name(&self, plan: &Plan, model: ModelRef) -> Result<Name, Failure> {
        if let Some(facts) = self.facts(Some(model)) {
            return Ok(facts.name.clone());
        }
        match model {
            ModelRef::Model(id) => match plan.models.get(id as usize).map(|model| &model.kind) {
                Some(ModelKind::Provider { provider, model }) => {
                    Ok(Name::from(format!("{provider}/{model}")))
                }
                _ => Err(Failure::new(Kind::Unavailable, "no model can be asked")),
            },
            ModelRef::Default => Err(Failure::new(Kind::Unavailable, "no default model is set")),
        }
    }

    /// Renders a text over a node's parameters.
    pub(super) fn text(&self, plan: &Plan, state: &StepState, expr: &Expr) -> Result<String, Failure> {
        match self.of_params(plan, state, expr)? {
            Value::String(text) => Ok(text.to_string()),
            Value::Null => Ok(String::new()),
            _ => Err(Failure::new(Kind::BadValue, "a message is no text")),
        }
    }

    /// Renders the user's message: its text, and the images, recordings and files in it.
    pub(super) fn said(&self, plan: &Plan, state: &StepState, expr: &Expr) -> Result<Message, Failure> {
        let said = self.say(plan, &flow_expr::Slots(&state.args), expr).map_err(of_expression)?;
        let mut parts = Vec::with_capacity(1 + 2 * said.media.len());
        let mut from = 0;
        for (at, media) in &said.media {
            if let Some(text) = said.text.get(from..*at).filter(|text| !text.is_empty()) {
                parts.push(Part::Text(text.to_owned()));
            }
            parts.push(media_part(media));
            from = *at;
        }
        match said.text.get(from..) {
            Some(text) if !text.is_empty() || parts.is_empty() => parts.push(Part::Text(text.to_owned())),
            _ => {}
        }
        Ok(Message { role: Role::User, parts })
    }

    /// Computes an expression over a node's parameters.
    pub(super) fn of_params(&self, plan: &Plan, state: &StepState, expr: &Expr) -> Result<Value, Failure> {
        self.compute(plan, &flow_expr::Slots(&state.args), expr).map_err(of_expression)
    }

    fn history(
        &self,
        plan: &Plan,
        state: &StepState,
        history: &Expr,
        messages: &mut Vec<Message>,
    ) -> Result<(), Failure> {
        let wrong = |what: &str| Failure::new(Kind::BadValue, format!("history: {what}"));
        let entries = match self.of_params(plan, state, history)? {
            Value::List(entries) => entries,
            Value::Null => return Ok(()),
            _ => return Err(wrong("no list")),
        };
        for entry in entries.iter() {
            let role = match entry.get("role") {
                Some(Value::String(role)) => role.to_string(),
                Some(Value::Enum(role)) => role.name().to_string(),
                _ => return Err(wrong("an entry has no `role`")),
            };
            let role = match role.as_str() {
                "system" => Role::System,
                "user" => Role::User,
                "assistant" => Role::Assistant,
                _ => return Err(wrong("a role is none of system, user and assistant")),
            };
            let content = entry.get("content").and_then(Value::as_str);
            messages.push(Message::text(role, content.ok_or_else(|| wrong("an entry has no `content`"))?));
        }
        Ok(())
    }

    /// Returns the schema of a node's answer; none for text.
    fn schema(&mut self, plan: &Plan, id: NodeId, returns: &Type) -> Option<Arc<Schema>> {
        let make = || {
            (!flow_answer::takes_text(returns, &plan.types)).then(|| {
                let name = schema_name(plan, returns, &plan.nodes[id as usize].name);
                Arc::new(Schema { name, json: flow_ir::schema::schema(returns, &plan.types) })
            })
        };
        self.schemas.entry(id).or_insert_with(make).clone()
    }

    /// Reads an answer as a value of the node's type.
    pub(super) fn read_answer(&self, plan: &Plan, state: &StepState, answer: Answer) -> Verdict {
        let node = &plan.nodes[state.node as usize];
        let Some(prompt) = node.kind.ask() else { return Verdict::default() };
        if answer.finish == FinishReason::Refused {
            let said: String = answer.text.chars().take(300).collect();
            let colon = if said.is_empty() { "" } else { ": " };
            let message = format!("the model refused to answer{colon}{said}");
            return Verdict::Failed(Failure::new(Kind::Refused, message));
        }
        if answer.text.len() > flow_expr::VALUE_BYTES_MAX {
            return Verdict::Failed(Failure::new(Kind::Exhausted, "an answer of more than 16 MiB"));
        }
        let is_cut = answer.finish == FinishReason::Length;
        let truncated = || Failure::new(Kind::Truncated, "the answer was cut at the output limit");
        if is_cut && flow_answer::takes_text(&node.returns, &plan.types) {
            return Verdict::Failed(truncated());
        }
        let text = self.with_beginning(plan, prompt, state, answer.text);
        let read = if is_cut { flow_answer::read_cut } else { flow_answer::read };
        match read(&text, &node.returns, &plan.types, &self.rules(plan)) {
            Ok(value) => good(plan, value, &node.returns),
            Err(_) if is_cut => Verdict::Failed(truncated()),
            Err(violations) => {
                let complaint = flow_answer::repair_message(&node.returns, &plan.types, &violations, &text);
                Verdict::Wrong(cut(text), complaint)
            }
        }
    }
}

/// Returns what is said of an answer that wasn't of the type, after the answer. Of one that was empty there is none: some
/// servers refuse a message of nothing.
pub(crate) fn repaired(answer: &str, complaint: &str) -> impl Iterator<Item = Message> {
    let answer = (!answer.is_empty()).then(|| Message::text(Role::Assistant, answer));
    answer.into_iter().chain([Message::text(Role::User, complaint)])
}

/// Returns the sampling as the program sets it.
fn sampling(plan: &Plan, state: &StepState) -> Sampling {
    let stop = |settings: &ModelSettings| (!settings.stop.is_empty()).then(|| settings.stop.clone());
    Sampling {
        temperature: setting(plan, state, |settings| settings.temperature),
        top_p: setting(plan, state, |settings| settings.top_p),
        max_tokens: setting(plan, state, |settings| settings.max_tokens),
        seed: setting(plan, state, |settings| settings.seed),
        stop: setting(plan, state, stop).unwrap_or_default(),
        thinking: setting(plan, state, |settings| settings.thinking),
    }
}

fn of_expression(error: flow_expr::Error) -> Failure {
    Failure {
        kind: Name::new_static(error.kind.name()),
        message: error.message,
        step: None,
        retry_at: None,
        missing: false,
    }
}

/// Returns a part of a message that is no text.
fn media_part(media: &MediaValue) -> Part {
    let (data, url) = match &media.source {
        MediaSource::Bytes(bytes) => (Some(BASE64_STANDARD.encode(bytes)), None),
        MediaSource::Url(url) => (None, Some(url.to_string())),
    };
    let is_unknown = media.mime == "application/octet-stream";
    let mime = match (media.kind, &url) {
        // What stands behind a URL is known to be an image; of which kind, its ending tells.
        (Media::Image, Some(url)) if is_unknown => {
            let path = url.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
            let kinds = [(".png", "image/png"), (".gif", "image/gif"), (".webp", "image/webp")];
            kinds.iter().find(|(ending, _)| path.ends_with(ending)).map_or("image/jpeg", |(_, mime)| mime)
        }
        (Media::File, Some(_)) if is_unknown => "application/pdf",
        _ => media.mime.as_str(),
    };
    Part::Media { mime: mime.to_owned(), data, url }
}

/// Cuts a text visibly.
fn cut(mut text: String) -> String {
    if text.len() > SHOWN_BYTES_MAX {
        let end = (0..=SHOWN_BYTES_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        text.push_str(" […]");
    }
    text
}

/// Returns the name of an answer's schema on the wire.
fn schema_name(plan: &Plan, returns: &Type, node: &Name) -> String {
    let name = match returns.non_null() {
        Type::Named(name) => plan.types.get(name).map_or(node, |def| &def.name),
        _ => node,
    };
    let allowed = |c: char| if c.is_ascii_alphanumeric() || c == '_' || c == '-' { c } else { '_' };
    name.chars().take(64).map(allowed).collect()
}

/// Returns the SHA-256 of what is asked, in canonical form.
fn fingerprint(call: &Call) -> String {
    flow_ir::plan::hex(&Sha256::digest(flow_ir::plan::canonical(&call.asked())))
}
