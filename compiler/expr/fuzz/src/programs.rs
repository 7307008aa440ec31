//! Typed programs out of bytes, in both back ends: the same value, error and price, and no memory touched that isn't theirs.

#![no_main]

#[path = "../../tests/differential/generator/mod.rs"]
#[allow(dead_code, reason = "the test uses the rest")]
mod generator;

use generator::cases;
use generator::programs::{self, Target};
use generator::tape::Tape;
use generator::universe::Dialect;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let [first, second, limit, rest @ ..] = bytes else { return };
    let target = Target::nth(usize::from(*first) << 8 | usize::from(*second));
    // The values come from the end, so that a change of the program leaves them as they are.
    let (of, values) = rest.split_at(rest.len() * 2 / 3);
    let program = programs::program(&mut Tape::of_bytes(of), target, Dialect::Flow);
    let Some(code) = cases::compiled(&program) else { return };
    for unit in 0..program.units.len() {
        let frame = cases::frame(&mut Tape::of_bytes(values), &program);
        let units = if *limit < 128 { cases::UNITS } else { u64::from(*limit) - 128 };
        let expected = cases::interpreted(&program, unit, &frame, units);
        if let Err(found) = cases::held(&program, &code, unit, &frame, units, &expected) {
            let case = cases::written(&program, unit, &frame, units);
            panic!("they disagree\ninterpreted: {expected}\ncompiled: {found}\n{case}");
        }
    }
});
