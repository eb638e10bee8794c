//! Export: items of the platform, converted and written to a folder.

use std::collections::HashMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::action::Action;
use crate::client::folder::{Unfinished, failed, write};
use crate::client::{Client, Id};
use crate::context::Context;
use crate::errors::{ErrorKind, ExecutionError, PluginError, Result, ResultExt, ValidationError};
use crate::events::Level;
use crate::params;

/// The steps of an export with their shares of the run.
pub const EXPORT_STEPS: [(&str, f64); 4] =
    [("fetch_results", 10.0), ("prepare_export", 5.0), ("convert_and_save", 75.0), ("finalize", 10.0)];

/// Between two attempts to fetch a page; each is longer than the one before.
const PAUSE: Duration = Duration::from_millis(100);

/// What is exported.
#[params]
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ExportTarget {
    /// Work of annotators
    Assignment,
    /// A dataset's agreed annotations
    GroundTruth,
    /// Units of work
    Task,
}

impl ExportTarget {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assignment => "assignment",
            Self::GroundTruth => "ground_truth",
            Self::Task => "task",
        }
    }
}

/// What an export is called with.
#[params]
#[derive(Clone, Debug)]
pub struct ExportParams {
    /// Name of the folder that is made
    #[param(pattern = r"[^\s/]")]
    pub name: String,
    /// What it is for
    pub description: Option<String>,
    /// Where the folder is made
    pub path: PathBuf,
    /// What is exported
    pub target: ExportTarget,
    /// Which of them, such as {"project": 3}
    #[param(default)]
    pub filter: Map<String, Value>,
    /// Whether the original files are written too
    #[param(default = true)]
    pub save_original_file: bool,
    /// What else the action takes
    #[param(default)]
    pub extra_params: Map<String, Value>,
}

/// A file that belongs to an item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ItemFile {
    /// Its name for people.
    pub name: String,
    /// Where it lies on this machine.
    pub path: PathBuf,
}

/// One thing to export.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportItem {
    /// Its identifier.
    pub id: Id,
    /// Its annotations.
    pub data: Value,
    /// Its original files; the first one names it.
    #[serde(default)]
    pub files: Vec<ItemFile>,
}

/// An item, or a file of one, that could not be exported.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ExportFailure {
    /// The item
    pub id: Id,
    /// Its file, where one was the reason
    pub file: Option<String>,
    /// Why
    pub error: String,
}

/// What an export gives. The report in the folder has the details.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct ExportResult {
    /// Items that are in the folder
    pub exported_count: u64,
    /// Items that are not
    pub failed_count: u64,
    /// All of them
    pub total_count: u64,
    /// The folder
    pub output_path: PathBuf,
}

/// An action that exports. Each hook does what is usual; write those that are
/// not.
///
/// The folder appears when all of it is written: `labels/NAME.json`,
/// `origin_files/NAME`, `export_report.json`, and `error_file_list.json` where
/// something failed. A folder or file of the same name stays, and the new one
/// is called `NAME(1)`.
///
/// ```
/// use synapse_sdk::prelude::*;
/// use synapse_sdk::kinds::{ExportAction, ExportItem, ExportParams, ExportResult};
///
/// /// Exports the number of boxes.
/// #[derive(Action, Default)]
/// #[action(name = "export", category = Export)]
/// struct CountBoxes;
///
/// impl ExportAction for CountBoxes {
///     fn convert_data(&self, item: &ExportItem, _: &ExportParams) -> Result<Value> {
///         Ok(json!({ "boxes": item.data["boxes"].as_array().map_or(0, Vec::len) }))
///     }
/// }
///
/// impl Action for CountBoxes {
///     type Params = ExportParams;
///     type Output = ExportResult;
///
///     fn execute(&self, params: ExportParams, ctx: &Context) -> Result<ExportResult> {
///         self.export(&params, ctx)
///     }
/// }
///
/// # let folder = std::env::temp_dir().join(format!("export-doc-{}", std::process::id()));
/// let client = |operation: &str, body: &Value| -> Result<Value> {
///     assert_eq!((operation, &body["target"]), ("export.list", &json!("task")));
///     Ok(json!({ "items": [{ "id": 1, "data": { "boxes": [[1, 2, 3, 4]] } }] }))
/// };
/// let run = LocalExecutor::new().client(client);
/// let run = run.execute::<CountBoxes>(json!({ "name": "counts", "path": folder, "target": "task" }))?;
/// assert_eq!(std::fs::read_to_string(folder.join("counts/labels/1.json"))?, r#"{"boxes":1}"#);
/// assert_eq!(run["exported_count"], 1);
/// # std::fs::remove_dir_all(folder)?;
/// # Ok::<(), PluginError>(())
/// ```
pub trait ExportAction: Action {
    /// The items: pages of the client's `export.list`.
    ///
    /// # Errors
    /// [`Unsupported`](ErrorKind::Unsupported) without a client; what it fails with.
    fn items(&self, params: &ExportParams, ctx: &Context) -> Result<Vec<ExportItem>> {
        list(params, ctx)
    }

