//! `synapse plugin build`.

use std::path::Path;

use clap::Args;
use serde_json::{Value, json};
use synapse_sdk::errors::Result;
use synapse_sdk::manifest::{ActionSpec, Manifest};
use synapse_sdk::schema::{Schema, pattern, with_defaults};

use super::Common;
use super::key::Signer;
use super::output::{Output, size, table};
use super::target::{TargetArgs, with_resolver};
use crate::author::Profile;
use crate::check::{self, Version};
use crate::inspect::inspect;
use crate::package::{Packed, PackedFile, check_floor, pack};
use crate::run::milliseconds;
use crate::worker_program::ask_for_manifest;

/// Build a plugin's folder and check what came out.
///
/// The library is read, then loaded and asked for its actions in a process of
/// its own. With --release, what is handed on goes to the folder's `dist`: the
/// library with its schemas stamped into it, and a bundle.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct BuildArgs {
    /// The plugin's folder
    #[arg(value_name = "TARGET")]
    folder: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Sign what was built with this key of `synapse key list`
    #[arg(long, value_name = "KEY")]
    sign: Option<String>,
    /// Build for systems with this version of the C library or a newer one, such as 2.28; needs
    /// cargo-zigbuild and zig
    #[arg(long, value_name = "VERSION", value_parser = glibc)]
    glibc: Option<Version>,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin build                               in a plugin's folder
  synapse plugin build examples/greet --release      makes examples/greet/dist/greet-0.1.0.synapse
  synapse plugin build examples/greet --release --sign ada
  synapse plugin build examples/greet --release --glibc 2.28      for older systems than this one
  synapse plugin build --path examples/greet --json";

impl BuildArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let folder = self.target.folder(self.folder.as_deref())?;
        let config = self.target.config();
        let built = with_resolver(self.target.profile(), common, output, |resolver| {
            resolver.glibc = self.glibc.as_ref().map(Version::to_string);
            resolver.build(&folder, config)
        })?;
        let inspected = inspect(&built.library)?;
        if let Some(glibc) = &self.glibc {
            check_floor(&folder, &built.library, &inspected, glibc)?;
        }
        let mut signer = self.sign.as_deref().map(Signer::new).transpose()?;
        let mut sign = |file: &Path, output: &mut Output| -> Result<()> {
            let Some(signer) = &mut signer else { return Ok(()) };
            output.note(&format!("signed: {}", signer.sign(file)?.display()));
            Ok(())
        };
        // Before its code runs: where every load requires a key, this one is it.
        sign(&built.library, output)?;
        let manifest = ask_for_manifest(&built.library)?;
        if let Some(error) = check::error(&built.library, &check::described(&manifest)) {
            return Err(error);
        }
        for problem in &inspected.config_warnings {
            output.note(&format!("config.yaml:{}: {problem}", problem.line));
        }
        for warning in unlisted(&inspected.facts.actions, inspected.actions_listed, &manifest) {
            output.note(&warning);
        }
        for warning in manifest.actions.iter().flat_map(wrong_defaults) {
            output.note(&warning);
        }
        let packed = match self.target.profile() {
            Profile::Release => Some(pack(&folder, &built.library, &inspected, &manifest)?),
            _ => None,
        };
        for file in packed.iter().flat_map(|packed| [&packed.library, &packed.bundle]) {
            sign(&file.path, output)?;
        }
        let actions: Vec<Value> = manifest
            .actions
            .iter()
            .map(|action| json!({ "name": action.name, "description": action.description }))
            .collect();
        let document = json!({
            "code": inspected.config.code,
            "name": inspected.config.name,
            "version": inspected.config.version,
            "path": built.library,
            "actions": actions,
            "fresh": built.fresh,
            "ms": milliseconds(built.elapsed),
            "glibc": inspected.needs.glibc.as_ref().map(Version::to_string),
            "dist": packed.as_ref().map(dist),
        });
        output.document(&document, |columns| {
            let rows: Vec<Vec<String>> = manifest
                .actions
                .iter()
                .map(|action| {
                    let line = action.description.lines().next().unwrap_or_default();
                    vec![action.name.clone(), line.to_owned()]
                })
                .collect();
            let head = format!(
                "{} {} · {}",
                inspected.config.code,
                inspected.config.version,
                built.library.display()
            );
            let made = packed.as_ref().map(made).unwrap_or_default();
            format!("{head}\n{made}\n{}", table(&["ACTION", "DESCRIPTION"], &rows, columns))
        })
    }
}

/// What was made to be handed on, for programs.
fn dist(packed: &Packed) -> Value {
    let file = |file: &PackedFile| json!({ "path": file.path, "sha256": file.sha256, "bytes": file.bytes });
    json!({
        "library": file(&packed.library),
        "bundle": file(&packed.bundle),
        "image_sha256": packed.image_sha256,
        "glibc": packed.glibc.as_ref().map(Version::to_string),
    })
}

/// The same for people.
fn made(packed: &Packed) -> String {
    let Packed { library, bundle, .. } = packed;
    let glibc = packed.glibc.as_ref().map(|glibc| format!(" · glibc {glibc} or newer")).unwrap_or_default();
    format!(
        "{} · {}{glibc}\n{}\nsha256 {}\n",
        bundle.path.display(),
        size(bundle.bytes),
        library.path.display(),
        bundle.sha256
    )
}

fn glibc(text: &str) -> Result<Version, String> {
    let right = |version: &Version| Version::parse("2").is_some_and(|two| two < *version);
    let wrong = || "expected a version of glibc such as 2.28".to_owned();
    Version::parse(text).filter(right).ok_or_else(wrong)
}

/// What differs between the actions a plugin lists and those it registers.
pub(super) fn unlisted(
    listed: &[synapse_sdk::abi::identity::ListedAction],
    complete: bool,
    manifest: &Manifest,
) -> Vec<String> {
    if !complete {
        return Vec::new();
    }
    let missing =
        manifest.actions.iter().filter(|action| !listed.iter().any(|known| known.name == action.name));
    missing
        .map(|action| {
            format!(
                "warning: `{}` is an action but not exported: add {}::{} to export_plugin!",
                action.name, action.module, action.item
            )
        })
        .collect()
}

/// Defaults that break their own rules. The compiler sees that of literals; the
/// others are known once they are computed.
fn wrong_defaults(action: &ActionSpec) -> Vec<String> {
    pattern::enable();
    let Ok(schema) = Schema::compile(&action.params) else { return Vec::new() };
    let defaults = with_defaults(&action.params, &json!({}));
    let violations = schema.check(&defaults).into_iter().filter(|violation| violation.rule != "required");
    violations
        .map(|violation| {
            format!("warning: `{}`: the default of {}: {}", action.name, violation.pointer, violation.message)
        })
        .collect()
}
