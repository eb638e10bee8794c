//! `synapse plugin update-config`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use similar::{ChangeTag, TextDiff};
use synapse_sdk::errors::{Result, ResultExt, ValidationError};
use synapse_sdk::{ErrorKind, PluginError};

use super::Common;
use super::output::Output;
use super::output::look::{BAD, BOLD, DIM, GOOD, Look};
use super::target::{TargetArgs, with_resolver};
use crate::config::edit::{self, Change};
use crate::config::{self, PluginConfig};
use crate::files::put_whole;
use crate::inspect::invalid_config;
use crate::sync;
use crate::worker_program::ask_for_manifest;

/// Write into config.yaml what the code declares: data types, descriptions, new
/// actions.
///
/// Only what differs is written; comments, order and quotes stay. Names and
/// methods stay as well: those the config decides.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct UpdateConfigArgs {
    /// The plugin's folder
    #[arg(value_name = "TARGET")]
    folder: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Write nothing; show what would change, with exit code 3 if anything would
    #[arg(long)]
    check: bool,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin update-config                    in a plugin's folder
  synapse plugin update-config --check            for a CI job: exit code 3 where config and code differ";

/// A config as it is and as it should be.
struct Update {
    file: PathBuf,
    before: String,
    after: String,
    made: Vec<Change>,
    /// What the text does not allow to be changed in place.
    by_hand: Vec<Change>,
}

impl UpdateConfigArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let folder = self.target.folder(self.folder.as_deref())?;
        let named = self.target.config();
        let built =
            with_resolver(self.target.profile(), common, output, |resolver| resolver.build(&folder, named))?;
        let file = named.map(Path::to_owned).or_else(|| config::find(&folder)).unwrap_or_default();
        let update =
            Update::of(file, |config| Ok(sync::changes(config, &ask_for_manifest(&built.library)?)))?;
        if !self.check {
            update.write()?;
        }
        let look = output.look();
        output.document(&update.document(self.check), |_| update.text(self.check, look))?;
        match update.is_open(self.check) {
            true => Err(update.refusal()),
            false => Ok(()),
        }
    }
}

impl Update {
    fn of(file: PathBuf, changes: impl FnOnce(&PluginConfig) -> Result<Vec<Change>>) -> Result<Self> {
        let before = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let loaded = config::parse(&before)
            .map_err(|problems| invalid_config(&file.display().to_string(), &problems))?;
        let (mut after, mut made, mut by_hand) = (before.clone(), Vec::new(), Vec::new());
        for change in changes(&loaded.config)? {
            match edit::apply(&after, &change) {
                Some(edited) => {
                    after = edited;
                    made.push(change);
                }
                None => by_hand.push(change),
            }
        }
        Ok(Self { file, before, after, made, by_hand })
    }

    /// Whether something is left to do.
    fn is_open(&self, check: bool) -> bool {
        !self.by_hand.is_empty() || (check && !self.made.is_empty())
    }

    /// The file is replaced as a whole, so that it is never half written.
    fn write(&self) -> Result<()> {
        if self.made.is_empty() {
            return Ok(());
        }
        let failed = |error: std::io::Error| {
            PluginError::new(ErrorKind::Io, format!("{} could not be written: {error}", self.file.display()))
                .hint("the folder and the file have to be writable")
        };
        let file = fs::canonicalize(&self.file).map_err(failed)?;
        let written = put_whole(&file, |whole| {
            whole.write_all(self.after.as_bytes())?;
            whole.set_permissions(fs::metadata(&file)?.permissions())
        });
        written.map_err(failed)
    }

    fn line(&self, change: &Change) -> usize {
        let key = match change {
            Change::Set { key, .. } | Change::Remove { key, .. } => Some(*key),
            Change::Add { .. } => None,
        };
        edit::place_of(&self.before, change.action(), key).0
    }

    fn document(&self, check: bool) -> Value {
        let listed = |changes: &[Change]| -> Vec<Value> {
            let tell = |change: &Change| json!({ "line": self.line(change), "change": change.to_string() });
            changes.iter().map(tell).collect()
        };
        json!({
            "file": self.file,
            "written": !check && !self.made.is_empty(),
            "changes": listed(&self.made),
            "by_hand": listed(&self.by_hand),
        })
    }

    fn text(&self, check: bool, look: Look) -> String {
        let file = self.file.display();
        if self.made.is_empty() {
            let all = if self.by_hand.is_empty() { "says what the code says" } else { "stays as it is" };
            return format!("{file} {all}\n");
        }
        let done = match (check, self.made.len()) {
            (true, _) => String::new(),
            (false, 1) => format!("{} 1 change to {file}\n", look.paint(GOOD, look.marks().success)),
            (false, more) => format!("{} {more} changes to {file}\n", look.paint(GOOD, look.marks().success)),
        };
        format!("{}{done}", self.diff(look))
    }

    fn diff(&self, look: Look) -> String {
        let diff = TextDiff::from_lines(&self.before, &self.after);
        let shown = self.file.display();
        let mut text = look.paint(BOLD, format!("--- {shown}\n+++ {shown}")) + "\n";
        for hunk in diff.unified_diff().context_radius(2).iter_hunks() {
            text.push_str(&format!("{}\n", look.paint(DIM, hunk.header())));
            for change in hunk.iter_changes() {
                let line = change.value().trim_end_matches(['\r', '\n']);
                let line = match change.tag() {
                    ChangeTag::Delete => look.paint(BAD, format!("-{line}")),
                    ChangeTag::Insert => look.paint(GOOD, format!("+{line}")),
                    ChangeTag::Equal => format!(" {line}"),
                };
                text.push_str(&format!("{line}\n"));
            }
        }
        text
    }

    fn refusal(&self) -> PluginError {
        let file = self.file.display();
        let open: Vec<&Change> = self.made.iter().chain(&self.by_hand).collect();
        let open = if self.by_hand.is_empty() { open } else { self.by_hand.iter().collect() };
        let details = open.iter().map(|change| {
            json!({
                "pointer": format!("{file}:{}", self.line(change)),
                "rule": "config",
                "given": change.action(),
                "allowed": null,
                "message": change.to_string(),
            })
        });
        let hint = match self.by_hand.is_empty() {
            true => "`synapse plugin update-config` writes it",
            false => "write it by hand: the entry stands in an alias or a form this cannot change",
        };
        ValidationError::new(format!("{file} does not say what the code says"))
            .details(details.collect())
            .hint(hint)
    }
}
