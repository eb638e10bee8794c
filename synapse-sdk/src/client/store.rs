//! A client whose backend is a folder.
//!
//! ```text
//! datasets/dataset-1/record.json    what is known of it
//!                    files.json     its files and their sizes
//!                    content/…      its files
//! models/model-1/record.json
//!                content/…          the file or folder the model is
//! cache/                            what can be made again
//! ```
//!
//! Records appear whole or not at all: they are written into a folder with a
//! name that nobody looks for, and renamed. They are never changed afterwards.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::Id;
use super::folder::{Durability, Unfinished, copy, failed, numbers, write};
use crate::errors::{
    ChecksumMismatchError, ErrorKind, NotFoundError, PluginError, Result, ResultExt, ValidationError,
};
use crate::events::{Rfc3339, now};
use crate::services::Client;
use crate::suggest::nearest;

/// Keeps datasets and models in a folder: what a run without a backend has for
/// a client, and what tests give an executor. Nothing is made before it is
/// needed. Processes may share the folder where its file system has locks.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::client::FileStore;
///
/// # let folder = std::env::temp_dir().join(format!("store-doc-{}", std::process::id()));
/// let executor = LocalExecutor::new().client(FileStore::at(&folder));
/// let error = executor.context().client()?.model(&"model-7".into()).unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::NotFound);
/// # Ok::<(), PluginError>(())
/// ```
#[derive(Clone, Debug)]
pub struct FileStore {
    root: PathBuf,
}

const OPERATIONS: [&str; 8] = [
    "dataset.get",
    "dataset.files",
    "dataset.list",
    "dataset.create",
    "model.get",
    "model.list",
    "model.create",
    "cache.dir",
];
const RECORD: &str = "record.json";
const FILES: &str = "files.json";
const CONTENT: &str = "content";

/// Datasets or models.
#[derive(Clone, Copy)]
struct Shelf {
    what: &'static str,
    folder: &'static str,
    prefix: &'static str,
    durability: Durability,
}

const DATASETS: Shelf =
    Shelf { what: "dataset", folder: "datasets", prefix: "dataset-", durability: Durability::InCache };
const MODELS: Shelf =
    Shelf { what: "model", folder: "models", prefix: "model-", durability: Durability::OnDisk };

impl FileStore {
    /// The store in a folder.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { root: std::path::absolute(&root).unwrap_or(root) }
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    fn get(&self, shelf: Shelf, id: &Value) -> Result<Value> {
        let number = self.number(shelf, id)?;
        check_content(&self.root.join(shelf.folder).join(name(shelf, number)))?;
        self.read(shelf, number)
    }

    /// The number of a record that is there.
    fn number(&self, shelf: Shelf, id: &Value) -> Result<u64> {
        let id = Id::from_value(id).ok_or_else(|| {
            ValidationError::new(format!("{id} names no {}", shelf.what))
                .hint(format!("an id is a number or a text, such as \"{}1\"", shelf.prefix))
        })?;
        let number = match &id {
            Id::Number(number) => Some(*number),
            Id::Text(text) => text.strip_prefix(shelf.prefix).unwrap_or(text).parse().ok(),
        };
        let known = |number: &u64| self.root.join(shelf.folder).join(name(shelf, *number)).is_dir();
        number.filter(known).ok_or_else(|| self.unknown(shelf, &id))
    }

    fn unknown(&self, shelf: Shelf, id: &Id) -> PluginError {
        let names: Vec<String> = self.numbers(shelf).into_iter().map(|number| name(shelf, number)).collect();
        let (what, place) = (shelf.what, self.root.display());
        let error = NotFoundError::new(format!("the store {place} has no {what} `{id}`"));
        if names.is_empty() {
            return error.hint(format!("it has no {what} at all yet; --store DIR names another store"));
        }
        let text = id.to_string();
        match nearest(&text, names.iter().map(String::as_str)) {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None => error.hint(format!("it has {}", newest(&names))),
        }
    }

    fn numbers(&self, shelf: Shelf) -> Vec<u64> {
        let mut numbers: Vec<u64> = numbers(&self.root.join(shelf.folder), shelf.prefix).collect();
        numbers.sort_unstable();
        numbers
    }

    fn list(&self, shelf: Shelf) -> Result<Value> {
        self.numbers(shelf).into_iter().map(|number| self.read(shelf, number)).collect()
    }

