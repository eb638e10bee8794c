//! Plugins that lie about: found, installed, removed. None of their code runs.
//!
//! Installed plugins are bundles and libraries in `$SYNAPSE_HOME/plugins`, named
//! `CODE-VERSION` there; versions of a code lie side by side.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::thread;

use semver::Version;
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

/// What a plugin is named by: its code, `greet`, or one version of it,
/// `greet@0.1.0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted<'a> {
    pub(crate) code: &'a str,
    pub(crate) version: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        match text.split_once('@') {
            Some((code, version)) => Self { code, version: Some(version) },
            None => Self { code: text, version: None },
        }
    }

    pub(crate) fn is(&self, facts: &Summary) -> bool {
        facts.code == self.code && self.version.is_none_or(|version| version == facts.version)
    }
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}@{version}", self.code),
            None => f.write_str(self.code),
        }
    }
}

impl Summary {
    /// How new it is among those of its code.
    fn age(&self) -> Option<Version> {
        Version::parse(&self.version).ok()
    }
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

/// The installed plugin that is meant: of several versions the newest.
pub(crate) fn installed(home: &Home, wanted: Wanted<'_>) -> Option<PathBuf> {
    let all = of_wanted(home, wanted).ok()?.into_iter();
    all.max_by_key(|(_, _, facts)| facts.age()).map(|(path, ..)| path)
}

/// Where installed plugins lie: of each code the newest version first.
pub(crate) fn installed_places(home: &Home) -> Result<Vec<(PathBuf, Kind)>> {
    let mut places = within(&home.plugins())?;
    places.sort_by_cached_key(|(path, _)| {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        match code_and_version(&name) {
            Some((code, version)) => (code.to_owned(), Reverse(Some(version))),
            None => (name, Reverse(None)),
        }
    });
    Ok(places)
}

/// `greet-more-0.1.0` is version 0.1.0 of `greet-more`.
fn code_and_version(name: &str) -> Option<(&str, Version)> {
    let mut dashes = name.match_indices('-');
    dashes.find_map(|(at, _)| Some((&name[..at], Version::parse(&name[at + 1..]).ok()?)))
}

/// A plugin that was installed.
#[derive(Clone, Debug)]
pub struct Installed {
    /// What it says of itself.
    pub facts: Summary,
    /// Where it lies now.
    pub path: PathBuf,
    /// Those of the same code and version that it took the place of.
    pub replaced: Vec<PathBuf>,
    /// A newer version that is installed too: the code alone names that one.
    pub newer: Option<String>,
}

/// Copies a bundle or a library, and its signature, to the installed plugins.
/// What was installed of the same code and version is removed; other versions
/// stay.
///
/// # Errors
/// It cannot be read as either, or copied.
pub fn install(home: &Home, source: &Path, kind: Kind) -> Result<Installed> {
    let facts = summary(source, kind).map_err(|why| Reason::BadBundle(why).error(source))?;
    let ending = if kind == Kind::Bundle { EXTENSION } else { "so" };
    let path = home.plugins().join(format!("{}-{}.{ending}", facts.code, facts.version));
    let others = files_of(home, Wanted::of(&facts.code))?;
    let (before, others): (Vec<_>, Vec<_>) =
        others.into_iter().partition(|(_, other)| other.version == facts.version);
    before.iter().for_each(|(old, _)| cache::forget(home, old));
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
    let replaced: Vec<PathBuf> =
        before.into_iter().map(|(before, _)| before).filter(|before| *before != path).collect();
    for old in &replaced {
        remove(old)?;
    }
    let newest = others.into_iter().map(|(_, other)| other).max_by_key(Summary::age);
    let newer = newest.filter(|newest| newest.age() > facts.age()).map(|newest| newest.version);
    Ok(Installed { facts, path, replaced, newer })
}

/// Removes what is installed of a code, or one version of it such as
/// `greet@0.1.0`, with what was unpacked of it, and tells where it lay.
///
/// # Errors
/// [`NotFound`](synapse_sdk::ErrorKind::NotFound) when there is none; it cannot be
/// removed.
pub fn uninstall(home: &Home, named: &str) -> Result<Vec<PathBuf>> {
    let wanted = Wanted::of(named);
    let installed = files_of(home, wanted)?;
    if installed.is_empty() {
        return Err(not_installed(home, wanted));
    }
    for (path, _) in &installed {
        cache::forget(home, path);
        remove(path)?;
    }
    Ok(installed.into_iter().map(|(path, _)| path).collect())
}

fn not_installed(home: &Home, wanted: Wanted<'_>) -> PluginError {
    let found = find(&installed_places(home).unwrap_or_default());
    let all: Vec<Summary> = found.into_iter().filter_map(|plugin| plugin.facts.ok()).collect();
    if let Some((message, hint)) = no_version(wanted, &all) {
        return NotFoundError::new(message).hint(hint);
    }
    let hint = match nearest(wanted.code, all.iter().map(|facts| facts.code.as_str())) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`synapse plugin list` shows what there is".to_owned(),
    };
    NotFoundError::new(format!("no plugin with the code `{wanted}` is installed")).hint(hint)
}

