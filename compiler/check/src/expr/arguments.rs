//! The arguments of steps and `code`: positional first, then by name, defaults filled in.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::{Expr, Type, Value};
use flow_source::Span;
use flow_syntax::tree::Arg;
use smol_str::SmolStr;

use crate::cx::{Cx, Typed};
use crate::hash::HashSet;
use crate::program::CallSig;

/// What a call needs to know of a parameter.
#[derive(Clone)]
pub(crate) struct Param {
    pub name: SmolStr,
    pub ty: Type,
    pub default: Option<Expr>,
}

impl CallSig {
    pub(crate) fn params_of(&self) -> Vec<Param> {
        self.params
            .iter()
            .map(|param| Param {
                name: param.name.clone(),
                ty: param.ty.clone(),
                default: param.default.clone(),
            })
            .collect()
    }
}

impl Cx<'_> {
    /// Brings arguments into the order of the parameters: positional first, then by name, defaults filled in.
    pub fn arguments(&mut self, params: &[Param], args: &[Arg], name: &str, name_span: Span) -> Vec<Expr> {
        let mut given: Vec<Option<Expr>> = vec![None; params.len()];
        let mut places: Vec<Option<Span>> = vec![None; params.len()];
        let (mut surplus, mut misnamed) = (false, false);
        let mut free: Option<Vec<SmolStr>> = None;
        for (position, arg) in args.iter().enumerate() {
            let index = match &arg.name {
                None => (position < params.len()).then_some(position),
                Some(named) => params.iter().position(|param| param.name == named.text),
            };
            let Some(index) = index else {
                self.expr(&arg.value, None);
                let free = free.get_or_insert_with(|| not_given(params, args));
                self.unknown_argument(params, free, arg, name, surplus);
                surplus |= arg.name.is_none();
                misnamed |= arg.name.is_some();
                continue;
            };
            let what = format!("the argument `{}`", params[index].name);
            let value = self.value(&arg.value, &params[index].ty, &what);
            if let Some(first) = places[index] {
                let at = self.at(arg.name.as_ref().map_or(arg.value.span, |named| named.span));
                let diagnostic = Diagnostic::new(
                    Code::UnknownArgument,
                    at,
                    format!("`{}` is given twice", params[index].name),
                )
                .label(self.at(first), "given here already")
                .help("remove one of the two");
                self.report(diagnostic);
                continue;
            }
            places[index] = Some(arg.value.span);
            given[index] = Some(value);
        }
        let mut missing: Vec<SmolStr> = Vec::new();
        let mut values = Vec::with_capacity(params.len());
        for (value, param) in given.into_iter().zip(params) {
            values.push(match (value, &param.default) {
                (Some(value), _) => value,
                (None, Some(default)) => default.clone(),
                (None, None) if param.ty.allows_null() && !matches!(param.ty, Type::Error) => {
                    Expr::Const(Value::Null)
                }
                (None, None) => {
                    // One of this name was most likely meant, and isn't unused as well.
                    if let Some(&id) = self.visible.get(&param.name) {
                        self.bindings[id as usize].read = true;
                    }
                    missing.push(param.name.clone());
                    self.absent.push(param.ty.clone());
                    Typed::poison().expr
                }
            });
        }
        if !missing.is_empty() && !surplus && !misnamed {
            let what = if missing.len() == 1 { "argument" } else { "arguments" };
            let lacking = params.iter().filter(|param| missing.contains(&param.name));
            let added: Vec<String> = lacking
                .take(6)
                .map(|param| match self.visible.contains_key(&param.name) {
                    true => format!("`{0}: {0}`", param.name),
                    // A count of none would be refused in turn.
                    false if matches!(param.name.as_str(), "max" | "top") => format!("`{}: 10`", param.name),
                    false => format!("`{}: {}`", param.name, self.sample(&param.ty)),
                })
                .collect();
            let signature: Vec<String> =
                params.iter().map(|param| format!("{}: {}", param.name, param.ty)).collect();
            let diagnostic = self
                .error(
                    Code::MissingArgument,
                    name_span,
                    format!("`{name}` needs the {what} {}", super::list_of(&missing)),
                )
                .here("called without")
                .help(format!("add {}: it is `{name}({})`", added.join(", "), signature.join(", ")));
            self.report(diagnostic);
        }
        values
    }

    /// Reports an argument that is no parameter.
    pub fn unknown_argument(
        &mut self,
        params: &[Param],
        free: &[SmolStr],
        arg: &Arg,
        name: &str,
        again: bool,
    ) {
        let names: Vec<SmolStr> = params.iter().map(|param| param.name.clone()).collect();
        match &arg.name {
            Some(named) => {
                let mut diagnostic = self
                    .error(
                        Code::UnknownArgument,
                        named.span,
                        format!("`{name}` has no parameter `{}`", named.text),
                    )
                    .here("no such parameter");
                diagnostic = match self.nearest(&named.text, free.iter().map(SmolStr::as_str)) {
                    Some(near) => diagnostic.similar("parameter", &named.text, near, self.at(named.span)),
                    None if names.is_empty() => {
                        diagnostic.help(format!("take it out: `{name}` has no parameters"))
                    }
                    None => diagnostic.help(format!(
                        "take it out, or name a parameter there is: {}",
                        super::list_of(&names)
                    )),
                };
                self.report(diagnostic);
            }
            None if !again => {
                let count = params.len();
                let noun = if count == 1 { "argument" } else { "arguments" };
                let diagnostic = self
                    .error(Code::UnknownArgument, arg.value.span, format!("`{name}` takes {count} {noun}"))
                    .here("one too many")
                    .help(match names.is_empty() {
                        true => {
                            format!("take `{}` out: `{name}` has no parameters", self.shown(arg.value.span))
                        }
                        false => format!(
                            "take `{}` out: the parameters of `{name}` are {}",
                            self.shown(arg.value.span),
                            super::list_of(&names)
                        ),
                    });
                self.report(diagnostic);
            }
            None => {}
        }
    }
}

/// The parameters that no argument is for: only these can be meant by one with a wrong name.
fn not_given(params: &[Param], args: &[Arg]) -> Vec<SmolStr> {
    let by_name: HashSet<&str> = args.iter().filter_map(|arg| Some(arg.name.as_ref()?.as_str())).collect();
    let by_position = |at: usize| args.get(at).is_some_and(|arg| arg.name.is_none());
    let free = params
        .iter()
        .enumerate()
        .filter(|(at, param)| !by_position(*at) && !by_name.contains(param.name.as_str()));
    free.map(|(_, param)| param.name.clone()).collect()
}
