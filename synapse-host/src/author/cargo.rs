//! One run of `cargo build`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::SystemTime;

use serde::Deserialize;

use super::diagnostics::{CompilerMessage, Diagnostics};
use super::record::{Key, Stamp};
use super::{BuildFailure, BuildRequest};

/// What a successful build was seen to do.
pub(super) struct Build {
    pub(super) library: PathBuf,
    /// The library while cargo still held its lock.
    pub(super) library_stamp: Option<Stamp>,
    /// What changed from here on may or may not be in the library.
    pub(super) started: SystemTime,
    /// Cargo has read, and if need be written, `Cargo.lock` by then.
    pub(super) resolved: SystemTime,
    /// `Cargo.toml` of the package and of every path dependency.
    pub(super) local_manifests: BTreeSet<PathBuf>,
    pub(super) build_scripts: Vec<BuildScript>,
}

#[derive(Deserialize)]
pub(super) struct BuildScript {
    package_id: String,
    pub(super) out_dir: PathBuf,
}

impl BuildScript {
    /// Belongs to a package on this disk that may be edited.
    pub(super) fn is_local(&self) -> bool {
        is_local(&self.package_id)
    }
}

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact(Artifact),
    CompilerMessage(CompilerMessage),
    BuildScriptExecuted(BuildScript),
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    crate_types: Vec<String>,
}

fn is_local(package_id: &str) -> bool {
    package_id.contains("path+file:")
}

/// Cargo in the plugin's folder, so that the configuration and the toolchain
/// file there count.
pub(super) fn command(request: &BuildRequest<'_>) -> Command {
    let mut command = Command::new(program(request));
    command.current_dir(request.folder).stdin(Stdio::null());
    command
}

pub(super) fn program(request: &BuildRequest<'_>) -> OsString {
    let given = request.cargo.clone().map(OsString::from);
    given
        .or_else(|| std::env::var_os("CARGO").filter(|value| !value.is_empty()))
        .unwrap_or_else(|| "cargo".into())
}

/// Runs `cargo build` and finds the library of the package in the folder.
pub(super) fn build(
    request: &BuildRequest<'_>,
    key: &Key,
    report: &mut dyn FnMut(&str),
) -> Result<Build, BuildFailure> {
    let started = SystemTime::now();
    let mut child = spawn(request, key)?;
    let mut reader = Reader {
        folder: &key.folder,
        diagnostics: Diagnostics::new(request, &key.folder, report),
        resolved: None,
        library: None,
        crate_types: None,
        local_manifests: BTreeSet::new(),
        build_scripts: Vec::new(),
    };
    for_each_line(&mut child, |line| reader.take(line));
    let status = child.wait().map_err(|source| BuildFailure::Io {
        doing: "wait for",
        path: program(request).into(),
        source,
    })?;
    reader.finish(request, status, started)
}

fn spawn(request: &BuildRequest<'_>, key: &Key) -> Result<Child, BuildFailure> {
    let (format, color) = match request.color {
        true => ("json-diagnostic-rendered-ansi", "always"),
        false => ("json", "never"),
    };
    let subcommand = if request.glibc.is_some() { "zigbuild" } else { "build" };
    let mut build = command(request);
    build
        .args([subcommand, "--lib", "--message-format", format])
        .args(["--color", color])
        .args(request.quiet.then_some("--quiet"))
        .args(&key.arguments);
    start(request, build)
}

/// Starts cargo, which is then heard on both its streams.
pub(super) fn start(request: &BuildRequest<'_>, mut command: Command) -> Result<Child, BuildFailure> {
    let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    spawned.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => {
            BuildFailure::NoCargo { program: program(request).into(), folder: request.folder.to_path_buf() }
        }
        _ => BuildFailure::Io { doing: "start", path: program(request).into(), source },
    })
}

pub(super) enum Line {
    /// Of stdout: one JSON document each, and what a macro prints.
    Message(String),
    /// Of stderr: cargo's progress and its own errors.
    Status(String),
}

pub(super) fn for_each_line(child: &mut Child, mut each: impl FnMut(Line)) {
    let (sender, receiver) = channel();
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let messages = sender.clone();
        scope.spawn(move || forward(stdout, Line::Message, &messages));
        scope.spawn(move || forward(stderr, Line::Status, &sender));
        receiver.into_iter().for_each(&mut each);
    });
}

