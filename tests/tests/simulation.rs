//! The deterministic simulation: generated programs under schedules of chance.
//!
//! `SIM_SCHEDULES` says how many schedules, `SIM_SECONDS` for how long at most, `SIM_SEED` from which program on. A failure
//! is printed with the line that repeats it: `SIM=program:schedule:faults`.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests read files, time and settings, and tell"
)]

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use flow_tests::forms;
use flow_tests::generate::Dice;
use flow_tests::sim::checks;
use flow_tests::sim::faults::{Fault, Faults};
use flow_tests::sim::program::{Order, Program};
use flow_tests::sim::schedule::{self, Played};

/// Schedules of each program at most.
const SCHEDULES_MAX: u64 = 50;
/// Programs at least, so that each form occurs.
const PROGRAMS_MIN: u64 = 100;
/// How long a shorter schedule that fails, too, is looked for.
const SHRINKING_MAX: Duration = Duration::from_secs(10);
/// Threads: the machines that this runs on have two cores.
const THREADS: usize = 2;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// A failing schedule.
#[derive(Clone, Debug)]
struct Failing {
    program: u64,
    schedule: u64,
    faults: Faults,
    wrong: String,
}

/// Plays a schedule; a panic of the engine is a failure like any other.
fn tried(
    program: &Program,
    schedule: u64,
    faults: Faults,
    calm: &Played,
    tell: bool,
) -> Result<Played, (String, Vec<String>)> {
    let played =
        std::panic::catch_unwind(AssertUnwindSafe(|| schedule::play(program, schedule, faults, tell)));
    let played = played.unwrap_or_else(|_| Err((String::from("the engine panics"), Vec::new())))?;
    match checks::check(program, &played, faults, calm) {
        Ok(()) => Ok(played),
        Err(wrong) => Err((wrong, played.log)),
    }
}

fn calm(program: &Program) -> Result<Played, String> {
    let played =
        std::panic::catch_unwind(AssertUnwindSafe(|| schedule::play(program, 0, Faults::NONE, false)));
    let played = played.unwrap_or_else(|_| Err((String::from("the engine panics"), Vec::new())));
    let played = played.map_err(|(wrong, _)| wrong)?;
    checks::check(program, &played, Faults::NONE, &played)?;
    Ok(played)
}

/// Looks for a schedule of the same program that fails, too, and is easier to read: with fewer faults, then shorter.
fn shrunk(program: &Program, calm: &Played, failing: Failing) -> Failing {
    let mut best = failing;
    let mut length = usize::MAX;
    let until = Instant::now() + SHRINKING_MAX;
    let fails = |schedule: u64, faults: Faults| {
        let (wrong, log) = tried(program, schedule, faults, calm, true).err()?;
        Some((Failing { program: program.seed, schedule, faults, wrong }, log.len()))
    };
    for fault in Fault::ALL.iter().filter(|fault| best.faults.has(**fault)).collect::<Vec<_>>() {
        let fewer = best.faults.without(*fault);
        let left = (0..60).take_while(|_| Instant::now() < until);
        if let Some((found, _)) = left.into_iter().find_map(|schedule| fails(schedule, fewer)) {
            best = found;
        }
    }
    for schedule in (0..200).take_while(|_| Instant::now() < until).chain([best.schedule]) {
        if let Some((found, lines)) = fails(schedule, best.faults)
            && lines < length
        {
            (best, length) = (found, lines);
        }
    }
    best
}

fn told(failing: &Failing) -> String {
    let Failing { program, schedule, faults, wrong } = failing;
    format!(
        "{wrong}\n  faults: {}\n  to repeat it: SIM={program}:{schedule}:{} cargo test -p flow-tests --test simulation -- --nocapture\n",
        faults.names(),
        faults.0
    )
}

