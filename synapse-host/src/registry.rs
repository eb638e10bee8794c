//! Plugins that lie about: found, installed, removed. None of their code runs.
//!
//! Installed plugins are bundles and libraries in `$SYNAPSE_HOME/plugins`, named
//! `CODE-VERSION` there; one version of a code at a time.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use synapse_sdk::PluginError;
use synapse_sdk::errors::{NotFoundError, Result, ResultExt};
use synapse_sdk::suggest::nearest;

use crate::bundle::{Bundle, EXTENSION};
use crate::cache;
use crate::check::{PluginFile, Reason};
use crate::config;
use crate::files::put_whole;
use crate::home::Home;
use crate::inspect::inspected;
use crate::kind::Kind;
use crate::plugin::{offered, read_config};
use crate::trust;

/// A plugin that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// Where it lies.
    pub path: PathBuf,
    /// What it lies in.
    pub kind: Kind,
    /// What it says of itself; why that cannot be read.
    pub facts: std::result::Result<Summary, String>,
    /// The one that is taken instead when its code is named: the first found.
    pub hidden_by: Option<PathBuf>,
}

/// What a plugin says of itself, in few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// Its code.
    pub code: String,
    /// Its name, for people.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The public names of its actions, as far as the file lists them.
    pub actions: Vec<String>,
}

/// What lies at `places`, in the order in which a code is looked for.
pub fn find(places: &[(PathBuf, Kind)]) -> Vec<Found> {
    let mut found = read_all(places);
    let mut first: HashMap<String, PathBuf> = HashMap::new();
    for plugin in &mut found {
        let Ok(facts) = &plugin.facts else { continue };
        match first.get(&facts.code) {
            Some(before) => plugin.hidden_by = Some(before.clone()),
            None => drop(first.insert(facts.code.clone(), plugin.path.clone())),
        }
    }
    found
}

/// What may be a plugin: the folder itself, and what lies in it. A folder that is
/// not there has nothing.
///
/// # Errors
/// It cannot be read.
pub fn within(folder: &Path) -> Result<Vec<(PathBuf, Kind)>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| folder.display().to_string()),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| folder.display().to_string())?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        paths.extend(Kind::of(&path).filter(|_| !hidden).map(|kind| (path, kind)));
    }
    paths.sort_by(|one, other| one.0.cmp(&other.0));
    let own = Kind::of(folder).map(|kind| (folder.to_owned(), kind));
    Ok(own.into_iter().chain(paths).collect())
}

/// Reads many files, on all cores.
fn read_all(places: &[(PathBuf, Kind)]) -> Vec<Found> {
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(8);
    let each = places.len().div_ceil(threads).max(16);
    thread::scope(|scope| {
        let parts: Vec<_> = places
            .chunks(each)
            .map(|part| {
                scope.spawn(|| part.iter().map(|(path, kind)| found(path, *kind)).collect::<Vec<_>>())
            })
            .collect();
        parts.into_iter().flat_map(|part| part.join().unwrap_or_default()).collect()
    })
}

fn found(path: &Path, kind: Kind) -> Found {
    Found { path: path.to_owned(), kind, facts: summary(path, kind), hidden_by: None }
}

/// What the plugin at `path` says of itself, or why that cannot be read.
pub(crate) fn summary(path: &Path, kind: Kind) -> std::result::Result<Summary, String> {
    match kind {
        Kind::Folder => of_folder(path),
        Kind::Library => of_library(path),
        Kind::Bundle => of_bundle(path),
    }
}

fn of_folder(path: &Path) -> std::result::Result<Summary, String> {
    let file = config::find(path).ok_or("it has no config.yaml")?;
    let config = read_config(&file).map_err(|error| why(path, &error))?;
    let actions = config.actions.iter().map(|action| action.name.clone()).collect();
    Ok(Summary { code: config.code, name: config.name, version: config.version, actions })
}

fn of_library(path: &Path) -> std::result::Result<Summary, String> {
    let file = PluginFile::read_identity(path).map_err(|error| why(path, &error))?;
    if let Some(reason) = file.reasons.first() {
        return Err(reason.to_string());
    }
    let inspected = inspected(file, path).map_err(|error| why(path, &error))?;
    let actions = offered(&inspected.config, &inspected.facts.actions);
    let config = inspected.config;
    let actions = actions.into_iter().map(|action| action.name).collect();
    Ok(Summary { code: config.code, name: config.name, version: config.version, actions })
}

