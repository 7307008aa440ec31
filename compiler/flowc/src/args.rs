//! The command line as types. Each subcommand's arguments stand beside their doc comments, which are its help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::text;

/// Checks and runs AI workflows written in .flow files.
#[derive(Debug, Parser)]
#[command(name = "flowc", version, arg_required_else_help = true, max_term_width = 100)]
pub struct Cli {
    /// Whether to use colours.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN", display_order = 900)]
    pub color: Color,
    #[command(subcommand)]
    pub command: Command,
}

/// When colours are used; `auto` is on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Makes a project that checks and runs at once
    New(New),
    /// Reports every problem of every file
    Check(Check),
    /// Runs the tests, without a network, in no time
    Test(Test),
    /// Runs a flow and prints its result as JSON
    Run(Run),
    /// Shows what has run
    Runs(Runs),
    /// Goes on with a run after a crash, an interruption, a wait or a question
    Resume(Resume),
    /// Makes a new run that takes over the results of an old one
    Replay(Replay),
    /// Explains a diagnostic: what it means, a wrong and a right program
    Explain(Explain),
    /// Evaluates an expression, or a file of them
    Expr(Expr),
    /// Lists the models whose limits and prices are known
    Models(Models),
    /// Tells what is missing on this machine, and asks the providers that are set up
    Doctor(Doctor),
}

#[derive(Debug, Args)]
pub struct New {
    /// The folder to make; its name becomes the project's
    pub name: PathBuf,
}

#[derive(Debug, Args)]
pub struct Check {
    /// Files and folders; without one the folder you are in
    pub paths: Vec<PathBuf>,
    /// How problems are written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    pub format: Format,
    /// What else is an error
    #[arg(long, value_enum, value_name = "WHAT")]
    pub deny: Option<Deny>,
    /// Also shows how much each flow does at most, and why: calls of models and tools, turns, visits of stages, people
    /// asked, steps. With `--format json` an object a flow, with `"bounds": NAME`; a count beyond 10^18 is null
    #[arg(long)]
    pub bounds: bool,
    /// Problems that are written of each file at most, or `all`; the rest are counted
    #[arg(long, value_name = "N", default_value = "100", value_parser = max)]
    pub max: Max,
    /// Checks again whenever a file changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}

/// A test runs on a clock of its own, with one order of everything that happens. Its effects are mocked or come from the tape
/// that it names: it reaches no network, no environment, and no file but that tape. Ends with 1 if a test fails.
#[derive(Debug, Args)]
pub struct Test {
    /// A file, or the folder of a project; without one the folder you are in
    #[arg(default_value = ".")]
    pub path: PathBuf,
    /// Only tests whose title or file holds this text
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// Also tells what happened in each test
    #[arg(long)]
    pub trace: bool,
    /// Prints a JSON object for each test, and one for all
    #[arg(long)]
    pub json: bool,
    /// Writes what came of the tests as JUnit's XML
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Runs again whenever a file changes, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}

/// A number that `all` lifts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Max(pub Option<usize>);

fn max(text: &str) -> Result<Max, String> {
    match text {
        "all" => Ok(Max(None)),
        _ => text.parse().map(|number| Max(Some(number))).map_err(|_| "a number, or `all`".into()),
    }
}

/// How problems are written: drawn with the source, a line each, or a JSON object each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Human,
    Short,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Deny {
    Warnings,
}

#[derive(Debug, Args)]
#[command(
    override_usage = "flowc expr EXPR [name=value…] [OPTIONS]\n       flowc expr --jsonl [FILE] [OPTIONS]"
)]
pub struct Expr {
    /// The expression, in quotes: '1 + 2'. With `--jsonl` a file of cases, or `-` for stdin
    #[arg(allow_hyphen_values = true)]
    pub expr: Option<String>,
    /// The values that it names: JSON where they are some, else texts. It is checked with their types
    #[arg(value_name = "name=value")]
    pub values: Vec<String>,
    /// Reads values from a JSON object in a file, or with `-` from stdin
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Reads a case a line, {"id": …, "expr": "…", "bindings": {name: VALUE}}, and answers each in a line: its `value`,
    /// or its `error`. A VALUE has a tag: {"int": "5"}, {"list": [VALUE…]}. `type_env`, `container`, `disable_check`,
    /// `disable_macros` are as in CEL's conformance tests; `check_only` asks for the `type`
    #[arg(long)]
    pub jsonl: bool,
    /// Interprets; else what can be compiled runs as machine code
    #[arg(long)]
    pub interpret: bool,
    /// Tells what evaluating it costs, at least and at most, in units of the meter (an expression may spend 10,000,000), for
    /// values of the given size. It isn't evaluated
    #[arg(long, conflicts_with = "jsonl")]
    pub cost: bool,
}

