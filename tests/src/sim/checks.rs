//! What must hold of every run, whatever happened to it.

use std::collections::{BTreeMap, HashMap, HashSet};

use flow_ir::plan::{Budget, NodeKind, Plan, Statement, Target};
use flow_project::bounds::{Most, What};
use flow_runtime_api::{Coordinate, Event, Kind, Record, RunStatus, Time};
use serde_json::Value as Json;

use super::faults::Faults;
use super::program::{Order, Program};
use super::schedule::Played;
use crate::drive::Agents;

/// Holds a run against the rules, and where they say that it ends as it does without faults, against `calm`, a run that no
/// fault has touched.
///
/// # Errors
/// What doesn't hold.
pub fn check(program: &Program, played: &Played, faults: Faults, calm: &Played) -> Result<(), String> {
    journal(&played.records)?;
    steps(&played.records)?;
    end(played)?;
    bounds(program, &played.records)?;
    budgets(&program.plan, &played.records)?;
    once(program, &played.records)?;
    undone(program, &played.records)?;
    if program.order == Order::Free && faults.are_absorbed() {
        same(program, played, calm)?;
    }
    Ok(())
}

/// Records have numbers without gaps, times that don't go back, one beginning and one end.
fn journal(records: &[Record]) -> Result<(), String> {
    let mut last = Time::default();
    for (at, record) in records.iter().enumerate() {
        if record.seq != at as u64 {
            return Err(format!("record {at} has the number {}", record.seq));
        }
        if record.at < last {
            return Err(format!("record {at} was written before the one before it"));
        }
        last = record.at;
        let is_first = matches!(record.event, Event::RunStarted { .. });
        let is_last = matches!(record.event, Event::RunFinished { .. });
        if is_first != (at == 0) || is_last != (at + 1 == records.len()) {
            return Err(format!("record {at} of {} is {:?}", records.len(), record.event));
        }
    }
    Ok(())
}

/// What is known of a step.
#[derive(Default)]
struct Step {
    /// An attempt is under way.
    open: bool,
    /// A process has died since it started.
    cut: bool,
    tries: Option<(u32, u32)>,
    over: bool,
}

/// Each attempt starts once, unless the process has died meanwhile; each step ends once, and nothing starts it again.
fn steps(records: &[Record]) -> Result<(), String> {
    let mut steps: HashMap<&Coordinate, Step> = HashMap::new();
    let mut fingerprints: HashMap<(&Coordinate, u32, u32), &str> = HashMap::new();
    for record in records {
        let wrong = |what: &str| Err(format!("{what}: record {} {:?}", record.seq, record.event));
        match &record.event {
            Event::StepStarted { step, attempt, repair, fingerprint, .. } => {
                let known = steps.entry(step).or_default();
                let tries = (*attempt, *repair);
                if known.over {
                    return wrong("a step that is over starts again");
                }
                if known.open && !known.cut {
                    return wrong("an attempt starts while one is under way");
                }
                let first = *fingerprints.entry((step, *attempt, *repair)).or_insert(fingerprint);
                if first != fingerprint {
                    return wrong("an attempt asks something else than before");
                }
                let is_again = known.tries == Some(tries);
                let is_next = known.tries.is_none_or(|(attempt, repair)| {
                    tries == (attempt + 1, repair) || tries == (attempt, repair + 1)
                });
                if !is_again && !is_next || known.tries.is_none() && tries != (0, 0) {
                    return wrong("attempts aren't counted");
                }
                if is_again && !known.cut {
                    return wrong("an attempt is made twice");
                }
                *known = Step { open: true, cut: false, tries: Some(tries), over: false };
            }
            Event::AttemptFailed { step, attempt, repair, .. } => {
                let known = steps.entry(step).or_default();
                if !known.open || known.tries != Some((*attempt, *repair)) {
                    return wrong("an attempt fails that isn't under way");
                }
                known.open = false;
            }
            Event::StepFinished { step, .. } => {
                let known = steps.entry(step).or_default();
                if !known.open || known.over {
                    return wrong("a step ends that isn't under way");
                }
                (known.open, known.over) = (false, true);
            }
            // One that was cut off may be refused when its turn comes again.
            Event::StepFailed { step, .. }
            | Event::StepCancelled { step, .. }
            | Event::BudgetRefused { step, .. } => {
                let known = steps.entry(step).or_default();
                if known.over {
                    return wrong("a step ends twice");
                }
                (known.open, known.over) = (false, true);
            }
            Event::WaitStarted { step, .. } | Event::Asked { step, .. } => {
                let known = steps.entry(step).or_default();
                if known.open || known.over {
                    return wrong("a wait begins twice");
                }
                known.open = true;
            }
            Event::WaitFinished { step } => {
                let known = steps.entry(step).or_default();
                if !known.open || known.over {
                    return wrong("a wait ends that isn't under way");
                }
                (known.open, known.over) = (false, true);
            }
            Event::Resumed {} => steps.values_mut().for_each(|step| step.cut = true),
            _ => {}
        }
    }
    match steps.iter().find(|(_, step)| step.open) {
        Some((step, _)) => Err(format!("the run is over, and {step} has no end")),
        None => Ok(()),
    }
}