    /// Changes an item before it is converted.
    ///
    /// # Errors
    /// Anything; the item is then counted as failed.
    fn before_convert(&self, item: ExportItem, params: &ExportParams) -> Result<ExportItem> {
        let _ = params;
        Ok(item)
    }

    /// What is written of an item: its annotations as they are.
    ///
    /// # Errors
    /// Anything; the item is then counted as failed.
    fn convert_data(&self, item: &ExportItem, params: &ExportParams) -> Result<Value> {
        let _ = params;
        Ok(item.data.clone())
    }

    /// Changes what was converted.
    ///
    /// # Errors
    /// Anything; the item is then counted as failed.
    fn after_convert(&self, data: Value, params: &ExportParams) -> Result<Value> {
        let _ = params;
        Ok(data)
    }

    /// Writes what was converted to a file that is not there yet.
    ///
    /// # Errors
    /// It cannot be written; the item is then counted as failed.
    fn save_as_json(&self, data: &Value, path: &Path) -> Result<()> {
        fs::write(path, serde_json::to_vec(data)?).map_err(|error| failed("writing", path, &error))
    }

    /// Writes an original file to a path that is not taken yet.
    ///
    /// # Errors
    /// It cannot be copied; the item is then counted as failed.
    fn save_original_file(&self, file: &ItemFile, path: &Path) -> Result<()> {
        fs::copy(&file.path, path).map(drop).map_err(|error| failed("copying", &file.path, &error))
    }

    /// Writes what else belongs into the folder.
    ///
    /// # Errors
    /// Anything; nothing is exported then.
    fn additional_file_saving(&self, folder: &Path, params: &ExportParams) -> Result<()> {
        let _ = (folder, params);
        Ok(())
    }

    /// All steps, as [`EXPORT_STEPS`] names them.
    ///
    /// # Errors
    /// [`Execution`](ErrorKind::Execution) when every item failed;
    /// [`Cancelled`](ErrorKind::Cancelled); the folder cannot be written.
    /// Then nothing is left of it.
    fn export(&self, params: &ExportParams, ctx: &Context) -> Result<ExportResult> {
        ctx.plan_steps(&EXPORT_STEPS);
        let [fetch, prepare, save, finalize] = EXPORT_STEPS.map(|(name, _)| name);
        ctx.set_progress(0, 1, fetch)?;
        let items = self.items(params, ctx)?;
        ctx.set_progress(1, 1, fetch)?;
        let unfinished = Unfinished::begin(&params.path)?;
        let mut exporter = Exporter::new(unfinished.path(), params.save_original_file)?;
        ctx.set_progress(1, 1, prepare)?;
        let total = items.len();
        for (index, item) in items.into_iter().enumerate() {
            let id = item.id.clone();
            let exported = self.before_convert(item, params).and_then(|item| {
                let data = self.convert_data(&item, params)?;
                Ok((self.after_convert(data, params)?, item))
            });
            match exported {
                Ok((data, item)) => exporter.save(self, &item, &data),
                Err(error) => exporter.fail(&id, None, &error),
            }
            ctx.set_metrics(exporter.metrics(total), save)?;
            ctx.set_progress(index + 1, total, save)?;
        }
        if total > 0 && exporter.exported == 0 {
            let first = exporter.failures.first().map(|failure| failure.error.clone());
            return Err(ExecutionError::new(format!("none of {total} items could be exported"))
                .details(json!(exporter.failures.iter().take(100).collect::<Vec<_>>()))
                .hint(format!("the first failed because {}", first.unwrap_or_default())));
        }
        self.additional_file_saving(unfinished.path(), params)?;
        exporter.report(unfinished.path(), params, total)?;
        let output_path = unfinished.publish_as(&params.path, &params.name)?;
        if exporter.failed > 0 {
            let text =
                format!("{} of {total} items could not be exported: error_file_list.json", exporter.failed);
            ctx.log_message(text, Level::Warning);
        }
        ctx.set_progress(1, 1, finalize)?;
        let (exported_count, failed_count) = (exporter.exported, exporter.failed);
        Ok(ExportResult { exported_count, failed_count, total_count: total as u64, output_path })
    }
}