#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
#[command(override_usage = "flowc run PATH [FLOW] [name=value…] [OPTIONS]")]
pub struct Run {
    /// A file, or the folder of a project
    #[arg(required_unless_present = "help")]
    pub path: Option<PathBuf>,
    /// The flow to run, else `main` or the only one; then its inputs as name=value
    #[arg(value_name = "FLOW name=value")]
    pub rest: Vec<String>,
    /// Reads inputs from a JSON object in a file, or with `-` from stdin
    #[arg(long, value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// Answers everything without leaving the machine; `models` leaves tools real
    #[arg(long, value_enum, value_name = "WHAT", num_args = 0..=1, require_equals = true, default_missing_value = "all",
        conflicts_with = "tape")]
    pub simulate: Option<Simulate>,
    /// Seeds what is simulated
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// The default model, as provider/model
    #[arg(long, value_name = "MODEL")]
    pub model: Option<String>,
    #[command(flatten)]
    pub tapes: Tapes,
    /// With `--tape`: asks for real what is stale or missing on it, after asking you, and puts that on the tape in its
    /// place; what nothing asks for any more is dropped
    #[arg(long, requires = "tape")]
    pub update: bool,
    /// With `--update`: asks for real without asking you, for scripts
    #[arg(long, requires = "update")]
    pub yes: bool,
    #[command(flatten)]
    pub show: Show,
    #[command(flatten)]
    pub store: Store,
    /// Prints this help; after a path, the inputs of its flow
    #[arg(long, short)]
    pub help: bool,
}

/// What is asked and answered, as a file.
#[derive(Clone, Debug, Args)]
pub struct Tapes {
    /// Writes a tape of everything that is asked and answered
    #[arg(long, value_name = "FILE", conflicts_with = "tape")]
    pub record: Option<PathBuf>,
    /// Answers from a tape instead of asking
    #[arg(long, value_name = "FILE")]
    pub tape: Option<PathBuf>,
}

/// What a run shows while it goes on.
#[derive(Clone, Debug, Args)]
pub struct Show {
    /// Writes models' text to stderr as it comes
    #[arg(long)]
    pub stream: bool,
    /// Prints events to stdout, one JSON object a line, instead of the result
    #[arg(long)]
    pub json: bool,
    /// How long a `wait` may hold the terminal; a longer one suspends the run
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = text::parse_duration_ms)]
    pub wait_max: u64,
}

/// Where runs are kept.
#[derive(Clone, Debug, Args)]
pub struct Store {
    /// Where runs are kept: sqlite:PATH
    #[arg(long = "store", value_name = "URL")]
    pub url: Option<String>,
}

/// What is simulated: everything; only models; or everything, at its worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Simulate {
    /// Models, tools, people and waits
    All,
    /// Only models: the rest is real
    Models,
    /// Everything, at its worst: the longest answers, the dearest arms, every turn, every retry and repair
    Worst,
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Runs {
    #[command(subcommand)]
    pub command: Option<RunsCommand>,
    #[command(flatten)]
    pub list: RunsList,
}

#[derive(Debug, Subcommand)]
pub enum RunsCommand {
    /// Lists runs, the newest first
    List(RunsList),
    /// Shows a run: its steps on a line of time, what they took, its result
    Show(RunsShow),
    /// Prints the journal of a run
    Events(RunsOne),
    /// Stops a run for good, wherever it is executed: what is in flight ends, clean-up runs
    Cancel(RunsOne),
    /// Deletes runs that have been over for long, and what only they need
    Gc(RunsGc),
}