fn of_bundle(path: &Path) -> std::result::Result<Summary, String> {
    let bundle = Bundle::examine(path).map_err(|error| why(path, &error))?;
    let bundle = bundle.map_err(|reason: Reason| reason.to_string())?;
    let said = bundle.manifest().clone();
    Ok(Summary { code: said.code, name: said.name, version: said.version, actions: said.actions })
}

/// The first line of an error, without the path, which is told beside it.
fn why(path: &Path, error: &PluginError) -> String {
    let text = error.message().lines().next().unwrap_or_default();
    let of_path = format!("{}: ", path.display());
    text.strip_prefix(&of_path).unwrap_or(text).to_owned()
}

/// The installed plugin of that code.
pub(crate) fn installed(home: &Home, code: &str) -> Option<PathBuf> {
    // Its name begins with the code, so that only those few are read.
    let begins = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(code).is_some_and(|rest| rest.starts_with('-'))
    };
    let places = within(&home.plugins()).unwrap_or_default();
    let is_it = |path: &Path, kind| summary(path, kind).is_ok_and(|facts| facts.code == code);
    places.into_iter().find(|(path, kind)| begins(path) && is_it(path, *kind)).map(|(path, _)| path)
}

/// A plugin that was installed.
#[derive(Clone, Debug)]
pub struct Installed {
    /// What it says of itself.
    pub facts: Summary,
    /// Where it lies now.
    pub path: PathBuf,
    /// Those of the same code that it took the place of.
    pub replaced: Vec<PathBuf>,
}

/// Copies a bundle or a library, and its signature, to the installed plugins.
/// Others of its code are removed.
///
/// # Errors
/// It cannot be read as either, or copied.
pub fn install(home: &Home, source: &Path, kind: Kind) -> Result<Installed> {
    let facts = summary(source, kind).map_err(|why| Reason::BadBundle(why).error(source))?;
    let ending = if kind == Kind::Bundle { EXTENSION } else { "so" };
    let path = home.plugins().join(format!("{}-{}.{ending}", facts.code, facts.version));
    let before = of_code(home, &facts.code)?;
    before.iter().for_each(|old| cache::forget(home, old));
    let copy = |from: &Path, to: &Path| {
        let copied = put_whole(to, |file| {
            io::copy(&mut fs::File::open(from)?, file)?;
            Ok(())
        });
        copied.with_context(|| format!("copying {} to {}", from.display(), to.display()))
    };
    copy(source, &path)?;
    let signature = trust::path_beside(source);
    match signature.exists() {
        true => copy(&signature, &trust::path_beside(&path))?,
        false => remove_if_there(&trust::path_beside(&path))?,
    }
    let replaced: Vec<PathBuf> = before.into_iter().filter(|before| *before != path).collect();
    for old in &replaced {
        remove(old)?;
    }
    Ok(Installed { facts, path, replaced })
}

/// Removes the installed plugin of that code, with what was unpacked of it, and
/// tells where it lay.
///
/// # Errors
/// [`NotFound`](synapse_sdk::ErrorKind::NotFound) when there is none; it cannot be
/// removed.
pub fn uninstall(home: &Home, code: &str) -> Result<Vec<PathBuf>> {
    let installed = of_code(home, code)?;
    if installed.is_empty() {
        return Err(not_installed(home, code));
    }
    for path in &installed {
        cache::forget(home, path);
        remove(path)?;
    }
    Ok(installed)
}

fn not_installed(home: &Home, code: &str) -> PluginError {
    let found = find(&within(&home.plugins()).unwrap_or_default());
    let codes: Vec<String> = found.into_iter().filter_map(|plugin| Some(plugin.facts.ok()?.code)).collect();
    let hint = match nearest(code, codes.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`synapse plugin list` shows what there is".to_owned(),
    };
    NotFoundError::new(format!("no plugin with the code `{code}` is installed")).hint(hint)
}

/// The files of the installed plugins of a code.
fn of_code(home: &Home, code: &str) -> Result<Vec<PathBuf>> {
    let files = within(&home.plugins())?.into_iter().filter(|(_, kind)| *kind != Kind::Folder);
    let of_it = files.filter(|(path, kind)| summary(path, *kind).is_ok_and(|facts| facts.code == code));
    Ok(of_it.map(|(path, _)| path).collect())
}

fn remove(path: &Path) -> Result<()> {
    remove_if_there(path)?;
    remove_if_there(&trust::path_beside(path))
}

fn remove_if_there(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| path.display().to_string())
        }
        _ => Ok(()),
    }
}
