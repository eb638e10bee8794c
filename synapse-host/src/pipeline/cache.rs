//! Results of earlier runs, taken again where nothing has changed.
//!
//! A result is known by the digest of the plugin's library, the action, its
//! params, and what the files that params name hold. Files that a result names
//! have to hold what they held.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use synapse_sdk::errors::{Result, ResultExt};

use super::check::Plan;
use super::model::Node;
use crate::files::put_whole;
use crate::home::Home;
use crate::record::sha256_of;

/// Folders with more files are not looked at: what is in them is not cached.
const MOST_FILES: usize = 10_000;

/// Results of earlier runs.
#[derive(Clone, Debug)]
pub struct Cache {
    home: Home,
}

/// A kept result.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The plugin's code.
    pub plugin: String,
    /// The action.
    pub action: String,
    /// The node it was made by.
    pub node: String,
    /// The result, as the action wrote it.
    pub result: Value,
    /// Files that the result names, with their digests.
    files: Vec<(PathBuf, String)>,
}

/// An entry and what its file says.
#[derive(Debug)]
pub struct Listed {
    /// The key.
    pub key: String,
    /// The entry.
    pub entry: Entry,
    /// Bytes of its file.
    pub bytes: u64,
    /// How long ago it was made.
    pub age: Duration,
}

impl Cache {
    /// The cache in a home.
    pub fn of(home: &Home) -> Self {
        Self { home: home.clone() }
    }

    fn folder(&self) -> PathBuf {
        self.home.path().join("cache").join("pipeline")
    }

    fn file(&self, key: &str) -> PathBuf {
        self.folder().join(format!("{key}.json"))
    }

    /// Under what the result of a node is kept; `None` when it is not to be.
    pub(crate) fn key(&self, plan: &Plan, node: usize, params: &str) -> Option<String> {
        let (node, offer) = (&plan.pipeline.nodes[node], &plan.offers[node]);
        if !node.cache.unwrap_or(offer.spec.pure) {
            return None;
        }
        let library = sha256_of(&self.home, &offer.plugin.image().path).ok()?;
        let mut params: Value = serde_json::from_str(params).ok()?;
        with_contents(&mut params)?;
        let env: Vec<_> = node.env.iter().collect();
        let text = json!([library, offer.spec.name, canonical(&params), env]).to_string();
        Some(hex(&Sha256::digest(text.as_bytes())))
    }

    /// The result that is kept, if it still holds.
    pub(crate) fn get(&self, key: &str) -> Option<String> {
        let entry: Entry = serde_json::from_slice(&fs::read(self.file(key)).ok()?).ok()?;
        let holds = |(path, digest): &(PathBuf, String)| content(path).is_some_and(|now| now == *digest);
        entry.files.iter().all(holds).then(|| entry.result.to_string())
    }

    /// Keeps a result. Where that is not possible nothing is kept.
    pub(crate) fn put(&self, key: &str, node: &Node, result: &str) {
        let Ok(result) = serde_json::from_str::<Value>(result) else { return };
        let mut files = Vec::new();
        let mut all_known = true;
        each_path(&result, &mut |path| match content(path) {
            Some(digest) => files.push((path.to_owned(), digest)),
            None => all_known = false,
        });
        let entry = Entry {
            plugin: node.plugin.to_string(),
            action: node.action.clone(),
            node: node.name.clone(),
            result,
            files,
        };
        let Some(bytes) = serde_json::to_vec(&entry).ok().filter(|_| all_known) else { return };
        // Without it the next run computes it again.
        let _ = put_whole(&self.file(key), |file| file.write_all(&bytes));
    }

    /// All entries, the newest first.
    pub fn list(&self) -> Vec<Listed> {
        let entries = fs::read_dir(self.folder()).into_iter().flatten().flatten();
        let mut all: Vec<Listed> = entries.filter_map(|entry| listed(&entry.path())).collect();
        all.sort_by_key(|listed| listed.age);
        all
    }

