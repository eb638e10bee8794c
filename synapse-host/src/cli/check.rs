//! `synapse plugin check`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use synapse_sdk::errors::Result;
use synapse_sdk::manifest::Manifest;

use super::Common;
use super::build::unlisted;
use super::output::Output;
use super::target::TargetArgs;
use crate::check::{self, Machine, Reason};
use crate::config::{self, PluginConfig, Problem};
use crate::differences;
use crate::inspect::{Inspected, inspect, invalid_config};
use crate::plugin_ref::PluginRef;
use crate::trust::{self, Verdict};
use crate::worker_program::ask_for_manifest;

/// Check that a plugin would load here, and that its config fits its code.
///
/// The file is looked at before any of its code runs; then it is asked for its
/// actions in a process of its own. Every reason and every difference is told,
/// each with what to do.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    /// The plugin's folder, bundle, .so file or code
    #[arg(value_name = "TARGET")]
    named: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Only say why it would not load here, not where config and code differ
    #[arg(long)]
    why_not: bool,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin check                                       in a plugin's folder
  synapse plugin check examples/classifier
  synapse plugin check path/to/libgreet.so --why-not
  synapse plugin check path/to/libgreet.so --why-not --json

Exit code 5: it would not load here. 3: config and code differ, or the config is invalid.";

/// A plugin that would load here.
struct Checked {
    /// The library, or the bundle.
    file: PathBuf,
    inspected: Inspected,
    manifest: Manifest,
    machine: Machine,
    verdict: Verdict,
}

/// A config with the name that its lines are told under.
struct Source {
    file: String,
    text: String,
    config: PluginConfig,
    warnings: Vec<Problem>,
}

impl CheckArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let file = self.target.file(self.named.as_deref(), common, output)?;
        let machine = Machine::here();
        refuse(&file.path, &check::why_not(&file.path, &machine)?)?;
        let library = self.target.locate(self.named.as_deref(), common, output)?;
        let checked = Checked::loadable(file.path, library, machine)?;
        if !self.why_not {
            self.check_config(&checked, output)?;
        }
        let document = checked.document();
        output.document(&document, |_| checked.text())
    }

    /// Everything in which the config differs from the code is an error.
    fn check_config(&self, checked: &Checked, output: &mut Output) -> Result<()> {
        let source = self.source(checked)?;
        for warning in &source.warnings {
            output.note(&format!("{}:{}: {warning}", source.file, warning.line));
        }
        let facts = &checked.inspected.facts;
        for warning in unlisted(&facts.actions, checked.inspected.actions_listed, &checked.manifest) {
            output.note(&warning);
        }
        let differences = differences::between(&source.config, &source.text, &checked.manifest);
        match differences.is_empty() {
            true => Ok(()),
            false => Err(invalid_config(&source.file, &differences)),
        }
    }

    /// The config that counts: the one that is named, else that of the folder,
    /// else the one within the library.
    fn source(&self, checked: &Checked) -> Result<Source> {
        let folder = match self.target.plugin_ref(self.named.as_deref())? {
            PluginRef::Path(path) => config::find(&path),
            PluginRef::Code(_) => None,
        };
        let Some(path) = self.target.config().map(Path::to_owned).or(folder) else {
            let inspected = &checked.inspected;
            return Ok(Source {
                file: format!("config.yaml within {}", checked.file.display()),
                text: inspected.config_text.clone(),
                config: inspected.config.clone(),
                warnings: inspected.config_warnings.clone(),
            });
        };
        let file = path.display().to_string();
        let text = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        let loaded = config::parse(&text).map_err(|problems| invalid_config(&file, &problems))?;
        Ok(Source { file, text, config: loaded.config, warnings: loaded.warnings })
    }
}

impl Checked {
    /// The plugin, when nothing speaks against loading it here.
    fn loadable(file: PathBuf, library: PathBuf, machine: Machine) -> Result<Self> {
        let inspected = inspect(&library)?;
        let manifest = ask_for_manifest(&library)?;
        let mut reasons = check::described(&manifest);
        reasons.extend(check::unregistered(&inspected.facts.actions, &manifest));
        refuse(&library, &reasons)?;
        let verdict = trust::verdict(&file)?;
        Ok(Self { file, inspected, manifest, machine, verdict })
    }

    fn document(&self) -> Value {
        let Self { inspected, manifest, machine, .. } = self;
        json!({
            "check": {
                "code": inspected.config.code,
                "version": inspected.config.version,
                "path": self.file,
                "loads": true,
                "sdk": manifest.sdk,
                "target": inspected.facts.target,
                "glibc": {
                    "needed": inspected.needs.glibc.as_ref().map(ToString::to_string),
                    "here": machine.glibc.as_ref().map(ToString::to_string),
                },
                "libraries": inspected.needs.libraries,
                "requires": inspected.facts.requires,
                "target_features": inspected.facts.target_features,
                "signature": self.verdict.document(),
            }
        })
    }

    fn text(&self) -> String {
        let Self { inspected, manifest, machine, .. } = self;
        let config = &inspected.config;
        let mut lines = vec![
            format!("{} {} would load here · {}", config.code, config.version, self.file.display()),
            format!("SDK {} · {}", manifest.sdk, inspected.facts.target),
        ];
        if let (Some(needed), Some(here)) = (&inspected.needs.glibc, &machine.glibc) {
            lines.push(format!("glibc {needed} or newer, here {here}"));
        }
        let lists = [
            ("libraries", &inspected.needs.libraries),
            ("host services", &inspected.facts.requires),
            ("processor", &inspected.facts.target_features),
        ];
        let named = lists.into_iter().filter(|(_, names)| !names.is_empty());
        lines.extend(named.map(|(what, names)| format!("{what}: {}, all here", names.join(", "))));
        lines.push(self.verdict.to_string());
        lines.join("\n") + "\n"
    }
}

fn refuse(library: &Path, reasons: &[Reason]) -> Result<()> {
    check::error(library, reasons).map_or(Ok(()), Err)
}
