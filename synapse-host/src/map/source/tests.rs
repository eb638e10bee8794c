//! Whatever pieces the input comes in, the same rows come out.

use std::io::Read;

use super::*;

/// Gives `text` in pieces of `size` bytes.
struct Pieces {
    text: Vec<u8>,
    size: usize,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.size.min(self.text.len()).min(buffer.len());
        buffer[..count].copy_from_slice(&self.text[..count]);
        self.text.drain(..count);
        Ok(count)
    }
}

type Rows = (Vec<(u64, u64, String)>, Option<String>);

fn read(text: &str, size: usize, done: &DoneRows) -> Rows {
    let source = JsonRows::new(Box::new(Pieces { text: text.into(), size }), "in.json");
    let flow = Flow::new(true, 1);
    read_rows(Box::new(source), done, &flow);
    let mut rows = Vec::new();
    while let Some(span) = flow.take(100) {
        for index in 0..span.len() {
            let row = span.row(index);
            rows.push((row.number, row.line, String::from_utf8(span.text(row).to_vec()).unwrap()));
        }
        flow.hand_over(Default::default(), None);
    }
    (rows, flow.broken().map(|error| error.message().to_owned()))
}

/// The rows of `text`, which have to be the same in pieces of every size.
#[track_caller]
fn rows(text: &str) -> Rows {
    let whole = read(text, usize::MAX, &DoneRows::default());
    for size in [1, 2, 3, 7] {
        assert_eq!(read(text, size, &DoneRows::default()), whole, "in pieces of {size}");
    }
    whole
}

fn expected(rows: &[(u64, u64, &str)]) -> Vec<(u64, u64, String)> {
    rows.iter().map(|(number, line, text)| (*number, *line, (*text).to_owned())).collect()
}

#[test]
fn lines_are_rows_and_blank_lines_are_none() {
    let text = "\u{feff}\n{\"a\":1}\r\n \n  {\"b\": [2]} \nnonsense\n\n{\"c\":3}";
    let lines =
        expected(&[(0, 2, "{\"a\":1}"), (1, 4, "{\"b\": [2]}"), (2, 5, "nonsense"), (3, 7, "{\"c\":3}")]);
    assert_eq!(rows(text), (lines, None));
    for empty in ["", "\n", " \r\n\n", "[]", " [ \n ] \n"] {
        assert_eq!(rows(empty), (vec![], None), "{empty:?}");
    }
}

#[test]
fn elements_of_a_list_are_rows() {
    let text = "\n[ {\"a\": [1, {\"b\": \"],}\\\"[\\\\\"}]},\n{\"c\":\n3} , 4,\"x\" ]\n";
    let elements = [
        (0, 2, "{\"a\": [1, {\"b\": \"],}\\\"[\\\\\"}]}"),
        (1, 3, "{\"c\":\n3}"),
        (2, 4, "4"),
        (3, 4, "\"x\""),
    ];
    assert_eq!(rows(text), (expected(&elements), None));
    assert_eq!(rows("[1,,2,]").0, expected(&[(0, 1, "1"), (1, 1, ""), (2, 1, "2"), (3, 1, "")]));
}

#[test]
fn a_list_that_does_not_end_well_gives_the_rows_before() {
    let (open, error) = rows("[{\"a\":1},\n{\"b\":2}, {\"c\"");
    assert_eq!(open, expected(&[(0, 1, "{\"a\":1}"), (1, 2, "{\"b\":2}")]));
    assert_eq!(error.unwrap(), "in.json: the list that begins in line 1 is not closed: ] is missing");
    let (more, error) = rows("[1]\n\n{\"a\":1}");
    assert_eq!(more, expected(&[(0, 1, "1")]));
    assert_eq!(error.unwrap(), "in.json: something follows the end of the list, in line 3");
}

#[test]
fn rows_that_are_done_keep_their_numbers() {
    let mut done = DoneRows::default();
    [0, 2].into_iter().for_each(|row| done.insert(row));
    let left = expected(&[(1, 2, "{\"b\":1}"), (3, 4, "{\"d\":1}")]);
    let lines = "{\"a\":1}\n{\"b\":1}\n{\"c\":1}\n{\"d\":1}\n";
    assert_eq!(read(lines, 3, &done).0, left);
    let list = format!("[{}]", lines.trim_end().replace('\n', ",\n"));
    assert_eq!(read(&list, 3, &done).0, left);
}
