//! The steps of a run as a waterfall: a tree by coordinate, each with a bar on the run's active time, what it took, and
//! how it stands. On a terminal long groups are folded; in a pipe there is a line for each step, of columns that stay.

use std::fmt::Write;

use anstyle::Style;
use flow_diagnostics::escape;
use flow_runtime_api::{Cost, Time, Usage};
use flow_trace::{Axis, Branch, StepStatus, StepTrace, Trace, Tree};
use unicode_width::UnicodeWidthStr;

use crate::table::{Table, column, numbers, remarks};
use crate::terminal::{CYAN, DIM, GREEN, RED, YELLOW};
use crate::text;

/// How a waterfall is drawn.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Columns; `None` in a pipe.
    pub width: Option<usize>,
    /// Whether signs beyond ASCII may be used.
    pub unicode: bool,
    /// Lines at most; `None` shows everything.
    pub lines_max: Option<usize>,
    /// Whether a process executes the run.
    pub alive: bool,
}

/// Lines of a waterfall that isn't drawn again and again.
pub const LINES_MAX: usize = 200;
/// Steps of a group that are shown, the first time that is tried.
const GROUP_MAX: usize = 16;
/// Lines that say why a step failed, on a terminal.
const WHY_MAX: usize = 4;
const BAR_MAX: usize = 48;

/// A line.
struct Row<'t> {
    depth: usize,
    branch: Shown<'t>,
    /// Branches that a line stands for.
    hidden: usize,
}

enum Shown<'t> {
    Branch(&'t Branch),
    /// The sum of what is folded away.
    Folded(Box<Branch>),
}

impl Row<'_> {
    fn branch(&self) -> &Branch {
        match &self.branch {
            Shown::Branch(branch) => branch,
            Shown::Folded(sum) => sum,
        }
    }
}

/// Draws the steps of a run.
pub fn draw(trace: &Trace, now: Time, look: Look) -> String {
    if trace.steps.is_empty() {
        return "no steps\n".into();
    }
    let now = if look.alive { now } else { trace.updated_at };
    match look.width {
        None => pipe(trace, now, look),
        Some(width) => terminal(trace, now, width.max(20), look),
    }
}

/// How a step stands, in a word.
pub fn state(step: &StepTrace, alive: bool) -> &'static str {
    match step.status {
        StepStatus::Running if alive => "running",
        StepStatus::Running => "cut off",
        StepStatus::Retrying => "retrying",
        StepStatus::Waiting => "waiting",
        StepStatus::Uncertain => "uncertain",
        StepStatus::Succeeded if step.replayed => "replayed",
        StepStatus::Succeeded => "done",
        StepStatus::Failed => "failed",
        StepStatus::Cancelled => "stopped",
    }
}

fn pipe(trace: &Trace, now: Time, look: Look) -> String {
    let axis = Axis::of(trace, now);
    let mut table = Table::new([
        column("STEP", 0),
        column("STATUS", 0),
        numbers("START", 1),
        numbers("TIME", 1),
        numbers("TRIES", 5),
        numbers("TOKENS", 3),
        numbers("COST", 2),
        column("MODEL", 4),
        remarks("WHY", 6),
    ]);
    for step in &trace.steps {
        table.row([
            step.step.0.to_string(),
            state(step, look.alive).into(),
            text::duration(axis.at(step.started_at)),
            text::duration(took(step, now)),
            tries(step),
            sum(&step.usage),
            cost(step),
            asked(step).into(),
            why(step, look.alive, trace).unwrap_or_default(),
        ]);
    }
    table.draw(None)
}

fn terminal(trace: &Trace, now: Time, width: usize, look: Look) -> String {
    let tree = Tree::of(trace, now);
    let rows = fold(&tree, look.lines_max);
    let total_ms = Axis::of(trace, now).total_ms();
    let cells: Vec<[String; 4]> = rows.iter().map(|row| cells(row, trace)).collect();
    let labels: Vec<String> = rows.iter().map(|row| label(row, look.unicode)).collect();
    let indented = labels.iter().zip(&rows).map(|(label, row)| label.width() + 2 * row.depth);
    let columns = Columns::fit(width, indented.max().unwrap_or(0), &cells, total_ms);
    let mut out = String::new();
    columns.head(&mut out);
    for ((row, cells), label) in rows.iter().zip(&cells).zip(&labels) {
        columns.line(row, trace, now, look, label, cells, &mut out);
        let step = row.branch().step.map(|at| &trace.steps[at]);
        if let Some((step, why)) = step.and_then(|step| Some((step, why(step, look.alive, trace)?))) {
            let style = sign(step.status, look).1;
            let indent = (2 + 2 * row.depth).min(width / 3);
            for line in cut(text::wrap(&escape(&why), width.saturating_sub(indent).max(12)), width - indent) {
                let _ = writeln!(out, "{:indent$}{style}{line}{style:#}", "");
            }
        }
    }
    let hidden: u64 = rows.iter().filter(|row| row.hidden > 0).map(|row| row.branch().steps).sum();
    if hidden > 0 {
        let _ = writeln!(out, "{DIM}{} hidden; `--all` shows all{DIM:#}", text::number(hidden));
    }
    out
}

