//! `docs/soak.md`: how each part ended when it ran last.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use super::{Outcome, PARTS, Part, Result};

const FILE: &str = "docs/soak.md";
const HEAD: &str = "\
# Soak

`cargo xtask soak` repeats what may fail rarely; `cargo xtask soak --list` names its parts. It writes this file: how each
part ended when it ran last. `--short`, which checks every change, writes nothing.

| part | what it does | how it ended | took | commit | day |
|---|---|---|---|---|---|
";

/// The table, by the names of parts.
pub(super) struct Report {
    rows: Vec<(String, String)>,
}

impl Report {
    pub(super) fn read(workspace: &Path) -> Result<Self> {
        let path = workspace.join(FILE);
        let text = if path.exists() { std::fs::read_to_string(path)? } else { String::new() };
        let rows = text.lines().filter_map(|line| {
            let name = line.strip_prefix("| `")?.split('`').next()?;
            Some((name.to_owned(), line.to_owned()))
        });
        Ok(Self { rows: rows.collect() })
    }

    pub(super) fn note(&mut self, part: &Part, outcome: &Result<Outcome>, took: Duration) {
        let end = match outcome {
            Ok(Outcome::Held(what)) => what.clone(),
            Ok(Outcome::NotHere(why)) => format!("not run: {why}"),
            Err(error) => format!("**failed**: {}", error.to_string().lines().next().unwrap_or_default()),
        };
        // The same text on every machine.
        let end = end.replace(env!("CARGO_MANIFEST_DIR").trim_end_matches("xtask"), "").replace('|', "\\|");
        let took = humantime::format_duration(took);
        let row =
            format!("| `{}` | {} | {end} | {took} | {} | {} |", part.name, part.about, commit(), today());
        self.rows.retain(|(name, _)| name != part.name);
        self.rows.push((part.name.to_owned(), row));
    }

    pub(super) fn write(&self, workspace: &Path) -> Result<()> {
        let mut text = HEAD.to_owned();
        for part in PARTS {
            for (_, row) in self.rows.iter().filter(|(name, _)| name == part.name) {
                text.push_str(row);
                text.push('\n');
            }
        }
        Ok(std::fs::write(workspace.join(FILE), text)?)
    }
}

fn today() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string().chars().take(10).collect()
}

/// The commit at hand; with a plus when something was changed since.
fn commit() -> String {
    let git = |words: &str| {
        let output = Command::new("git").args(words.split(' ')).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(commit) = git("rev-parse --short HEAD") else { return "?".to_owned() };
    let changed = git("status --porcelain -- :!docs/soak.md").is_some_and(|changes| !changes.is_empty());
    if changed { commit + "+" } else { commit }
}
