//! Datasets: downloaded and converted once, and found again.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::client_for;
use super::train::phase;
use crate::action::Action;
use crate::client::digest::Digest;
use crate::client::folder::failed;
use crate::client::{DatasetInfo, Id};
use crate::context::Context;
use crate::errors::{Result, ResultExt, ValidationError};
use crate::params;

/// What is done with a dataset.
#[params]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DatasetOperation {
    /// Get its files to this machine
    Download,
    /// Write it in another format
    Convert,
}

/// What a dataset action is called with.
#[params]
#[derive(Clone, Debug)]
pub struct DatasetParams {
    /// What to do
    pub operation: DatasetOperation,
    /// Dataset to download
    pub dataset: Option<Id>,
    /// Splits to download, each with filters such as {"name": "a*", "limit": 10}; all of them if left out
    #[param(default)]
    pub splits: BTreeMap<String, Map<String, Value>>,
    /// Folder of a dataset to convert; the downloaded one if left out
    pub path: Option<PathBuf>,
    /// Format it is in; found by looking at it if left out
    pub source_format: Option<String>,
    /// Format to convert it to
    #[param(default = "yolo")]
    pub target_format: String,
    /// Where to write it; a folder that is found again if left out
    pub output_dir: Option<PathBuf>,
}

/// What a dataset action gives.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DatasetResult {
    /// The folder
    pub path: PathBuf,
    /// Its format, where it is known
    pub format: Option<String>,
    /// Its `data.yaml` or `dataset.yaml`, where it has one
    pub config_path: Option<PathBuf>,
    /// Files that were downloaded, or images that were converted
    pub count: u64,
    /// The folder it was made from
    pub source_path: PathBuf,
    /// Whether it was there already
    pub cached: bool,
}

/// An action that gets datasets ready for others.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::kinds::{DatasetAction, DatasetParams, DatasetResult};
///
/// /// Downloads and converts datasets.
/// #[derive(Action, Default)]
/// #[action(name = "dataset")]
/// struct Prepare;
///
/// impl DatasetAction for Prepare {}
///
/// impl Action for Prepare {
///     type Params = DatasetParams;
///     type Output = DatasetResult;
///
///     fn execute(&self, params: DatasetParams, ctx: &Context) -> Result<DatasetResult> {
///         self.run(&params, ctx)
///     }
/// }
/// # let error = LocalExecutor::new().execute::<Prepare>(json!({ "operation": "download" })).unwrap_err();
/// # assert_eq!(error.message(), "the params name no dataset");
/// ```
pub trait DatasetAction: Action {
    /// What the params ask for. To convert without a `path` is to convert what
    /// is downloaded.
    ///
    /// # Errors
    /// As [`download`](Self::download) and [`convert`](Self::convert).
    fn run(&self, params: &DatasetParams, ctx: &Context) -> Result<DatasetResult> {
        let source = match (&params.path, params.operation) {
            (Some(path), DatasetOperation::Convert) => path.clone(),
            _ => {
                let id = params.dataset.as_ref().ok_or_else(|| {
                    ValidationError::new("the params name no dataset")
                        .hint("give one, such as -P dataset=dataset-1")
                })?;
                let downloaded = self.download(id, &params.splits, ctx)?;
                if params.operation == DatasetOperation::Download {
                    return Ok(downloaded);
                }
                downloaded.path
            }
        };
        let formats = (params.source_format.as_deref(), params.target_format.as_str());
        self.convert(&source, formats.0, formats.1, params.output_dir.as_deref(), ctx)
    }

    /// Copies the files of a dataset into the client's cache: those of the
    /// named splits that pass their filters, all of it without names. What was
    /// copied for the same content and filters is found again; a copy that was
    /// interrupted is gone on with. Reports [`phase::DATASET`].
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) without a client,
    /// [`NotFound`](crate::ErrorKind::NotFound) when it has no such dataset or
    /// split, [`Validation`](crate::ErrorKind::Validation) when a filter is
    /// unknown or nothing is left; files cannot be read or written.
    fn download(
        &self,
        id: &Id,
        splits: &BTreeMap<String, Map<String, Value>>,
        ctx: &Context,
    ) -> Result<DatasetResult> {
        download(id, splits, ctx)
    }

    /// Writes the dataset in the folder `source` in another format, into
    /// `output` or the client's cache. What was converted from the same content
    /// is found again. Reports [`phase::CONVERT`].
    ///
    /// # Errors
    /// [`Unsupported`](crate::ErrorKind::Unsupported) when the client converts
    /// nothing; [`Validation`](crate::ErrorKind::Validation) when a format is
    /// unknown or the data breaks it; files cannot be read or written.
    fn convert(
        &self,
        source: &Path,
        from: Option<&str>,
        to: &str,
        output: Option<&Path>,
        ctx: &Context,
    ) -> Result<DatasetResult> {
        convert(source, from, to, output, ctx)
    }
}