#[derive(Debug, Args)]
pub struct RunsList {
    /// Only runs of this flow
    #[arg(long)]
    pub flow: Option<String>,
    /// Only runs in this state
    #[arg(long, value_enum)]
    pub status: Option<Status>,
    /// Only runs started since: `2h` ago, a day as 2026-11-22, or a time as 2026-11-22T08:00:00Z
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub since: Option<Moment>,
    /// Only runs started before that time
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub until: Option<Moment>,
    /// So many at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,
    /// Prints one JSON object a line
    #[arg(long)]
    pub json: bool,
    /// Prints comma-separated values, titles first
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    #[command(flatten)]
    pub store: Store,
}

#[derive(Debug, Args)]
pub struct RunsGc {
    /// How long a run is kept after its end
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = text::parse_duration_ms)]
    pub older_than: u64,
    /// Only runs that ended so
    #[arg(long, value_enum)]
    pub status: Option<Ended>,
    /// Deletes nothing, tells how many would go
    #[arg(long)]
    pub dry_run: bool,
    /// Prints a JSON object
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub store: Store,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Ended {
    Succeeded,
    Failed,
    Cancelled,
    Unrecorded,
}

/// A time, or how long ago it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Milliseconds since 1970.
    At(i64),
    /// In milliseconds.
    Ago(u64),
}

fn moment(text: &str) -> Result<Moment, String> {
    let day =
        || Some(text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp());
    if let Some(at) = text.parse::<jiff::Timestamp>().ok().or_else(day) {
        return Ok(Moment::At(at.as_millisecond()));
    }
    let wrong = || "a duration as `2h`, a day as `2026-11-22` or a time as `2026-11-22T08:00:00Z`".into();
    text::parse_duration_ms(text).map(Moment::Ago).map_err(|_| wrong())
}

#[derive(Debug, Args)]
pub struct RunsShow {
    /// The run's id, or its first characters
    pub id: String,
    /// Shows one step: what it was called with, what came of each attempt, what was known after it. The end of its name
    /// is enough, if no other ends so
    #[arg(long, value_name = "STEP", conflicts_with_all = ["watch", "all"])]
    pub step: Option<String>,
    /// Follows the run until it ends: drawn anew on a terminal, a line for each step that ends in a pipe
    #[arg(long)]
    pub watch: bool,
    /// Shows every step; on a terminal long groups are folded otherwise
    #[arg(long)]
    pub all: bool,
    /// Prints the whole trace as JSON; with `--watch` an event a line, as `run --json` does
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub store: Store,
}

#[derive(Debug, Args)]
pub struct RunsOne {
    /// The run's id, or its first characters
    pub id: String,
    /// Prints JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub store: Store,
}

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Status {
    Running,
    Interrupted,
    Suspended,
    Succeeded,
    Failed,
    Cancelled,
    Unrecorded,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("told").args(["answer", "deny"]))]
pub struct Resume {
    /// The run's id, or its first characters
    #[arg(required_unless_present = "due")]
    pub id: Option<String>,
    /// Goes on with all suspended runs whose time has come, many at once, and prints what comes of each
    #[arg(long, conflicts_with_all = ["id", "answer", "deny", "rerun", "with", "record", "tape"])]
    pub due: bool,
    /// With `--due`: goes on doing so until Ctrl-C. A wait of more than a second gives its place to other runs
    #[arg(long, requires = "due")]
    pub watch: bool,
    /// Answers a question, delivers an event, or tells the result of a step that was sent and not answered. Of a form that
    /// is filled in beforehand only what differs is needed; without JSON it is answered as it stands
    #[arg(long, value_name = "JSON", num_args = 0..=1, default_missing_value = "", conflicts_with = "rerun")]
    pub answer: Option<String>,
    /// Refuses what a person is asked, with a reason if you like: the step fails with `denied`
    #[arg(long, value_name = "WHY", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["answer", "rerun"])]
    pub deny: Option<String>,
    /// The step that `--answer` or `--deny` is for, if several wait; or an event, also before a step waits for it
    #[arg(long, requires = "told")]
    pub step: Option<String>,
    /// Sends a step again that was sent and not answered
    #[arg(long, value_name = "STEP")]
    pub rerun: Option<String>,
    /// Moves the run to the program in this file or project, if that meets all that is on record
    #[arg(long, value_name = "PATH")]
    pub with: Option<PathBuf>,
    #[command(flatten)]
    pub tapes: Tapes,
    #[command(flatten)]
    pub show: Show,
    #[command(flatten)]
    pub store: Store,
}

