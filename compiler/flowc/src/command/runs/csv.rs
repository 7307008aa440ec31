//! The list of runs as comma-separated values (RFC 4180), harmless to a program that takes cells for formulas.

use std::borrow::Cow;

use flow_host::RunLine;

use crate::show;

const TITLES: [&str; 14] = [
    "run",
    "flow",
    "status",
    "alive",
    "started_at",
    "updated_at",
    "steps",
    "input_tokens",
    "output_tokens",
    "cost_usd",
    "cost_complete",
    "simulated",
    "failure",
    "plan",
];

/// Writes the titles, then a line for each run.
pub fn write(runs: &[RunLine]) -> String {
    let mut out = TITLES.join(",") + "\r\n";
    for RunLine { summary: run, alive } in runs {
        let cells = [
            text(&run.run.0),
            text(&run.flow),
            show::status(run.status, true).into(),
            alive.to_string().into(),
            run.started_at.rfc3339().into(),
            run.updated_at.rfc3339().into(),
            run.steps.to_string().into(),
            run.usage.input_tokens.to_string().into(),
            run.usage.output_tokens.to_string().into(),
            run.cost.usd().map(|usd| usd.to_string()).unwrap_or_default().into(),
            run.cost.complete.to_string().into(),
            run.simulated.to_string().into(),
            text(run.failure.as_deref().unwrap_or_default()),
            text(&run.plan),
        ];
        out.push_str(&cells.join(","));
        out.push_str("\r\n");
    }
    out
}

/// Quotes a text where it needs it. What would be a formula gets a quotation mark before it.
fn text(text: &str) -> Cow<'_, str> {
    let begins_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if !begins_formula && !text.contains([',', '"', '\r', '\n']) {
        return text.into();
    }
    let mark = if begins_formula { "'" } else { "" };
    format!("\"{mark}{}\"", text.replace('"', "\"\"")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_quoted_and_no_formula() {
        let all = ["plain", "a,b", "a \"b\"", "a\r\nb", "=HYPERLINK(\"x\")", "@x", "-1", "a=b", ""];
        let written: Vec<_> = all.map(text).into();
        assert_eq!(
            written,
            [
                "plain",
                "\"a,b\"",
                "\"a \"\"b\"\"\"",
                "\"a\r\nb\"",
                "\"'=HYPERLINK(\"\"x\"\")\"",
                "\"'@x\"",
                "\"'-1\"",
                "a=b",
                ""
            ]
        );
    }
}