/// The run ends as what happened to it demands, and never because it lost its way.
fn end(played: &Played) -> Result<(), String> {
    let end = &played.end;
    let Some(Record { event: Event::RunFinished { status, result, failure, .. }, .. }) =
        played.records.last()
    else {
        return Err(String::from("the journal has no end"));
    };
    if (status, result, failure) != (&end.status, &end.result, &end.failure) {
        return Err(format!("the journal ends with {status:?} {failure:?}, the run with {end:?}"));
    }
    if failure.as_ref().is_some_and(|failure| failure.built_in() == Some(Kind::Diverged)) {
        return Err(format!("the run has lost its way: {failure:?}"));
    }
    let cancelled = played.records.iter().any(|record| matches!(record.event, Event::CancelRequested { .. }));
    // A run that is cancelled and can't take back what it did says so.
    let took_back = failure.as_ref().and_then(|failure| failure.built_in()) != Some(Kind::UndoFailed);
    if cancelled != (*status == RunStatus::Cancelled) && took_back {
        return Err(format!("cancelled: {cancelled}, and the run ends with {status:?} {failure:?}"));
    }
    if (*status == RunStatus::Succeeded) == failure.is_some() {
        return Err(format!("{status:?} with {failure:?}"));
    }
    Ok(())
}

/// A run never does more than the bounds of its flow say.
fn bounds(program: &Program, records: &[Record]) -> Result<(), String> {
    let (mut models, mut tools, mut people) = (HashSet::new(), HashSet::new(), HashSet::new());
    let (mut steps, mut turns, mut visits) = (HashSet::new(), HashSet::new(), HashSet::new());
    let agents = Agents::of(records);
    for record in records {
        let step = match &record.event {
            Event::StepStarted { step, node, attempt, repair, .. } => {
                let known = program.plan.nodes.iter().find(|known| known.name == *node);
                let is_model = known.is_some_and(|node| node.kind.ask().is_some());
                let calls = if is_model { &mut models } else { &mut tools };
                // Code asks nobody.
                if known.is_none_or(|node| !matches!(node.kind, NodeKind::Code(_))) {
                    calls.insert((step, *attempt, *repair));
                }
                step
            }
            Event::Asked { step, kind, .. } => {
                if *kind == "human" {
                    people.insert(step);
                }
                step
            }
            Event::WaitStarted { step, .. }
            | Event::StepFailed { step, .. }
            | Event::Emitted { step, .. } => step,
            _ => continue,
        };
        let path: &str = &step.0;
        // A call that was refused before it was made is none.
        if agents.is_call(path) && !agents.is_made(path) {
            continue;
        }
        steps.insert(agents.step(path));
        for (end, _) in path.match_indices(']').filter(|(end, _)| !agents.is_call(&path[..end + 1])) {
            match path[end + 1..].starts_with('.') {
                true => visits.insert(&path[..end]),
                false => turns.insert(&path[..end]),
            };
        }
    }
    let done = [
        (What::ModelCalls, models.len()),
        (What::ToolCalls, tools.len()),
        (What::People, people.len()),
        (What::Turns, turns.len()),
        (What::Visits, visits.len()),
        (What::Steps, steps.len()),
    ];
    for (what, done) in done {
        let most = program.bound.counts.of(what);
        if most < Most::new(done as u64) {
            return Err(format!("{done} {}, at most {most} by the bounds", what.title()));
        }
    }
    Ok(())
}

