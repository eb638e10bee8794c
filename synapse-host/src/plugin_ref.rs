//! From how a person names a plugin to the plugin.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Instant;

use serde::{Deserialize, Serialize};
use serde_json::json;
use synapse_sdk::errors::{NotFoundError, Result};
use synapse_sdk::suggest::nearest;
use synapse_sdk::{ErrorKind, PluginError};

use crate::author::{self, BuildFailure, BuildRequest, Built, Profile};
use crate::cache::Unpacked;
use crate::check::Reason;
use crate::config;
use crate::home::Home;
use crate::kind::Kind;
use crate::plugin::{Plugin, read_config};
use crate::registry::{self, Summary, Wanted};
use crate::sdk_dependency;
use crate::trust;

/// How a plugin is named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PluginRef {
    /// A folder with a `config.yaml`, a library file, or a bundle.
    Path(PathBuf),
    /// The code in its config, or one version of it: `greet@0.1.0`.
    Code(String),
}

impl fmt::Display for PluginRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Code(code) => f.write_str(code),
        }
    }
}

impl From<&Path> for PluginRef {
    fn from(path: &Path) -> Self {
        Self::Path(path.to_owned())
    }
}

impl From<PathBuf> for PluginRef {
    fn from(path: PathBuf) -> Self {
        Self::Path(path)
    }
}

impl From<&str> for PluginRef {
    /// What is there as a file, or looks like a path, is one; all else is a code.
    fn from(text: &str) -> Self {
        let is_path = text.contains('/') || text.starts_with('.') || Path::new(text).exists();
        if is_path { Self::Path(text.into()) } else { Self::Code(text.to_owned()) }
    }
}