fn list(params: &ExportParams, ctx: &Context) -> Result<Vec<ExportItem>> {
    let client = ctx.client().context("nobody can be asked for what to export")?;
    let (mut items, mut after) = (Vec::new(), Value::Null);
    loop {
        ctx.check_cancelled()?;
        let asked = json!({ "target": params.target.as_str(), "filter": params.filter, "after": after });
        let mut page = ask(client, &asked, ctx)?;
        let Value::Array(found) = page["items"].take() else {
            return Err(ValidationError::new("the client's answer to `export.list` has no list `items`"));
        };
        for item in found {
            let id = item["id"].clone();
            let item = serde_json::from_value(item);
            items.push(item.with_context(|| format!("the client's item {id} to export"))?);
        }
        after = page["next"].take();
        if after.is_null() {
            return Ok(items);
        }
    }
}

/// One page. A backend that is out of reach for a moment is asked again for the
/// same page, so that nothing is fetched twice.
fn ask(client: &dyn Client, asked: &Value, ctx: &Context) -> Result<Value> {
    const ATTEMPTS: u32 = 5;
    let mut attempt = 1;
    loop {
        match client.request("export.list", asked) {
            Err(error) if error.kind() == ErrorKind::Remote && attempt < ATTEMPTS => {
                ctx.log_message(format!("{error}; asking again for the same page"), Level::Warning);
                std::thread::sleep(PAUSE * attempt);
                ctx.check_cancelled()?;
                attempt += 1;
            }
            answer => return answer,
        }
    }
}

/// Writes items into a folder, and keeps account.
struct Exporter {
    labels: PathBuf,
    originals: Option<PathBuf>,
    /// How often a name was asked for, by folder and name.
    names: HashMap<PathBuf, u32>,
    collisions: Vec<Value>,
    failures: Vec<ExportFailure>,
    exported: u64,
    failed: u64,
    files: u64,
}

impl Exporter {
    fn new(folder: &Path, originals: bool) -> Result<Self> {
        let labels = folder.join("labels");
        let originals = originals.then(|| folder.join("origin_files"));
        for folder in originals.iter().chain([&labels]) {
            fs::create_dir_all(folder).map_err(|error| failed("making", folder, &error))?;
        }
        Ok(Self {
            labels,
            originals,
            names: HashMap::new(),
            collisions: Vec::new(),
            failures: Vec::new(),
            exported: 0,
            failed: 0,
            files: 0,
        })
    }

    fn save<A: ExportAction>(&mut self, action: &A, item: &ExportItem, data: &Value) {
        let mut written = Vec::new();
        match self.write(action, item, data, &mut written) {
            Ok(()) => {
                self.exported += 1;
                self.files += (written.len() as u64).saturating_sub(1);
            }
            Err((file, error)) => {
                // Half an item is none. What cannot be removed is listed as failed.
                written.iter().for_each(|path| drop(fs::remove_file(path)));
                self.fail(&item.id, file, &error);
            }
        }
    }

