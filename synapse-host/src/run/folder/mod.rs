//! The folder that the nodes of a pipeline's run share, also on machines that do not have it.
//!
//! The host marks the folder. A machine that finds the mark at the same path has the folder itself: it
//! is the host's own, or has a file system in common with it. Elsewhere an agent keeps a [`Mirror`]:
//! before an action runs there it fetches what the params name, and afterwards the host gets what is new.
//! So what finished nodes have made outlives the machine they ran on.

mod host;
mod mirror;

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Component, Path, PathBuf};
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::events::now;
use synapse_sdk::services::SHARED_DIR;
use synapse_sdk::{Env, ErrorKind, PluginError};

pub(super) use self::host::answer;
pub(super) use self::mirror::Mirror;
use crate::record::fresh;

/// The file that says which folder this is.
const MARK: &str = ".synapse-run";
/// Where files are put together that come from elsewhere.
const PARTS: &str = ".parts";
/// What other machines may read and write of the folder.
const OPEN: [&str; 2] = ["work", "nodes"];

/// The folder of a run that its nodes share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SharedFolder {
    root: PathBuf,
    mark: String,
}

/// A file of the folder, by its path within.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Listed {
    path: String,
    size: u64,
    /// Microseconds since 1970.
    modified: u64,
}

impl SharedFolder {
    /// Marks the folder, unless it has a mark.
    ///
    /// # Errors
    /// It cannot be written to.
    pub(crate) fn mark(root: &Path) -> Result<Self> {
        let (root, file) = (root.to_owned(), root.join(MARK));
        if let Some(mark) = fs::read_to_string(&file).ok().filter(|mark| is_plain(mark)) {
            return Ok(Self { root, mark });
        }
        // The keys of a `RandomState` are random, so is the hash of anything.
        let mark = format!("{}-{:016x}", fresh(now()), RandomState::new().hash_one(&root));
        fs::write(&file, &mark).with_context(|| format!("writing {}", file.display()))?;
        Ok(Self { root, mark })
    }

    /// Whether this machine has the folder.
    pub(super) fn is_here(&self) -> bool {
        fs::read_to_string(self.root.join(MARK)).is_ok_and(|mark| mark == self.mark)
    }

    /// Removes what was begun to be sent here and never came whole.
    pub(crate) fn tidy(&self) {
        // Mostly there is nothing.
        let _ = fs::remove_dir_all(self.root.join(PARTS));
    }

    /// Paths within the folder that texts of the params are.
    pub(super) fn named(&self, params: &str) -> Vec<String> {
        named_below(&self.root, params)
    }

    /// `json` with paths of this folder as those of another.
    pub(super) fn in_terms_of(&self, other: &Path, json: String) -> String {
        moved(json, &self.root, other)
    }

    /// `json` with paths of another folder as those of this one.
    pub(super) fn in_own_terms(&self, other: &Path, json: String) -> String {
        moved(json, other, &self.root)
    }

    /// The path in another folder that this one has at `path`.
    pub(super) fn counterpart(&self, other: &Path, path: &Path) -> PathBuf {
        path.strip_prefix(&self.root).map_or_else(|_| path.to_owned(), |within| other.join(within))
    }

    /// Variables whose shared folder is below another root.
    pub(super) fn env_for(&self, other: &Path, mut env: Env) -> Env {
        let shared = env.get(SHARED_DIR).map(|shared| self.counterpart(other, Path::new(shared)));
        if let Some(shared) = shared {
            env.set(SHARED_DIR, shared.display().to_string());
        }
        env
    }
}

/// Paths within `root` that texts of a JSON document are.
pub(super) fn named_below(root: &Path, json: &str) -> Vec<String> {
    let mut named = Vec::new();
    // Most documents are seen not to name it without being read.
    if mentions(json, root)
        && let Ok(value) = serde_json::from_str(json)
    {
        each_text(&value, &mut |text| {
            let within = Path::new(text).strip_prefix(root).ok();
            named.extend(within.and_then(Path::to_str).map(str::to_owned));
        });
    }
    named
}

/// Where a file lies below `root`.
///
/// # Errors
/// [`Usage`](ErrorKind::Usage) for a path that leads elsewhere.
fn within(root: &Path, path: &str) -> Result<PathBuf> {
    let mut parts = Path::new(path).components();
    let plain = parts.clone().all(|part| matches!(part, Component::Normal(_)));
    let open = parts.next().is_some_and(|first| OPEN.iter().any(|name| first.as_os_str() == *name));
    match plain && open {
        true => Ok(root.join(path)),
        false => Err(PluginError::new(ErrorKind::Usage, format!("{path:?} is no file of a run's nodes"))),
    }
}