impl From<String> for PluginRef {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

/// Finds plugins, and builds folders whose library is stale.
pub struct Resolver<'a> {
    profile: Profile,
    /// The oldest C library that folders are built for; this system's unless set.
    pub(crate) glibc: Option<String>,
    color: bool,
    loads: bool,
    /// Whether what was unpacked of a bundle is hashed again, instead of
    /// remembered to be right as long as its times say so.
    pub(crate) verify: bool,
    report: Box<dyn FnMut(Progress<'_>) + 'a>,
}

/// What a resolver tells while it builds.
#[derive(Debug)]
pub enum Progress<'a> {
    /// The plugin's SDK was put right.
    Mended(&'a str),
    /// A folder's library is stale; cargo starts.
    Building(&'a Path),
    /// A line of cargo or the compiler.
    Line(&'a str),
    /// Cargo has ended; the library is up to date.
    Built(&'a Built),
}

impl Default for Resolver<'_> {
    fn default() -> Self {
        Self {
            profile: Profile::Dev,
            glibc: None,
            color: false,
            loads: true,
            verify: false,
            report: Box::new(|_| ()),
        }
    }
}

static LIBRARIES: LazyLock<Mutex<HashMap<(PathBuf, String), PathBuf>>> = LazyLock::new(Mutex::default);

impl<'a> Resolver<'a> {
    /// How folders are built; [`Profile::Dev`] unless set.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    /// Whether lines of the compiler carry colours.
    #[must_use]
    pub fn color(mut self, color: bool) -> Self {
        self.color = color;
        self
    }

    /// Whether the plugin's code is loaded into this process; it is unless
    /// this says no.
    #[must_use]
    pub fn loads(mut self, loads: bool) -> Self {
        self.loads = loads;
        self
    }

    /// Who is told while a folder is built.
    #[must_use]
    pub fn report(mut self, report: impl FnMut(Progress<'_>) + 'a) -> Self {
        self.report = Box::new(report);
        self
    }

    /// The plugin that is meant. A folder is built when this process
    /// has not done so yet and its library is stale; later only a new library
    /// is noticed. `config` replaces the plugin's own.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), [`Build`](ErrorKind::Build), and all
    /// of [`Plugin::load`].
    pub fn resolve(&mut self, plugin: &PluginRef, config: Option<&Path>) -> Result<Plugin> {
        let library = self.locate(plugin, config)?;
        if self.loads { Plugin::load(&library, config) } else { Plugin::open(&library, config) }
    }

    /// The library of the plugin that is meant, built as for
    /// [`resolve`](Self::resolve), and not loaded.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) and [`Build`](ErrorKind::Build).
    pub fn locate(&mut self, plugin: &PluginRef, config: Option<&Path>) -> Result<PathBuf> {
        let path = place_of(plugin)?;
        if path.is_dir() {
            return self.library_of(&path, config);
        }
        if !path.exists() {
            return Err(NotFoundError::new(format!("there is no plugin at {}", path.display()))
                .hint("name a plugin's folder, bundle or .so file, or its code"));
        }
        match Kind::of(&path) {
            Some(Kind::Bundle) => self.library_of_bundle(&path),
            _ => Ok(path),
        }
    }

    /// The library of a bundle, in the cache.
    fn library_of_bundle(&self, bundle: &Path) -> Result<PathBuf> {
        let home = Home::from_env().ok_or_else(|| {
            PluginError::new(ErrorKind::NotFound, "there is no folder to unpack a bundle into")
                .hint("set SYNAPSE_HOME, or HOME, to a folder")
        })?;
        let unpacked = Unpacked::of(&home, bundle, self.verify)?;
        if trust::is_required() {
            let verdict = trust::vouch(bundle, &unpacked)?;
            if !verdict.is_known() {
                return Err(Reason::Untrusted(verdict).error(bundle));
            }
        }
        Ok(unpacked.library)
    }

    /// A library found once in this process is not looked for again.
    fn library_of(&mut self, folder: &Path, config: Option<&Path>) -> Result<PathBuf> {
        let key = (folder.to_owned(), format!("{:?}", self.profile));
        let known = LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
        if let Some(library) = known.filter(|library| library.exists()) {
            return Ok(library);
        }
        let library = self.build(folder, config)?.library;
        LIBRARIES.lock().unwrap_or_else(PoisonError::into_inner).insert(key, library.clone());
        Ok(library)
    }

    /// Builds a plugin's folder, if its library is stale.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) without a config,
    /// [`Validation`](ErrorKind::Validation) when it is wrong,
    /// [`Build`](ErrorKind::Build) when there is no library in the end.
    pub fn build(&mut self, folder: &Path, config: Option<&Path>) -> Result<Built> {
        let config = match config.map(Path::to_owned).or_else(|| config::find(folder)) {
            Some(file) => read_config(&file)?,
            None => return Err(no_config(folder)),
        };
        let home = Home::from_env();
        let request = BuildRequest {
            profile: self.profile.clone(),
            cargo_options: config.cargo_options().to_vec(),
            glibc: self.glibc.clone(),
            home: home.as_ref().map(Home::path),
            color: self.color,
            ..BuildRequest::new(folder)
        };
        let started = Instant::now();
        if let Some(library) = author::is_fresh(&request) {
            return Ok(Built { library, fresh: true, elapsed: started.elapsed() });
        }
        let report = &mut self.report;
        if let Some(home) = &home
            && let Some(done) = sdk_dependency::mend(folder, home)?
        {
            report(Progress::Mended(&done));
        }
        report(Progress::Building(folder));
        let built = author::library_for(&request, &mut |line| report(Progress::Line(line)));
        let built = built.map_err(|failure| build_error(&failure))?;
        report(Progress::Built(&built));
        Ok(built)
    }
}

fn no_config(folder: &Path) -> PluginError {
    let shown = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
    NotFoundError::new(format!("Config file not found: no config.yaml in {}", shown.display())).hint(
        "create a plugin with `synapse plugin create`, choose another folder with --path, or name the file \
         with --config",
    )
}

pub(crate) fn build_error(failure: &BuildFailure) -> PluginError {
    let kind = match failure {
        BuildFailure::NoManifest { .. } => ErrorKind::NotFound,
        BuildFailure::Io { .. } => ErrorKind::Io,
        _ => ErrorKind::Build,
    };
    PluginError::new(kind, failure.message()).hint(failure.hint())
}

/// The folder or the file that is meant, which need not be there.
pub(crate) fn place_of(plugin: &PluginRef) -> Result<PathBuf> {
    match plugin {
        PluginRef::Code(code) => find_code(code),
        PluginRef::Path(path) => Ok(path.clone()),
    }
}

/// A code is looked for in the current folder, in the folders of
/// `SYNAPSE_PLUGIN_PATH`, and among the installed plugins, of which the newest
/// counts.
fn find_code(text: &str) -> Result<PathBuf> {
    let wanted = Wanted::of(text);
    let is_it =
        |(path, kind): &(PathBuf, Kind)| registry::summary(path, *kind).is_ok_and(|facts| wanted.is(&facts));
    if let Some((place, _)) = named_places().into_iter().find(is_it) {
        return Ok(place);
    }
    if let Some(place) = Home::from_env().and_then(|home| registry::installed(&home, wanted)) {
        return Ok(place);
    }
    Err(unknown(wanted))
}

fn unknown(wanted: Wanted<'_>) -> PluginError {
    let all: Vec<Summary> =
        registry::find(&places()).into_iter().filter_map(|plugin| plugin.facts.ok()).collect();
    if let Some((message, hint)) = registry::no_version(wanted, &all) {
        let of_it = all.iter().filter(|facts| facts.code == wanted.code);
        let versions: Vec<&str> = of_it.map(|facts| facts.version.as_str()).collect();
        return NotFoundError::new(message)
            .details(json!({ "code": wanted.code, "version": wanted.version, "available": versions }))
            .hint(hint);
    }
    let codes = known_codes();
    let hint = match nearest(wanted.code, codes.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "name its folder with --path, install it with `synapse plugin install`, or add the folder \
                 that holds it to SYNAPSE_PLUGIN_PATH"
            .to_owned(),
    };
    NotFoundError::new(format!("no plugin with the code `{}`", wanted.code))
        .details(json!({ "code": wanted.code, "available": codes }))
        .hint(hint)
}

/// The codes a plugin can be named by here.
pub(crate) fn known_codes() -> Vec<String> {
    let mut codes: Vec<String> = places().iter().filter_map(|(path, kind)| code_of(path, *kind)).collect();
    codes.sort();
    codes.dedup();
    codes
}

/// Where plugins that are named by code may lie, the nearest first.
pub(crate) fn places() -> Vec<(PathBuf, Kind)> {
    let installed = Home::from_env().map(|home| registry::installed_places(&home).unwrap_or_default());
    named_places().into_iter().chain(installed.unwrap_or_default()).collect()
}

/// Those that are not installed: the current folder, and what lies in those of
/// `SYNAPSE_PLUGIN_PATH`.
fn named_places() -> Vec<(PathBuf, Kind)> {
    let here = PathBuf::from(".");
    let mut places: Vec<(PathBuf, Kind)> = Kind::of(&here).map(|kind| (here, kind)).into_iter().collect();
    let path = std::env::var_os("SYNAPSE_PLUGIN_PATH").unwrap_or_default();
    for folder in std::env::split_paths(&path).filter(|path| !path.as_os_str().is_empty()) {
        places.extend(registry::within(&folder).unwrap_or_default());
    }
    places
}

fn code_of(path: &Path, kind: Kind) -> Option<String> {
    registry::summary(path, kind).ok().map(|facts| facts.code)
}
