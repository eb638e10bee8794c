//! The part of the process environment that changes what a build gives.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

const VARIABLES: [&str; 10] = [
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_HOME",
    "CARGO_INCREMENTAL",
    "RUSTC",
    "RUSTC_BOOTSTRAP",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
];

const FAMILIES: [&str; 4] = ["CARGO_BUILD_", "CARGO_PROFILE_", "CARGO_TARGET_", "CARGO_UNSTABLE_"];

/// Tells two environments apart by the variables that change every build, by
/// those in `names`, and by the compiler the `PATH` leads to. A number, as the
/// values may be secret.
pub(super) fn fingerprint(names: &BTreeSet<String>) -> u64 {
    let mut hasher = DefaultHasher::new();
    relevant(std::env::vars_os(), names).hash(&mut hasher);
    compiler().hash(&mut hasher);
    hasher.finish()
}

fn relevant(
    variables: impl Iterator<Item = (OsString, OsString)>,
    names: &BTreeSet<String>,
) -> BTreeSet<(OsString, OsString)> {
    let matters = |name: &str| {
        VARIABLES.contains(&name)
            || FAMILIES.iter().any(|family| name.starts_with(family))
            || names.contains(name)
    };
    variables.filter(|(name, _)| name.to_str().is_some_and(matters)).collect()
}

/// The files by which a change of the toolchain shows: the compiler, and what
/// rustup notes of its default and its updates.
pub(super) fn toolchain_files() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = compiler().into_iter().collect();
    if let Some(rustup) = home_of("RUSTUP_HOME", ".rustup") {
        files.push(rustup.join("settings.toml"));
        let updates = rustup.join("update-hashes").read_dir();
        files.extend(updates.into_iter().flatten().flatten().map(|e| e.path()));
    }
    files
}

/// Cargo's folder for configuration and downloaded packages.
pub(super) fn cargo_home() -> Option<PathBuf> {
    home_of("CARGO_HOME", ".cargo")
}

fn home_of(variable: &str, name: &str) -> Option<PathBuf> {
    let named = std::env::var_os(variable).map(PathBuf::from);
    let named = named.filter(|path| path.is_absolute());
    named.or_else(|| Some(std::env::home_dir()?.join(name)))
}

fn compiler() -> Option<PathBuf> {
    let program = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    if Path::new(&program).components().count() > 1 {
        return Some(program.into()).filter(|path: &PathBuf| path.is_absolute());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(&program))
        .find(|file| file.is_absolute() && file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(variables: &[(&str, &str)], names: &[&str]) -> BTreeSet<(OsString, OsString)> {
        let variables = variables.iter().map(|(n, v)| (n.into(), v.into()));
        relevant(variables, &names.iter().map(|n| n.to_string()).collect())
    }

    #[test]
    fn variables_that_change_builds_are_told_apart() {
        for name in ["RUSTFLAGS", "CARGO_TARGET_DIR", "CARGO_PROFILE_DEV_DEBUG"] {
            assert_ne!(seen(&[(name, "a")], &[]), seen(&[(name, "b")], &[]));
            assert_ne!(seen(&[(name, "a")], &[]), seen(&[], &[]));
        }
    }

    #[test]
    fn other_variables_count_only_when_the_build_reads_them() {
        assert_eq!(seen(&[("TERM", "a")], &[]), seen(&[("TERM", "b")], &[]));
        assert_ne!(seen(&[("TERM", "a")], &["TERM"]), seen(&[("TERM", "b")], &["TERM"]));
    }

    #[test]
    fn the_order_of_variables_does_not_count() {
        let (a, b) = (("RUSTC", "x"), ("RUSTFLAGS", "y"));
        assert_eq!(seen(&[a, b], &[]), seen(&[b, a], &[]));
    }
}
