//! Beside others: `flow-expr-peers oracle` holds both back ends against the crate `cel` on expressions of chance,
//! `flow-expr-peers bench` times five expressions in each engine.
//!
//! `ORACLE_PROGRAMS`, `ORACLE_EVALUATIONS`, `ORACLE_SEED` and `ORACLE_THREADS` say how much.

mod bench;
mod cel_text;
mod clock;
mod faults;
#[path = "../../tests/differential/generator/mod.rs"]
#[allow(dead_code, reason = "the test uses the rest")]
mod generator;
mod oracle;
mod work;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name)
        .map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number: {text}")))
}

fn main() {
    let agreed = match std::env::args().nth(1).as_deref() {
        Some("oracle") => oracle::run(
            number("ORACLE_SEED", 20_261_122),
            number("ORACLE_PROGRAMS", 20_000),
            number("ORACLE_EVALUATIONS", 1_000_000),
            number("ORACLE_THREADS", 2),
        ),
        Some("bench") => bench::run(),
        _ => {
            eprintln!("usage: flow-expr-peers oracle|bench");
            std::process::exit(2)
        }
    };
    if !agreed {
        std::process::exit(1);
    }
}
