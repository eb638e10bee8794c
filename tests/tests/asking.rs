//! `synapse plugin create` at a terminal: its questions, and the keys that answer
//! them.

use std::fs;

use synapse_tests::{CTRL_C, DOWN, ENTER, Nursery, Terminal, UP};

fn create(nursery: &Nursery, options: &str) -> Terminal {
    nursery.call("plugin create").words(options).at_terminal()
}

fn config(nursery: &Nursery, code: &str) -> String {
    nursery.read(format!("synapse-{code}-plugin/config.yaml"))
}

#[test]
fn every_question_has_a_default_but_the_name() {
    let nursery = Nursery::new("asked");
    let terminal = create(&nursery, "");
    terminal.until_it_shows("Name").types("Port Vessels\r");
    terminal.until_it_shows("Code (port-vessels)").types(ENTER);
    terminal.until_it_shows("❯ custom").types(ENTER);
    terminal.until_it_shows("Create synapse-port-vessels-plugin?").types(ENTER);
    let shown = terminal.code(0);
    assert!(shown.contains("✓ synapse-port-vessels-plugin\n"), "{shown}");
    assert!(
        shown.contains("\nNext:\n  synapse plugin run main --path synapse-port-vessels-plugin\n"),
        "{shown}"
    );
    let config = config(&nursery, "port-vessels");
    assert!(config.contains("name: Port Vessels\n") && config.contains("category: custom\n"), "{config}");
}

#[test]
fn arrow_keys_choose_category_and_kind_of_data() {
    let nursery = Nursery::new("arrows");
    let terminal = create(&nursery, "--name Net --code net");
    let list = terminal.until_it_shows("❯ custom").shown();
    assert!(list.contains("  neural_net       trains, tests, serves models\n"), "{list}");
    assert!(!terminal.has_cursor());
    // One up, and from the last one down comes the first.
    terminal.types(UP).until_it_shows("❯ data_validation");
    terminal.types(DOWN).types(DOWN).until_it_shows("❯ neural_net").types(ENTER);
    terminal.until_it_shows("❯ image").types(DOWN).until_it_shows("❯ text").types(ENTER);
    terminal.until_it_shows("Create synapse-net-plugin?").types("y");
    terminal.code(0);
    let config = config(&nursery, "net");
    assert!(config.contains("category: neural_net\n") && config.contains("data_type: text\n"), "{config}");
}

#[test]
fn an_answer_that_cannot_be_is_asked_for_again() {
    let nursery = Nursery::new("again");
    let terminal = create(&nursery, "--name Hello -c custom");
    terminal.until_it_shows("Code (hello)").types("My Plugin\r");
    terminal.until_it_shows("for example `my-plugin`").types("mine\r");
    terminal.until_it_shows("Create synapse-mine-plugin?").types(ENTER);
    terminal.code(0);
    assert!(config(&nursery, "mine").contains("code: mine\n"));
}

#[test]
fn no_and_ctrl_c_create_nothing() {
    let nursery = Nursery::new("declined");
    let terminal = create(&nursery, "--code a -c custom --name A");
    terminal.until_it_shows("Create synapse-a-plugin?").types("n");
    assert!(terminal.code(130).contains("nothing was created"));
    for (options, question) in
        [("", "Name"), ("--code a --name A", "❯ custom"), ("--code a --name A -c custom", "Create")]
    {
        let terminal = create(&nursery, options);
        terminal.until_it_shows(question).types(CTRL_C).until_it_shows("nothing was created");
        assert!(terminal.has_cursor(), "{}", terminal.shown());
        terminal.code(130);
    }
    assert_eq!(fs::read_dir(nursery.folder()).expect("the nursery").count(), 0);
}

#[test]
fn what_options_say_is_not_asked() {
    let nursery = Nursery::new("told");
    let shown = create(&nursery, "--code told --yes").code(0);
    assert!(shown.starts_with("✓ synapse-told-plugin\n"), "{shown}");
}
