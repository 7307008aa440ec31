//! What stdout and stderr are, and writing to them without a panic when a reader goes away.

use std::io::{IsTerminal, Write};

use anstyle::{AnsiColor, Style};
use comfy_table::Table;
use flow_diagnostics::render::Look;

use crate::args::Color;
use crate::exit::Stop;

/// Columns assumed where nobody looks.
const WIDTH_OF_A_FILE: usize = 100;

/// One of the two streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    Out,
    Err,
}

pub const BOLD: Style = Style::new().bold();
pub const DIM: Style = Style::new().dimmed();
pub const RED: Style = AnsiColor::Red.on_default();
pub const GREEN: Style = AnsiColor::Green.on_default();
pub const YELLOW: Style = AnsiColor::Yellow.on_default();
pub const CYAN: Style = AnsiColor::Cyan.on_default();

/// Decides about colours for the whole process.
pub fn set_color(color: Color) {
    let choice = match color {
        Color::Auto => anstream::ColorChoice::Auto,
        Color::Always => anstream::ColorChoice::AlwaysAnsi,
        Color::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Writes data.
pub fn out(text: impl AsRef<str>) -> Result<(), Stop> {
    let mut stream = anstream::stdout().lock();
    stream.write_all(text.as_ref().as_bytes())?;
    Ok(stream.flush()?)
}

/// Writes data byte for byte: nothing in it is taken for a colour.
pub fn data(text: impl AsRef<str>) -> Result<(), Stop> {
    let mut stream = std::io::stdout().lock();
    stream.write_all(text.as_ref().as_bytes())?;
    Ok(stream.flush()?)
}

/// Writes what isn't data. Where nobody can read it there is nobody to tell.
pub fn err(text: impl AsRef<str>) {
    let _ = anstream::stderr().lock().write_all(text.as_ref().as_bytes());
}

impl Stream {
    pub fn is_terminal(self) -> bool {
        match self {
            Stream::Out => std::io::stdout().is_terminal(),
            Stream::Err => std::io::stderr().is_terminal(),
        }
    }

    /// Returns the columns of the terminal; `None` if it is none.
    pub fn width(self) -> Option<usize> {
        if !self.is_terminal() {
            return None;
        }
        let mut table = Table::new();
        if self == Stream::Err {
            table.use_stderr();
        }
        table.width().map(usize::from).filter(|width| *width > 0).or(Some(80))
    }

    /// Returns the lines of the terminal; 24 if that can't be told.
    pub fn height(self) -> usize {
        let size = match self {
            Stream::Out => rustix::termios::tcgetwinsize(std::io::stdout()),
            Stream::Err => rustix::termios::tcgetwinsize(std::io::stderr()),
        };
        size.ok().map(|size| usize::from(size.ws_row)).filter(|rows| *rows > 0).unwrap_or(24)
    }

    /// Returns how diagnostics are drawn on it.
    pub fn look(self) -> Look {
        Look { width: self.width().unwrap_or(WIDTH_OF_A_FILE), color: self.color(), unicode: unicode() }
    }

    fn color(self) -> bool {
        let choice = match self {
            Stream::Out => anstream::AutoStream::choice(&std::io::stdout()),
            Stream::Err => anstream::AutoStream::choice(&std::io::stderr()),
        };
        choice != anstream::ColorChoice::Never
    }
}

/// Whether the locale can show more than ASCII. Without any setting it can, as everywhere today.
pub fn unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(|name| std::env::var(name).ok())
        .find(|value| !value.is_empty());
    locale.is_none_or(|locale| {
        let locale = locale.to_ascii_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