    /// A record as clients see it: with id, and absolute paths.
    fn read(&self, shelf: Shelf, number: u64) -> Result<Value> {
        let folder = self.root.join(shelf.folder).join(name(shelf, number));
        let mut record = read_object(&folder, RECORD)?;
        let content = folder.join(CONTENT);
        let path = match record.get("path").and_then(Value::as_str) {
            Some(inside) if !inside.is_empty() => content.join(inside),
            _ => content.clone(),
        };
        record.insert("path".to_owned(), text(&path));
        if let Some(Value::Object(splits)) = record.get_mut("splits") {
            for split in splits.values_mut() {
                *split = text(&content.join(split.as_str().unwrap_or_default()));
            }
        }
        let id = Value::from(name(shelf, number));
        let mut answer = Map::from_iter([("id".to_owned(), id)]);
        answer.extend(record);
        Ok(Value::Object(answer))
    }

    fn create_dataset(&self, body: &Value) -> Result<Value> {
        let source = source(body, "dataset")?;
        if !source.is_dir() {
            return Err(ValidationError::new(format!("a dataset is a folder, not {}", source.display())));
        }
        let splits = match &body["splits"] {
            Value::Object(splits) => splits.clone(),
            _ => usual_splits(&source),
        };
        for (name, path) in &splits {
            let inside = Path::new(path.as_str().unwrap_or_default());
            if !is_inside(inside) || !source.join(inside).exists() {
                let place = source.join(inside);
                return Err(NotFoundError::new(format!("there is no split `{name}` at {}", place.display()))
                    .hint("paths of splits are relative to the dataset's folder"));
            }
        }
        let mut record = common_fields(body, &source);
        record.insert("splits".to_owned(), splits.into());
        self.create(DATASETS, &source, "", record)
    }

    fn create_model(&self, body: &Value) -> Result<Value> {
        let source = source(body, "model")?;
        let inside = if source.is_dir() { "" } else { file_name(&source)? };
        let mut record = Map::from_iter([("category".to_owned(), Value::from("fine_tuned"))]);
        record.extend(common_fields(body, &source));
        self.create(MODELS, &source, inside, record)
    }

    fn create(
        &self,
        shelf: Shelf,
        source: &Path,
        inside: &str,
        mut record: Map<String, Value>,
    ) -> Result<Value> {
        let storing = || format!("storing the {} {}", shelf.what, source.display());
        let unfinished = Unfinished::begin(&self.root.join(shelf.folder)).with_context(storing)?;
        let content = unfinished.path().join(CONTENT);
        if inside.is_empty() {
            copy(source, &content, shelf.durability).with_context(storing)?;
        } else {
            fs::create_dir(&content).with_context(storing)?;
            copy(source, &content.join(inside), shelf.durability).with_context(storing)?;
        }
        let files = files(&content).with_context(storing)?;
        record.insert("path".to_owned(), inside.into());
        record.insert("revision".to_owned(), revision(&content, &files).with_context(storing)?.into());
        if let Some(stored) = self.same_training(shelf, &record) {
            return self.read(shelf, stored);
        }
        for (name, object) in [(FILES, &files), (RECORD, &record)] {
            let bytes = serde_json::to_vec_pretty(object)?;
            write(&unfinished.path().join(name), &bytes).with_context(storing)?;
        }
        let (number, _) = unfinished.publish(shelf.prefix).with_context(storing)?;
        self.read(shelf, number)
    }
}

impl FileStore {
    /// What an earlier attempt of the same training stored, if this is it: of
    /// the same name and content. That attempt was stopped after it.
    fn same_training(&self, shelf: Shelf, record: &Map<String, Value>) -> Option<u64> {
        record.get("training")?;
        self.numbers(shelf).into_iter().rev().find(|number| {
            let folder = self.root.join(shelf.folder).join(name(shelf, *number));
            let same = |stored: Map<String, Value>| {
                ["training", "name", "revision"].iter().all(|key| stored.get(*key) == record.get(*key))
            };
            read_object(&folder, RECORD).is_ok_and(same)
        })
    }
}

