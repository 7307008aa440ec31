//! The command line. It reads arguments, files and the environment, has the compiler and the runtime do the work, and
//! writes what came of it: data to stdout, everything else to stderr, an exit code that scripts can rely on.

#![allow(
    clippy::disallowed_methods,
    reason = "the outermost place: files, environment and clock are let in here"
)]

mod args;
mod clock;
mod command;
mod disk;
mod exit;
mod flow_help;
mod follow;
mod inputs;
mod place;
mod problems;
mod program;
mod progress;
mod show;
mod table;
mod tapes;
mod telling;
mod terminal;
mod text;
mod values;
mod waterfall;

use std::process::ExitCode;

use clap::Parser;
use flow_diagnostics::escape;

use args::{Cli, Command};
use exit::{Code, Outcome, Stop};
use terminal::{BOLD, CYAN, RED};

fn main() -> ExitCode {
    std::panic::set_hook(Box::new(|panic| {
        // What a panic says may hold a user's text or a key, so only its place is told.
        let place =
            panic.location().map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        terminal::err(format!(
            "flowc {} ended by a mistake of its own{place}. Please report it with the command and the program; a run can be resumed.\n",
            env!("CARGO_PKG_VERSION")
        ));
        std::process::exit(Code::Internal as i32);
    }));
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` come here too; clap knows which stream and code each has.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Code::Usage as u8));
        }
    };
    terminal::set_color(cli.color);
    ExitCode::from(match dispatch(&cli.command) {
        Ok(code) => code as u8,
        Err(stop) => {
            tell(&stop);
            stop.code as u8
        }
    })
}

fn dispatch(command: &Command) -> Outcome {
    match command {
        Command::New(args) => command::new::run(args),
        Command::Explain(args) => command::explain::run(args),
        Command::Expr(args) => command::expr::run(args),
        Command::Check(args) => command::check::run(args),
        Command::Test(args) => command::test::run(args),
        Command::Run(args) => command::run::run(args),
        Command::Runs(args) => command::runs::run(args),
        Command::Resume(args) if args.due => command::due::run(args),
        Command::Resume(args) => command::resume::run(args),
        Command::Replay(args) => command::replay::run(args),
        Command::Models(args) => command::models::run(args),
        Command::Doctor(args) => command::doctor::run(args),
    }
}

/// Says why a command stopped.
fn tell(stop: &Stop) {
    if !stop.message.is_empty() {
        let lines: Vec<_> = stop.message.lines().map(escape).collect();
        terminal::err(format!("{RED}{BOLD}error{BOLD:#}{RED:#}: {}\n", lines.join("\n  ")));
    }
    if let Some(help) = &stop.help {
        let lines: Vec<_> = help.lines().map(escape).collect();
        terminal::err(format!("  {CYAN}help{CYAN:#}: {}\n", lines.join("\n        ")));
    }
}
