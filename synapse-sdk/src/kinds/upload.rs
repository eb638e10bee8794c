//! Upload: files of a folder, grouped, checked and handed to the platform.

mod checks;
mod metadata;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::action::Action;
use crate::client::Id;
use crate::client::digest::Digest;
use crate::client::folder::failed;
use crate::context::Context;
use crate::errors::{ExecutionError, Result, ResultExt, ValidationError};
use crate::events::Level;
use crate::params;

pub use checks::RejectReason;

/// The steps of an upload with their shares of the run.
pub const UPLOAD_STEPS: [(&str, f64); 6] = [
    ("analyze_collection", 2.0),
    ("process_metadata", 2.0),
    ("organize_files", 2.0),
    ("validate_files", 2.0),
    ("generate_data_units", 91.0),
    ("cleanup", 1.0),
];

/// What an upload is called with.
#[params]
#[derive(Clone, Debug)]
pub struct UploadParams {
    /// Name of the upload
    #[param(length(min = 1))]
    pub name: String,
    /// Folder with a folder for each specification
    pub path: Option<PathBuf>,
    /// A folder for each specification, where they are not in one
    #[param(default)]
    pub assets: BTreeMap<String, PathBuf>,
    /// Whether files of folders in these are taken too
    #[param(default = true)]
    pub is_recursive: bool,
    /// Collection that the files are for
    pub data_collection: Option<Id>,
    /// Table with a row for each file: CSV or Excel
    pub metadata_path: Option<PathBuf>,
    /// Larger files are refused
    #[param(default = 50, ge = 1)]
    pub max_file_size_mb: u64,
    /// What else the action takes
    #[param(default)]
    pub extra_params: Map<String, Value>,
}

/// A kind of file that a collection has: what `image_1` or `label_1` stands for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileSpecification {
    /// Its name, which is that of its folder.
    pub name: String,
    /// Whether a unit needs one.
    #[serde(default)]
    pub is_required: bool,
    /// Extensions without dots, in small letters; any, when empty.
    #[serde(default)]
    pub extensions: Vec<String>,
}

/// Files that belong together: those of one stem.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DataUnit {
    /// The stem.
    pub key: String,
    /// A file for each specification.
    pub files: BTreeMap<String, PathBuf>,
    /// What is known of it.
    pub meta: Map<String, Value>,
}

/// A file that was not taken.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct RejectedFile {
    /// The file, or the stem of a unit that lacks one
    pub file: String,
    /// Why, for programs
    pub code: String,
    /// Why, for people
    pub reason: String,
}

/// What an upload gives.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct UploadResult {
    /// Files that were uploaded
    pub uploaded_files: u64,
    /// Units they make
    pub data_units: u64,
    /// Whether something was not taken
    pub partial_failure: bool,
    /// The first 100 files that were not taken
    pub rejected: Vec<RejectedFile>,
    /// How many were not taken
    pub rejected_count: u64,
}

/// An action that uploads. Each hook does what is usual; write those that are
/// not.
///
/// Files are looked for in a folder for each specification, grouped by stem
/// (of two files of the same stem the one changed last is taken), checked, and
/// units whose files are all the same as those of another are left out.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::kinds::{FileSpecification, UploadAction, UploadParams, UploadResult};
///
/// /// Uploads pictures.
/// #[derive(Action, Default)]
/// #[action(name = "upload", category = Upload)]
/// struct Pictures;
///
/// impl UploadAction for Pictures {
///     fn specifications(&self, _: &UploadParams, _: &Context) -> Result<Vec<FileSpecification>> {
///         let extensions = vec!["png".to_owned(), "jpg".to_owned()];
///         Ok(vec![FileSpecification { name: "image_1".to_owned(), is_required: true, extensions }])
///     }
/// }
///
/// impl Action for Pictures {
///     type Params = UploadParams;
///     type Output = UploadResult;
///
///     fn execute(&self, params: UploadParams, ctx: &Context) -> Result<UploadResult> {
///         self.upload(&params, ctx)
///     }
/// }
///
/// # let folder = std::env::temp_dir().join(format!("upload-doc-{}", std::process::id()));
/// # std::fs::create_dir_all(folder.join("image_1"))?;
/// std::fs::write(folder.join("image_1/a.png"), b"\x89PNG\r\n\x1a\n")?;
/// std::fs::write(folder.join("image_1/b.exe"), b"MZ")?;
/// let client = |operation: &str, body: &Value| -> Result<Value> {
///     assert_eq!((operation, &body["key"]), ("data_unit.create", &json!("a")));
///     Ok(json!({ "id": 1 }))
/// };
/// let run = LocalExecutor::new().client(client);
/// let run = run.execute::<Pictures>(json!({ "name": "harbour", "path": folder }))?;
/// assert_eq!((&run["data_units"], &run["rejected"][0]["code"]), (&json!(1), &json!("UNSUPPORTED_EXTENSION")));
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), PluginError>(())
/// ```
pub trait UploadAction: Action {
    /// Which kinds of files there are: what the client says of the collection.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) when the params name no
    /// collection, [`Unsupported`](crate::ErrorKind::Unsupported) without a
    /// client that knows collections.
    fn specifications(&self, params: &UploadParams, ctx: &Context) -> Result<Vec<FileSpecification>> {
        let id = params.data_collection.as_ref().ok_or_else(|| {
            ValidationError::new("the params name no data collection").hint("give `data_collection`")
        })?;
        let client = super::client_for(ctx, "data collection", id)?;
        let mut collection = client.request("data_collection.get", &json!({ "id": id }))?;
        let specifications = serde_json::from_value(collection["file_specifications"].take());
        specifications.with_context(|| format!("the file specifications of the data collection `{id}`"))
    }