/// The file at that path, or all files below it.
fn list(root: &Path, path: &str) -> Vec<Listed> {
    let mut found = Vec::new();
    let mut left = vec![root.join(path)];
    while let Some(path) = left.pop() {
        let Ok(facts) = fs::symlink_metadata(&path) else { continue };
        if facts.is_dir() {
            left.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        } else if facts.is_file()
            && let Some(within) = path.strip_prefix(root).ok().and_then(Path::to_str)
        {
            let modified = facts.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let modified = modified.map_or(0, |time| u64::try_from(time.as_micros()).unwrap_or(0));
            found.push(Listed { path: within.to_owned(), size: facts.len(), modified });
        }
    }
    found
}

/// Whether the file below `root` is the one that is listed.
fn has(root: &Path, wanted: &Listed) -> bool {
    list(root, &wanted.path).first() == Some(wanted)
}

/// Whether a word can be a file's name wherever it comes from.
fn is_plain(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn mentions(json: &str, folder: &Path) -> bool {
    let text = Value::from(folder.display().to_string()).to_string();
    json.contains(text.trim_matches('"'))
}

fn moved(json: String, from: &Path, to: &Path) -> String {
    if !mentions(&json, from) {
        return json;
    }
    // What cannot be read as it stands, such as a number beyond all bounds, stays as it is.
    let Ok(mut value) = serde_json::from_str::<Value>(&json) else { return json };
    change_each_text(&mut value, &mut |text| {
        let within = Path::new(text.as_str()).strip_prefix(from).ok()?;
        let moved = if within.as_os_str().is_empty() { to.to_owned() } else { to.join(within) };
        Some(moved.display().to_string())
    });
    value.to_string()
}

fn each_text(value: &Value, tell: &mut dyn FnMut(&str)) {
    match value {
        Value::String(text) => tell(text),
        Value::Array(items) => items.iter().for_each(|item| each_text(item, tell)),
        Value::Object(fields) => fields.values().for_each(|field| each_text(field, tell)),
        _ => {}
    }
}

fn change_each_text(value: &mut Value, change: &mut dyn FnMut(&String) -> Option<String>) {
    match value {
        Value::String(text) => {
            if let Some(other) = change(text) {
                *text = other;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| change_each_text(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| change_each_text(field, change)),
        _ => {}
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn folder() -> SharedFolder {
        SharedFolder { root: "/home/a b/runs/7".into(), mark: "m".into() }
    }

    #[test]
    fn a_folder_is_known_by_its_mark() {
        let there = tempfile::tempdir().unwrap();
        let marked = SharedFolder::mark(there.path()).unwrap();
        assert!(marked.is_here());
        assert_eq!(SharedFolder::mark(there.path()).unwrap(), marked);
        let another = SharedFolder { mark: "another".into(), ..marked };
        assert!(!another.is_here());
    }

    #[test]
    fn paths_are_moved_wherever_they_stand_and_nothing_else_is() {
        let mirror = Path::new("/tmp/m");
        let here =
            r#"{"a":"/home/a b/runs/7/work/x","b":["/home/a b/runs/7",{"c":"/home/a b/runs/77/x"}],"n":1.0}"#;
        let there = r#"{"a":"/tmp/m/work/x","b":["/tmp/m",{"c":"/home/a b/runs/77/x"}],"n":1.0}"#;
        assert_eq!(folder().in_terms_of(mirror, here.into()), there);
        assert_eq!(folder().in_own_terms(mirror, there.into()), here);
        assert_eq!(folder().named(here), ["work/x", ""]);
        let env: Env = [(SHARED_DIR.to_owned(), "/home/a b/runs/7/work".to_owned())].into_iter().collect();
        assert_eq!(folder().env_for(mirror, env).get(SHARED_DIR), Some("/tmp/m/work"));
    }

    #[test]
    fn nothing_beside_the_nodes_files_can_be_asked_for() {
        let root = Path::new("/r");
        assert_eq!(within(root, "work/a/b").unwrap(), Path::new("/r/work/a/b"));
        for wrong in ["journal", "", "/etc/passwd", "work/../journal", "../x", "./work/a", ".parts/x"] {
            assert!(within(root, wrong).is_err(), "{wrong}");
        }
    }
}
