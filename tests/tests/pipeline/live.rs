//! What a person at a terminal sees while a pipeline runs.

use super::Case;

#[test]
fn at_a_terminal_the_nodes_are_seen_at_work_and_a_table_in_the_end() {
    let case = Case::logging(
        "nodes:
  first: {plugin: PIPED, action: mark, params: {file: LOG, name: first}}
  slow: {plugin: PIPED, action: mark, needs: first, params: {file: LOG, name: slow, sleep: 4000}}
  each: {plugin: PIPED, action: mark, needs: slow, for_each: [1, 2], params: {file: LOG, name: 'e${index}'}}
",
    );
    let terminal = case.pipeline("run --jobs 2").at_terminal();
    terminal.until_it_shows("1 of 3 nodes");
    let shown = terminal.shown();
    let line = |name: &str| shown.lines().find(|line| line.contains(name)).unwrap_or_default().to_owned();
    assert!(line("first").contains("done"), "{shown}");
    assert!(line("slow").contains('%') || line("1 running").contains("1 of 3"), "{shown}");
    assert!(line("each").trim_end().ends_with("each"), "what waits has no state yet:\n{shown}");
    terminal.until_it_shows("succeeded in");
    let shown = terminal.code(0);
    // Nothing of the board is left above the table.
    assert_eq!(shown.matches("slow").count(), 1, "{shown}");
    let table: Vec<Vec<&str>> = shown.lines().map(|line| line.split_whitespace().collect()).collect();
    assert!(table.iter().any(|row| row[..] == ["NODE", "STATUS", "TIME"]), "{shown}");
    assert!(shown.contains("2 elements") && shown.contains("2 items"), "{shown}");
}
