//! Rows as an argument: one statement for any number of them.

use std::fmt::Write;

use super::Value;

/// Rows that a statement calls `v`, all of one shape.
///
/// PostgreSQL gets them as one array for each column, so that the text of the statement does not depend on their number and
/// it need not be parsed anew; SQLite, which knows no arrays, as `VALUES`.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    columns: &'static [&'static str],
    rows: Vec<Vec<Value>>,
}

/// A column of a [`Table`] as PostgreSQL gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Column {
    Ints(Vec<i64>),
    Bools(Vec<bool>),
    Texts(Vec<String>),
    Bytes(Vec<Vec<u8>>),
}

impl Table {
    pub(crate) fn new(columns: &'static [&'static str]) -> Self {
        Self { columns, rows: Vec::new() }
    }

    /// Rows of one column.
    pub(crate) fn of<T: Into<Value>>(
        column: &'static [&'static str; 1],
        values: impl IntoIterator<Item = T>,
    ) -> Self {
        let rows = values.into_iter().map(|value| vec![value.into()]).collect();
        Self { columns: column, rows }
    }

    /// Adds a row: one value for each column, of the same types as in the others.
    pub(crate) fn row(&mut self, row: impl IntoIterator<Item = Value>) {
        let row: Vec<_> = row.into_iter().collect();
        assert_eq!(row.len(), self.columns.len(), "a row has a value for each column");
        self.rows.push(row);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The tables of up to `most` rows that this one falls into; none if it is empty.
    pub(crate) fn chunks(mut self, most: usize) -> impl Iterator<Item = Self> {
        let columns = self.columns;
        std::iter::from_fn(move || {
            let rest = self.rows.split_off(most.min(self.rows.len()));
            let rows = std::mem::replace(&mut self.rows, rest);
            (!rows.is_empty()).then_some(Self { columns, rows })
        })
    }

    /// `WITH v (…) AS (SELECT * FROM unnest($n::…[], …)) `, the first argument being `$first`, and the arguments.
    pub(super) fn arrays(self, first: usize) -> (String, Vec<Column>) {
        let mut columns: Vec<Column> = Vec::new();
        for row in self.rows {
            if columns.is_empty() {
                columns = row.into_iter().map(Column::new).collect();
            } else {
                columns.iter_mut().zip(row).for_each(|(column, value)| column.push(value));
            }
        }
        let arrays: Vec<_> =
            (first..).zip(&columns).map(|(place, column)| format!("${place}::{}[]", column.kind())).collect();
        (format!("{}SELECT * FROM unnest({})) ", head(self.columns), arrays.join(",")), columns)
    }

    /// `WITH v (…) AS (VALUES ($n,…),…) `, the first argument being `$first`, and the arguments.
    pub(super) fn values(self, first: usize) -> (String, Vec<Value>) {
        let mut text = head(self.columns);
        let values: Vec<_> = self.rows.into_iter().flatten().collect();
        for (place, _) in values.iter().enumerate() {
            let before = match (place, place % self.columns.len()) {
                (0, _) => "VALUES (",
                (_, 0) => "),(",
                _ => ",",
            };
            // Writing to a string cannot fail.
            let _ = write!(text, "{before}${}", first + place);
        }
        text.push_str(")) ");
        (text, values)
    }
}

fn head(columns: &[&str]) -> String {
    format!("WITH v ({}) AS (", columns.join(","))
}

impl Column {
    fn new(value: Value) -> Self {
        match value {
            Value::Int(value) => Self::Ints(vec![value]),
            Value::Bool(value) => Self::Bools(vec![value]),
            Value::Text(value) => Self::Texts(vec![value]),
            Value::Bytes(value) => Self::Bytes(vec![value]),
        }
    }

    fn push(&mut self, value: Value) {
        match (self, value) {
            (Self::Ints(column), Value::Int(value)) => column.push(value),
            (Self::Bools(column), Value::Bool(value)) => column.push(value),
            (Self::Texts(column), Value::Text(value)) => column.push(value),
            (Self::Bytes(column), Value::Bytes(value)) => column.push(value),
            (column, value) => unreachable!("the rows of a table are of one shape: {column:?} and {value:?}"),
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Ints(_) => "bigint",
            Self::Bools(_) => "boolean",
            Self::Texts(_) => "text",
            Self::Bytes(_) => "bytea",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(&["a", "b"]);
        for (a, b) in [(1_i64, true), (2, false), (3, true)] {
            table.row([a.into(), b.into()]);
        }
        table
    }

    #[test]
    fn one_table_is_arrays_to_one_database_and_values_to_the_other() {
        let (text, columns) = table().arrays(2);
        assert_eq!(text, "WITH v (a,b) AS (SELECT * FROM unnest($2::bigint[],$3::boolean[])) ");
        assert_eq!(columns, [Column::Ints(vec![1, 2, 3]), Column::Bools(vec![true, false, true])]);
        let (text, values) = table().values(2);
        assert_eq!(text, "WITH v (a,b) AS (VALUES ($2,$3),($4,$5),($6,$7)) ");
        assert_eq!(values[2..4], [Value::Int(2), Value::Bool(false)]);
    }

    #[test]
    fn a_table_falls_into_chunks_that_hold_all_of_it() {
        let sizes: Vec<_> = table().chunks(2).map(|chunk| chunk.rows.len()).collect();
        assert_eq!(sizes, [2, 1]);
        assert_eq!(Table::new(&["a"]).chunks(2).count(), 0);
    }
}
