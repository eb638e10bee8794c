//! What has to be known of `Cargo.toml` before cargo is asked to build.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{BuildFailure, BuildRequest, cargo};

/// The failure for a folder, or its `Cargo.toml`, that cannot be read.
pub(super) fn unreadable(folder: &Path, error: io::Error) -> BuildFailure {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            BuildFailure::NoManifest { folder: folder.to_path_buf() }
        }
        _ => BuildFailure::Io { doing: "read", path: folder.to_path_buf(), source: error },
    }
}

/// Refuses a folder without a package: cargo would look for one in the folders
/// above, or build every member of a workspace.
pub(super) fn require_package(request: &BuildRequest<'_>) -> Result<(), BuildFailure> {
    let text = fs::read_to_string(request.folder.join("Cargo.toml"))
        .map_err(|error| unreadable(request.folder, error))?;
    let is_virtual = has_table(&text, "workspace") && !has_table(&text, "package");
    if !is_virtual {
        return Ok(());
    }
    Err(BuildFailure::VirtualWorkspace {
        folder: request.folder.to_path_buf(),
        members: members(request).unwrap_or_default(),
    })
}

/// Where the package says its workspace root is, if it is not in a folder above
/// (`workspace = "…"` in `[package]`).
pub(super) fn workspace_pointer(manifest: &Path) -> Option<PathBuf> {
    let text = fs::read_to_string(manifest).ok()?;
    let value = text.lines().find_map(|line| {
        let value = line.trim().strip_prefix("workspace")?.trim_start();
        value.strip_prefix('=')?.trim_start().strip_prefix(['"', '\''])
    })?;
    let end = value.find(['"', '\''])?;
    Some(manifest.parent()?.join(&value[..end]))
}

fn has_table(toml: &str, name: &str) -> bool {
    toml.lines().any(|line| {
        let line = line.trim_start();
        let key = line.strip_prefix('[').unwrap_or(line).trim_start();
        key.strip_prefix(name).is_some_and(|rest| rest.trim_start().starts_with([']', '.', '=']))
    })
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    crate_types: Vec<String>,
}

impl Package {
    fn is_plugin(&self) -> bool {
        let types = self.targets.iter().flat_map(|t| &t.crate_types);
        types.into_iter().any(|t| t == "cdylib")
    }
}

fn members(request: &BuildRequest<'_>) -> Option<Vec<PathBuf>> {
    let output =
        cargo::command(request).args(["metadata", "--no-deps", "--format-version=1"]).output().ok()?;
    let packages = serde_json::from_slice::<Metadata>(&output.stdout).ok()?.packages;
    let root = request.folder.canonicalize().ok()?;
    let any_plugin = packages.iter().any(Package::is_plugin);
    let folders = packages
        .iter()
        .filter(|package| !any_plugin || package.is_plugin())
        .filter_map(|package| package.manifest_path.parent())
        .map(|folder| match folder.strip_prefix(&root) {
            Ok(inside) => request.folder.join(inside),
            Err(_) => folder.to_path_buf(),
        });
    Some(folders.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_found_as_cargo_files_write_them() {
        assert!(has_table("[package]\nname = \"a\"", "package"));
        assert!(has_table("# x\n  [ package ] # y", "package"));
        assert!(has_table("[package.metadata.x]", "package"));
        assert!(has_table("package.name = \"a\"", "package"));
        assert!(!has_table("[workspace.package]\n[packages]", "package"));
        assert!(!has_table("# [package]", "package"));
    }

    #[test]
    fn a_pointer_to_a_workspace_is_no_inherited_field() {
        let folder = tempfile::tempdir().expect("temp dir");
        let manifest = folder.path().join("Cargo.toml");
        fs::write(&manifest, "[package]\nworkspace = \"../root\"\n").expect("write");
        assert_eq!(workspace_pointer(&manifest), Some(folder.path().join("../root")));
        fs::write(&manifest, "version.workspace = true\nworkspace = true\n").expect("write");
        assert_eq!(workspace_pointer(&manifest), None);
    }
}
