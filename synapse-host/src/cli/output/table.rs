//! Lists of things in columns.

use std::borrow::Cow;

use super::look::utf8_locale;
use super::text::{cut, one_line, pad, width};

const GAP: &str = "  ";

/// `rows` under their `columns`: aligned, without borders, each row one line.
///
/// Lines longer than `columns_wide` terminal columns are cut, `None` cuts
/// nothing. A row may have fewer cells than there are columns.
///
/// ```text
/// RUN      ACTION  STATUS
/// 20261122 train   succeeded
/// ```
pub(crate) fn table(columns: &[&str], rows: &[Vec<String>], columns_wide: Option<usize>) -> String {
    lines(columns, rows, columns_wide, if utf8_locale() { "…" } else { "..." })
}

fn lines(columns: &[&str], rows: &[Vec<String>], columns_wide: Option<usize>, mark: &str) -> String {
    let head: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let body = rows.iter().map(|row| row.iter().map(|cell| one_line(cell)).collect());
    let grid: Vec<Vec<String>> = std::iter::once(head).chain(body).collect();
    let widths: Vec<usize> = (0..columns.len()).map(|column| widest(&grid, column)).collect();
    let mut text = String::new();
    for row in &grid {
        let line =
            row.iter().zip(&widths).map(|(cell, width)| pad(cell, *width)).collect::<Vec<_>>().join(GAP);
        let line = line.trim_end();
        let line = columns_wide.map_or(Cow::Borrowed(line), |columns| cut(line, columns, mark));
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn widest(grid: &[Vec<String>], column: usize) -> usize {
    grid.iter().filter_map(|row| row.get(column)).map(|cell| width(cell)).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(columns_wide: Option<usize>) -> String {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(["20261122-a1", "train", "succeeded in 3 min 20 s"]),
            row(["20261122-b2", "评估", "failed: \x1b[31mno\nmemory"]),
        ];
        lines(&["RUN", "ACTION", "STATUS"], &rows, columns_wide, "…")
    }

    #[test]
    fn columns_are_aligned_and_cells_stay_on_their_line() {
        let expected = "\
RUN          ACTION  STATUS
20261122-a1  train   succeeded in 3 min 20 s
20261122-b2  评估    failed: no memory
";
        assert_eq!(runs(None), expected);
    }

    #[test]
    fn long_lines_are_cut_at_the_terminals_width() {
        let expected = "\
RUN          ACTION  STATUS
20261122-a1  train   succeede…
20261122-b2  评估    failed: …
";
        assert_eq!(runs(Some(30)), expected);
    }

    #[test]
    fn a_short_row_leaves_its_last_columns_empty() {
        let rows = [vec!["a".to_owned()], vec![]];
        assert_eq!(lines(&["NAME", "CODE"], &rows, None, "…"), "NAME  CODE\na\n\n");
    }
}
