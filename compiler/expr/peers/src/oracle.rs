//! Our two back ends against the crate `cel`, on programs of the dialect that all have.

use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use flow_ir::{Expr, Value};

use crate::cel_text::{same, text, to_cel};
use crate::faults;
use crate::generator::cases;
use crate::generator::programs::{self, Target};
use crate::generator::tape::{Tape, split};
use crate::generator::universe::Dialect;

#[derive(Default)]
struct Report {
    evaluations: u64,
    compiled: u64,
    values: u64,
    errors: u64,
    distinct: HashSet<u64>,
    /// The rows of our table that stood in a compared expression.
    rows: BTreeMap<String, u64>,
    known: BTreeMap<&'static str, u64>,
    failures: Vec<String>,
}

fn environment() -> Arc<cel::Env> {
    let mut env = cel::Env::stdlib().with_optional_support(true);
    cel::extensions::strings(&mut env).expect("strings");
    cel::extensions::math(&mut env).expect("math");
    cel::extensions::lists(&mut env).expect("lists");
    cel::extensions::encoders(&mut env).expect("encoders");
    Arc::new(env)
}

/// Runs so many programs, each so often. Returns whether all agreed.
pub fn run(seed: u64, programs: u64, evaluations: u64, threads: u64) -> bool {
    std::panic::set_hook(Box::new(|_| {}));
    let each = evaluations.div_ceil(programs);
    let mut total = Report::default();
    std::thread::scope(|scope| {
        // The crate walks trees without a bound of its own.
        let runs: Vec<_> = (0..threads)
            .map(|from| {
                std::thread::Builder::new()
                    .stack_size(64 << 20)
                    .spawn_scoped(scope, move || {
                        campaign(seed, from, threads, programs.div_ceil(threads), each)
                    })
                    .expect("a thread")
            })
            .collect();
        for run in runs {
            let report = run.join().expect("a campaign ends");
            total.evaluations += report.evaluations;
            total.compiled += report.compiled;
            total.values += report.values;
            total.errors += report.errors;
            total.distinct.extend(report.distinct);
            total.failures.extend(report.failures);
            report.rows.into_iter().for_each(|(name, count)| *total.rows.entry(name).or_default() += count);
            report.known.into_iter().for_each(|(name, count)| *total.known.entry(name).or_default() += count);
        }
    });
    let _ = std::panic::take_hook();
    println!(
        "against cel 0.15: {} evaluations of {} programs, {} by machine code: {} values, {} errors on both sides",
        total.evaluations,
        total.distinct.len(),
        total.compiled,
        total.values,
        total.errors,
    );
    println!("rows compared: {}", total.rows.len());
    println!("known faults of the crate, or rules that differ:");
    for (reason, count) in &total.known {
        println!("  {count:>9}  {reason}");
    }
    // The shortest says most.
    total.failures.sort_by_key(String::len);
    println!("{} disagreements", total.failures.len());
    for failure in total.failures.iter().take(30) {
        println!("DISAGREEMENT {failure}");
    }
    let unused: Vec<_> = faults::reasons().filter(|reason| !total.known.contains_key(reason)).collect();
    if !unused.is_empty() {
        println!("reasons that nothing fell under: {unused:?}");
    }
    total.failures.is_empty()
}

fn rows(expr: &Expr, out: &mut BTreeMap<String, u64>) {
    if let Expr::Call { function, .. } = expr {
        *out.entry(function.id().to_string()).or_default() += 1;
    }
    expr.children(&mut |child| rows(child, out));
}

fn campaign(seed: u64, from: u64, step: u64, programs: u64, each: u64) -> Report {
    let mut report = Report::default();
    let env = environment();
    for number in 0..programs {
        let index = from + number * step;
        let seed = split(seed, index ^ 0x0c0_ffee);
        let program = programs::program(&mut Tape::seeded(seed), Target::nth(index as usize), Dialect::Cel);
        let Some(code) = cases::compiled(&program) else { continue };
        for (unit, expr) in program.units.iter().enumerate() {
            let Some(written) = text(expr) else { continue };
            let mut hasher = DefaultHasher::new();
            written.hash(&mut hasher);
            report.distinct.insert(hasher.finish());
            rows(expr, &mut report.rows);
            let parsed = catch_unwind(AssertUnwindSafe(|| env.compile(&written)));
            let theirs = match parsed {
                Ok(Ok(program)) => program,
                Ok(Err(why)) => {
                    match faults::of_text(&why.to_string()) {
                        Some(reason) => *report.known.entry(reason).or_default() += 1,
                        None => report.failures.push(format!("the crate refuses {written}: {why}")),
                    }
                    continue;
                }
                Err(_) => {
                    *report.known.entry(faults::PANICS).or_default() += 1;
                    continue;
                }
            };
            for turn in 0..each.div_ceil(program.units.len() as u64) {
                let frame = cases::frame(&mut Tape::seeded(split(seed, turn + 1)), &program);
                let ours = cases::interpreted(&program, unit, &frame, cases::UNITS);
                report.evaluations += 1;
                match cases::held(&program, &code, unit, &frame, cases::UNITS, &ours) {
                    Ok(by_code) => report.compiled += u64::from(by_code),
                    Err(found) => {
                        report.failures.push(format!(
                            "{written} with {frame:?}:\n  interpreted {ours}\n  compiled {found}"
                        ));
                        break;
                    }
                }
                if matches!(&ours.result, Err(error) if !error.is_absorbed()) {
                    // Only we count work.
                    continue;
                }
                let mut context = cel::Context::with_env(env.clone());
                let mut whole = true;
                for (slot, value) in frame.iter().enumerate() {
                    match value.as_ref().and_then(to_cel) {
                        Some(value) => context.add_variable_from_value(format!("s{slot}"), value),
                        None => whole = false,
                    }
                }
                if !whole {
                    continue;
                }
                let found = catch_unwind(AssertUnwindSafe(|| theirs.execute(&context)));
                let alike = match (&ours.result, &found) {
                    (Ok(ours), Ok(Ok(theirs))) => same(ours, theirs),
                    (Err(_), Ok(Err(_))) => true,
                    _ => false,
                };
                if alike {
                    report.values += u64::from(ours.result.is_ok());
                    report.errors += u64::from(ours.result.is_err());
                    continue;
                }
                let reason = match &found {
                    Err(_) => Some(faults::PANICS),
                    Ok(theirs) => faults::of(expr, &frame, &ours.result, theirs),
                };
                match reason {
                    Some(reason) => *report.known.entry(reason).or_default() += 1,
                    None => {
                        let values: Vec<(usize, &Value)> = frame
                            .iter()
                            .enumerate()
                            .filter_map(|(slot, value)| Some((slot, value.as_ref()?)))
                            .filter(|(slot, _)| written.contains(&format!("s{slot}")))
                            .collect();
                        report.failures.push(format!(
                            "{written}\n  with {values:?}\n  ours   {ours}\n  theirs {found:?}"
                        ));
                        break;
                    }
                }
            }
        }
        if report.failures.len() > 400 {
            break;
        }
    }
    report
}
