//! `synapse plugin run --watch`: runs the same command again whenever a file
//! of the plugin is saved.
//!
//! Each run is a process of its own, so that a crash of the plugin ends that
//! run only. Files are looked at a few times a second, which works on every
//! file system.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use super::interrupt::send_to_group;
use super::output::Output;
use super::run_action::Signals;
use crate::author::{BuildRequest, Profile, known_inputs};
use crate::config;
use crate::home::Home;

/// Between two looks at the files.
const LOOK: Duration = Duration::from_millis(100);
/// An editor that saves several files is let finish: nothing may have changed
/// for this long.
const SETTLED: Duration = Duration::from_millis(150);
/// Folders with more files than this hold more than a plugin's source.
const MOST_FILES: usize = 10_000;

/// What is watched.
pub(super) struct Watch {
    /// The plugin's folder, or its library.
    pub(super) place: PathBuf,
    /// How the folder is built.
    pub(super) profile: Profile,
    /// A run that should stop may take this long.
    pub(super) grace: Duration,
}

/// What tells one state of a file from another: size, time and inode.
type State = (u64, i64, i64, u64);

/// The state of every watched file.
#[derive(Clone, Default, PartialEq, Eq)]
struct Snapshot {
    /// The files of the folder: one more or less is a change.
    own: BTreeMap<PathBuf, State>,
    /// What the last build looked at elsewhere, and whether it was there.
    inputs: BTreeMap<PathBuf, Option<State>>,
}

impl Watch {
    /// Runs the command of this process again and again, without `--watch`,
    /// until Ctrl-C.
    ///
    /// # Errors
    /// [`Cancelled`](ErrorKind::Cancelled) in the end; before, when the command
    /// cannot be started.
    pub(super) fn run(self, output: &mut Output) -> Result<()> {
        let signals = Signals::install()?;
        let mut seen = self.snapshot();
        loop {
            let mut child = start()?;
            let changed = self.until_change(&mut child, &mut seen, &signals, output)?;
            let Some(path) = changed else {
                return Err(signals.explain(PluginError::new(ErrorKind::Cancelled, "no longer watching")));
            };
            output.note(&format!("{} changed", self.shown(&path)));
        }
    }

    /// The file that changed; `None` when the user wants an end. The run has
    /// ended by then.
    fn until_change(
        &self,
        child: &mut Child,
        seen: &mut Snapshot,
        signals: &Signals,
        output: &mut Output,
    ) -> Result<Option<PathBuf>> {
        let mut running = true;
        loop {
            if running && let Some(status) = child.try_wait()? {
                running = false;
                output.note(&format!("{} · waiting for a save, Ctrl-C ends", ended(status)));
            }
            if signals.count() > 0 {
                if running {
                    self.stop(child, libc::SIGINT, signals)?;
                }
                return Ok(None);
            }
            if let Some(path) = self.changed(seen) {
                if running {
                    output.note("changed: the run is stopped");
                    self.stop(child, libc::SIGTERM, signals)?;
                }
                return Ok(Some(path));
            }
            sleep(LOOK);
        }
    }

    /// Asks the run to stop, and makes it when it takes longer than it may, or
    /// at a second Ctrl-C. A compiler it has started stops with it.
    fn stop(&self, child: &mut Child, signal: i32, signals: &Signals) -> Result<()> {
        let asked = Instant::now();
        send_to_group(child, signal);
        // What ends a run on its own takes a moment more than the grace.
        let limit = self.grace + Duration::from_secs(2);
        while child.try_wait()?.is_none() {
            if asked.elapsed() > limit || signals.count() > 1 {
                send_to_group(child, libc::SIGKILL);
                child.wait()?;
                break;
            }
            sleep(LOOK / 10);
        }
        Ok(())
    }

    /// The first file that is not as it was, once nothing changes any more.
    fn changed(&self, seen: &mut Snapshot) -> Option<PathBuf> {
        let mut now = self.snapshot();
        let Some(path) = difference(seen, &now) else {
            *seen = now;
            return None;
        };
        let mut quiet_since = Instant::now();
        while quiet_since.elapsed() < SETTLED {
            sleep(LOOK / 2);
            let later = self.snapshot();
            if later != now {
                quiet_since = Instant::now();
                now = later;
            }
        }
        *seen = now;
        Some(path)
    }

    fn snapshot(&self) -> Snapshot {
        let mut snapshot = Snapshot::default();
        if self.place.is_dir() {
            walk(&self.place, &mut snapshot.own);
        } else {
            note(&self.place, &mut snapshot.own);
        }
        snapshot.inputs = self.inputs().into_iter().map(|path| (path.clone(), state(&path))).collect();
        snapshot
    }

