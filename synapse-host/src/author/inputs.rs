//! The files and variables a build depends on.
//!
//! Packages that cargo downloaded are not listed: `Cargo.lock` stands for them.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use super::cargo::{Build, BuildScript};
use super::record::{Input, Key, Stamp, nanoseconds};
use super::{environment, manifest};

/// More files than this are quicker checked by cargo.
const MOST_FILES: usize = 4096;

pub(super) struct Inputs {
    pub(super) files: Vec<Input>,
    pub(super) variables: BTreeSet<String>,
}

/// Lists what the build depends on; `None` if that cannot be told in full, or
/// something changed while it ran.
pub(super) fn of(key: &Key, build: &Build) -> Option<Inputs> {
    let mut found = Found::default();
    found.sources(build)?;
    found.manifests(build);
    found.settings(key)?;
    for script in &build.build_scripts {
        found.build_script(script)?;
    }
    found.stamped(build)
}

#[derive(Default)]
struct Found {
    /// Have to be there.
    required: BTreeSet<PathBuf>,
    /// Matter by being there or not.
    optional: BTreeSet<PathBuf>,
    variables: BTreeSet<String>,
}

impl Found {
    fn sources(&mut self, build: &Build) -> Option<()> {
        let dep_info = fs::read_to_string(build.library.with_extension("d")).ok()?;
        for path in listed(&dep_info) {
            // Written by a build script, whose own inputs are listed.
            let generated = |script: &BuildScript| path.starts_with(&script.out_dir);
            if build.build_scripts.iter().any(generated) {
                continue;
            }
            if !path.is_absolute() {
                return None;
            }
            if path.extension().is_some_and(|extension| extension == "rs") {
                let text = String::from_utf8(fs::read(&path).ok()?).ok()?;
                self.variables.extend(read_variables(&text));
            }
            with_content(path, &mut self.required)?;
        }
        Some(())
    }

    fn manifests(&mut self, build: &Build) {
        for manifest in &build.local_manifests {
            let folders = manifest.ancestors().skip(1);
            // Above a package may stand, or appear, the root of its workspace.
            self.optional.extend(folders.map(|f| f.join("Cargo.toml")));
            self.optional.insert(manifest.with_file_name("build.rs"));
            if let Some(root) = manifest::workspace_pointer(manifest) {
                self.optional.insert(root.join("Cargo.toml"));
                self.optional.insert(root.join("Cargo.lock"));
            }
        }
    }

    fn settings(&mut self, key: &Key) -> Option<()> {
        let mut configurations = Vec::new();
        for folder in key.folder.ancestors() {
            for name in ["Cargo.lock", "rust-toolchain", "rust-toolchain.toml"] {
                self.optional.insert(folder.join(name));
            }
            configurations.push(folder.join(".cargo"));
        }
        configurations.extend(environment::cargo_home());
        for folder in configurations {
            for file in [folder.join("config"), folder.join("config.toml")] {
                if includes_others(&file)? {
                    return None;
                }
                self.optional.insert(file);
            }
        }
        self.optional.extend(environment::toolchain_files());
        self.optional.extend(named_files(key));
        Some(())
    }

    /// What a build script told cargo to watch. Paths of local packages stand in
    /// the dep-info file already.
    fn build_script(&mut self, script: &BuildScript) -> Option<()> {
        let told = fs::read_to_string(script.out_dir.with_file_name("output"));
        let told = match told {
            Ok(told) => told,
            Err(_) if script.is_local() => return None,
            Err(_) => return Some(()),
        };
        let rules = told.lines().filter_map(|line| {
            let instruction = line.strip_prefix("cargo:")?;
            let instruction = instruction.strip_prefix(':').unwrap_or(instruction);
            instruction.strip_prefix("rerun-if-")?.split_once('=')
        });
        let rules: Vec<_> = rules.collect();
        // It then depends on every file of its package.
        if rules.is_empty() && script.is_local() {
            return None;
        }
        let downloaded = environment::cargo_home();
        for (what, value) in rules {
            let path = Path::new(value);
            let outside = downloaded.as_ref().is_none_or(|d| !path.starts_with(d));
            match what {
                "env-changed" => drop(self.variables.insert(value.into())),
                "changed" if path.is_absolute() && outside => {
                    with_content(path.into(), &mut self.optional)?;
                }
                _ => {}
            }
        }
        Some(())
    }