/// Cuts lines to a width, and their number.
fn cut(lines: Vec<String>, width: usize) -> Vec<String> {
    let more = lines.len() > WHY_MAX;
    let mut lines: Vec<String> =
        lines.iter().take(WHY_MAX).map(|line| text::fit(line, width).into_owned()).collect();
    if let Some(last) = lines.last_mut().filter(|_| more) {
        *last = text::fit(&format!("{last} …"), width).into_owned();
    }
    lines
}

/// Chooses what is shown: everything if it fits, else of long groups their first and last and what didn't end well.
fn fold(tree: &Tree, lines_max: Option<usize>) -> Vec<Row<'_>> {
    let Some(lines_max) = lines_max else { return rows(tree, usize::MAX, usize::MAX) };
    let mut group_max = GROUP_MAX;
    let mut depth_max = usize::MAX;
    loop {
        let rows = rows(tree, group_max, depth_max);
        if rows.len() <= lines_max || (group_max == 2 && depth_max == 1) {
            return rows.into_iter().take(lines_max.max(1)).collect();
        }
        match group_max {
            2 => depth_max = depth_max.min(8) - 1,
            _ => group_max /= 2,
        }
    }
}

fn rows(tree: &Tree, group_max: usize, depth_max: usize) -> Vec<Row<'_>> {
    let mut out = Vec::new();
    // What is still to be shown, the next one last: a trace is as deep as its store says.
    let mut work: Vec<Row<'_>> = Vec::new();
    work.extend(level(tree, &tree.roots, 0, group_max).into_iter().rev());
    while let Some(row) = work.pop() {
        if let Shown::Branch(branch) = row.branch
            && !branch.children.is_empty()
        {
            let depth = row.depth + 1;
            if depth < depth_max {
                out.push(Row { branch: Shown::Branch(branch), ..row });
                work.extend(level(tree, &branch.children, depth, group_max).into_iter().rev());
            } else {
                // The branch stands for what is beneath it.
                out.push(Row { branch: Shown::Branch(branch), hidden: branch.children.len(), ..row });
            }
        } else {
            out.push(row);
        }
    }
    out
}

/// Returns the rows of the branches beneath one parent.
fn level<'t>(tree: &'t Tree, children: &[usize], depth: usize, group_max: usize) -> Vec<Row<'t>> {
    let branch = |index: usize| &tree.branches[index];
    let mut shown = vec![children.len() <= group_max; children.len()];
    if children.len() > group_max {
        let odd = group_max / 2;
        let open = |index: &usize| branch(*index).open > 0;
        let failed = |index: &usize| branch(*index).failed > 0;
        let places = |test: &dyn Fn(&usize) -> bool| -> Vec<usize> {
            (0..children.len()).filter(|at| test(&children[*at])).take(odd).collect()
        };
        let mut wanted = places(&open);
        wanted.extend(places(&failed));
        wanted.truncate(odd.max(1));
        wanted.push(children.len() - 1);
        let first = group_max.saturating_sub(wanted.len()).max(1);
        wanted.extend(0..first.min(children.len()));
        wanted.into_iter().for_each(|at| shown[at] = true);
    }
    let mut rows = Vec::new();
    let mut at = 0;
    while at < children.len() {
        if shown[at] {
            rows.push(Row { depth, branch: Shown::Branch(branch(children[at])), hidden: 0 });
            at += 1;
            continue;
        }
        let gap = shown[at..].iter().take_while(|shown| !**shown).count();
        if gap == 1 {
            rows.push(Row { depth, branch: Shown::Branch(branch(children[at])), hidden: 0 });
        } else {
            let sum = Branch::sum(children[at..at + gap].iter().map(|index| branch(*index)));
            rows.push(Row { depth, branch: Shown::Folded(Box::new(sum)), hidden: gap });
        }
        at += gap;
    }
    rows
}

