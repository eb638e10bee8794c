//! From what a person types to a run's id.

use std::path::Path;

use serde_json::json;
use synapse_sdk::PluginError;
use synapse_sdk::errors::NotFoundError;
use synapse_sdk::suggest::nearest;

use super::id;

/// How many ids an error names.
const SHOWN: usize = 5;

/// The id that `wanted` stands for: itself, the only one that begins so, or
/// with `last` the newest.
///
/// # Errors
/// There is no such run, or more than one; near ids are named.
pub(crate) fn find(runs: &Path, wanted: &str) -> Result<String, PluginError> {
    let mut ids = id::all(runs);
    if wanted == "last" && !ids.is_empty() {
        return Ok(ids.swap_remove(0));
    }
    let begin_so = |id: &&String| !wanted.is_empty() && id.starts_with(wanted);
    let matching: Vec<&String> = ids.iter().filter(begin_so).collect();
    match matching[..] {
        [id] => Ok(id.clone()),
        [] => Err(unknown(wanted, &near(wanted, &ids))),
        _ => Err(ambiguous(wanted, &matching)),
    }
}

/// The ids whose beginning is most like `wanted`, newest first.
fn near<'a>(wanted: &str, ids: &'a [String]) -> Vec<&'a String> {
    let beginning = |id: &'a String| id.get(..wanted.len()).unwrap_or(id);
    let Some(meant) = nearest(wanted, ids.iter().map(beginning)) else {
        return Vec::new();
    };
    ids.iter().filter(|id| id.starts_with(meant)).take(SHOWN).collect()
}

/// The error for a run that is not there.
pub(super) fn unknown(wanted: &str, near: &[&String]) -> PluginError {
    let hint = match near.first() {
        Some(id) => format!("did you mean `{id}`? `synapse run list` shows all runs"),
        None => "`synapse run list` shows all runs".to_owned(),
    };
    let message =
        if wanted == "last" { "no run is recorded yet".to_owned() } else { format!("no run `{wanted}`") };
    NotFoundError::new(message).details(json!({ "id": wanted, "near": near })).hint(hint)
}

fn ambiguous(wanted: &str, matching: &[&String]) -> PluginError {
    let newest = &matching[..matching.len().min(SHOWN)];
    NotFoundError::new(format!("`{wanted}` begins the ids of {} runs", matching.len()))
        .details(json!({ "id": wanted, "near": newest }))
        .hint(format!("give more of the id; the newest of them is `{}`", newest[0]))
}