    /// What the last build looked at, also outside of the folder.
    fn inputs(&self) -> Vec<PathBuf> {
        let options = config::find(&self.place)
            .and_then(|file| crate::plugin::read_config(&file).ok())
            .map(|config| config.cargo_options().to_vec());
        let home = Home::from_env();
        let request = BuildRequest {
            profile: self.profile.clone(),
            cargo_options: options.unwrap_or_default(),
            home: home.as_ref().map(Home::path),
            ..BuildRequest::new(&self.place)
        };
        known_inputs(&request)
    }

    fn shown(&self, path: &Path) -> String {
        path.strip_prefix(&self.place).unwrap_or(path).display().to_string()
    }
}

/// This command without `--watch`, in a process group of its own: Ctrl-C comes
/// to this process alone, which passes it on.
fn start() -> Result<Child> {
    let program = std::env::current_exe().context("finding this program")?;
    let arguments: Vec<OsString> =
        std::env::args_os().skip(1).filter(|argument| argument != "--watch").collect();
    Command::new(&program)
        .args(arguments)
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .map_err(|error| PluginError::new(ErrorKind::Io, format!("starting {}: {error}", program.display())))
}

fn ended(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "done".to_owned(),
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Source and data of the plugin: no hidden files, and nothing that a build
/// writes.
fn walk(folder: &Path, files: &mut BTreeMap<PathBuf, State>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        let is_output = if is_folder { name == "target" || name == "dist" } else { name == "Cargo.lock" };
        if name.as_encoded_bytes().starts_with(b".") || is_output || files.len() >= MOST_FILES {
            continue;
        }
        match is_folder {
            true => walk(&path, files),
            false => note(&path, files),
        }
    }
}

fn note(path: &Path, files: &mut BTreeMap<PathBuf, State>) {
    if let Some(state) = state(path) {
        files.insert(path.to_owned(), state);
    }
}

fn state(path: &Path) -> Option<State> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.size(), metadata.mtime(), metadata.mtime_nsec(), metadata.ino()))
}

/// A file that is not as it was. Inputs that are known only now, because there
/// was a build meanwhile, are as they were, and `Cargo.lock` is cargo's.
fn difference(old: &Snapshot, new: &Snapshot) -> Option<PathBuf> {
    let changed = new.own.iter().find(|(path, state)| old.own.get(*path) != Some(*state));
    let gone = old.own.keys().find(|path| !new.own.contains_key(*path));
    let mut inputs = new.inputs.iter().filter(|(path, _)| !path.ends_with("Cargo.lock"));
    let input = inputs.find(|(path, state)| old.inputs.get(*path).is_some_and(|known| known != *state));
    let changed = changed.map(|(path, _)| path).or(gone);
    changed.or(input.map(|(path, _)| path)).cloned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn watch(place: &Path) -> Watch {
        Watch { place: place.to_owned(), profile: Profile::Dev, grace: Duration::ZERO }
    }

    #[test]
    fn saved_new_and_removed_files_are_changes_and_what_is_built_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        file("src/lib.rs", "one");
        file("config.yaml", "one");
        let watch = watch(folder.path());
        let mut seen = watch.snapshot();
        assert_eq!(seen.own.len(), 2);
        for ignored in
            ["target/debug/lib.so", "dist/p.synapse", ".git/index", "src/.lib.rs.swp", "Cargo.lock"]
        {
            file(ignored, "x");
        }
        assert_eq!(watch.changed(&mut seen), None);
        file("src/lib.rs", "three");
        assert_eq!(watch.changed(&mut seen), Some(folder.path().join("src/lib.rs")));
        assert_eq!(watch.changed(&mut seen), None);
        file("src/more.rs", "");
        assert_eq!(watch.changed(&mut seen), Some(folder.path().join("src/more.rs")));
        fs::remove_file(folder.path().join("src/more.rs")).unwrap();
        assert_eq!(watch.changed(&mut seen), Some(folder.path().join("src/more.rs")));
    }

    #[test]
    fn a_library_is_watched_as_the_one_file_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let library = folder.path().join("libnet.so");
        fs::write(&library, "one").unwrap();
        let watch = watch(&library);
        let mut seen = watch.snapshot();
        fs::write(folder.path().join("other"), "x").unwrap();
        assert_eq!(watch.changed(&mut seen), None);
        let next = folder.path().join("next");
        fs::write(&next, "two").unwrap();
        fs::rename(&next, &library).unwrap();
        assert_eq!(watch.changed(&mut seen), Some(library));
    }
}