/// Tries, tokens, cost, what was asked.
fn cells(row: &Row<'_>, trace: &Trace) -> [String; 4] {
    let branch = row.branch();
    match branch.step.map(|at| &trace.steps[at]) {
        Some(step) if branch.children.is_empty() => {
            [tries(step), sum(&step.usage), cost(step), escape(asked(step)).into_owned()]
        }
        _ => {
            let has_cost = branch.cost != Cost::ZERO;
            let cost = if has_cost { money(&branch.cost) } else { String::new() };
            [String::new(), sum(&branch.usage), cost, String::new()]
        }
    }
}

fn label(row: &Row<'_>, unicode: bool) -> String {
    let dots = if unicode { "…" } else { "..." };
    match &row.branch {
        Shown::Folded(sum) => {
            let mut parts = vec![format!("{dots} {} more", text::number(row.hidden as u64))];
            if sum.steps != row.hidden as u64 {
                parts.push(format!("{} steps", text::number(sum.steps)));
            }
            if sum.failed > 0 {
                parts.push(format!("{} failed", text::number(sum.failed)));
            }
            if sum.open > 0 {
                parts.push(format!("{} open", text::number(sum.open)));
            }
            parts.join(", ")
        }
        Shown::Branch(branch) if row.hidden > 0 => {
            format!("{} {dots} {} steps", escape(&branch.label), text::number(branch.steps))
        }
        Shown::Branch(branch) => escape(&branch.label).into_owned(),
    }
}

/// The columns of a waterfall, each as wide as it may be.
struct Columns {
    label: usize,
    bar: usize,
    /// Of tries, tokens, cost, what was asked; 0 is left out.
    cells: [usize; 4],
    total_ms: u64,
}

const TITLES: [&str; 4] = ["TRIES", "TOKENS", "COST", "MODEL"];
const TIME: usize = 7;

impl Columns {
    fn fit(width: usize, label: usize, cells: &[[String; 4]], total_ms: u64) -> Columns {
        let widest = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
        let natural = label.max("STEP".len());
        let label_min = natural.min((width * 2 / 5).max(16)).min(width.saturating_sub(3 + TIME));
        let bar_min = if width < 60 { 8 } else { 16 };
        // A sign, the label, the time and the bar, with a space between each.
        let mut room = width.saturating_sub(2 + label_min + 1 + TIME + 1 + bar_min);
        let mut kept = [0; 4];
        for column in 0..4 {
            let wide = widest(&mut cells.iter().map(|cells| cells[column].width()));
            if wide == 0 {
                continue;
            }
            let wide = wide.max(TITLES[column].len());
            if room >= wide + 2 {
                kept[column] = wide;
                room -= wide + 2;
            }
        }
        let label = natural.min(label_min + room);
        let bar = (bar_min + room - (label - label_min)).min(BAR_MAX);
        let fits = 2 + label + 1 + TIME + 1 + bar <= width;
        Columns { label, bar: if fits { bar } else { 0 }, cells: kept, total_ms }
    }

    fn head(&self, out: &mut String) {
        let mut line = format!("  {:<w$} {:>TIME$} {:<b$}", "STEP", "TIME", "", w = self.label, b = self.bar);
        for (at, wide) in self.cells.into_iter().enumerate().filter(|(_, wide)| *wide > 0) {
            let title = TITLES[at];
            let _ = if at == 3 { write!(line, "  {title}") } else { write!(line, "  {title:>wide$}") };
        }
        let _ = writeln!(out, "{DIM}{}{DIM:#}", line.trim_end());
    }

    #[allow(clippy::too_many_arguments)]
    fn line(
        &self,
        row: &Row<'_>,
        trace: &Trace,
        now: Time,
        look: Look,
        label: &str,
        cells: &[String; 4],
        out: &mut String,
    ) {
        let branch = row.branch();
        let step = branch.step.map(|at| &trace.steps[at]);
        let (sign, style) = match step {
            Some(step) => sign(step.status, look),
            None if branch.open > 0 && look.alive => (if look.unicode { "•" } else { "*" }, CYAN),
            None => (" ", Style::new()),
        };
        let took_ms = match step {
            Some(step) => took(step, now),
            None => branch.until_ms.saturating_sub(branch.from_ms),
        };
        // A deep tree is indented only so far that its names can be read.
        let indent = (2 * row.depth).min(self.label / 3);
        let label = text::fit(label, self.label - indent);
        let pad = self.label - indent - label.width();
        let dim = if step.is_none() && row.hidden > 0 { DIM } else { Style::new() };
        let _ = write!(out, "{style}{sign}{style:#} {:indent$}{dim}{label}{dim:#}{:pad$}", "", "");
        let _ = write!(out, " {:>TIME$}", text::duration(took_ms));
        let mut line = format!(" {}", self.bar(branch, step, look));
        for (at, wide) in self.cells.into_iter().enumerate().filter(|(_, wide)| *wide > 0) {
            let cell = text::fit(&cells[at], wide);
            let gap = wide - cell.width();
            let _ = if at == 3 { write!(line, "  {cell}") } else { write!(line, "  {:gap$}{cell}", "") };
        }
        let _ = writeln!(out, "{}", line.trim_end());
    }