    /// Notes each path before it is written; names the file that failed.
    fn write<'i, A: ExportAction>(
        &mut self,
        action: &A,
        item: &'i ExportItem,
        data: &Value,
        written: &mut Vec<PathBuf>,
    ) -> Result<(), (Option<&'i str>, PluginError)> {
        let name = item.files.first().map_or_else(|| item.id.to_string(), |file| stem(&file.name));
        let labels = self.labels.clone();
        let path = self.free(&labels, &format!("{name}.json"), &item.id).map_err(|error| (None, error))?;
        written.push(path.clone());
        action.save_as_json(data, &path).map_err(|error| (None, error))?;
        let Some(folder) = self.originals.clone() else { return Ok(()) };
        for file in &item.files {
            let of_file = |error| (Some(file.name.as_str()), error);
            let path = self.free(&folder, &file.name, &item.id).map_err(of_file)?;
            written.push(path.clone());
            action.save_original_file(file, &path).map_err(of_file)?;
        }
        Ok(())
    }

    fn fail(&mut self, id: &Id, file: Option<&str>, error: &PluginError) {
        self.failed += 1;
        let file = file.map(str::to_owned);
        self.failures.push(ExportFailure { id: id.clone(), file, error: error.to_string() });
    }

    /// A path of that name, or with a number where it is taken.
    fn free(&mut self, folder: &Path, name: &str, id: &Id) -> Result<PathBuf> {
        let is_name = Path::new(name).components().count() == 1
            && matches!(Path::new(name).components().next(), Some(Component::Normal(_)));
        if !is_name {
            return Err(PluginError::new(ErrorKind::Validation, format!("`{name}` is no file name")));
        }
        let mut path = folder.join(name);
        while let Some(taken) = self.names.get_mut(&path) {
            *taken += 1;
            path = folder.join(numbered(name, *taken));
        }
        if path != folder.join(name) {
            let written = path.file_name().unwrap_or_default().to_string_lossy();
            self.collisions.push(json!({ "id": id, "name": name, "written_as": written }));
        }
        self.names.insert(path.clone(), 0);
        Ok(path)
    }

    fn metrics(&self, total: usize) -> Value {
        let waiting = (total as u64).saturating_sub(self.exported + self.failed);
        json!({ "success": self.exported, "failed": self.failed, "stand_by": waiting, "files": self.files })
    }

    fn report(&self, folder: &Path, params: &ExportParams, total: usize) -> Result<()> {
        let report = json!({
            "name": params.name,
            "description": params.description,
            "target": params.target.as_str(),
            "total": total,
            "exported": self.exported,
            "failed": self.failed,
            "original_files": self.files,
            "filename_collisions": self.collisions,
        });
        write(&folder.join("export_report.json"), &serde_json::to_vec_pretty(&report)?)?;
        if self.failures.is_empty() {
            return Ok(());
        }
        write(&folder.join("error_file_list.json"), &serde_json::to_vec_pretty(&self.failures)?)
    }
}

