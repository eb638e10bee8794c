//! `synapse model`: the models of the store.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;
use synapse_sdk::client::{Client, FileStore, ModelInfo};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use super::output::{Output, table};
use crate::files;
use crate::store;

/// What is done with models.
#[derive(Subcommand, Debug)]
pub(crate) enum ModelCommand {
    List(ListArgs),
    Download(DownloadArgs),
}

/// Where models are.
#[derive(Args, Debug)]
struct StoreArg {
    /// The folder that keeps datasets and models [default: store in $SYNAPSE_HOME]
    #[arg(long, value_name = "DIR", env = "SYNAPSE_STORE", hide_env = true)]
    store: Option<PathBuf>,
}

/// List the models that runs have saved, oldest first.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  synapse model list\n  synapse model list --json")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    store: StoreArg,
}

/// Copy a model out of the store.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse model download model-1
  synapse model download model-1 --out weights.safetensors")]
pub(crate) struct DownloadArgs {
    /// Its id, as `synapse model list` shows it
    id: String,
    /// The file or folder to make [default: the model's own name, here]
    #[arg(short, long, value_name = "PATH")]
    out: Option<PathBuf>,
    #[command(flatten)]
    store: StoreArg,
}

impl ModelCommand {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        match self {
            Self::List(args) => list(&store::at(args.store.store)?, output),
            Self::Download(args) => args.execute(output),
        }
    }
}

fn list(store: &FileStore, output: &mut Output) -> Result<()> {
    let client: &dyn Client = store;
    let models = client.models()?;
    let document = json!({ "store": store.root(), "models": models });
    output.document(&document, |columns| match models.is_empty() {
        true => format!("no models in {}\n", store.root().display()),
        false => table(
            &["ID", "NAME", "CATEGORY", "ARCHITECTURE", "EPOCHS", "METRICS", "CREATED"],
            &models.iter().map(row).collect::<Vec<_>>(),
            columns,
        ),
    })
}

fn row(model: &ModelInfo) -> Vec<String> {
    let text = |key: &str| model.more.get(key).and_then(|value| value.as_str()).unwrap_or("-").to_owned();
    let epochs = model.more.get("epochs").map_or("-".to_owned(), ToString::to_string);
    let metrics = model.metrics().into_iter().flatten().map(|(name, value)| format!("{name}={value}"));
    let metrics = metrics.collect::<Vec<_>>().join(" ");
    vec![
        model.id.to_string(),
        model.name.clone(),
        model.category.clone(),
        text("architecture"),
        epochs,
        if metrics.is_empty() { "-".to_owned() } else { metrics },
        text("created"),
    ]
}

impl DownloadArgs {
    fn execute(self, output: &mut Output) -> Result<()> {
        let store = store::at(self.store.store)?;
        let model = (&store as &dyn Client).model(&self.id.as_str().into())?;
        let out = self.out.unwrap_or_else(|| own_name(&model));
        if out.symlink_metadata().is_ok() {
            let message = format!("{} is there already", out.display());
            return Err(PluginError::new(ErrorKind::Usage, message).hint("name another one with --out"));
        }
        let temporary = files::beside(&out);
        let copied = copy(&model.path, &temporary).and_then(|()| fs::rename(&temporary, &out));
        if let Err(error) = copied {
            // What is half is none; it may not even have been begun.
            let _ = fs::remove_dir_all(&temporary).or_else(|_| fs::remove_file(&temporary));
            return Err(error).with_context(|| format!("copying {} to {}", model.id, out.display()));
        }
        let document = json!({ "id": model.id, "path": out });
        output.document(&document, |_| format!("{} is in {}\n", model.id, out.display()))
    }
}

/// A model that is a folder lies in one that every such model has.
fn own_name(model: &ModelInfo) -> PathBuf {
    match model.path.file_name() {
        Some(name) if model.path.is_file() => name.into(),
        _ => model.id.to_string().into(),
    }
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if from.is_file() {
        return fs::copy(from, to).map(drop);
    }
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}