/// Plays one schedule and shows all that happens in it.
fn repeat(which: &str) {
    let mut parts = which.split(':').map(|part| part.parse::<u64>().expect("SIM=program:schedule:faults"));
    let mut part = || parts.next().unwrap_or_default();
    let (program, schedule, faults) = (part(), part(), Faults(part() as u32));
    let program = Program::new(program).expect("the checker takes the program");
    println!("{}", program.text);
    let calm = calm(&program).expect("it runs without faults");
    println!("without faults: {:?}\nfaults: {}\n", calm.end, faults.names());
    match tried(&program, schedule, faults, &calm, true) {
        Ok(played) => println!("{}\nall is well", played.log.join("\n")),
        Err((wrong, log)) => panic!("{}\n{wrong}", log.join("\n")),
    }
}

/// What was seen.
#[derive(Default)]
struct Seen {
    forms: BTreeMap<&'static str, u64>,
    ends: BTreeMap<String, u64>,
    free: u64,
    struck: u64,
    records: u64,
}

#[test]
fn whatever_happens_a_run_ends_as_the_rules_say() {
    if let Ok(which) = std::env::var("SIM") {
        return repeat(&which);
    }
    let schedules = setting("SIM_SCHEDULES").unwrap_or(5_000);
    let each = (schedules / PROGRAMS_MIN).clamp(1, SCHEDULES_MAX);
    let (first, programs) = (setting("SIM_SEED").unwrap_or(1), schedules.div_ceil(each));
    let until = setting("SIM_SECONDS").map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
    let (failures, seen) = (Mutex::new(Vec::<Failing>::new()), Mutex::new(Seen::default()));
    let work = || {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let is_late = until.is_some_and(|until| Instant::now() > until);
            if at >= programs || is_late || failures.lock().expect("no thread panics").len() > 4 {
                return;
            }
            let program = match Program::new(first + at) {
                Ok(program) => program,
                Err(error) => {
                    let wrong = format!("{error:#}");
                    let failing = Failing { program: first + at, schedule: 0, faults: Faults::NONE, wrong };
                    failures.lock().expect("no thread panics").push(failing);
                    continue;
                }
            };
            let fail = |failing| failures.lock().expect("no thread panics").push(failing);
            let calm = match calm(&program) {
                Ok(calm) => calm,
                Err(wrong) => {
                    fail(Failing { program: program.seed, schedule: 0, faults: Faults::NONE, wrong });
                    continue;
                }
            };
            let mut own = Seen::default();
            for schedule in 0..each {
                let faults = match schedule {
                    0 | 1 => Faults::NONE,
                    _ => Faults::draw(&mut Dice::new(program.seed ^ schedule << 32)),
                };
                match tried(&program, schedule, faults, &calm, false) {
                    Ok(played) => {
                        own.struck += u64::from(played.struck);
                        own.records += played.records.len() as u64;
                        let kind = played.end.failure.as_ref().map(|failure| failure.kind.to_string());
                        *own.ends.entry(kind.unwrap_or_else(|| String::from("succeeded"))).or_default() += 1;
                    }
                    Err((wrong, _)) => {
                        let failing = Failing { program: program.seed, schedule, faults, wrong };
                        fail(shrunk(&program, &calm, failing));
                        break;
                    }
                }
                done.fetch_add(1, Ordering::Relaxed);
            }
            let mut seen = seen.lock().expect("no thread panics");
            for form in forms::of(&program.plan) {
                *seen.forms.entry(form).or_default() += 1;
            }
            own.ends.into_iter().for_each(|(end, count)| *seen.ends.entry(end).or_default() += count);
            seen.free += u64::from(program.order == Order::Free);
            seen.struck += own.struck;
            seen.records += own.records;
        }
    };
    std::thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(work))));
    let seen = seen.into_inner().expect("no thread panics");
    println!(
        "{} schedules, {} records, {} faults; {} programs don't depend on the order\nends: {:?}\nforms: {:?}",
        done.load(Ordering::Relaxed),
        seen.records,
        seen.struck,
        seen.free,
        seen.ends,
        seen.forms,
    );
    let failures = failures.into_inner().expect("no thread panics");
    assert!(failures.is_empty(), "{}", failures.iter().map(told).collect::<String>());
    if programs >= PROGRAMS_MIN && until.is_none() {
        let missing: Vec<_> = forms::ALL.iter().filter(|form| !seen.forms.contains_key(*form)).collect();
        assert!(missing.is_empty(), "no program has these: {missing:?}");
    }
}
