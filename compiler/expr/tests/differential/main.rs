//! Machine code and interpreter, held against each other on programs and values of chance.
//!
//! `DIFFERENTIAL_SEED` draws others, `DIFFERENTIAL_PROGRAMS` and `DIFFERENTIAL_EVALUATIONS` say how many. What fails is
//! shrunk and printed with a line of JSON; `DIFFERENTIAL_CASE=FILE` runs the case that stands in a file.

#![allow(clippy::print_stdout, reason = "a test says what it has reached")]

mod generator;

use std::collections::BTreeMap;

use generator::campaign::{Campaign, Report};
use generator::cases;
use generator::programs::{self, Target};
use generator::tape::Tape;
use generator::universe::Dialect;

fn number(name: &str, default: u64) -> u64 {
    #[allow(clippy::disallowed_methods, reason = "a long run is asked for from outside")]
    let set = std::env::var(name);
    set.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

#[test]
fn the_back_ends_agree() {
    let seed = number("DIFFERENTIAL_SEED", 20_261_122);
    let programs = number("DIFFERENTIAL_PROGRAMS", 2_000);
    let evaluations = number("DIFFERENTIAL_EVALUATIONS", 100_000);
    let threads = number("DIFFERENTIAL_THREADS", 2).max(1);
    // Panics are caught and reported with their case; their own lines would drown it.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let campaign = Campaign {
        seed,
        from: 0,
        step: threads,
        programs: programs.div_ceil(threads),
        each: evaluations.div_ceil(programs),
        failures_max: number("DIFFERENTIAL_FAILURES", 5) as usize,
    };
    let mut report = Report::default();
    std::thread::scope(|scope| {
        let runs: Vec<_> =
            (0..threads).map(|from| scope.spawn(move || Campaign { from, ..campaign }.run())).collect();
        runs.into_iter().for_each(|run| report.add(run.join().expect("a campaign ends")));
    });
    campaign.fill(&mut report);
    std::panic::set_hook(hook);
    println!("{}", report.line());
    println!("machine code: {} bytes a program", report.code_bytes / (programs as usize).max(1));
    if programs > 10_000 {
        let least: BTreeMap<_, _> = report.census.valued.iter().map(|(name, count)| (count, name)).collect();
        println!("least often a value: {:?}", least.iter().take(5).collect::<Vec<_>>());
    }
    assert!(report.failures.is_empty(), "{}", report.failures.join("\n"));
    let missing = report.census.missing();
    assert!(missing.is_empty(), "not reached:\n{}", missing.join("\n"));
    assert!(report.evaluations >= evaluations && report.distinct.len() as u64 >= programs * 95 / 100);
    assert!(report.limited * 10 > report.evaluations, "few limits were drawn: {}", report.limited);
}

#[test]
fn cases_are_read_back() {
    for index in 0..2 * Target::count() as u64 {
        let target = Target::nth(index as usize);
        let program = programs::program(&mut Tape::seeded(index), target, Dialect::Flow);
        let frame = cases::frame(&mut Tape::seeded(index + 1), &program);
        let written = cases::written(&program, 0, &frame, 500);
        let read = serde_json::from_str(&written.to_string()).expect("it is JSON");
        let (again, values, units) = cases::read(&read).expect("it is a case");
        let first = cases::interpreted(&program, 0, &frame, units);
        let second = cases::interpreted(&again, 0, &values, units);
        assert!(first.is(&second), "{}: {first} became {second}", target.name());
    }
}

/// `DIFFERENTIAL_CASE=FILE cargo test -p flow-expr --test differential one_case`: a line of JSON per case.
#[test]
fn one_case() {
    #[allow(clippy::disallowed_methods, reason = "a case is asked for from outside")]
    let Ok(file) = std::env::var("DIFFERENTIAL_CASE") else { return };
    #[allow(clippy::disallowed_methods, reason = "a case is read from a file")]
    let text = std::fs::read_to_string(&file).expect("the file is readable");
    for line in text.lines().filter(|line| line.starts_with('{')) {
        let case = serde_json::from_str(line).expect("it is JSON");
        let (program, frame, units) = cases::read(&case).expect("it is a case");
        let expected = cases::interpreted(&program, 0, &frame, units);
        let code = cases::compiled(&program).expect("there is executable memory");
        let found = cases::held(&program, &code, 0, &frame, units, &expected);
        println!("interpreted: {expected}\ncompiled:    {found:?}");
        assert!(found.is_ok(), "they disagree on {line}");
    }
}
