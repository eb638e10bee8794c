//! Lists the files of a folder.

use crate::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders nested deeper than this are not looked into.
const MAX_DEPTH: usize = 32;

/// The paths, relative to `root` and sorted, of all files below it whose name
/// `wanted` accepts. Links to folders are followed unless they lead back to a
/// folder they stand in. Names that are not UTF-8 are passed over.
pub(crate) fn files(root: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, Error> {
    let mut found = Vec::new();
    let mut above = vec![root.canonicalize().map_err(|error| Error::io("list", root, error))?];
    folder(root, "", wanted, &mut above, &mut found)?;
    found.sort_unstable();
    Ok(found)
}

fn folder(
    path: &Path,
    prefix: &str,
    wanted: &dyn Fn(&str) -> bool,
    above: &mut Vec<PathBuf>,
    found: &mut Vec<String>,
) -> Result<(), Error> {
    let entries = fs::read_dir(path).map_err(|error| Error::io("list", path, error))?;
    let mut folders = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| Error::io("list", path, error))?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(kind) = entry.file_type() else { continue };
        let is_folder = kind.is_dir() || kind.is_symlink() && entry.path().is_dir();
        if is_folder {
            folders.push((entry.path(), format!("{prefix}{name}/")));
        } else if wanted(&name) {
            found.push(format!("{prefix}{name}"));
        }
    }
    if folders.is_empty() || above.len() >= MAX_DEPTH {
        return Ok(());
    }
    for (path, prefix) in folders {
        let real = path.canonicalize().map_err(|error| Error::io("list", &path, error))?;
        if above.contains(&real) {
            continue;
        }
        above.push(real);
        folder(&path, &prefix, wanted, above, found)?;
        above.pop();
    }
    Ok(())
}

/// The first of `names` that is a folder in `root`, in any case.
pub(crate) fn first_folder(root: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| root.join(name)).find(|path| path.is_dir())
}