fn stem(name: &str) -> String {
    Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// `boat.png` as `boat(1).png`.
fn numbered(name: &str, number: u32) -> String {
    match name.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()) {
        Some((stem, extension)) => format!("{stem}({number}).{extension}"),
        None => format!("{name}({number})"),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::prelude::LocalExecutor;
    use crate::testing::LocalRun;

    /// Refuses items without boxes.
    #[derive(crate::action::Action, Default)]
    #[action(name = "boxes")]
    struct Boxes;

    impl ExportAction for Boxes {
        fn convert_data(&self, item: &ExportItem, _: &ExportParams) -> Result<Value> {
            Ok(item.data.get("boxes").context("no boxes")?.clone())
        }

        fn additional_file_saving(&self, folder: &Path, _: &ExportParams) -> Result<()> {
            Ok(fs::write(folder.join("classes.txt"), "buoy")?)
        }
    }

    impl Action for Boxes {
        type Params = ExportParams;
        type Output = ExportResult;

        fn execute(&self, params: ExportParams, ctx: &Context) -> Result<ExportResult> {
            self.export(&params, ctx)
        }
    }

    fn run(folder: &Path, pages: Vec<Value>) -> Result<LocalRun> {
        let client = move |_: &str, body: &Value| {
            let page = body["after"].as_u64().unwrap_or(0) as usize;
            let next = (page + 1 < pages.len()).then_some(page + 1);
            Ok(json!({ "items": pages[page], "next": next }))
        };
        let params = json!({ "name": "boats", "path": folder.join("out"), "target": "ground_truth" });
        LocalExecutor::new().client(client).execute::<Boxes>(params)
    }

    fn item(folder: &Path, id: u64, file: &str) -> Value {
        let path = folder.join(format!("{id}.bin"));
        fs::write(&path, id.to_string()).unwrap();
        json!({ "id": id, "data": { "boxes": [id] }, "files": [{ "name": file, "path": path }] })
    }

    #[test]
    fn items_of_all_pages_are_written_and_names_that_collide_get_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let pages = vec![
            json!([item(at, 1, "a.png"), item(at, 2, "a.png")]),
            json!([item(at, 3, "b.png"), { "id": 4, "data": {} }]),
        ];
        let run = run(at, pages.clone()).unwrap();
        assert_eq!(
            (&run["exported_count"], &run["failed_count"], &run["total_count"]),
            (&json!(3), &json!(1), &json!(4))
        );
        let read = |name: &str| fs::read_to_string(at.join("out/boats").join(name)).unwrap();
        assert_eq!((read("labels/a.json"), read("labels/a(1).json")), ("[1]".to_owned(), "[2]".to_owned()));
        assert_eq!((read("origin_files/a(1).png"), read("classes.txt")), ("2".to_owned(), "buoy".to_owned()));
        let report: Value = serde_json::from_str(&read("export_report.json")).unwrap();
        let collision = json!({ "id": 2, "name": "a.png", "written_as": "a(1).png" });
        assert_eq!(report["filename_collisions"][1], collision);
        assert!(read("error_file_list.json").contains("no boxes"));
        assert_eq!(run.metrics("convert_and_save")["success"], 3);
        assert_eq!(run.progress("finalize").last().unwrap().overall, 100.0);
        // The folder is taken now.
        let again = super::tests::run(at, pages).unwrap();
        assert_eq!(again["output_path"], json!(at.join("out/boats(1)")));
    }

    #[test]
    fn a_page_that_is_out_of_reach_for_a_moment_is_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let asked = std::sync::Mutex::new(Vec::new());
        let asked = std::sync::Arc::new(asked);
        let client = |failures: usize| {
            let asked = std::sync::Arc::clone(&asked);
            move |_: &str, body: &Value| {
                let mut asked = asked.lock().unwrap();
                asked.push(body["after"].clone());
                match (body["after"].as_u64(), asked.len()) {
                    (None, _) => Ok(json!({ "items": [{ "id": 1, "data": { "boxes": [] } }], "next": 7 })),
                    (Some(_), count) if count < 2 + failures => {
                        Err(PluginError::new(ErrorKind::Remote, "the connection was closed"))
                    }
                    _ => Ok(json!({ "items": [{ "id": 2, "data": { "boxes": [] } }] })),
                }
            }
        };
        let params = json!({ "name": "boats", "path": folder.path(), "target": "task" });
        let run = LocalExecutor::new().client(client(2)).execute::<Boxes>(&params).unwrap();
        assert_eq!(run["exported_count"], 2);
        assert_eq!(*asked.lock().unwrap(), [json!(null), json!(7), json!(7), json!(7)]);
        assert_eq!(run.messages()[0].1, "the connection was closed; asking again for the same page");
        asked.lock().unwrap().clear();
        let error = LocalExecutor::new().client(client(9)).execute::<Boxes>(&params).unwrap_err();
        assert_eq!((error.kind(), asked.lock().unwrap().len()), (ErrorKind::Remote, 6));
    }

    #[test]
    fn when_every_item_fails_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let error = run(folder.path(), vec![json!([{ "id": 1, "data": {} }])]).unwrap_err();
        assert_eq!(
            (error.kind(), error.message()),
            (ErrorKind::Execution, "none of 1 items could be exported")
        );
        assert_eq!(error.details_json()[0]["error"], "no boxes");
        assert_eq!(fs::read_dir(folder.path().join("out")).unwrap().count(), 0);
    }

    #[test]
    fn names_that_lead_elsewhere_and_files_that_are_gone_fail_their_item_only() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path();
        let mut gone = item(at, 2, "b.png");
        gone["files"][0]["path"] = json!("/nowhere/at/all");
        let pages = vec![json!([item(at, 1, "../../up.png"), gone, item(at, 3, "c.png")])];
        let run = run(at, pages).unwrap();
        assert_eq!((&run["exported_count"], &run["failed_count"]), (&json!(1), &json!(2)));
        assert!(!at.join("up.png").exists());
        let labels = fs::read_dir(at.join("out/boats/labels")).unwrap().count();
        assert_eq!(labels, 1, "half an item is none");
    }
}
