//! `synapse pipeline cache`.

use clap::Subcommand;
use serde_json::json;
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::super::output::{Output, duration, table};
use crate::home::Home;
use crate::pipeline::Cache;

#[derive(Subcommand, Debug)]
pub(crate) enum CacheCommand {
    /// List results that are kept for later runs
    List,
    /// Remove all of them
    Clear,
}

impl CacheCommand {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let home = Home::from_env().ok_or_else(|| {
            PluginError::new(ErrorKind::NotFound, "there is no home folder")
                .hint("name one with SYNAPSE_HOME")
        })?;
        let cache = Cache::of(&home);
        match self {
            Self::List => list(&cache, output),
            Self::Clear => {
                let removed = cache.clear()?;
                let word = if removed == 1 { "result" } else { "results" };
                output.document(&json!({ "removed": removed }), |_| format!("{removed} {word} removed\n"))
            }
        }
    }
}

fn list(cache: &Cache, output: &mut Output) -> Result<()> {
    let listed = cache.list();
    let entries = listed.iter().map(|one| {
        json!({ "key": one.key, "plugin": one.entry.plugin, "action": one.entry.action, "node": one.entry.node,
                "bytes": one.bytes, "age_seconds": one.age.as_secs() })
    });
    let document = json!({ "results": entries.collect::<Vec<_>>() });
    output.document(&document, |columns| {
        if listed.is_empty() {
            return "nothing is kept\n".to_owned();
        }
        let rows: Vec<Vec<String>> = listed
            .iter()
            .map(|one| {
                let (key, age) =
                    (one.key[..12].to_owned(), format!("{} ago", duration(one.age.as_secs_f64())));
                vec![key, one.entry.node.clone(), one.entry.action.clone(), age, one.entry.plugin.clone()]
            })
            .collect();
        table(&["KEY", "NODE", "ACTION", "MADE", "PLUGIN"], &rows, columns)
    })
}