    fn stamped(self, build: &Build) -> Option<Inputs> {
        if self.required.len() + self.optional.len() > MOST_FILES {
            return None;
        }
        let mut files = Vec::new();
        for path in self.required.union(&self.optional) {
            let metadata = match fs::metadata(path) {
                Ok(metadata) => Some(metadata),
                Err(error) if is_absent(&error) && !self.required.contains(path) => None,
                Err(_) => return None,
            };
            if metadata.as_ref().is_some_and(|m| is_too_new(path, m, build)) {
                return None;
            }
            files.push(Input { path: path.clone(), stamp: metadata.as_ref().map(Stamp::from) });
        }
        Some(Inputs { files, variables: self.variables })
    }
}

/// Changed while the build ran, so it may have been read before or after.
fn is_too_new(path: &Path, metadata: &Metadata, build: &Build) -> bool {
    // Cargo itself writes the lock file, before it compiles anything.
    let limit = match path.ends_with("Cargo.lock") {
        true => build.resolved,
        false => build.started,
    };
    let modified = nanoseconds(metadata.mtime(), metadata.mtime_nsec());
    // A file that was moved here keeps its time of modification.
    let changed = nanoseconds(metadata.ctime(), metadata.ctime_nsec());
    modified.max(changed) >= since_epoch(limit)
}

fn since_epoch(time: SystemTime) -> i128 {
    let since = time.duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos() as i128)
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{NotADirectory, NotFound};
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Adds the path and, for a folder, all that is in it: a build script may watch
/// whole folders.
fn with_content(path: PathBuf, into: &mut BTreeSet<PathBuf>) -> Option<()> {
    if into.len() > MOST_FILES {
        return None;
    }
    if path.is_dir() {
        for entry in path.read_dir().ok()? {
            with_content(entry.ok()?.path(), into)?;
        }
    }
    into.insert(path);
    Some(())
}

/// The paths of a dep-info file (`target: source source …`, spaces in paths
/// escaped).
fn listed(dep_info: &str) -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::new();
    let sources = dep_info.lines().filter_map(|line| line.split_once(": "));
    for (_, sources) in sources {
        let sources = sources.replace("\\ ", "\0");
        let names = sources.split(' ').filter(|name| !name.is_empty());
        paths.extend(names.map(|name| PathBuf::from(name.replace('\0', " "))));
    }
    paths
}

/// The variables a source reads at compile time (`env!`, `option_env!`).
fn read_variables(source: &str) -> impl Iterator<Item = String> + '_ {
    source.split("env!(").skip(1).filter_map(|rest| {
        let rest = rest.trim_start().strip_prefix('"')?;
        Some(rest.split_once('"')?.0.to_owned())
    })
}

/// A cargo configuration reads further files; `None` if that cannot be told.
fn includes_others(file: &Path) -> Option<bool> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if is_absent(&error) => return Some(false),
        Err(_) => return None,
    };
    let is_include = |line: &str| line.trim_start_matches(['[', ' ', '\t']).starts_with("include");
    Some(text.lines().any(is_include))
}

/// Files among the options, as in `--config extra.toml`.
fn named_files(key: &Key) -> impl Iterator<Item = PathBuf> + '_ {
    let values = key.arguments.iter().map(|argument| {
        let value = argument.split_once('=').map(|(_, value)| value);
        key.folder.join(value.unwrap_or(argument))
    });
    values.filter(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dep_info_lists_paths_with_spaces_once() {
        let text = "/t/libp.rlib: /p/src/a\\ b.txt /p/src/lib.rs\n/t/libp.so: /p/src/lib.rs\n";
        let paths: Vec<_> = listed(text).into_iter().collect();
        assert_eq!(paths, [Path::new("/p/src/a b.txt"), Path::new("/p/src/lib.rs")]);
    }

    #[test]
    fn variables_read_at_compile_time_are_found() {
        let source = r#"env!("A"); option_env!( "B" ); env!(concat!("C")); std::env::var("D")"#;
        let names: Vec<_> = read_variables(source).collect();
        assert_eq!(names, ["A", "B"]);
    }

    #[test]
    fn a_configuration_that_includes_others_is_noticed() {
        let folder = tempfile::tempdir().expect("temp dir");
        let file = folder.path().join("config.toml");
        assert_eq!(includes_others(&file), Some(false));
        fs::write(&file, "[build]\njobs = 2\n").expect("write");
        assert_eq!(includes_others(&file), Some(false));
        fs::write(&file, "include = [\"more.toml\"]\n").expect("write");
        assert_eq!(includes_others(&file), Some(true));
        fs::write(&file, "[[include]]\npath = \"more.toml\"\n").expect("write");
        assert_eq!(includes_others(&file), Some(true));
    }
}
