//! Aligned columns.

use super::width;

const BOLD: &str = "\x1b[1m";
const NORMAL: &str = "\x1b[0m";
/// Between two columns.
const GAP: usize = 3;

/// Rows of cells. What a cell says must be [`plain`](super::plain) text.
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub fn new<S: Into<String>>(header: impl IntoIterator<Item = S>) -> Table {
        Table { header: header.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    pub fn row<S: Into<String>>(&mut self, cells: impl IntoIterator<Item = S>) {
        self.rows.push(cells.into_iter().map(Into::into).collect());
    }

    /// Each line ends with a newline and without blanks; the header is bold where colours are wanted.
    pub fn text(&self, colours: bool) -> String {
        let mut widths: Vec<usize> = Vec::new();
        for row in std::iter::once(&self.header).chain(&self.rows) {
            widths.resize(widths.len().max(row.len()), 0);
            for (most, cell) in widths.iter_mut().zip(row) {
                *most = (*most).max(width(cell));
            }
        }
        let line = |row: &Vec<String>| {
            let mut out = String::new();
            for (cell, column) in row.iter().zip(&widths) {
                out.push_str(cell);
                out.push_str(&" ".repeat(column - width(cell) + GAP));
            }
            out.trim_end_matches(' ').to_string()
        };
        let mut out = match colours {
            true => format!("{BOLD}{}{NORMAL}\n", line(&self.header)),
            false => line(&self.header) + "\n",
        };
        for row in &self.rows {
            out += &line(row);
            out.push('\n');
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aligned_and_without_trailing_blanks() {
        let mut table = Table::new(["NAME", "STATUS", "X"]);
        table.row(["日本", "running", ""]);
        table.row(["a-longer-name", "", "last"]);
        let text = table.text(false);
        assert_eq!(text, "NAME            STATUS    X\n日本            running\na-longer-name             last\n");
        assert!(table.text(true).starts_with("\x1b[1mNAME            STATUS    X\x1b[0m\n日本"));
    }

    #[test]
    fn an_empty_one_is_its_header() {
        assert_eq!(Table::new(["A", "B"]).text(false), "A   B\n");
    }
}
