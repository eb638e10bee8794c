//! Which plugin a command is about.

use std::io::Write;
use std::path::PathBuf;

use anstream::{AutoStream, ColorChoice};
use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::Common;
use super::completions::codes;
use super::output::Output;
use crate::author::Profile;
use crate::kind::Kind;
use crate::plugin::Plugin;
use crate::plugin_ref::{PluginRef, Progress, Resolver, place_of};

/// The plugin, and how its folder is built.
#[derive(Args, Debug)]
pub(crate) struct TargetArgs {
    /// The plugin's code
    #[arg(short, long, value_name = "CODE", conflicts_with = "path", add = ArgValueCompleter::new(codes))]
    plugin: Option<String>,
    /// The plugin's folder [default: the current one]
    #[arg(long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// A config in place of the plugin's config.yaml
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Build with optimisations
    #[arg(short, long)]
    release: bool,
    /// Hash files again, instead of remembering that they have not changed
    #[arg(long)]
    verify: bool,
}

/// The file of a plugin.
pub(crate) struct NamedFile {
    /// A library, or a bundle.
    pub(crate) path: PathBuf,
    /// Whether it was built here, from a folder that was named.
    pub(crate) is_built: bool,
}

impl TargetArgs {
    /// The plugin, built if it has to be. Its code is not loaded yet.
    pub(crate) fn resolve(
        &self,
        positional: Option<&str>,
        common: &Common,
        output: &mut Output,
    ) -> Result<Plugin> {
        let plugin = self.plugin_ref(positional)?;
        let config = self.config.as_deref();
        with_resolver(self.profile(), common, output, |resolver| {
            resolver.verify = self.verify;
            resolver.resolve(&plugin, config)
        })
    }

    /// The plugin's library, built if it has to be, and not loaded.
    pub(crate) fn locate(
        &self,
        positional: Option<&str>,
        common: &Common,
        output: &mut Output,
    ) -> Result<PathBuf> {
        let plugin = self.plugin_ref(positional)?;
        let config = self.config.as_deref();
        with_resolver(self.profile(), common, output, |resolver| {
            resolver.verify = self.verify;
            resolver.locate(&plugin, config)
        })
    }

    /// The plugin's file: a folder's library, built if it has to be; a bundle as
    /// it is.
    pub(crate) fn file(
        &self,
        positional: Option<&str>,
        common: &Common,
        output: &mut Output,
    ) -> Result<NamedFile> {
        let path = place_of(&self.plugin_ref(positional)?)?;
        match Kind::of(&path) {
            Some(Kind::Bundle) if path.is_file() => Ok(NamedFile { path, is_built: false }),
            _ => {
                let library = self.locate(positional, common, output)?;
                Ok(NamedFile { path: library, is_built: path.is_dir() })
            }
        }
    }

    /// The folder to build.
    pub(crate) fn folder(&self, positional: Option<&str>) -> Result<PathBuf> {
        match self.plugin_ref(positional)? {
            PluginRef::Path(path) if path.is_dir() => Ok(path),
            PluginRef::Path(path) => {
                Err(PluginError::new(ErrorKind::NotFound, format!("there is no folder {}", path.display()))
                    .hint("name the folder that holds the plugin's Cargo.toml and config.yaml"))
            }
            PluginRef::Code(code) => {
                Err(PluginError::new(ErrorKind::NotFound, format!("there is no folder {code}"))
                    .hint("a plugin is built by its folder: --path DIR"))
            }
        }
    }

    /// Whether what was unpacked of a bundle is hashed again.
    pub(crate) fn verify(&self) -> bool {
        self.verify
    }

    pub(crate) fn config(&self) -> Option<&std::path::Path> {
        self.config.as_deref()
    }

    pub(crate) fn profile(&self) -> Profile {
        if self.release { Profile::Release } else { Profile::Dev }
    }

    /// How the plugin is named.
    pub(crate) fn plugin_ref(&self, positional: Option<&str>) -> Result<PluginRef> {
        match (positional, &self.plugin, &self.path) {
            (Some(_), Some(_), _) | (Some(_), _, Some(_)) => {
                Err(PluginError::new(ErrorKind::Usage, "the plugin is named twice")
                    .hint("name it as the first argument, or with --path, or with --plugin"))
            }
            (Some(target), None, None) => Ok(PluginRef::from(target)),
            (None, Some(code), _) => Ok(PluginRef::Code(code.clone())),
            (None, None, Some(path)) => Ok(PluginRef::Path(path.clone())),
            (None, None, None) => Ok(PluginRef::Path(".".into())),
        }
    }
}

/// Of two names the first is the plugin.
pub(crate) fn target_and_action<'a>(names: &'a [String], command: &str) -> Result<(Option<&'a str>, String)> {
    match names {
        [plugin] if plugin.contains('/') || plugin.ends_with(".so") || plugin.ends_with(".synapse") => Err(
            PluginError::new(ErrorKind::Usage, format!("which action of {plugin}? Only the plugin is named"))
                .hint(format!("for example `synapse plugin {command} {plugin} train`")),
        ),
        [action] => Ok((None, action.clone())),
        [target, action] => Ok((Some(target), action.clone())),
        _ => Err(PluginError::new(ErrorKind::Usage, "name one action")),
    }
}

/// Calls `work` with a resolver that tells `output` what it builds.
pub(crate) fn with_resolver<T>(
    profile: Profile,
    common: &Common,
    output: &mut Output,
    work: impl FnOnce(&mut Resolver<'_>) -> Result<T>,
) -> Result<T> {
    let color = !common.json && AutoStream::choice(&std::io::stderr()) != ColorChoice::Never;
    let (json, quiet) = (common.json, common.quiet);
    let report = |progress: Progress<'_>| match progress {
        Progress::Mended(done) => output.note(done),
        Progress::Building(folder) => output.note(&format!("building {}", folder.display())),
        // Compiler lines keep their form; with --json they are notes as well.
        Progress::Line(line) if json => output.note(line),
        Progress::Line(_) if quiet => {}
        // A closed stderr has nobody to be told.
        Progress::Line(line) => drop(writeln!(std::io::stderr(), "{line}")),
        Progress::Built(built) => output.note(&format!("built in {:.1} s", built.elapsed.as_secs_f64())),
    };
    let mut resolver = Resolver::default().profile(profile).color(color).loads(false).report(report);
    work(&mut resolver)
}
