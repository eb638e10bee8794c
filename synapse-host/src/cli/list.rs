//! `synapse plugin list`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use synapse_sdk::errors::{NotFoundError, Result};

use super::output::{Output, table};
use crate::plugin_ref::places;
use crate::registry::{Found, find, within};

/// List the plugins in a folder, or those that can be named by their code.
///
/// Files are read and none of their code is run. Of several with the same code
/// the first is the one that is taken when the code is named.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// The folder [default: the current one, those of SYNAPSE_PLUGIN_PATH, and
    /// the installed plugins]
    #[arg(value_name = "DIR")]
    folder: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin list
  synapse plugin list ~/plugins
  synapse plugin list ~/plugins --json";

impl ListArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let places = match self.folder {
            Some(folder) if !folder.is_dir() => {
                return Err(NotFoundError::new(format!("there is no folder {}", folder.display()))
                    .hint("name the folder that plugins lie in"));
            }
            Some(folder) => within(&folder)?,
            None => places(),
        };
        let found = find(&places);
        let document = if output.is_json() { found.iter().map(document).collect() } else { Value::Null };
        output.document(&document, |columns| text(&found, columns))
    }
}

fn document(plugin: &Found) -> Value {
    let facts = plugin.facts.as_ref();
    json!({
        "code": facts.ok().map(|facts| &facts.code),
        "name": facts.ok().map(|facts| &facts.name),
        "version": facts.ok().map(|facts| &facts.version),
        "path": plugin.path,
        "kind": plugin.kind.as_str(),
        "actions": facts.map(|facts| facts.actions.clone()).unwrap_or_default(),
        "problem": facts.err(),
        "hidden_by": plugin.hidden_by,
    })
}

fn text(found: &[Found], columns: Option<usize>) -> String {
    if found.is_empty() {
        return "no plugins; `synapse plugin create` makes one, `synapse plugin install` adds one\n"
            .to_owned();
    }
    let rows: Vec<Vec<String>> = found.iter().map(row).collect();
    let rows = table(&["CODE", "VERSION", "KIND", "ACTIONS", "PATH"], &rows, columns);
    let damaged: Vec<String> = found
        .iter()
        .filter_map(|plugin| Some(format!("{}: {}\n", plugin.path.display(), plugin.facts.as_ref().err()?)))
        .collect();
    let hidden: Vec<String> = found
        .iter()
        .filter_map(|plugin| {
            let by = found.iter().find(|other| Some(&other.path) == plugin.hidden_by.as_ref())?;
            Some(format!(
                "{}: hidden by {}{}\n",
                plugin.path.display(),
                by.path.display(),
                name_of(plugin, by)
            ))
        })
        .collect();
    let notes = [damaged, hidden].concat().concat();
    if notes.is_empty() { rows } else { format!("{rows}\n{notes}") }
}

/// How one is named that stands behind another version.
fn name_of(plugin: &Found, by: &Found) -> String {
    match (&plugin.facts, &by.facts) {
        (Ok(facts), Ok(by)) if facts.version != by.version => {
            format!("; `{}@{}` names it", facts.code, facts.version)
        }
        _ => String::new(),
    }
}

fn row(plugin: &Found) -> Vec<String> {
    let kind = plugin.kind.as_str().to_owned();
    let path = plugin.path.display().to_string();
    match &plugin.facts {
        Ok(facts) => {
            vec![facts.code.clone(), facts.version.clone(), kind, facts.actions.join(" "), path]
        }
        Err(_) => vec!["-".to_owned(), "-".to_owned(), kind, "damaged".to_owned(), path],
    }
}
