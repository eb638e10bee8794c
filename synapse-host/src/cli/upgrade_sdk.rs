//! `synapse plugin upgrade-sdk`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::Common;
use super::create::sdk_for;
use super::output::Output;
use super::output::look::{BOLD, GOOD, Look};
use crate::changelog::{self, Section};
use crate::sdk_dependency::{SdkDependency, check_requirement, version_at};

/// Move a plugin to the SDK that comes with this command, and say what changed.
///
/// Only the path of `synapse-sdk` in Cargo.toml changes; comments and all else
/// stay. What the versions in between changed is told from the SDK's changelog.
/// A plugin whose config.yaml asks for other versions (`requires.sdk`) is not
/// moved.
#[derive(Args, Debug)]
#[command(name = "upgrade-sdk", after_help = EXAMPLES)]
pub(crate) struct UpgradeSdkArgs {
    /// The plugin's folder [default: the current one]
    #[arg(value_name = "TARGET")]
    folder: Option<PathBuf>,
    /// The plugin's folder
    #[arg(long, value_name = "DIR", conflicts_with = "folder")]
    path: Option<PathBuf>,
    /// An SDK in place of the one that comes with this command
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin upgrade-sdk                          in a plugin's folder
  synapse plugin upgrade-sdk --path ~/plugins/synapse-hello-plugin
  synapse plugin upgrade-sdk --sdk ~/synapse          to a clone of the repository";

impl UpgradeSdkArgs {
    pub(crate) fn execute(self, _common: &Common, output: &mut Output) -> Result<()> {
        let folder = self.folder.or(self.path).unwrap_or_else(|| ".".into());
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(PluginError::new(ErrorKind::NotFound, format!("there is no {}", manifest.display()))
                .hint("name the plugin's folder with --path"));
        }
        let mut dependency = SdkDependency::of(&folder).ok_or_else(|| {
            let message = format!("{} has no dependency `synapse-sdk` with a path", manifest.display());
            PluginError::new(ErrorKind::NotFound, message)
                .hint("in a workspace, change the path where the workspace names it")
        })?;
        let (from, to) = (dependency.path(), sdk_for(self.sdk.as_deref())?);
        let upgrade = Upgrade {
            versions: (dependency.version(), version_at(&to)),
            changed: from != to,
            changelog: changelog(&to),
            manifest,
            from,
            to,
        };
        if upgrade.changed {
            check_requirement(&folder, upgrade.versions.1.as_deref().unwrap_or_default())?;
            dependency.lead_to(&upgrade.to)?;
        }
        let look = output.look();
        output.document(&upgrade.document(), |_| upgrade.text(look))
    }
}

/// The changelog that comes with an SDK.
fn changelog(sdk: &Path) -> String {
    let file = sdk.parent().unwrap_or(sdk).join("CHANGELOG.md");
    std::fs::read_to_string(file).unwrap_or_default()
}

/// From which SDK to which.
struct Upgrade {
    manifest: PathBuf,
    changed: bool,
    from: PathBuf,
    to: PathBuf,
    versions: (Option<String>, Option<String>),
    changelog: String,
}

impl Upgrade {
    /// What the new version changed; nothing when one of the two is not known.
    fn sections(&self) -> Vec<Section> {
        let version = |version: &Option<String>| version.as_ref()?.parse().ok();
        match (version(&self.versions.0), version(&self.versions.1)) {
            (Some(from), Some(to)) if self.changed => changelog::between(&self.changelog, &from, &to),
            _ => Vec::new(),
        }
    }

    fn document(&self) -> Value {
        let changes = self.sections().into_iter();
        json!({
            "manifest": self.manifest,
            "changed": self.changed,
            "from": { "path": self.from, "version": self.versions.0 },
            "to": { "path": self.to, "version": self.versions.1 },
            "changes":
                changes.map(|section| json!({ "version": section.title, "text": section.text })).collect::<Vec<_>>(),
        })
    }

    fn text(&self, look: Look) -> String {
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "not there".to_owned());
        let (old, new) = (version(&self.versions.0), version(&self.versions.1));
        let (mark, manifest) = (look.paint(GOOD, look.marks().success), self.manifest.display());
        if !self.changed {
            return format!("{mark} {manifest} uses SDK {new} already\n");
        }
        let (from, to) = (self.from.display(), self.to.display());
        let mut text =
            format!("{mark} {manifest}: synapse-sdk\n  from {from} ({old})\n  to   {to} ({new})\n");
        for section in self.sections() {
            text.push_str(&format!("\n{}\n\n{}\n", look.paint(BOLD, section.title), section.text));
        }
        text
    }
}