    /// Draws when a branch ran within the run.
    fn bar(&self, branch: &Branch, step: Option<&StepTrace>, look: Look) -> String {
        let (width, total) = (self.bar as u128, u128::from(self.total_ms.max(1)));
        let cell = |ms: u64| (u128::from(ms) * width / total) as usize;
        let from = cell(branch.from_ms).min(self.bar.saturating_sub(1));
        let until = (u128::from(branch.until_ms) * width).div_ceil(total) as usize;
        let length = until.clamp(from + 1, self.bar.max(from + 1)) - from;
        let (stroke, style) = match (step, look.unicode) {
            (None, true) => ("─", DIM),
            (None, false) => ("-", DIM),
            (Some(step), unicode) => {
                let style = sign(step.status, look).1;
                let waits = step.kind == "wait";
                let stroke = match (waits, step.replayed, unicode) {
                    (true, _, true) => "┄",
                    (true, _, false) => ".",
                    (_, true, true) => "░",
                    (_, true, false) => "=",
                    (_, _, true) => "█",
                    (_, _, false) => "#",
                };
                (stroke, style)
            }
        };
        if self.bar == 0 {
            return String::new();
        }
        let rest = self.bar - from - length;
        format!("{:from$}{style}{}{style:#}{:rest$}", "", stroke.repeat(length), "")
    }
}

fn sign(status: StepStatus, look: Look) -> (&'static str, Style) {
    let (sign, ascii, style) = match status {
        StepStatus::Running if look.alive => ("▸", ">", CYAN),
        StepStatus::Running => ("✂", "%", YELLOW),
        StepStatus::Retrying => ("↻", "~", YELLOW),
        StepStatus::Waiting => ("◷", ".", CYAN),
        StepStatus::Uncertain => ("?", "?", RED),
        StepStatus::Succeeded => ("✓", "+", GREEN),
        StepStatus::Failed => ("✗", "x", RED),
        StepStatus::Cancelled => ("○", "-", DIM),
    };
    (if look.unicode { sign } else { ascii }, style)
}

/// What a step that isn't simply done has to say.
fn why(step: &StepTrace, alive: bool, trace: &Trace) -> Option<String> {
    let failure = step.failure.as_ref().map(|failure| format!("{}: {}", failure.kind, failure.message));
    let is_over = trace.status.is_final();
    match step.status {
        StepStatus::Succeeded => None,
        StepStatus::Failed => failure,
        StepStatus::Retrying => Some(match failure {
            Some(failure) => format!("asks again after {failure}"),
            None => "asks again".into(),
        }),
        StepStatus::Waiting => Some(
            step.until.map_or_else(|| "waiting".into(), |until| format!("waiting until {}", until.rfc3339())),
        ),
        StepStatus::Uncertain => Some("uncertain: it was sent and not answered".into()),
        StepStatus::Running if !alive && !is_over => Some("cut off; a resumed run asks again".into()),
        StepStatus::Running => None,
        StepStatus::Cancelled => Some("stopped".into()),
    }
}

fn took(step: &StepTrace, now: Time) -> u64 {
    match step.status {
        status if status.is_open() => step.duration_ms.max(now.since(step.started_at)),
        _ => step.duration_ms,
    }
}

fn tries(step: &StepTrace) -> String {
    if step.attempts > 1 { step.attempts.to_string() } else { String::new() }
}

fn asked(step: &StepTrace) -> &str {
    match &step.model {
        Some(model) => model,
        None if step.node.is_empty() => &step.kind,
        None => &step.node,
    }
}

fn cost(step: &StepTrace) -> String {
    match &step.model {
        Some(_) if step.replayed || (step.status.is_open() && step.cost == Cost::ZERO) => String::new(),
        Some(_) => money(&step.cost),
        None => String::new(),
    }
}

