//! The program that a worker process runs.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::manifest::Manifest;
use synapse_sdk::{ErrorKind, PluginError};

const NAME: &str = "synapse-worker";

static CHOSEN: OnceLock<PathBuf> = OnceLock::new();

/// From now on workers of this process run `program`; for a host that is no
/// `synapse` and has no `synapse-worker` beside it. The first choice counts.
pub fn use_program(program: impl Into<PathBuf>) {
    CHOSEN.get_or_init(|| program.into());
}

/// The program of workers: what [`use_program`] chose, what `SYNAPSE_WORKER`
/// names, `synapse-worker` beside this program, or the one on `PATH`.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) when there is none.
pub fn program() -> Result<PathBuf> {
    if let Some(chosen) = CHOSEN.get() {
        return Ok(chosen.clone());
    }
    if let Some(named) = std::env::var_os("SYNAPSE_WORKER").filter(|name| !name.is_empty()) {
        return Ok(named.into());
    }
    let beside = beside()?;
    if beside.exists() {
        return Ok(beside.clone());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(NAME)).find(|file| file.is_file());
    on_path.ok_or_else(|| {
        PluginError::new(ErrorKind::NotFound, format!("{} is not there", beside.display())).hint(
            "it is installed with synapse: `cargo install --path synapse-host --locked`, or \
             `cargo build -p synapse-host --bins`; SYNAPSE_WORKER names one that lies elsewhere",
        )
    })
}

/// Where it would lie in this program's folder.
fn beside() -> Result<&'static PathBuf> {
    static BESIDE: OnceLock<PathBuf> = OnceLock::new();
    if let Some(known) = BESIDE.get() {
        return Ok(known);
    }
    let here = std::env::current_exe().context("finding this program's folder")?;
    Ok(BESIDE.get_or_init(|| here.with_file_name(NAME)))
}

/// Asks the plugin for its actions in a throw-away worker, so that what its
/// initialisers or schemas do wrong ends only that.
///
/// # Errors
/// The plugin's own, [`IncompatiblePlugin`](ErrorKind::IncompatiblePlugin)
/// when the worker died of it.
pub(crate) fn ask_for_manifest(library: &Path) -> Result<Manifest> {
    let worker = program()?;
    let mut child = Command::new(&worker)
        .arg("describe")
        .arg(library)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting {}", worker.display()))?;
    let mut answer = Vec::new();
    if let Some(stdout) = &mut child.stdout {
        stdout.read_to_end(&mut answer)?;
    }
    let status = child.wait()?;
    if status.success() {
        let told = || format!("what {} tells of the plugin", worker.display());
        return serde_json::from_slice(&answer).with_context(told);
    }
    match status.code() {
        Some(_) if !answer.is_empty() => Err(PluginError::from_json(&answer)),
        _ => Err(PluginError::new(
            ErrorKind::Build,
            format!("the library was built, but loading it ended the worker: {status}"),
        )
        .hint("see what its constructors, statics and schemas do when they are first used")),
    }
}
