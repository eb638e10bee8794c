//! Every command that the documentation and `--help` show can be parsed.

use std::fs;
use std::path::{Path, PathBuf};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use super::Cli;

#[test]
fn the_command_line_contradicts_itself_nowhere() {
    Cli::command().debug_assert();
}

#[test]
fn examples_of_help_can_be_parsed() {
    let mut shown = Vec::new();
    collect_examples(&Cli::command(), &mut shown);
    assert!(shown.len() > 40, "{shown:#?}");
    assert_eq!(refused(shown), [""; 0]);
}

#[test]
fn commands_of_the_readme_and_the_guide_can_be_parsed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace");
    for page in pages(root) {
        let text = fs::read_to_string(&page).expect("a page");
        assert_eq!(refused(commands(&text)), [""; 0], "{}", page.display());
    }
}

/// How a command is refused that is only named, without what it needs.
const INCOMPLETE: [ErrorKind; 3] = [
    ErrorKind::MissingRequiredArgument,
    ErrorKind::MissingSubcommand,
    ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
];

/// A command as it is shown.
#[derive(Debug)]
struct Shown {
    text: String,
    /// Not only named, as in a sentence.
    whole: bool,
}

/// The examples of a command and of those below it, without what they are for.
fn collect_examples(command: &clap::Command, shown: &mut Vec<Shown>) {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    let examples = lines.filter(|line| line.starts_with("synapse "));
    let text = |line: &str| line.split("  ").next().unwrap_or_default().to_owned();
    shown.extend(examples.map(|line| Shown { text: text(line), whole: true }));
    command.get_subcommands().for_each(|below| collect_examples(below, shown));
}

fn pages(root: &Path) -> Vec<PathBuf> {
    let folders = ["", "docs/guide"].map(|folder| root.join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).expect("a folder").flatten());
    let pages: Vec<PathBuf> = files
        .map(|file| file.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        // What was once so stands there.
        .filter(|path| !path.ends_with("CHANGELOG.md"))
        .collect();
    assert!(pages.len() > 10, "{pages:?}");
    pages
}

/// The commands in a page's blocks of shell, and between backticks.
fn commands(page: &str) -> Vec<Shown> {
    let mut commands = Vec::new();
    let mut is_shell = None;
    for line in page.replace("\\\n", "").lines() {
        match (line.trim_start().strip_prefix("```"), is_shell) {
            (Some(language), None) => is_shell = Some(language == "sh"),
            (Some(_), Some(_)) => is_shell = None,
            (None, Some(true)) => commands.push(Shown { text: line.trim().to_owned(), whole: true }),
            (None, Some(false)) => {}
            (None, None) => {
                let named = line.split('`').skip(1).step_by(2);
                commands.extend(named.map(|text| Shown { text: text.to_owned(), whole: false }));
            }
        }
    }
    commands.retain(|command| command.text.contains("synapse "));
    commands
}

/// Those that are not understood, each with why.
fn refused(commands: Vec<Shown>) -> Vec<String> {
    let refused = commands.into_iter().filter_map(|Shown { text, whole }| {
        let words = shlex::split(&text).unwrap_or_else(|| panic!("quotes of {text}"));
        let start = words.iter().position(|word| word == "synapse" || word == "<(synapse")?;
        let is_own = |word: &&String| !["|", ">", ";", "&&", "--"].contains(&word.as_str());
        let own = words[start + 1..].iter().skip_while(|word| *word == "--").take_while(is_own);
        let own = own.map(|word| word.trim_end_matches([')', ';']));
        match Cli::try_parse_from(std::iter::once("synapse").chain(own)) {
            Err(error) if !whole && INCOMPLETE.contains(&error.kind()) => None,
            Err(error) if error.use_stderr() => Some(format!("{text}: {error}")),
            _ => None,
        }
    });
    refused.collect()
}