/// One file of a dataset.
struct RemoteFile {
    /// Relative to the dataset's folder.
    name: String,
    path: PathBuf,
    bytes: u64,
}

fn download(id: &Id, splits: &BTreeMap<String, Map<String, Value>>, ctx: &Context) -> Result<DatasetResult> {
    ctx.set_progress(0, 1, phase::DATASET)?;
    let client = client_for(ctx, "dataset", id)?;
    let dataset = client.dataset(id).with_context(|| format!("the params name the dataset `{id}`"))?;
    let cache = client.cache_dir()?.join("datasets");
    let key = json!({ "id": dataset.id, "revision": dataset.revision, "splits": splits }).to_string();
    let name = format!("{}-{}", dataset.id, fingerprint(&[key.as_bytes()]));
    let done = cache.join(&name);
    let found = |cached: bool, count: u64| {
        Ok(DatasetResult {
            config_path: config_of(&done),
            path: done.clone(),
            format: dataset.format.clone(),
            count,
            source_path: dataset.path.clone(),
            cached,
        })
    };
    // Without a revision nobody knows whether the content is still the same.
    if done.is_dir() && !dataset.revision.is_empty() {
        ctx.log("download_cache_hit", json!({ "path": done, "cache_key": name }), None);
        ctx.set_progress(1, 1, phase::DATASET)?;
        return found(true, count_files(&done)?);
    }
    let part = cache.join(format!(".part-{name}"));
    fs::create_dir_all(&part).map_err(|error| failed("making", &part, &error))?;
    let lock = File::open(&part).map_err(|error| failed("opening", &part, &error))?;
    // Whoever downloads the same at once waits here, and then finds it.
    lock.lock().map_err(|error| failed("locking", &part, &error))?;
    if done.is_dir() && !part.is_dir() {
        return found(true, count_files(&done)?);
    }
    let files = list(&dataset, splits, ctx)?;
    if files.is_empty() {
        return Err(ValidationError::new(format!("nothing of {dataset} passes the filters"))
            .hint("loosen the filters of `splits`"));
    }
    ctx.log("download_start", json!({ "dataset": dataset.id, "files": files.len() }), None);
    for (index, file) in files.iter().enumerate() {
        fetch(file, &part)?;
        ctx.set_progress(index + 1, files.len(), phase::DATASET)?;
    }
    if done.is_dir() {
        fs::remove_dir_all(&done).map_err(|error| failed("removing", &done, &error))?;
    }
    fs::rename(&part, &done).map_err(|error| failed("renaming", &part, &error))?;
    ctx.log("download_complete", json!({ "path": done, "total_units": files.len() }), None);
    found(false, files.len() as u64)
}

/// The files of the named splits, all pages.
fn list(
    dataset: &DatasetInfo,
    splits: &BTreeMap<String, Map<String, Value>>,
    ctx: &Context,
) -> Result<Vec<RemoteFile>> {
    let client = ctx.client()?;
    let everything = BTreeMap::from([(String::new(), Map::new())]);
    let splits = if splits.is_empty() { &everything } else { splits };
    let mut files = BTreeMap::new();
    for (split, filters) in splits {
        if !split.is_empty() {
            dataset.split(split)?;
        }
        let mut after = Value::Null;
        loop {
            ctx.check_cancelled()?;
            let asked = json!({ "id": dataset.id, "split": split, "filters": filters, "after": after });
            let mut page = client.request("dataset.files", &asked)?;
            let Value::Array(items) = page["files"].take() else { break };
            for item in items {
                let text = |name: &str| item[name].as_str().map(str::to_owned);
                let (name, path) = (text("name").unwrap_or_default(), text("path").unwrap_or_default());
                let bytes = item["bytes"].as_u64().unwrap_or_default();
                files.insert(name.clone(), RemoteFile { name, path: path.into(), bytes });
            }
            after = page["next"].take();
            if after.is_null() {
                break;
            }
        }
    }
    Ok(files.into_values().collect())
}

/// Copies a file unless an earlier attempt did.
fn fetch(file: &RemoteFile, folder: &Path) -> Result<()> {
    let is_inside =
        Path::new(&file.name).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !is_inside || file.name.is_empty() {
        return Err(ValidationError::new(format!("`{}` leads out of the dataset", file.name)));
    }
    let to = folder.join(&file.name);
    if fs::metadata(&to).is_ok_and(|there| there.len() == file.bytes) {
        return Ok(());
    }
    let parent = to.parent().unwrap_or(folder);
    fs::create_dir_all(parent).map_err(|error| failed("making", parent, &error))?;
    fs::copy(&file.path, &to).map_err(|error| failed("copying", &file.path, &error))?;
    Ok(())
}

