//! The pages of the syntax's codes: the wrong program of each raises its code, the right one raises nothing.
#![allow(missing_docs, clippy::print_stdout, clippy::print_stderr)]

mod common;

use common::{parse, shown};
use flow_diagnostics::Code;

/// The `flow` blocks below a heading.
fn programs<'a>(page: &'a str, heading: &str) -> Vec<&'a str> {
    let section = page.split(heading).nth(1).unwrap_or("").split("\n## ").next().unwrap_or("");
    section.split("```flow\n").skip(1).filter_map(|block| block.split("\n```").next()).collect()
}

#[test]
fn pages_show_what_they_say() {
    for code in Code::ALL {
        let info = code.info();
        // A file that isn't text, or is too large, can't stand on a page.
        if !info.code[1..].starts_with("01") || matches!(info.code, "E0105" | "E0106") {
            continue;
        }
        let wrong = programs(info.page, "## Wrong");
        assert!(!wrong.is_empty(), "{} has a wrong program", info.code);
        for program in wrong {
            let (_, diagnostics) = parse(program);
            assert!(
                diagnostics.iter().any(|d| d.code == *code),
                "{}\n{program}\n{}",
                info.code,
                shown(program)
            );
        }
        for program in programs(info.page, "## Right") {
            assert_eq!(shown(program), "", "{}\n{program}", info.code);
        }
    }
}
