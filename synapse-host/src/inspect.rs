//! Looks into a plugin's file before any of its code runs.

use std::path::Path;

use synapse_sdk::PluginError;
use synapse_sdk::abi::identity::Facts;
use synapse_sdk::errors::{ErrorKind, Result};

use crate::check::{Needs, PluginFile, Reason};
use crate::config::{self, PluginConfig, Problem};
use crate::stamp::Stamp;

/// What a plugin's file says of itself.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Names, versions, and the actions when it lists them.
    pub facts: Facts,
    /// Whether [`Facts::actions`] is complete.
    pub actions_listed: bool,
    /// The config it was built with.
    pub config: PluginConfig,
    /// The text of that config.
    pub config_text: String,
    /// What the config's author should look at.
    pub config_warnings: Vec<Problem>,
    /// Whether a panic in it can be caught. Otherwise it ends the process, so
    /// the plugin is run in a worker only.
    pub panic_unwinds: bool,
    /// Major and minor version of the plugin interface that it speaks.
    pub abi: (u16, u16),
    /// What it needs of the system.
    pub needs: Needs,
    /// The bytes of its stamp, when it has one.
    stamp: Option<Vec<u8>>,
}

impl Inspected {
    /// Whether its actions may run in the calling process.
    ///
    /// # Errors
    /// [`IncompatiblePlugin`](ErrorKind::IncompatiblePlugin) for a plugin built
    /// with `panic = "abort"`.
    pub fn check_unwinds(&self, path: &Path) -> Result<()> {
        if self.panic_unwinds {
            return Ok(());
        }
        Err(Reason::PanicAborts.error(path))
    }

    /// Whether something is stamped into the file.
    pub fn is_stamped(&self) -> bool {
        self.stamp.is_some()
    }

    /// What is stamped into the file; `None` when nothing is.
    ///
    /// # Errors
    /// [`IncompatiblePlugin`](ErrorKind::IncompatiblePlugin) for a stamp that
    /// cannot be read.
    pub fn stamp(&self, path: &Path) -> Result<Option<Stamp>> {
        let stamp = self.stamp.as_deref().map(Stamp::parse).transpose();
        stamp.map_err(|why| Reason::BadStamp(why).error(path))
    }
}

/// Reads a plugin's file. Runs nothing of it.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) when there is no such file;
/// [`IncompatiblePlugin`](ErrorKind::IncompatiblePlugin), saying why and what
/// to do, when this host cannot load it;
/// [`Validation`](ErrorKind::Validation) when its config is wrong.
pub fn inspect(path: &Path) -> Result<Inspected> {
    inspected(PluginFile::read(path)?, path)
}

/// As [`inspect`], of a file that was read; `path` is for messages.
///
/// # Errors
/// As there.
pub fn inspected(file: PluginFile, path: &Path) -> Result<Inspected> {
    if let Some(reason) = file.reasons.first() {
        return Err(reason.error(path));
    }
    let identity = file.identity.ok_or_else(|| Reason::NoIdentity.error(path))?;
    let loaded = config::parse(&identity.config)
        .map_err(|problems| invalid_config(&format!("config.yaml within {}", path.display()), &problems))?;
    Ok(Inspected {
        facts: identity.facts,
        actions_listed: identity.actions_listed,
        config: loaded.config,
        config_text: identity.config.into_owned(),
        config_warnings: loaded.warnings,
        panic_unwinds: identity.panic_unwinds,
        abi: (identity.abi_major, identity.abi_minor),
        needs: file.needs.unwrap_or_default(),
        stamp: file.stamp,
    })
}

/// The error that a config's problems make, each of them in its details.
pub fn invalid_config(file: &str, problems: &[Problem]) -> PluginError {
    let details = problems.iter().map(|problem| {
        serde_json::json!({
            "pointer": format!("{file}:{}:{}", problem.line, problem.column),
            "rule": "config",
            "given": problem.path,
            "allowed": problem.hint,
            "message": problem.to_string(),
        })
    });
    let count = match problems.len() {
        1 => "1 problem".to_owned(),
        more => format!("{more} problems"),
    };
    let all = config::render(problems, file);
    PluginError::new(ErrorKind::Validation, format!("{file}: {count}\n{}", all.trim_end()))
        .details(details.collect())
}
