//! Many cases, each in both back ends; the first that they disagree on is shrunk and written down.

use std::collections::HashSet;
use std::fmt::Write;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::cases::{self, Outcome};
use super::census::Census;
use super::programs::{self, Program, Target};
use super::tape::{Tape, shrink, split};
use super::universe::Dialect;

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Campaign {
    pub seed: u64,
    /// The first program's number, and how far it is to the next: threads share the numbers.
    pub from: u64,
    pub step: u64,
    pub programs: u64,
    /// Evaluations of each program.
    pub each: u64,
    /// Disagreements after which it ends.
    pub failures_max: usize,
}

/// What came of it.
#[derive(Clone, Debug, Default)]
pub struct Report {
    pub census: Census,
    pub evaluations: u64,
    /// Of them by machine code, without falling back.
    pub compiled: u64,
    pub values: u64,
    pub errors: u64,
    pub exhausted: u64,
    /// Evaluations with a limit that was drawn at or below what the work takes.
    pub limited: u64,
    pub code_bytes: usize,
    pub distinct: HashSet<u64>,
    pub failures: Vec<String>,
}

impl Report {
    pub fn add(&mut self, other: Report) {
        self.census.add(&other.census);
        self.evaluations += other.evaluations;
        self.compiled += other.compiled;
        self.values += other.values;
        self.errors += other.errors;
        self.exhausted += other.exhausted;
        self.limited += other.limited;
        self.code_bytes += other.code_bytes;
        self.distinct.extend(other.distinct);
        self.failures.extend(other.failures);
    }

    /// One line of figures.
    pub fn line(&self) -> String {
        format!(
            "{} evaluations of {} programs: {} values, {} errors, {} of them exhausted; {} with a drawn limit; {} by machine code",
            self.evaluations,
            self.distinct.len(),
            self.values,
            self.errors,
            self.exhausted,
            self.limited,
            self.compiled,
        )
    }
}

/// One evaluation's values and limit, drawn.
struct Drawn {
    frame: Vec<Option<flow_ir::Value>>,
    units: u64,
    expected: Outcome,
    limited: bool,
}

fn drawn(tape: &mut Tape, program: &Program, unit: usize) -> Drawn {
    let frame = cases::frame(tape, program);
    let expected = cases::interpreted(program, unit, &frame, cases::UNITS);
    let used = cases::UNITS - expected.left;
    if used == 0 || !tape.chance(40) {
        return Drawn { frame, units: cases::UNITS, expected, limited: false };
    }
    // Exactly enough, one too few, or anything below.
    let units = match tape.below(4) {
        0 => used,
        1 => used - 1,
        _ => tape.below(used as usize) as u64,
    };
    let expected = cases::interpreted(program, unit, &frame, units);
    Drawn { frame, units, expected, limited: true }
}

/// What is not alike in a case made of these choices.
struct Disagreement {
    program: Program,
    unit: usize,
    case: Drawn,
    found: String,
}

fn disagreement(target: Target, of: &[u32], values: &[u32], unit: usize) -> Option<Disagreement> {
    let program = programs::program(&mut Tape::replay(of.to_vec()), target, Dialect::Flow);
    let code = cases::compiled(&program)?;
    let unit = unit.min(program.units.len() - 1);
    let case = drawn(&mut Tape::replay(values.to_vec()), &program, unit);
    let forms = cases::Forms::of(&case.frame);
    let found = (0..3).find_map(|form| {
        let held = |frame: &dyn flow_expr::Frame| {
            cases::held(&program, &code, unit, frame, case.units, &case.expected).err()
        };
        forms.with(form, held)
    })?;
    Some(Disagreement { program, unit, case, found })
}

impl Campaign {
    /// Runs it.
    pub fn run(&self) -> Report {
        let mut report = Report::default();
        for number in 0..self.programs {
            let index = self.from + number * self.step;
            self.program(index, &mut report);
            if report.failures.len() >= self.failures_max {
                break;
            }
        }
        report
    }

    /// Gives what chance has left without a value some more programs.
    pub fn fill(&self, report: &mut Report) {
        let count = Target::count() as u64;
        for index in 0..count {
            let name = Target::nth(index as usize).name();
            for round in 1_000..1_100 {
                if report.census.valued.contains_key(&name) || report.failures.len() >= self.failures_max {
                    break;
                }
                self.program(round * count + index, report);
            }
        }
    }

    fn program(&self, index: u64, report: &mut Report) {
        let target = Target::nth(index as usize);
        let seed = split(self.seed, index);
        let mut tape = Tape::seeded(seed);
        let program = programs::program(&mut tape, target, Dialect::Flow);
        let words = tape.into_words();
        for unit in &program.units {
            report.census.count(unit);
        }
        program.codes.iter().for_each(|code| report.census.count(&code.body));
        let mut hasher = DefaultHasher::new();
        format!("{:?}", (&program.units, &program.codes)).hash(&mut hasher);
        report.distinct.insert(hasher.finish());
        let Some(code) = cases::compiled(&program) else {
            report.failures.push("no executable memory".into());
            return;
        };
        report.code_bytes += code.code_bytes();
        for turn in 0..self.each {
            // The first expression is the target: it gets half of the turns.
            let unit = if turn % 2 == 0 { 0 } else { (turn / 2) as usize % program.units.len() };
            let mut tape = Tape::seeded(split(seed, turn + 1));
            let case = drawn(&mut tape, &program, unit);
            report.evaluations += 1;
            report.limited += u64::from(case.limited);
            match &case.expected.result {
                Ok(_) => {
                    report.values += 1;
                    if unit == 0 && program.hit {
                        report.census.had_value(target);
                    }
                }
                Err(error) => {
                    report.errors += 1;
                    report.exhausted += u64::from(!error.is_absorbed());
                }
            }
            let held = cases::Forms::of(&case.frame)
                .with(turn, |frame| cases::held(&program, &code, unit, frame, case.units, &case.expected));
            match held {
                Ok(by_code) => report.compiled += u64::from(by_code),
                Err(_) => {
                    report.failures.push(self.told(target, index, &words, &tape.into_words(), unit));
                    return;
                }
            }
        }
    }

    /// Shrinks a disagreement and writes it down.
    fn told(&self, target: Target, index: u64, of: &[u32], values: &[u32], unit: usize) -> String {
        let mut tries = 1500;
        let (mut of, mut values) = (of.to_vec(), values.to_vec());
        for _ in 0..2 {
            of = shrink(of, &mut tries, &mut |of| disagreement(target, of, &values, unit).is_some());
            let mut tries = 400;
            values =
                shrink(values, &mut tries, &mut |values| disagreement(target, &of, values, unit).is_some());
        }
        let mut out = format!("seed {} program {index} ({}):\n", self.seed, target.name());
        match disagreement(target, &of, &values, unit) {
            None => out.push_str("it doesn't happen again when it is repeated alone"),
            Some(Disagreement { program, unit, case, found }) => {
                let _ = writeln!(out, "  expression: {:?}", program.units[unit]);
                let _ = writeln!(out, "  frame: {:?}", case.frame);
                let _ = writeln!(out, "  interpreted: {}", case.expected);
                let _ = writeln!(out, "  compiled:    {found}");
                let _ = writeln!(out, "  case: {}", cases::written(&program, unit, &case.frame, case.units));
            }
        }
        out
    }
}