    /// Removes all entries, and says how many there were.
    ///
    /// # Errors
    /// One cannot be removed.
    pub fn clear(&self) -> Result<usize> {
        let mut count = 0;
        for entry in fs::read_dir(self.folder()).into_iter().flatten().flatten() {
            let path = entry.path();
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
            count += 1;
        }
        Ok(count)
    }
}

fn listed(path: &Path) -> Option<Listed> {
    let key = path.file_stem()?.to_str().filter(|key| !key.starts_with('.'))?.to_owned();
    let facts = fs::metadata(path).ok()?;
    let entry = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    let age = SystemTime::now().duration_since(facts.modified().ok()?).unwrap_or_default();
    Some(Listed { key, entry, bytes: facts.len(), age })
}

/// Puts what files hold in place of their paths. `None` when one cannot be read.
fn with_contents(value: &mut Value) -> Option<()> {
    match value {
        Value::String(text) => {
            if let Some(path) = path_of(text) {
                *text = format!("content {}", content(path)?);
            }
        }
        Value::Array(items) => items.iter_mut().try_for_each(with_contents)?,
        Value::Object(fields) => fields.values_mut().try_for_each(with_contents)?,
        _ => {}
    }
    Some(())
}

/// Only what is written as an absolute path counts as one: a word may be the
/// name of a file by chance.
fn path_of(text: &str) -> Option<&Path> {
    let path = Path::new(text);
    (path.is_absolute() && path.exists()).then_some(path)
}

fn each_path(value: &Value, found: &mut dyn FnMut(&Path)) {
    match value {
        Value::String(text) => {
            if let Some(path) = path_of(text) {
                found(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| each_path(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| each_path(field, found)),
        _ => {}
    }
}

/// The digest of a file, or of all files of a folder with their names.
fn content(path: &Path) -> Option<String> {
    let mut hash = Sha256::new();
    let mut files = Vec::new();
    walk(path, &mut files).ok()?;
    files.sort();
    for file in files {
        let name = file.strip_prefix(path).unwrap_or(&file);
        hash.update(name.as_os_str().as_encoded_bytes());
        hash.update([0]);
        hash.update(digest_of(&file).ok()?);
    }
    Some(hex(&hash.finalize()))
}

fn walk(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        // What a link leads to may lie above.
        if entry.file_type()?.is_symlink() || files.len() > MOST_FILES {
            return Err(io::Error::other("not to be looked at"));
        }
        walk(&entry.path(), files)?;
    }
    Ok(())
}

fn digest_of(file: &Path) -> io::Result<[u8; 32]> {
    let mut file = File::open(file)?;
    let (mut hash, mut buffer) = (Sha256::new(), vec![0; 64 << 10]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// The same for the same values: fields in the order of their names, whole
/// numbers without a point.
fn canonical(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            names.into_iter().map(|name| (name.clone(), canonical(&fields[name]))).collect()
        }
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Number(number) => match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                Value::from(float as i64)
            }
            _ => value.clone(),
        },
        other => other.clone(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn params_that_mean_the_same_have_one_form() {
        let one: Value = serde_json::from_str(r#"{"b": 1.0, "a": [{"y": 1, "x": 2}]}"#).unwrap();
        let other: Value = serde_json::from_str(r#"{"a": [{"x": 2.0, "y": 1}], "b": 1}"#).unwrap();
        assert_eq!(canonical(&one).to_string(), canonical(&other).to_string());
        assert_ne!(canonical(&json!(1.5)).to_string(), canonical(&json!(1)).to_string());
    }

    #[test]
    fn files_count_by_what_they_hold_and_not_by_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        };
        let (a, b, c) = (file("one/a", "x"), file("two/a", "x"), file("three/a", "y"));
        assert_eq!(content(&a), content(&b));
        assert_ne!(content(&a), content(&c));
        assert_eq!(content(a.parent().unwrap()), content(b.parent().unwrap()));
        assert_ne!(content(a.parent().unwrap()), content(c.parent().unwrap()));
        let mut params = json!({ "data": a, "word": "a" });
        with_contents(&mut params).unwrap();
        assert!(params["data"].as_str().unwrap().starts_with("content ") && params["word"] == "a");
    }
}