fn forward(stream: Option<impl Read>, kind: fn(String) -> Line, to: &Sender<Line>) {
    let Some(stream) = stream else { return };
    for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).into_owned();
        if to.send(kind(line)).is_err() {
            return;
        }
    }
}

struct Reader<'a> {
    folder: &'a Path,
    diagnostics: Diagnostics<'a>,
    resolved: Option<SystemTime>,
    library: Option<(PathBuf, Option<Stamp>)>,
    /// Those of the package in the folder, once cargo has named it.
    crate_types: Option<Vec<String>>,
    local_manifests: BTreeSet<PathBuf>,
    build_scripts: Vec<BuildScript>,
}

impl Reader<'_> {
    fn take(&mut self, line: Line) {
        match line {
            Line::Status(line) => self.diagnostics.cargo_line(line),
            Line::Message(line) => match serde_json::from_str(&line) {
                Ok(message) => self.message(message),
                Err(_) => self.diagnostics.other_line(&line),
            },
        }
    }

    fn message(&mut self, message: Message) {
        self.resolved.get_or_insert_with(SystemTime::now);
        match message {
            Message::CompilerArtifact(artifact) => self.artifact(artifact),
            Message::CompilerMessage(message) => self.diagnostics.compiler(message),
            Message::BuildScriptExecuted(script) => self.build_scripts.push(script),
            Message::Other => {}
        }
    }

    fn artifact(&mut self, artifact: Artifact) {
        let is_script = artifact.target.kind.iter().any(|k| k == "custom-build");
        if is_same_folder(&artifact.manifest_path, self.folder) && !is_script {
            self.library = artifact
                .filenames
                .into_iter()
                .find(|file| {
                    file.extension() == Some(std::env::consts::DLL_EXTENSION.as_ref())
                        && artifact.target.crate_types.iter().any(|t| t == "cdylib")
                })
                .map(|file| {
                    let stamp = Stamp::of(&file);
                    (file, stamp)
                });
            self.crate_types = Some(artifact.target.crate_types);
        }
        if is_local(&artifact.package_id) {
            self.local_manifests.insert(artifact.manifest_path);
        }
    }

    fn finish(
        self,
        request: &BuildRequest<'_>,
        status: ExitStatus,
        started: SystemTime,
    ) -> Result<Build, BuildFailure> {
        let manifest = request.folder.join("Cargo.toml");
        let has_no_library = self.diagnostics.says("no library targets found");
        let without_zig = without_zig(request, &self.diagnostics);
        let (errors, first_error) = self.diagnostics.finish();
        if has_no_library {
            let found = Vec::new();
            return Err(BuildFailure::NotACdylib { manifest, found });
        }
        if let Some(failure) = without_zig {
            return Err(failure);
        }
        if !status.success() {
            return Err(BuildFailure::CompileFailed {
                folder: request.folder.to_path_buf(),
                status,
                errors,
                first_error,
            });
        }
        match (self.library, self.crate_types) {
            (Some((library, library_stamp)), _) => Ok(Build {
                library,
                library_stamp,
                started,
                resolved: self.resolved.unwrap_or(started),
                local_manifests: self.local_manifests,
                build_scripts: self.build_scripts,
            }),
            (None, Some(found)) => Err(BuildFailure::NotACdylib { manifest, found }),
            (None, None) => Err(BuildFailure::NotSelected { manifest }),
        }
    }
}

/// What a build for another C library lacks on this system.
fn without_zig(request: &BuildRequest<'_>, said: &Diagnostics<'_>) -> Option<BuildFailure> {
    let glibc = request.glibc.clone()?;
    let missing = match () {
        () if said.says("no such command: `zigbuild`") => "cargo-zigbuild",
        () if said.says("Failed to find zig") => "zig",
        () => return None,
    };
    Some(BuildFailure::NoZig { folder: request.folder.to_path_buf(), glibc, missing })
}

fn is_same_folder(manifest: &Path, folder: &Path) -> bool {
    let parent = manifest.parent().and_then(|p| p.canonicalize().ok());
    parent.as_deref() == Some(folder)
}