/// Every step that asks what it asked then has the result that it had then, at no cost; waits that were over are over at
/// once. All others are asked: those that ask something else, those that weren't reached, and the one whose failure ended
/// the old run.
#[derive(Debug, Args)]
pub struct Replay {
    /// The old run's id, or its first characters
    pub id: String,
    /// Asks this step anew, and all beneath it, whatever is on record. The end of its name is enough, if no other ends so
    #[arg(long, value_name = "STEP")]
    pub from: Option<String>,
    /// Gives an input another value; may be repeated
    #[arg(long, value_name = "name=value")]
    pub set: Vec<String>,
    #[command(flatten)]
    pub tapes: Tapes,
    #[command(flatten)]
    pub show: Show,
    #[command(flatten)]
    pub store: Store,
}

#[derive(Debug, Args)]
pub struct Explain {
    /// A code or its name: E0412, non-exhaustive-route; without one all are listed
    pub code: Option<String>,
}

/// Prices are US dollars per million tokens; those in flow.toml go before the table's. Servers on this machine are asked
/// which models they have.
#[derive(Debug, Args)]
pub struct Models {
    /// Only models whose name holds all of these texts: `openai/`, `mini`
    pub filter: Vec<String>,
    /// Asks every provider with a key, too, which models it has
    #[arg(long)]
    pub ask: bool,
    /// How long servers are waited for; those on this machine have 2s at most
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = text::parse_duration_ms)]
    pub timeout: u64,
    /// Prints one JSON object a line, also with the prices of what is cached and of long calls, and what each model can
    #[arg(long)]
    pub json: bool,
}

/// Looks at the store, the settings, and every provider that is set up: its server is asked for its models. Ends with 5 if
/// something is missing that is needed or set up.
#[derive(Debug, Args)]
pub struct Doctor {
    /// How long servers are waited for, all at once; those on this machine have 2s at most
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = text::parse_duration_ms)]
    pub timeout: u64,
    #[command(flatten)]
    pub store: Store,
    /// Prints one JSON object a line
    #[arg(long)]
    pub json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn run(line: &str) -> Run {
        let cli = Cli::try_parse_from(line.split(' ')).unwrap_or_else(|error| panic!("{error}"));
        match cli.command {
            Command::Run(run) => run,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_table_of_arguments_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_run_takes_options_between_inputs() {
        let run = run("flowc run a.flow main topic=x --simulate n=-3 --wait-max 1m30s");
        assert_eq!(run.rest, ["main", "topic=x", "n=-3"]);
        assert_eq!(run.simulate, Some(Simulate::All));
        assert_eq!(run.show.wait_max, 90_000);
    }

    #[test]
    fn what_is_simulated_needs_an_equals_sign() {
        assert_eq!(run("flowc run a.flow --simulate=models x=1").simulate, Some(Simulate::Models));
        assert_eq!(run("flowc run a.flow --simulate models").rest, ["models"]);
    }

    #[test]
    fn help_after_a_path_is_the_flows() {
        let run = run("flowc run a.flow --help");
        assert!(run.help && run.path.is_some());
    }

    #[test]
    fn runs_lists_by_default() {
        let cli = Cli::try_parse_from(["flowc", "runs", "--status", "failed"]).expect("valid");
        let Command::Runs(runs) = cli.command else { panic!() };
        assert!(runs.command.is_none() && runs.list.status == Some(Status::Failed));
    }
}