/// A race is won once, and a value is emitted once.
fn once(program: &Program, records: &[Record]) -> Result<(), String> {
    let mut seen = HashSet::new();
    for record in records {
        match &record.event {
            Event::Emitted { step, .. } if !seen.insert(step) => {
                return Err(format!("{step} is emitted twice"));
            }
            Event::RaceWon { step, .. } if program.names_races && !seen.insert(step) => {
                return Err(format!("{step} is won twice"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// What is taken back was registered and not dropped; where there are no branches, the last comes first. Once something of a
/// saga is taken back, all of it is, to an end.
fn undone(program: &Program, records: &[Record]) -> Result<(), String> {
    let mut registered: HashMap<&str, (usize, bool)> = HashMap::new();
    let (mut started, mut ended) = (HashSet::new(), HashSet::new());
    let mut last = usize::MAX;
    for record in records {
        match &record.event {
            Event::UndoRegistered { step } => {
                if registered.insert(&step.0, (registered.len(), true)).is_some() {
                    return Err(format!("what takes {step} back is registered twice"));
                }
                last = usize::MAX;
            }
            Event::UndoDropped { step } => match registered.get_mut(&*step.0) {
                Some((_, holds)) => *holds = false,
                None => return Err(format!("what takes {step} back is dropped before it was registered")),
            },
            Event::StepStarted { step, .. } => {
                let Some(base) = step.0.strip_suffix("/undo") else { continue };
                match registered.get(base) {
                    None => return Err(format!("{base} is taken back, and that wasn't registered")),
                    Some((_, false)) => {
                        return Err(format!("{base} is taken back, although it didn't happen"));
                    }
                    Some((at, true)) if started.insert(base) => {
                        if *at > last && !program.forks {
                            return Err(format!("{base} is taken back after what came before it"));
                        }
                        last = *at;
                    }
                    Some(_) => {}
                }
            }
            Event::StepFinished { step, .. }
            | Event::StepFailed { step, .. }
            | Event::StepCancelled { step, .. }
            | Event::BudgetRefused { step, .. } => {
                ended.extend(step.0.strip_suffix("/undo"));
            }
            _ => {}
        }
    }
    // The steps of a saga stand beside each other, so that one that is entered has a place of its own.
    let sagas = sagas(&program.plan);
    let entered = |base: &'_ str| {
        let (place, name) = base.rsplit_once('/')?;
        let name = name.split('[').next()?;
        Some((place.to_owned(), *sagas.get(name)?))
    };
    let taken_back: HashSet<_> = started.iter().filter_map(|base| entered(base)).collect();
    let held = registered.iter().filter(|(_, (_, holds))| *holds).map(|(base, _)| *base);
    for base in held {
        if entered(base).is_some_and(|saga| taken_back.contains(&saga)) && !ended.contains(base) {
            return Err(format!("{base} isn't taken back, and others of its saga are"));
        }
    }
    Ok(())
}

/// The steps that a saga registers, by their names, each with the block of its saga.
fn sagas(plan: &Plan) -> HashMap<&str, (usize, u32)> {
    let mut sagas = HashMap::new();
    for (flow, at) in plan.flows.iter().zip(0..) {
        for statement in flow.blocks.iter().flat_map(|block| &block.body) {
            let Statement::Saga { block } = statement else { continue };
            for statement in &flow.blocks[*block as usize].body {
                if let Statement::Step(step) = statement
                    && step.undo.is_some()
                {
                    sagas.insert(step.segment.as_str(), (at, *block));
                }
            }
        }
    }
    sagas
}

/// Once a limit is reached nothing starts within it, clean-up aside.
fn budgets(plan: &Plan, records: &[Record]) -> Result<(), String> {
    let mut limits: HashMap<String, Budget> = HashMap::new();
    let main = plan.main();
    limits.insert(main.name.to_string(), main.budget);
    for statement in plan.flows.iter().flat_map(|flow| &flow.blocks).flat_map(|block| &block.body) {
        if let Statement::Step(step) = statement
            && let Target::Flow(id) = step.target
        {
            limits.insert(step.segment.to_string(), plan.flows[id as usize].budget);
        }
    }
    limits.retain(|_, budget| budget.tokens.is_some() || budget.nanodollars.is_some());
    let mut spent: HashMap<&str, (u64, u64)> = HashMap::new();
    for record in records {
        match &record.event {
            Event::StepStarted { step, .. }
                if !["/finally", "/on_error", "/undo"].iter().any(|part| step.0.contains(part)) =>
            {
                for (place, limit) in within(&step.0, &limits) {
                    let (tokens, money) = spent.get(place).copied().unwrap_or_default();
                    let is_over = limit.tokens.is_some_and(|limit| tokens >= limit)
                        || limit.nanodollars.is_some_and(|limit| money > limit);
                    if is_over {
                        return Err(format!("{step} starts when {place} has spent {tokens} tokens"));
                    }
                }
            }
            Event::AttemptFailed { step, usage, cost, .. }
            | Event::StepFinished { step, usage, cost, .. }
            | Event::StepFailed { step, usage, cost, .. } => {
                for (place, _) in within(&step.0, &limits) {
                    let sum = spent.entry(place).or_default();
                    sum.0 += usage.input_tokens + usage.output_tokens;
                    sum.1 += cost.nanodollars;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The flows with limits that a step stands in, by the coordinate of their call.
fn within<'a, 'b>(
    step: &'a str,
    limits: &'b HashMap<String, Budget>,
) -> impl Iterator<Item = (&'a str, &'b Budget)> {
    let ends = step.match_indices('/').map(|(end, _)| end);
    ends.filter_map(move |end| {
        let place = &step[..end];
        let name = place.rsplit('/').next()?;
        Some((place, limits.get(name)?))
    })
}

/// The run has ended as the calm one has, and each step in it.
fn same(program: &Program, played: &Played, calm: &Played) -> Result<(), String> {
    if played.end != calm.end {
        return Err(format!("it ends with {:?}, without faults with {:?}", played.end, calm.end));
    }
    let emitted = |records: &[Record]| -> Vec<Json> {
        let told = records.iter().filter_map(|record| match &record.event {
            Event::Emitted { value, .. } => Some(value.clone()),
            _ => None,
        });
        told.collect()
    };
    let (own, quiet) = (emitted(&played.records), emitted(&calm.records));
    if !program.forks && own != quiet {
        return Err(format!("it emits {own:?}, without faults {quiet:?}"));
    }
    let (own, calm) = (results(program, &played.records), results(program, &calm.records));
    for (step, result) in &own {
        if calm.get(step) != Some(result) {
            return Err(format!("{step} gave {result}, without faults {:?}", calm.get(step)));
        }
    }
    match calm.keys().find(|step| !own.contains_key(*step)) {
        Some(step) => Err(format!("{step} has a result only without faults")),
        None => Ok(()),
    }
}

fn results<'r>(program: &Program, records: &'r [Record]) -> BTreeMap<&'r str, String> {
    let mut results = BTreeMap::new();
    for record in records {
        match &record.event {
            Event::StepFinished { step, result, .. } => {
                results.insert(&*step.0, Json::to_string(result));
            }
            Event::WaitFinished { step } => {
                results.insert(&*step.0, String::from("waited"));
            }
            Event::Emitted { step, value } => {
                results.insert(&*step.0, format!("emits {value}"));
            }
            Event::RaceWon { step, arm } if program.names_races => {
                results.insert(&*step.0, format!("won by {arm}"));
            }
            Event::StepFailed { step, failure, .. } => {
                results.insert(&*step.0, format!("{}: {}", failure.kind, failure.message));
            }
            _ => {}
        }
    }
    results
}