    /// Looks at a unit that passed the usual checks, and may change it.
    ///
    /// # Errors
    /// Anything; the unit is then not taken.
    fn check_unit(&self, unit: DataUnit, params: &UploadParams) -> Result<DataUnit> {
        let _ = params;
        Ok(unit)
    }

    /// Hands a unit to the platform: the client's `data_unit.create`.
    ///
    /// # Errors
    /// Anything; the unit is then counted as lost.
    fn upload_unit(&self, unit: &DataUnit, params: &UploadParams, ctx: &Context) -> Result<()> {
        let client = ctx.client().context("nobody can be asked to keep the files")?;
        let asked = json!({
            "data_collection": params.data_collection, "key": unit.key, "files": unit.files, "meta": unit.meta,
        });
        client.request("data_unit.create", &asked).map(drop)
    }

    /// All steps, as [`UPLOAD_STEPS`] names them. In the end an event
    /// `import_result` tells what was taken and what was not.
    ///
    /// # Errors
    /// [`Validation`](crate::ErrorKind::Validation) when there are no files or
    /// the table of metadata cannot be understood;
    /// [`Execution`](crate::ErrorKind::Execution) when nothing was taken;
    /// [`Cancelled`](crate::ErrorKind::Cancelled).
    fn upload(&self, params: &UploadParams, ctx: &Context) -> Result<UploadResult> {
        ctx.plan_steps(&UPLOAD_STEPS);
        let [analyze, process, organize, validate, generate, cleanup] = UPLOAD_STEPS.map(|(name, _)| name);
        let done = |step: &str| ctx.set_progress(1, 1, step);
        let specifications = self.specifications(params, ctx)?;
        done(analyze)?;
        let mut table = match &params.metadata_path {
            Some(path) => metadata::read(path)?,
            None => HashMap::new(),
        };
        done(process)?;
        let found = find(params, &specifications)?;
        done(organize)?;
        let mut rejected = Vec::new();
        let limit = params.max_file_size_mb.saturating_mul(1 << 20);
        let found = checks::files(found, &specifications, limit, &mut rejected);
        let units = group(found, &specifications, &mut table, &mut rejected);
        let units = distinct(units, &mut rejected)?;
        done(validate)?;
        let total = units.len();
        let (mut uploaded_files, mut data_units) = (0, 0);
        for (index, unit) in units.into_iter().enumerate() {
            let (key, files) = (unit.key.clone(), unit.files.len() as u64);
            let uploaded =
                self.check_unit(unit, params).and_then(|unit| self.upload_unit(&unit, params, ctx));
            match uploaded {
                Ok(()) => {
                    uploaded_files += files;
                    data_units += 1;
                }
                Err(error) => rejected.push(RejectReason::UploadFailed.of(key, error.to_string())),
            }
            let waiting = total - index - 1;
            let failed = index as u64 + 1 - data_units;
            ctx.set_metrics(
                json!({ "success": data_units, "failed": failed, "stand_by": waiting }),
                generate,
            )?;
            ctx.set_progress(index + 1, total, generate)?;
        }
        done(cleanup)?;
        conclude(uploaded_files, data_units, rejected, ctx)
    }
}

