//! Tables that fit: on a narrow terminal columns go, the least important first; in a pipe nothing is cut.

use comfy_table::{CellAlignment, ContentArrangement, Table as Drawn, presets};
use flow_diagnostics::escape;
use unicode_width::UnicodeWidthStr;

use crate::text;

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    pub title: &'static str,
    /// 0 always stays; of the others the highest goes first.
    pub rank: u8,
    pub right: bool,
    /// Is cut to fit before any column goes.
    pub remark: bool,
}

/// Returns a column of texts.
pub const fn column(title: &'static str, rank: u8) -> Column {
    Column { title, rank, right: false, remark: false }
}

/// Returns a column of numbers.
pub const fn numbers(title: &'static str, rank: u8) -> Column {
    Column { title, rank, right: true, remark: false }
}

/// Returns a column of remarks, which may be cut.
pub const fn remarks(title: &'static str, rank: u8) -> Column {
    Column { title, rank, right: false, remark: true }
}

/// Columns and rows; a row has a cell for each column.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

const GAP: usize = 2;
/// A remark isn't cut below this.
const REMARK_MIN: usize = 16;
/// A column that always stays isn't cut below this.
const CELL_MIN: usize = 8;

impl Table {
    pub fn new(columns: impl Into<Vec<Column>>) -> Table {
        Table { columns: columns.into(), rows: Vec::new() }
    }

    /// Adds a row. What could move the cursor is escaped here.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        debug_assert_eq!(N, self.columns.len());
        self.rows.push(cells.iter().map(|cell| escape(cell).into_owned()).collect());
    }

    /// Draws the table at most `width` columns wide; `None` is a pipe. A line each, the titles first.
    pub fn draw(&self, width: Option<usize>) -> String {
        let mut widths: Vec<usize> = (0..self.columns.len()).map(|at| self.natural(at)).collect();
        let mut shown: Vec<usize> = (0..self.columns.len()).collect();
        // A column in which every cell is empty says nothing.
        shown.retain(|&at| self.rows.is_empty() || self.rows.iter().any(|row| !row[at].is_empty()));
        if let Some(width) = width {
            let total =
                |shown: &[usize], widths: &[usize]| shown.iter().map(|&at| widths[at] + GAP).sum::<usize>();
            for &at in shown.iter().filter(|&&at| self.columns[at].remark) {
                let over = total(&shown, &widths).saturating_sub(width + GAP);
                widths[at] = widths[at].saturating_sub(over).max(widths[at].min(REMARK_MIN));
            }
            while total(&shown, &widths) > width + GAP {
                let least = shown.iter().copied().max_by_key(|&at| self.columns[at].rank);
                match least.filter(|&at| self.columns[at].rank > 0) {
                    Some(least) => shown.retain(|&at| at != least),
                    None => break,
                }
            }
            // Still too wide: the widest of what stays is cut.
            while total(&shown, &widths) > width + GAP {
                let Some(widest) = shown.iter().copied().max_by_key(|&at| widths[at]) else { break };
                if widths[widest] <= CELL_MIN {
                    break;
                }
                widths[widest] -= 1;
            }
        }
        self.drawn(&shown, &widths)
    }

    fn natural(&self, at: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[at].width());
        cells.chain([self.columns[at].title.width()]).max().unwrap_or(0)
    }

    fn drawn(&self, shown: &[usize], widths: &[usize]) -> String {
        let mut drawn = Drawn::new();
        drawn
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .force_no_tty();
        drawn.set_header(shown.iter().map(|&at| self.columns[at].title));
        for row in &self.rows {
            drawn.add_row(shown.iter().map(|&at| text::fit(&row[at], widths[at]).into_owned()));
        }
        for (place, &at) in shown.iter().enumerate() {
            if let Some(column) = drawn.column_mut(place) {
                column.set_padding((0, GAP as u16));
                if self.columns[at].right {
                    column.set_cell_alignment(CellAlignment::Right);
                }
            }
        }
        let mut out = String::new();
        for line in drawn.lines() {
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new([
            column("RUN", 0),
            column("FLOW", 1),
            numbers("STEPS", 2),
            numbers("COST", 3),
            column("NONE", 0),
        ]);
        table.row(["0193abcd".into(), "write_article".into(), "7".into(), "$0.01".into(), String::new()]);
        table.row(["0193ef00".into(), "hello\u{1b}[2J".into(), "12".into(), "$1.25".into(), String::new()]);
        table
    }

    #[test]
    fn a_pipe_gets_everything() {
        insta::assert_snapshot!(table().draw(None), @r"
        RUN       FLOW            STEPS   COST
        0193abcd  write_article       7  $0.01
        0193ef00  hello\u{1b}[2J     12  $1.25
        ");
    }

    #[test]
    fn a_narrow_terminal_loses_the_least_important_columns() {
        insta::assert_snapshot!(table().draw(Some(35)), @r"
        RUN       FLOW            STEPS
        0193abcd  write_article       7
        0193ef00  hello\u{1b}[2J     12
        ");
        insta::assert_snapshot!(table().draw(Some(8)), @r"
        RUN
        0193abcd
        0193ef00
        ");
    }
}
