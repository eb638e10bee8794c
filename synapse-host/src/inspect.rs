//! Looks into a plugin's file before any of its code runs.

use std::fs::File;
use std::path::Path;

use object::read::elf::ElfFile64;
use object::{Endianness, Object, ObjectKind, ObjectSection, ReadCache};
use synapse_sdk::PluginError;
use synapse_sdk::abi::identity::{BadIdentity, Facts, Identity};
use synapse_sdk::abi::layout::{ABI_MAJOR, ABI_MINOR, IDENTITY_SECTION};
use synapse_sdk::errors::{ErrorKind, IncompatiblePlugin, NotFoundError, Result};

use crate::config::{self, PluginConfig, Problem};

/// What a plugin's file says of itself.
#[derive(Clone, Debug)]
pub struct Inspected {
    /// Names, versions, and the actions when it lists them.
    pub facts: Facts,
    /// Whether [`Facts::actions`] is complete.
    pub actions_listed: bool,
    /// The config it was built with.
    pub config: PluginConfig,
    /// What the config's author should look at.
    pub config_warnings: Vec<Problem>,
    /// Whether a panic in it can be caught. Otherwise it ends the process, so
    /// the plugin is run in a worker only.
    pub panic_unwinds: bool,
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
        Err(IncompatiblePlugin::new(format!(
            "{} was built with panic = \"abort\": a panic in it would end this process",
            path.display()
        ))
        .hint(
            "run it isolated, or remove `panic = \"abort\"` from the profile in Cargo.toml and build again",
        ))
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
    let bytes = identity_bytes(path)?;
    let identity = Identity::parse(&bytes).map_err(|bad| refuse_identity(path, &bad))?;
    check_compatible(path, &identity)?;
    let loaded = config::parse(&identity.config)
        .map_err(|problems| invalid_config(&format!("config.yaml within {}", path.display()), &problems))?;
    Ok(Inspected {
        facts: identity.facts,
        actions_listed: identity.actions_listed,
        config: loaded.config,
        config_warnings: loaded.warnings,
        panic_unwinds: identity.panic_unwinds,
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

/// Opens a plugin's file for reading.
pub(crate) fn open_file(path: &Path) -> Result<File> {
    File::open(path)
        .map_err(|error| PluginError::new(ErrorKind::of_io(&error), format!("{}: {error}", path.display())))
}

/// The bytes of the section that holds the identity. The file is read through
/// a cache and not mapped: a file that is cut short while we look must not end
/// this process.
fn identity_bytes(path: &Path) -> Result<Vec<u8>> {
    let file = open_file(path)?;
    if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
        return Err(NotFoundError::new(format!("{} is a folder, not a plugin's file", path.display())));
    }
    let cache = ReadCache::new(file);
    let elf = ElfFile64::<Endianness, _>::parse(&cache)
        .map_err(|error| damaged(path, &format!("it is no 64-bit ELF file: {error}")))?;
    check_machine(path, &elf)?;
    let section = elf.section_by_name(IDENTITY_SECTION).ok_or_else(|| no_identity(path))?;
    let bytes = section.data().map_err(|error| damaged(path, &format!("it is cut short: {error}")))?;
    Ok(bytes.to_vec())
}

fn check_machine<'data>(path: &Path, elf: &impl Object<'data>) -> Result<()> {
    if elf.kind() != ObjectKind::Dynamic {
        return Err(damaged(path, "it is no shared library"));
    }
    let ours = if cfg!(target_arch = "x86_64") {
        object::Architecture::X86_64
    } else {
        object::Architecture::Aarch64
    };
    if elf.architecture() == ours {
        return Ok(());
    }
    Err(IncompatiblePlugin::new(format!(
        "{} was built for {:?}; this machine is {ours:?}",
        path.display(),
        elf.architecture()
    ))
    .hint("build the plugin on a machine of this kind"))
}

fn check_compatible(path: &Path, identity: &Identity<'_>) -> Result<()> {
    if identity.abi_major != ABI_MAJOR {
        return Err(IncompatiblePlugin::new(format!(
            "{} speaks version {} of the plugin interface (SDK {}); this synapse speaks {ABI_MAJOR}.{ABI_MINOR}",
            path.display(),
            identity.abi_major,
            identity.facts.sdk
        ))
        .hint(if identity.abi_major > ABI_MAJOR {
            "use a newer synapse"
        } else {
            "rebuild the plugin with the SDK of this synapse"
        }));
    }
    Ok(())
}

fn refuse_identity(path: &Path, bad: &BadIdentity) -> PluginError {
    IncompatiblePlugin::new(format!("{}: {bad}", path.display()))
        .hint("build the plugin again with the SDK of this synapse")
}

fn no_identity(path: &Path) -> PluginError {
    IncompatiblePlugin::new(format!("{} is a library, but no plugin", path.display()))
        .hint("a plugin's lib.rs ends with `synapse_sdk::export_plugin!(my_action);`")
}

fn damaged(path: &Path, why: &str) -> PluginError {
    IncompatiblePlugin::new(format!("{} cannot be loaded: {why}", path.display()))
        .hint("build or copy the plugin again")
}