impl Client for FileStore {
    fn request(&self, operation: &str, body: &Value) -> Result<Value> {
        match operation {
            "dataset.get" => self.get(DATASETS, &body["id"]),
            "dataset.files" => files::page(self, body),
            "dataset.list" => self.list(DATASETS),
            "dataset.create" => self.create_dataset(body),
            "model.get" => self.get(MODELS, &body["id"]),
            "model.list" => self.list(MODELS),
            "model.create" => self.create_model(body),
            "cache.dir" => {
                let path = self.root.join("cache");
                fs::create_dir_all(&path).map_err(|error| failed("making", &path, &error))?;
                Ok(json!({ "path": text(&path) }))
            }
            unknown => {
                let message = format!("a store in a folder has no operation `{unknown}`");
                Err(PluginError::new(ErrorKind::Unsupported, message)
                    .hint(format!("it has {}; a backend may have more", OPERATIONS.join(", "))))
            }
        }
    }
}

mod files;
#[cfg(test)]
mod tests;

fn name(shelf: Shelf, number: u64) -> String {
    format!("{}{number}", shelf.prefix)
}

fn text(path: &Path) -> Value {
    path.to_string_lossy().into_owned().into()
}

/// The last ones of a list, which are those somebody asks for.
fn newest(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().rev().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn source(body: &Value, what: &str) -> Result<PathBuf> {
    let path = body["path"].as_str().filter(|path| !path.is_empty());
    let path = path.ok_or_else(|| ValidationError::new(format!("a new {what} needs a `path`")))?;
    let path = PathBuf::from(path);
    fs::metadata(&path)
        .map_err(|error| failed("reading", &path, &error).context(format!("there is no {what} to store")))?;
    Ok(path)
}

fn file_name(path: &Path) -> Result<&str> {
    let name = path.file_name().and_then(|name| name.to_str());
    name.ok_or_else(|| ValidationError::new(format!("{} has no name in UTF-8", path.display())))
}

/// All that was given; a name if none was, and the time.
fn common_fields(body: &Value, source: &Path) -> Map<String, Value> {
    let stem = source.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let mut fields = Map::from_iter([("name".to_owned(), Value::from(stem.unwrap_or_default()))]);
    let given = body.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null());
    fields.extend(given.map(|(name, value)| (name.clone(), value.clone())));
    fields.remove("id");
    fields.insert("created".to_owned(), Rfc3339(now()).to_string().into());
    fields
}

fn usual_splits(folder: &Path) -> Map<String, Value> {
    let names = [("train", "train"), ("valid", "valid"), ("valid", "val"), ("test", "test")];
    let there = names.into_iter().filter(|(_, inside)| folder.join(inside).is_dir());
    there.map(|(name, inside)| (name.to_owned(), inside.into())).collect()
}

fn is_inside(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, std::path::Component::Normal(_) | std::path::Component::CurDir))
}

/// The files below `content` with their sizes, by their paths in it.
fn files(content: &Path) -> std::io::Result<Map<String, Value>> {
    let mut files = Map::new();
    let mut folders = vec![content.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            if metadata.is_dir() {
                folders.push(path);
            } else if let Ok(inside) = path.strip_prefix(content) {
                files.insert(inside.to_string_lossy().into_owned(), metadata.len().into());
            }
        }
    }
    files.sort_keys();
    Ok(files)
}

/// A number that differs where the files do.
fn revision(content: &Path, files: &Map<String, Value>) -> std::io::Result<String> {
    let mut hash = super::digest::Digest::new();
    for (name, size) in files {
        hash.add(name.as_bytes());
        hash.add(&size.as_u64().unwrap_or_default().to_le_bytes());
        hash.add_file(&content.join(name))?;
    }
    Ok(hash.to_hex())
}

fn read_object(folder: &Path, name: &str) -> Result<Map<String, Value>> {
    let file = folder.join(name);
    let bytes = fs::read(&file).map_err(|error| failed("reading", &file, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        ChecksumMismatchError::new(format!("{} is damaged: {error}", file.display()))
            .hint(format!("remove {} if it cannot be restored", folder.display()))
    })
}

/// The files are there and have the sizes they were stored with.
fn check_content(folder: &Path) -> Result<()> {
    for (name, size) in &read_object(folder, FILES)? {
        let path = folder.join(CONTENT).join(name);
        let stored = size.as_u64().unwrap_or_default();
        let found = fs::metadata(&path).map(|metadata| metadata.len());
        let why = match found {
            Ok(found) if found == stored => continue,
            Ok(found) => format!("has {found} bytes and was stored with {stored}"),
            Err(error) => format!("cannot be read: {error}"),
        };
        return Err(ChecksumMismatchError::new(format!("{} is damaged: it {why}", path.display()))
            .hint(format!("restore the file, or remove {} and make it again", folder.display())));
    }
    Ok(())
}
