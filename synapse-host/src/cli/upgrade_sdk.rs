//! `synapse plugin upgrade-sdk`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::Common;
use super::create::sdk_for;
use super::output::Output;
use super::output::look::GOOD;
use crate::sdk_dependency::{SdkDependency, version_at};

/// Move a plugin to the SDK that comes with this command, and say what changed.
///
/// Only the path of `synapse-sdk` in Cargo.toml changes; comments and all else
/// stay.
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
        let versions = (dependency.version(), version_at(&to));
        let changed = from != to;
        if changed {
            dependency.lead_to(&to)?;
        }
        let document = json!({
            "manifest": manifest,
            "changed": changed,
            "from": { "path": from, "version": versions.0 },
            "to": { "path": to, "version": versions.1 },
        });
        let look = output.look();
        output.document(&document, |_| {
            let version = |version: Option<String>| version.unwrap_or_else(|| "not there".to_owned());
            let (old, new) = (version(versions.0), version(versions.1));
            let mark = look.paint(GOOD, look.marks().success);
            match changed {
                false => format!("{mark} {} uses SDK {new} already\n", manifest.display()),
                true => format!(
                    "{mark} {}: synapse-sdk\n  from {} ({old})\n  to   {} ({new})\n",
                    manifest.display(),
                    from.display(),
                    to.display()
                ),
            }
        })
    }
}