/// What to say when a plugin is there, and not in the version that is wanted.
pub(crate) fn no_version(wanted: Wanted<'_>, all: &[Summary]) -> Option<(String, String)> {
    let version = wanted.version?;
    let mut versions: Vec<&str> =
        all.iter().filter(|facts| facts.code == wanted.code).map(|facts| facts.version.as_str()).collect();
    versions.dedup();
    let (first, code) = (versions.first()?, wanted.code);
    let message = format!("there is no version `{version}` of plugin `{code}`");
    Some((message, format!("versions there are: {}; write `{code}@{first}`", versions.join(", "))))
}

/// What is installed of a code, or of one version of it.
fn of_wanted(home: &Home, wanted: Wanted<'_>) -> Result<Vec<(PathBuf, Kind, Summary)>> {
    // Their names begin with the code, so that only those few are read.
    let begins = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(wanted.code).is_some_and(|rest| rest.starts_with('-'))
    };
    let places = within(&home.plugins())?.into_iter().filter(|(path, _)| begins(path));
    let read = places.filter_map(|(path, kind)| Some((summary(&path, kind).ok()?, path, kind)));
    Ok(read.filter(|(facts, ..)| wanted.is(facts)).map(|(facts, path, kind)| (path, kind, facts)).collect())
}

/// The files among them: what lies there as a folder was not installed.
fn files_of(home: &Home, wanted: Wanted<'_>) -> Result<Vec<(PathBuf, Summary)>> {
    let all = of_wanted(home, wanted)?.into_iter();
    Ok(all.filter(|(_, kind, _)| *kind != Kind::Folder).map(|(path, _, facts)| (path, facts)).collect())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_each_code_the_newest_version_stands_first() {
        let home = tempfile::tempdir().expect("a folder");
        let home = Home::at(home.path());
        fs::create_dir_all(home.plugins()).expect("a folder");
        for name in
            ["greet-0.9.0.so", "greet-0.10.0.so", "greet-more-0.1.0.so", "greet-0.10.0-rc.1.so", "own.so"]
        {
            fs::write(home.plugins().join(name), "").expect("a file");
        }
        let places = installed_places(&home).expect("places");
        let names: Vec<_> = places.iter().map(|(path, _)| path.file_name().unwrap_or_default()).collect();
        let expected =
            ["greet-0.10.0.so", "greet-0.10.0-rc.1.so", "greet-0.9.0.so", "greet-more-0.1.0.so", "own.so"];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_name_is_a_code_or_one_version_of_it() {
        assert_eq!(Wanted::of("greet"), Wanted { code: "greet", version: None });
        let pinned = Wanted::of("greet@0.1.0");
        assert_eq!((pinned.code, pinned.version), ("greet", Some("0.1.0")));
        assert_eq!(pinned.to_string(), "greet@0.1.0");
    }
}
