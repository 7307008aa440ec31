//! Parser and checker on generated and changed programs: no panic, no hang, no memory without bound, no diagnostic that points
//! outside of its file, no fix that can't be made. `FUZZ_SECONDS` says for how long, `FUZZ_SEED` where to start.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test reads clock and environment"
)]

use std::path::Path;
use std::time::{Duration, Instant};

use flow_diagnostics::{Diagnostic, Fix, Severity};
use flow_project::{MemoryWorld, Project};
use flow_source::FileId;
use flow_tests::cpu::spent;
use flow_tests::generate::{Dice, Grammar, mutated};
use flow_tests::programs;

/// The most resident memory of this process, in bytes.
const MEMORY_MAX: u64 = 512 << 20;
/// The most CPU time for one program; a debug build is some twenty times slower than what users have.
const CHECK_MAX: Duration = Duration::from_secs(if cfg!(debug_assertions) { 40 } else { 4 });

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn hostile_programs_are_checked() {
    let grammar = Grammar::new();
    let texts = programs::all();
    let seed = number("FUZZ_SEED", 20_261_122);
    let until = Duration::from_secs(number("FUZZ_SECONDS", 0));
    let (started, mut count, mut slowest) = (Instant::now(), 0u64, Duration::ZERO);
    let mut fixes = Fixes::default();
    while count < 300 || started.elapsed() < until {
        // Every program has its own seed, so that one can be tried again alone.
        let own = seed.wrapping_add(count);
        let text = program(own, &grammar, &texts);
        let took = examined(own, &text, &mut fixes);
        slowest = slowest.max(took);
        assert!(took < CHECK_MAX, "FUZZ_SEED={own}: {took:?} for\n{text}");
        count += 1;
        if count.is_multiple_of(500) {
            let memory = peak_memory();
            assert!(memory < MEMORY_MAX, "FUZZ_SEED={own}: {} MB", memory >> 20);
        }
    }
    println!(
        "{count} programs, the slowest in {slowest:?} of CPU, {} MB at most; {fixes:?}",
        peak_memory() >> 20
    );
    // A text of chance may hold what one fix can't mend, or let be read for the first time what is wrong as well: seldom.
    assert!(fixes.stays <= 2 + fixes.alone / 500 && fixes.worse <= 5 + fixes.alone / 20, "{fixes:?}");
}

fn program(seed: u64, grammar: &Grammar, texts: &[String]) -> String {
    let mut dice = Dice::new(seed);
    let one = |dice: &mut Dice| match dice.one_in(3) {
        true => grammar.program(dice),
        false => texts[dice.below(texts.len())].clone(),
    };
    let mut text = one(&mut dice);
    if dice.one_in(5) {
        text.push_str(&one(&mut dice));
    }
    for _ in 0..dice.below(4) {
        text = mutated(&text, &mut dice);
    }
    text
}

/// What came of the fixes that were made.
#[derive(Debug, Default)]
struct Fixes {
    /// In all.
    made: u64,
    /// Where the problem was the only one.
    alone: u64,
    /// Of these, those after which the same fix is offered again.
    stays: u64,
    /// Of these, those with more problems afterwards than before.
    worse: u64,
}

/// Checks a program and judges what is said; returns how long the check took.
fn examined(seed: u64, text: &str, fixes: &mut Fixes) -> Duration {
    let shown = || format!("FUZZ_SEED={seed}\n{text}");
    let world = MemoryWorld::new([(Path::new("/project").join("main.flow"), text.as_bytes().to_vec())]);
    // On a machine that others work on, too, time passes that the check has nothing of.
    let (took, checked) = spent(|| {
        std::panic::catch_unwind(|| Project::open(&world, Path::new("/project")).expect("the file is there"))
    });
    let Ok(project) = checked else { panic!("a panic\n{}", shown()) };
    for problem in project.check() {
        inside(problem, &project, &shown);
    }
    // A fix changes the text and, of a problem that is alone, takes it away: counted.
    let (_, problems) = flow_syntax::parse(FileId(0), text);
    let before = errors(&problems);
    for (problem, fix) in problems.iter().take(4).filter_map(|p| Some((p, p.fixes.first()?))) {
        no_overlap(fix, &shown);
        let mended = fix.apply(FileId(0), text);
        assert!(mended != text, "`{}` changes nothing\n{}", fix.title, shown());
        let (_, left) = flow_syntax::parse(FileId(0), &mended);
        let at = problem.primary.at.span.start;
        let same = |p: &&Diagnostic| p.message == problem.message && p.primary.at.span.start == at;
        // Beside other faults a bracket may be missing in two places; alone a problem goes with its fix.
        let stays = before == 1 && left.iter().find(same).is_some_and(|p| p.fixes.first() == Some(fix));
        fixes.made += 1;
        fixes.alone += u64::from(before == 1);
        fixes.worse += u64::from(before == 1 && errors(&left) > before);
        fixes.stays += u64::from(stays);
    }
    took
}

fn errors(problems: &[Diagnostic]) -> usize {
    problems.iter().filter(|p| p.severity() == Severity::Error).count()
}

fn inside(problem: &Diagnostic, project: &Project, shown: &dyn Fn() -> String) {
    let places = std::iter::once(&problem.primary.at)
        .chain(problem.labels.iter().map(|l| &l.at))
        .chain(problem.fixes.iter().flat_map(|f| &f.edits).map(|e| &e.at));
    for at in places {
        let text = project.sources().text(at.file);
        let fits = at.span.start <= at.span.end && text.get(at.span.range()).is_some();
        assert!(fits, "{problem:#?}\nlies outside of its file\n{}", shown());
    }
    // What stands over text that was reported is shown to nobody.
    let own = project.sources().text(problem.primary.at.file).contains('\u{1}');
    assert!(own || !problem.message.contains('\u{1}'), "{problem:#?}\n{}", shown());
    for fix in &problem.fixes {
        no_overlap(fix, shown);
        let changed = fix.changes(|file| project.sources().text(file));
        assert!(changed, "`{}` of {problem:#?}\nchanges nothing\n{}", fix.title, shown());
    }
}

fn no_overlap(fix: &Fix, shown: &dyn Fn() -> String) {
    let mut edits: Vec<_> = fix.edits.iter().map(|e| (e.at.file, e.at.span.start, e.at.span.end)).collect();
    edits.sort_unstable();
    let apart = edits.windows(2).all(|pair| pair[0].0 != pair[1].0 || pair[0].2 <= pair[1].1);
    assert!(apart, "the edits of `{}` overlap: {fix:#?}\n{}", fix.title, shown());
}

/// The most memory that this process has had at once; 0 where the system doesn't tell.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) << 10
}