/// Writes the dataset in the folder `source` in another format, as
/// [`DatasetAction::convert`] does, for actions that are of no kind.
///
/// # Errors
/// As [`DatasetAction::convert`].
pub fn convert_dataset(
    source: &Path,
    from: Option<&str>,
    to: &str,
    output: Option<&Path>,
    ctx: &Context,
) -> Result<DatasetResult> {
    convert(source, from, to, output, ctx)
}

pub(super) fn convert(
    source: &Path,
    from: Option<&str>,
    to: &str,
    output: Option<&Path>,
    ctx: &Context,
) -> Result<DatasetResult> {
    ctx.set_progress(0, 1, phase::CONVERT)?;
    let client = ctx.client().context("nobody can be asked to convert the dataset")?;
    let source = fs::canonicalize(source).map_err(|error| failed("reading", source, &error))?;
    let done = match output {
        Some(output) => std::path::absolute(output)?,
        None => {
            let content = content_of(&source).with_context(|| format!("reading {}", source.display()))?;
            let place = source.to_string_lossy();
            let key = [place.as_bytes(), &content, from.unwrap_or_default().as_bytes(), to.as_bytes()];
            client.cache_dir()?.join("converted").join(format!("{to}-{}", fingerprint(&key)))
        }
    };
    let cached = output.is_none() && done.is_dir();
    let count = if cached {
        ctx.log("convert_cache_hit", json!({ "path": done }), None);
        0
    } else {
        ctx.log("convert_start", json!({ "path": source, "to": to }), None);
        let asked = json!({ "path": source, "from": from, "to": to, "output": done });
        let answer = client
            .request("dataset.convert", &asked)
            .with_context(|| format!("converting {} to {to}", source.display()))?;
        ctx.log("convert_complete", &answer, None);
        answer["images"].as_u64().unwrap_or_default()
    };
    ctx.set_progress(1, 1, phase::CONVERT)?;
    Ok(DatasetResult {
        config_path: config_of(&done),
        path: done,
        format: Some(to.to_owned()),
        count,
        source_path: source,
        cached,
    })
}

/// Names, sizes and times of all files: content that changed has others.
fn content_of(folder: &Path) -> std::io::Result<Vec<u8>> {
    let mut lines = Vec::new();
    for path in all_files(folder)? {
        let metadata = fs::metadata(&path)?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        lines.push(format!("{} {} {changed}", path.display(), metadata.len()));
    }
    lines.sort();
    Ok(lines.join("\n").into_bytes())
}

fn all_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    Ok(files)
}

fn count_files(folder: &Path) -> Result<u64> {
    Ok(all_files(folder).with_context(|| format!("reading {}", folder.display()))?.len() as u64)
}

fn fingerprint(parts: &[&[u8]]) -> String {
    let mut digest = Digest::new();
    parts.iter().for_each(|part| digest.add(part));
    digest.to_hex()
}

