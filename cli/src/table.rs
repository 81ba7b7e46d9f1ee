//! Tables for a terminal.

use std::fmt;

/// Rows of text in columns as wide as their widest cell.
///
/// ```
/// use callseal::table::{Align, Table};
///
/// let mut table = Table::new([("stream", Align::Left), ("packets", Align::Right)]);
/// table.row(["PCMU".into(), "867".into()]);
/// assert_eq!(table.to_string(), "stream  packets\nPCMU        867\n");
/// ```
#[derive(Clone, Debug)]
pub struct Table<const N: usize> {
    heads: [(&'static str, Align); N],
    rows: Vec<[String; N]>,
}

/// On which side of its column a cell stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Figures.
    Right,
}

impl<const N: usize> Table<N> {
    /// A table with these column heads and no row.
    pub fn new(heads: [(&'static str, Align); N]) -> Self {
        Self {
            heads,
            rows: Vec::new(),
        }
    }

    /// Appends a row.
    pub fn row(&mut self, cells: [String; N]) {
        self.rows.push(cells);
    }
}

impl<const N: usize> fmt::Display for Table<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let heads = self.heads.map(|(head, _)| head.to_owned());
        let width = |column: usize| {
            let cells = std::iter::once(&heads).chain(&self.rows);
            cells
                .map(|cells| cells[column].chars().count())
                .max()
                .unwrap_or(0)
        };
        let widths: [usize; N] = std::array::from_fn(width);
        for cells in std::iter::once(&heads).chain(&self.rows) {
            let mut line = String::new();
            for (column, cell) in cells.iter().enumerate() {
                let width = widths[column];
                if column > 0 {
                    line.push_str("  ");
                }
                match self.heads[column].1 {
                    Align::Left => line.push_str(&format!("{cell:<width$}")),
                    Align::Right => line.push_str(&format!("{cell:>width$}")),
                }
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
