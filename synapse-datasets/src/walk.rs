//! Lists the files of a folder.

use crate::error::Error;
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders nested deeper than this are not looked into.
const MAX_DEPTH: usize = 32;

/// The paths, relative to `root` and sorted, of all files below it whose name
/// `wanted` accepts. Links to folders are followed unless they lead back to a
/// folder they stand in. Names that are not UTF-8 are passed over.
pub(crate) fn files(root: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>, Error> {
    Ok(walk(root, wanted)?.found)
}

/// The same, and what is passed over is noted.
pub(crate) fn files_of_dataset(
    root: &Path,
    wanted: &dyn Fn(&str) -> bool,
    notes: &mut Notes,
) -> Result<Vec<String>, Error> {
    let Walk { found, mut nameless, mut too_deep, .. } = walk(root, wanted)?;
    nameless.sort_unstable();
    for path in nameless {
        let message = "its name is not UTF-8, so no annotation can name it";
        notes.unusable(ProblemKind::UnsafePath, || Place::file(path), message)?;
    }
    too_deep.sort_unstable();
    for path in too_deep {
        let message = format!("folders nested deeper than {MAX_DEPTH} are not looked into");
        notes.unusable(ProblemKind::Refused, || Place::file(path), message)?;
    }
    Ok(found)
}

struct Walk<'w> {
    wanted: &'w dyn Fn(&str) -> bool,
    /// The folders that the one looked into is in.
    above: Vec<PathBuf>,
    found: Vec<String>,
    /// Files that are wanted and whose name is not UTF-8.
    nameless: Vec<PathBuf>,
    too_deep: Vec<PathBuf>,
}

fn walk<'w>(root: &Path, wanted: &'w dyn Fn(&str) -> bool) -> Result<Walk<'w>, Error> {
    let above = vec![root.canonicalize().map_err(|error| Error::io("list", root, error))?];
    let mut walk = Walk { wanted, above, found: Vec::new(), nameless: Vec::new(), too_deep: Vec::new() };
    walk.folder(root, "")?;
    walk.found.sort_unstable();
    Ok(walk)
}

impl Walk<'_> {
    fn folder(&mut self, path: &Path, prefix: &str) -> Result<(), Error> {
        let entries = fs::read_dir(path).map_err(|error| Error::io("list", path, error))?;
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| Error::io("list", path, error))?;
            let Ok(kind) = entry.file_type() else { continue };
            let is_folder = kind.is_dir() || kind.is_symlink() && entry.path().is_dir();
            match entry.file_name().into_string() {
                Ok(name) if is_folder => folders.push((entry.path(), format!("{prefix}{name}/"))),
                Ok(name) if (self.wanted)(&name) => self.found.push(format!("{prefix}{name}")),
                Ok(_) => {}
                Err(name) if is_folder || (self.wanted)(&name.to_string_lossy()) => {
                    self.nameless.push(entry.path());
                }
                Err(_) => {}
            }
        }
        if self.above.len() >= MAX_DEPTH {
            self.too_deep.extend(folders.into_iter().map(|folder| folder.0));
            return Ok(());
        }
        for (path, prefix) in folders {
            let real = path.canonicalize().map_err(|error| Error::io("list", &path, error))?;
            if self.above.contains(&real) {
                continue;
            }
            self.above.push(real);
            self.folder(&path, &prefix)?;
            self.above.pop();
        }
        Ok(())
    }
}

/// The first of `names` that is a folder in `root`, in any case.
pub(crate) fn first_folder(root: &Path, names: &[&str]) -> Option<PathBuf> {
    names.iter().map(|name| root.join(name)).find(|path| path.is_dir())
}