/// The file that names a dataset's splits and classes.
pub(super) fn config_of(folder: &Path) -> Option<PathBuf> {
    ["dataset.yaml", "data.yaml"].map(|name| folder.join(name)).into_iter().find(|file| file.is_file())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::client::{Client, FileStore, NewDataset};
    use crate::prelude::{ErrorKind, LocalExecutor};
    use crate::testing::LocalRun;

    /// Downloads and converts.
    #[derive(crate::action::Action, Default)]
    #[action(name = "prepare")]
    struct Prepare;

    impl DatasetAction for Prepare {}

    impl Action for Prepare {
        type Params = DatasetParams;
        type Output = DatasetResult;

        fn execute(&self, params: DatasetParams, ctx: &Context) -> Result<DatasetResult> {
            self.run(&params, ctx)
        }
    }

    struct Place(tempfile::TempDir);

    impl Place {
        fn new() -> Self {
            let place = Self(tempfile::tempdir().unwrap());
            for (name, text) in [
                ("images/train/a.png", "a"),
                ("images/train/b.png", "bb"),
                ("images/valid/c.png", "ccc"),
                ("labels/train/a.txt", "0"),
                ("labels/train/b.txt", "1"),
                ("labels/valid/c.txt", "2"),
                ("dataset.yaml", "path: ."),
            ] {
                let path = place.0.path().join("boats").join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            let new = NewDataset::new("boats", place.0.path().join("boats")).format("yolo");
            let new = new.split("train", "images/train").split("valid", "images/valid");
            (&place.store() as &dyn Client).create_dataset(new).unwrap();
            place
        }

        fn store(&self) -> FileStore {
            FileStore::at(self.0.path().join("store"))
        }

        fn run(&self, params: Value) -> Result<LocalRun> {
            LocalExecutor::new().client(self.store()).execute::<Prepare>(params)
        }
    }

    fn names(run: &LocalRun) -> Vec<String> {
        let path = PathBuf::from(run["path"].as_str().unwrap());
        let mut names: Vec<String> = all_files(&path)
            .unwrap()
            .iter()
            .map(|file| file.strip_prefix(&path).unwrap().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_same_is_downloaded_once_and_other_filters_are_another_download() {
        let place = Place::new();
        let all = json!({ "operation": "download", "dataset": 1 });
        let first = place.run(all.clone()).unwrap();
        assert_eq!(
            (&first["count"], &first["cached"], &first["format"]),
            (&json!(7), &json!(false), &json!("yolo"))
        );
        let again = place.run(all).unwrap();
        assert_eq!((&again["cached"], &again["path"]), (&json!(true), &first["path"]));

        let some = |filters: Value| {
            place
                .run(json!({ "operation": "download", "dataset": 1, "splits": { "train": filters } }))
                .unwrap()
        };
        let train = some(json!({}));
        let expected = [
            "dataset.yaml",
            "images/train/a.png",
            "images/train/b.png",
            "labels/train/a.txt",
            "labels/train/b.txt",
        ];
        assert_eq!(names(&train), expected);
        let named = some(json!({ "name": "b*" }));
        assert_eq!(names(&named), ["dataset.yaml", "images/train/b.png", "labels/train/b.txt"]);
        let one = some(json!({ "limit": 1 }));
        assert_eq!(names(&one), ["dataset.yaml", "images/train/a.png", "labels/train/a.txt"]);
        assert_ne!(named["path"], one["path"]);
        assert!(one["config_path"].as_str().unwrap().ends_with("dataset.yaml"));
    }

    #[test]
    fn an_interrupted_download_is_gone_on_with_and_leaves_nothing() {
        let place = Place::new();
        let params = json!({ "operation": "download", "dataset": 1 });
        let whole = PathBuf::from(place.run(params.clone()).unwrap()["path"].as_str().unwrap());
        // As a kill would have left it: some files there, one of them cut short.
        let part = whole.with_file_name(format!(".part-{}", whole.file_name().unwrap().to_str().unwrap()));
        fs::rename(&whole, &part).unwrap();
        fs::remove_file(part.join("images/valid/c.png")).unwrap();
        fs::write(part.join("images/train/b.png"), "b").unwrap();
        // Of the right size, so it is not copied again.
        fs::write(part.join("images/train/a.png"), "A").unwrap();
        let run = place.run(params).unwrap();
        assert_eq!(run["count"], 7);
        assert_eq!(fs::read_to_string(whole.join("images/valid/c.png")).unwrap(), "ccc");
        assert_eq!(fs::read_to_string(whole.join("images/train/b.png")).unwrap(), "bb");
        assert_eq!(fs::read_to_string(whole.join("images/train/a.png")).unwrap(), "A");
        assert!(!part.exists());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let place = Place::new();
        let failed = |params: Value| {
            let error = place.run(params).unwrap_err();
            (error.kind(), error.message().to_owned())
        };
        let download = |splits: Value| json!({ "operation": "download", "dataset": 1, "splits": splits });
        assert_eq!(failed(json!({ "operation": "download" })).1, "the params name no dataset");
        assert_eq!(
            failed(json!({ "operation": "download", "dataset": 9 })),
            (ErrorKind::NotFound, "the params name the dataset `9`".to_owned())
        );
        assert_eq!(failed(download(json!({ "trian": {} }))).0, ErrorKind::NotFound);
        let (kind, text) = failed(download(json!({ "train": { "colour": "red" } })));
        assert_eq!(
            (kind, text.as_str()),
            (ErrorKind::Validation, "a store in a folder has no filter `colour`")
        );
        let (kind, text) = failed(download(json!({ "train": { "name": "z*" } })));
        assert_eq!(kind, ErrorKind::Validation);
        assert_eq!(text, "nothing of dataset dataset-1 (boats) passes the filters");
        let source = place.0.path().join("boats");
        let (kind, text) = failed(json!({ "operation": "convert", "path": source, "target_format": "coco" }));
        assert_eq!(kind, ErrorKind::Unsupported, "{text}");
    }
}
