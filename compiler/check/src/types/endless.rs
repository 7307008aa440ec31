//! Types that no value can have, since each value would hold another one of its type.

use flow_diagnostics::{Code, Diagnostic};
use flow_ir::types::TypeBody;
use flow_ir::{Type, TypeName};

use crate::hash::{HashMap, HashSet};
use crate::program::{Program, short};

/// What a named type needs so that a value of it can be made.
enum Needs<'a> {
    /// All of these.
    All(Vec<&'a TypeName>),
    /// One of these.
    Any(&'a [TypeName]),
}

/// Reports records and unions that contain themselves on every way: each circle once.
pub(super) fn endless(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    let mut needs: HashMap<&TypeName, Needs> = HashMap::default();
    for (name, def) in &program.types {
        needs.insert(
            name,
            match &def.body {
                TypeBody::Record { record, .. } => {
                    let mut all = Vec::new();
                    record.fields.iter().for_each(|field| required(&field.ty, &mut all));
                    Needs::All(all)
                }
                TypeBody::Union { members } => Needs::Any(members),
                TypeBody::Enum { .. } | TypeBody::Alias { .. } => Needs::All(Vec::new()),
            },
        );
    }
    let possible = possible(&needs);
    let mut walked: HashSet<&TypeName> = HashSet::default();
    for start in program.types.keys() {
        // Whatever can't be made leads to a circle of such types.
        let mut path: Vec<&TypeName> = Vec::new();
        let mut at = start;
        while !possible.contains(at) && walked.insert(at) {
            path.push(at);
            let next = match needs.get(at) {
                Some(Needs::All(all)) => all.iter().copied().find(|name| !possible.contains(name)),
                Some(Needs::Any(members)) => members.first(),
                None => None,
            };
            let Some(next) = next else { break };
            at = next;
        }
        let Some(from) = path.iter().position(|name| *name == at) else { continue };
        let first = path[from..].iter().min_by_key(|name| program.types.get_index_of(**name));
        if let Some((name, place)) = first.and_then(|name| Some((*name, program.type_places.get(*name)?))) {
            diagnostics.push(
                Diagnostic::new(
                    Code::BadType,
                    *place,
                    format!("type `{}` contains itself without end", short(name)),
                )
                .here("no value of it can be made")
                .help(format!(
                    "let it end: make what leads back to `{0}` nullable, `{0}?`, or a list, `[{0}]`",
                    short(
                        path[from..]
                            .iter()
                            .cycle()
                            .skip_while(|own| **own != name)
                            .nth(1)
                            .copied()
                            .unwrap_or(name)
                    )
                )),
            );
        }
    }
}

/// Returns the types that values can have.
fn possible<'a>(needs: &HashMap<&'a TypeName, Needs<'a>>) -> HashSet<&'a TypeName> {
    let mut users: HashMap<&TypeName, Vec<&'a TypeName>> = HashMap::default();
    let mut missing: HashMap<&TypeName, usize> = HashMap::default();
    let mut ready: Vec<&'a TypeName> = Vec::new();
    for (name, needs) in needs {
        let count = match needs {
            Needs::All(all) => {
                all.iter().for_each(|need| users.entry(need).or_default().push(name));
                all.len()
            }
            Needs::Any(members) => {
                members.iter().for_each(|need| users.entry(need).or_default().push(name));
                usize::from(!members.is_empty())
            }
        };
        missing.insert(name, count);
        if count == 0 {
            ready.push(name);
        }
    }
    let mut possible = HashSet::default();
    while let Some(name) = ready.pop() {
        if !possible.insert(name) {
            continue;
        }
        for user in users.get(name).into_iter().flatten() {
            if let Some(count) = missing.get_mut(user) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    ready.push(user);
                }
            }
        }
    }
    possible
}

/// Collects the named types of which every value of a type holds one.
fn required<'a>(ty: &'a Type, names: &mut Vec<&'a TypeName>) {
    match ty {
        Type::Named(name) => names.push(name),
        Type::Where(rule) => required(&rule.base, names),
        Type::List(of, size) if size.min.is_some_and(|min| min > 0) => required(of, names),
        Type::Record(record) => record.fields.iter().for_each(|field| required(&field.ty, names)),
        _ => {}
    }
}
