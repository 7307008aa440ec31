//! `flowc explain E0412`: the page of a code.

use flow_diagnostics::{Code, Severity, escape};

use crate::args::Explain;
use crate::exit::{self, Outcome, Stop};
use crate::table::{Table, column};
use crate::terminal::{self, BOLD, CYAN, Stream};
use crate::text;

pub fn run(args: &Explain) -> Outcome {
    let Some(asked) = &args.code else {
        terminal::out(list(Stream::Out.width()))?;
        return Ok(exit::Code::Done);
    };
    let asked = asked.trim();
    match Code::find(asked) {
        Some(code) => terminal::out(page(code, Stream::Out.look().width.min(100)))?,
        None if run_time(asked) => {
            return Err(Stop::usage(format_args!("{} happens in a run and has no page", escape(asked)))
                .help("`flowc runs show ID` shows the steps of a run and why one failed"));
        }
        None => {
            let names = Code::ALL.iter().flat_map(|code| [code.info().name, code.info().code]);
            let help = match text::similar(&asked.to_lowercase(), names) {
                Some(similar) => format!("did you mean `{similar}`? `flowc explain` lists all"),
                None => "`flowc explain` lists all".into(),
            };
            return Err(Stop::usage(format_args!("there is no diagnostic `{}`", escape(asked))).help(help));
        }
    }
    Ok(exit::Code::Done)
}

/// `R01` to `R09` are kinds of failure of a run.
fn run_time(asked: &str) -> bool {
    let digits = asked.strip_prefix(['R', 'r']);
    digits.is_some_and(|digits| digits.len() >= 2 && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn list(width: Option<usize>) -> String {
    let mut table = Table::new([column("CODE", 0), column("NAME", 0), column("SEVERITY", 1)]);
    for code in Code::ALL {
        let info = code.info();
        let severity = match info.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        table.row([info.code.into(), info.name.into(), severity.into()]);
    }
    table.draw(width)
}

/// The Markdown of a page with its headings styled, its programs indented in place of fences, and its text wrapped.
fn page(code: Code, width: usize) -> String {
    let mut out = String::new();
    let mut paragraph = String::new();
    let mut in_program = false;
    for line in code.info().page.lines().chain([""]) {
        let fence = line.strip_prefix("```");
        let is_text = !in_program && fence.is_none() && !line.is_empty() && !line.starts_with('#');
        if is_text {
            paragraph.push_str(line);
            paragraph.push(' ');
            continue;
        }
        for line in text::wrap(&std::mem::take(&mut paragraph), width).iter().filter(|line| !line.is_empty())
        {
            out.push_str(&format!("{line}\n"));
        }
        match fence {
            Some(info) => {
                in_program = !in_program;
                if let Some((_, name)) = info.split_once(' ').filter(|_| in_program) {
                    out.push_str(&format!("    {CYAN}{name}{CYAN:#}\n"));
                }
            }
            None if line.is_empty() => out.push('\n'),
            None if in_program => out.push_str(&format!("    {line}\n")),
            None => out.push_str(&format!("{BOLD}{}{BOLD:#}\n", line.trim_start_matches('#').trim())),
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_well_without_markdown() {
        let page = anstream::adapter::strip_str(&page(Code::BadProjectFile, 60)).to_string();
        insta::assert_snapshot!(page);
    }

    #[test]
    fn every_code_is_listed() {
        assert_eq!(list(None).lines().count(), Code::ALL.len() + 1);
    }

    #[test]
    fn an_unknown_code_has_a_neighbour() {
        let stop = run(&Explain { code: Some("non-exhaustive-rout".into()) }).expect_err("there is none");
        assert_eq!(
            stop.help.as_deref(),
            Some("did you mean `non-exhaustive-route`? `flowc explain` lists all")
        );
    }
}