fn conclude(
    uploaded_files: u64,
    data_units: u64,
    mut rejected: Vec<RejectedFile>,
    ctx: &Context,
) -> Result<UploadResult> {
    let rejected_count = rejected.len() as u64;
    rejected.truncate(100);
    let told = json!({
        "uploaded_files": uploaded_files, "data_units": data_units,
        "rejected_count": rejected_count, "rejected": rejected,
    });
    ctx.log("import_result", told, None);
    if data_units == 0 {
        let first = rejected.first().map(|one| format!("{}: {}", one.file, one.reason));
        return Err(ExecutionError::new(format!(
            "nothing was uploaded; {rejected_count} files were not taken"
        ))
        .details(json!(rejected))
        .hint(first.unwrap_or_else(|| "there are no files".to_owned())));
    }
    if rejected_count > 0 {
        ctx.log_message(format!("{rejected_count} files were not taken"), Level::Warning);
    }
    let partial_failure = rejected_count > 0;
    Ok(UploadResult { uploaded_files, data_units, partial_failure, rejected, rejected_count })
}

/// A file, and the place of its specification in the list.
struct Found {
    specification: usize,
    path: PathBuf,
}

/// The files of each specification's folder.
fn find(params: &UploadParams, specifications: &[FileSpecification]) -> Result<Vec<Found>> {
    if params.path.is_none() && params.assets.is_empty() {
        return Err(ValidationError::new("the params name no files")
            .hint("give `path`, or `assets` with a folder for each specification"));
    }
    let mut found = Vec::new();
    for (specification, spec) in specifications.iter().enumerate() {
        let folder = match (params.assets.get(&spec.name), &params.path) {
            (Some(folder), _) => folder.clone(),
            (None, Some(path)) => path.join(&spec.name),
            (None, None) => continue,
        };
        if !folder.is_dir() {
            if spec.is_required {
                return Err(ValidationError::new(format!(
                    "there is no folder {} for `{}`, which every unit needs",
                    folder.display(),
                    spec.name
                )));
            }
            continue;
        }
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).map_err(|error| failed("reading", &folder, &error))? {
                let path = entry.map_err(|error| failed("reading", &folder, &error))?.path();
                match path.is_dir() {
                    true if params.is_recursive => folders.push(path),
                    true => {}
                    false => found.push(Found { specification, path }),
                }
            }
        }
    }
    found.sort_by(|a, b| (a.specification, &a.path).cmp(&(b.specification, &b.path)));
    Ok(found)
}

/// Files of the same stem make a unit; those without a required file are not taken.
fn group(
    found: Vec<Found>,
    specifications: &[FileSpecification],
    table: &mut HashMap<String, Map<String, Value>>,
    rejected: &mut Vec<RejectedFile>,
) -> Vec<DataUnit> {
    let mut units: BTreeMap<String, DataUnit> = BTreeMap::new();
    for Found { specification, path } in found {
        let key = stem(&path);
        let unit = units.entry(key.clone()).or_insert_with(|| DataUnit {
            key,
            files: BTreeMap::new(),
            meta: Map::new(),
        });
        let name = &specifications[specification].name;
        let is_newer = unit.files.get(name).is_none_or(|other| changed(&path) > changed(other));
        let older = if is_newer { unit.files.insert(name.clone(), path) } else { Some(path) };
        if let Some(older) = older {
            let reason = format!("another file of `{name}` has the same stem, and changed later");
            rejected.push(RejectReason::DuplicateFile.of(older.display().to_string(), reason));
        }
    }
    let mut complete = Vec::new();
    for mut unit in units.into_values() {
        let lacks = |spec: &&FileSpecification| spec.is_required && !unit.files.contains_key(&spec.name);
        if let Some(spec) = specifications.iter().find(lacks) {
            let reason = format!("it has no file for `{}`", spec.name);
            rejected.push(RejectReason::MissingRequiredData.of(unit.key, reason));
            continue;
        }
        unit.meta.insert("origin_file_stem".to_owned(), unit.key.as_str().into());
        let names = unit.files.values().map(|path| file_name(path)).chain([unit.key.clone()]);
        for row in names.filter_map(|name| table.remove(&name)) {
            unit.meta.extend(row);
        }
        complete.push(unit);
    }
    complete
}

/// Leaves out units whose files have the same content as those of another.
fn distinct(units: Vec<DataUnit>, rejected: &mut Vec<RejectedFile>) -> Result<Vec<DataUnit>> {
    let mut seen: HashMap<String, String> = HashMap::new();
    let mut kept = Vec::new();
    for unit in units {
        let mut digest = Digest::new();
        for (name, path) in &unit.files {
            digest.add(name.as_bytes());
            digest.add_file(path).map_err(|error| failed("reading", path, &error))?;
        }
        match seen.insert(digest.to_hex(), unit.key.clone()) {
            None => kept.push(unit),
            Some(other) => {
                let reason = format!("its files are the same as those of `{other}`");
                rejected.push(RejectReason::DuplicateFile.of(unit.key, reason));
            }
        }
    }
    Ok(kept)
}

fn changed(path: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(path).and_then(|metadata| metadata.modified()).ok()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
