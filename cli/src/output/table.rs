//! Aligned columns.

use super::{Paint, plain};

/// Rows under a heading, each column as wide as its widest cell.
#[derive(Debug)]
pub struct Table {
    indent: usize,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with this heading.
    #[must_use]
    pub fn new<const N: usize>(heading: [&str; N]) -> Self {
        Self { indent: 0, rows: vec![heading.map(str::to_owned).to_vec()] }
    }

    /// Moves the table to the right.
    #[must_use]
    pub fn indented(mut self, columns: usize) -> Self {
        self.indent = columns;
        self
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| plain(&cell)).to_vec());
    }

    /// The table as lines.
    #[must_use]
    pub fn render(&self, paint: Paint) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            let cells = self.rows.iter().filter_map(move |row| row.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut text = String::new();
        for (number, row) in self.rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            let line = format!("{:1$}{2}", "", self.indent, line.trim_end());
            text.push_str(&if number == 0 { paint.dim(&line) } else { line });
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_aligned_and_nothing_trails() {
        let mut table = Table::new(["ID", "PEER"]).indented(2);
        table.row(["1".to_owned(), "bob".to_owned()]);
        table.row(["1234".to_owned(), "a\nb".to_owned()]);
        assert_eq!(table.render(Paint::default()), "  ID    PEER\n  1     bob\n  1234  a b\n");
    }
}