/// What is spent, for a column: `?` is unknown, `$0.5+` is that and more.
fn money(cost: &Cost) -> String {
    match (cost.nanodollars, cost.complete) {
        (0, false) => "?".into(),
        (nanodollars, true) => text::dollars(nanodollars),
        (nanodollars, false) => text::dollars(nanodollars) + "+",
    }
}

fn sum(usage: &Usage) -> String {
    match usage.input_tokens.saturating_add(usage.output_tokens) {
        0 => String::new(),
        tokens => text::number(tokens),
    }
}

#[cfg(test)]
mod tests {
    use flow_runtime_api::{Coordinate, Event, Failure, Kind, Record, RunId};
    use flow_trace::Fold;

    use super::*;

    fn started(step: &str) -> Event {
        Event::StepStarted {
            step: Coordinate(step.into()),
            node: "tag".into(),
            kind: "prompt".into(),
            attempt: 0,
            repair: 0,
            fingerprint: String::new(),
            model: Some("ollama/llama3.2".into()),
            repeatable: true,
        }
    }

    fn ended(step: &str, failure: Option<&str>) -> Event {
        let step = Coordinate(step.into());
        let usage = Usage { input_tokens: 10, output_tokens: 2, ..Usage::default() };
        match failure {
            Some(why) => Event::StepFailed {
                step,
                failure: Failure::new(Kind::Refused, why),
                usage,
                cost: Cost::ZERO,
                duration_ms: 100,
            },
            None => Event::StepFinished {
                step,
                result: "x".into(),
                usage,
                cost: Cost { nanodollars: 1_000_000, complete: true },
                duration_ms: 100,
            },
        }
    }

    fn trace(events: Vec<Event>) -> Trace {
        let records =
            events.into_iter().zip(0..).map(|(event, seq)| Record { seq, at: Time(100 * seq as i64), event });
        Fold::of(RunId("r".into()), &records.collect::<Vec<_>>())
    }

    /// A thousand steps, one of them failed, the last in flight.
    fn long() -> Trace {
        let mut events = vec![started("main/draft"), ended("main/draft", None)];
        for index in 0..1_000 {
            let step = format!("main/tags[{index}]/one");
            events.push(started(&step));
            if index < 999 {
                events.push(ended(&step, (index == 500).then_some("not today")));
            }
        }
        trace(events)
    }

    fn look(width: Option<usize>, unicode: bool) -> Look {
        Look { width, unicode, lines_max: Some(LINES_MAX), alive: true }
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn long_groups_are_folded_around_what_matters() {
        let now = Time(200_000);
        insta::assert_snapshot!("waterfall_120", plain(&draw(&long(), now, look(Some(120), true))));
        insta::assert_snapshot!("waterfall_40", plain(&draw(&long(), now, look(Some(40), false))));
        let few = plain(&draw(&long(), now, Look { lines_max: Some(8), ..look(Some(80), true) }));
        assert!(few.lines().count() <= 12, "{few}");
        assert!(few.contains("not today") && few.contains("hidden; `--all` shows all"), "{few}");
        let all = plain(&draw(&long(), now, Look { lines_max: None, ..look(Some(80), true) }));
        assert!(all.lines().count() > 1_000 && !all.contains("hidden"));
        let piped = draw(&long(), now, look(None, true));
        assert_eq!(piped.lines().count(), 1_002, "a line for each step, and the titles");
        assert!(piped.contains("main/tags[500]/one  failed"));
    }

    #[test]
    fn no_text_leaves_its_line_or_moves_the_cursor() {
        let evil = "世界\u{1b}[2J\u{202e}\n".repeat(40);
        let steps = [format!("f/{evil}/a"), format!("f/{evil}/b"), "x/".repeat(300) + "y", String::new()];
        let mut events = Vec::new();
        for step in &steps {
            events.extend([started(step), ended(step, Some(&evil))]);
        }
        let trace = trace(events);
        for (width, unicode) in [(20, true), (40, false), (40, true), (120, true)] {
            let drawn = plain(&draw(&trace, Time(0), look(Some(width), unicode)));
            let wide = drawn.lines().find(|line| line.width() > width);
            assert_eq!(wide, None, "{width}");
            assert!(!drawn.contains(|c: char| (c.is_control() && c != '\n') || c == '\u{202e}'));
        }
        let piped = draw(&trace, Time(0), look(None, true));
        assert_eq!(piped.lines().count(), steps.len() + 1);
    }
}
