//! `synapse plugin inspect`.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::path::{Path, PathBuf};

use clap::Args;
use rawzip::{FileReader, RangeReader};
use serde_json::{Value, json};
use synapse_sdk::abi::identity::ListedAction;
use synapse_sdk::errors::Result;
use synapse_sdk::manifest::{ActionSpec, Manifest};
use synapse_sdk::schema::form;
use synapse_sdk::{ErrorKind, PluginError};

use super::Common;
use super::output::{Output, table};
use super::target::TargetArgs;
use crate::bundle::{Bundle, HERE};
use crate::check::{self, Pieces, PluginFile, Reason};
use crate::digest::{remembered, sha256_of_reader};
use crate::home::Home;
use crate::inspect::{Inspected, inspected};
use crate::kind::Kind;
use crate::plugin::{OfferedAction, offered, read_config, registered_name};
use crate::stamp::Stamp;
use crate::trust::{self, Verdict};
use crate::worker_program::ask_for_manifest;

/// Show what a plugin is and what it offers: actions, schemas, forms, and what
/// it needs.
///
/// A bundle or a .so file is read and none of its code is run: its schemas are
/// those that `synapse plugin build --release` stamped into it. A folder is
/// built, and asked for its schemas in a process of its own.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InspectArgs {
    /// The plugin's folder, bundle, .so file or code
    #[arg(value_name = "TARGET")]
    named: Option<String>,
    #[command(flatten)]
    target: TargetArgs,
    /// Print the JSON Schema of an action's params
    #[arg(long, value_name = "ACTION", conflicts_with = "form")]
    schema: Option<String>,
    /// Print the form for an action's params, a FormKit list
    #[arg(long, value_name = "ACTION")]
    form: Option<String>,
    /// With --schema or --form: that of the result
    #[arg(long)]
    result: bool,
    /// Ask a .so file without a stamp for its schemas, in a process of its own
    #[arg(long)]
    describe: bool,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin inspect                                     in a plugin's folder
  synapse plugin inspect greet-0.1.0.synapse
  synapse plugin inspect examples/classifier --json
  synapse plugin inspect examples/classifier --schema train
  synapse plugin inspect examples/classifier --form train
  synapse plugin inspect examples/classifier --schema train --result";

impl InspectArgs {
    pub(crate) fn execute(self, common: &Common, output: &mut Output) -> Result<()> {
        let file = self.target.file(self.named.as_deref(), common, output)?;
        let mut shown = Shown::of_file(&file.path, self.target.verify())?;
        if let Some(path) = self.target.config() {
            shown.inspected.config = read_config(path)?;
        }
        if shown.manifest.is_none() && (self.describe || file.is_built) {
            shown.described = "process";
            shown.manifest = Some(ask_for_manifest(&file.path)?);
        }
        if let Some(action) = self.schema.as_ref().or(self.form.as_ref()) {
            let document = self.asked_of(&shown, action)?;
            return output.document(&document, |_| format!("{document:#}\n"));
        }
        let document = json!([shown.document()]);
        output.document(&document, |columns| format!("{}\n{NOT_SANDBOXED}", shown.overview(columns)))
    }

    /// The schema or form that was asked for.
    fn asked_of(&self, shown: &Shown, action: &str) -> Result<Value> {
        let manifest = shown.manifest.as_ref().ok_or_else(|| {
            PluginError::new(ErrorKind::Usage, format!("{} has no schemas in it", shown.path.display())).hint(
                "`synapse plugin build --release` makes one that has; --describe asks the plugin itself",
            )
        })?;
        let listed = shown.listed();
        let actions = offered(&shown.inspected.config, &listed);
        let registered = registered_name(&actions, &listed, action)?;
        let schema = match (spec(manifest, registered), self.result) {
            (Some(spec), false) => &spec.params,
            (Some(spec), true) => &spec.result,
            (None, _) => &Value::Null,
        };
        Ok(match self.form {
            Some(_) => Value::Array(form::form(schema)),
            None => schema.clone(),
        })
    }
}

/// What there is to show of a plugin's file.
pub(super) struct Shown {
    path: PathBuf,
    kind: Kind,
    inspected: Inspected,
    manifest: Option<Manifest>,
    /// Where the manifest is from.
    described: &'static str,
    digests: Digests,
    /// The targets that a bundle has libraries for.
    targets: Vec<String>,
    verdict: Verdict,
}

#[derive(Default)]
struct Digests {
    bundle: Option<String>,
    library: String,
    image: Option<String>,
    /// Whether a stamped library is as it was when it was stamped.
    as_stamped: Option<bool>,
}

/// A file whose digests are remembered.
struct Hashed {
    file: File,
    bytes: u64,
    home: Option<Home>,
}

impl Hashed {
    fn open(path: &Path, verify: bool) -> Result<Self> {
        let file = check::open(path)?;
        let facts = file.metadata()?;
        if facts.is_dir() {
            let message = format!("{} is a folder, not a plugin's file", path.display());
            return Err(PluginError::new(ErrorKind::NotFound, message));
        }
        Ok(Self { file, bytes: facts.len(), home: Home::from_env().filter(|_| !verify) })
    }

    fn all(&self) -> Range<u64> {
        0..self.bytes
    }

    fn pieces(&self, place: Range<u64>) -> io::Result<Pieces> {
        Ok(Pieces::new(self.file.try_clone()?, place))
    }

    fn reader(&self, place: Range<u64>) -> io::Result<impl Read> {
        Ok(RangeReader::new(FileReader::from(self.file.try_clone()?), place))
    }

    /// The digest of the file, or of a part of it that is called `what`.
    fn digest(&self, what: &Path, compute: impl FnOnce() -> Result<String>) -> Result<String> {
        match &self.home {
            Some(home) => remembered(home, what, &self.file, compute),
            None => compute(),
        }
    }

    /// Whether the library called `what` is as it was when it was stamped.
    fn is_as_stamped(&self, stamp: &Stamp, what: &Path, place: Range<u64>) -> Result<bool> {
        let image = || Ok(stamp.image_of(self.reader(place)?)?);
        Ok(self.digest(&what.join("image"), image)? == stamp.image_sha256)
    }
}

impl Shown {
    /// Reads a bundle or a library. Runs nothing of it and unpacks nothing. With
    /// `verify` digests are not remembered but made anew.
    ///
    /// # Errors
    /// It cannot be read, is damaged, or speaks another version of the plugin
    /// interface; where every load requires a key, none speaks for it.
    pub(super) fn of_file(path: &Path, verify: bool) -> Result<Self> {
        if let Some(reason) = check::untrusted(path)? {
            return Err(reason.error(path));
        }
        let verdict = trust::verdict(path)?;
        let file = Hashed::open(path, verify)?;
        match Kind::of(path) {
            Some(Kind::Bundle) => Self::of_bundle(path, &file, verdict),
            _ => Self::of_library(path, &file, verdict),
        }
    }

    fn of_library(path: &Path, file: &Hashed, verdict: Verdict) -> Result<Self> {
        let inspected = inspected(PluginFile::of_pieces(&file.pieces(file.all())?), path)?;
        let stamp = inspected.stamp(path)?;
        let digests = Digests {
            bundle: None,
            library: file.digest(path, || Ok(sha256_of_reader(file.reader(file.all())?)?))?,
            image: stamp.as_ref().map(|stamp| stamp.image_sha256.clone()),
            as_stamped: stamp
                .as_ref()
                .map(|stamp| file.is_as_stamped(stamp, path, file.all()))
                .transpose()?,
        };
        Ok(Self {
            path: path.to_owned(),
            kind: Kind::Library,
            targets: vec![inspected.facts.target.clone()],
            inspected,
            described: if stamp.is_some() { "stamp" } else { "nowhere" },
            manifest: stamp.map(|stamp| stamp.manifest),
            digests,
            verdict,
        })
    }

    /// The library for this machine is looked at, else the first.
    fn of_bundle(path: &Path, file: &Hashed, verdict: Verdict) -> Result<Self> {
        let bundle = Bundle::examine_open(file.file.try_clone()?, path)?;
        let bundle = bundle.map_err(|reason| reason.error(path))?;
        let said = bundle.manifest();
        let damaged = |why: String| Reason::BadBundle(why).error(path);
        let library = said.library(HERE).or(said.libraries.first());
        let library = library.ok_or_else(|| damaged("it has no library".to_owned()))?;
        let entry =
            said.file(&library.path).ok_or_else(|| damaged("its library is not listed".to_owned()))?;
        let place = bundle.place(entry).ok_or_else(|| damaged("its library is not there".to_owned()))?;
        let within = path.join(&library.path);
        let sha256 = file.digest(&within, || {
            let copied = bundle.copy(entry, &mut io::sink())?;
            copied.map_err(|reason| reason.error(&within)).map(|()| entry.sha256.clone())
        })?;
        let inspected = inspected(PluginFile::of_pieces(&file.pieces(place.clone())?), &within)?;
        let manifest = said.description().map_err(damaged)?;
        let stamp = inspected.stamp(&within)?;
        if let Some(reason) = stamp.as_ref().and_then(|stamp| check::differs(&manifest, &stamp.manifest)) {
            return Err(reason.error(path));
        }
        let digests = Digests {
            bundle: Some(file.digest(path, || Ok(sha256_of_reader(file.reader(file.all())?)?))?),
            library: sha256,
            image: Some(library.image_sha256.clone()),
            as_stamped: stamp.map(|stamp| file.is_as_stamped(&stamp, &within, place)).transpose()?,
        };
        Ok(Self {
            path: path.to_owned(),
            kind: Kind::Bundle,
            targets: said.libraries.iter().map(|library| library.target.clone()).collect(),
            inspected,
            manifest: Some(manifest),
            described: "bundle",
            digests,
            verdict,
        })
    }

    /// The actions of the code, as far as they are known.
    fn listed(&self) -> Vec<ListedAction> {
        match &self.manifest {
            Some(manifest) => manifest.actions.iter().map(ListedAction::from).collect(),
            None => self.inspected.facts.actions.clone(),
        }
    }

    fn document(&self) -> Value {
        let Inspected { config, facts, needs, abi, .. } = &self.inspected;
        let actions = offered(config, &self.listed());
        json!({
            "code": config.code,
            "name": config.name,
            "version": config.version,
            "category": config.category.as_str(),
            "path": self.path,
            "kind": self.kind.as_str(),
            "sdk": facts.sdk,
            "rustc": facts.rustc,
            "abi": format!("{}.{}", abi.0, abi.1),
            "target": facts.target,
            "targets": self.targets,
            "glibc": needs.glibc.as_ref().map(ToString::to_string),
            "libraries": needs.libraries,
            "requires": facts.requires,
            "target_features": facts.target_features,
            "panic_unwinds": self.inspected.panic_unwinds,
            "sandboxed": false,
            "schemas": self.described,
            "digests": {
                "bundle": self.digests.bundle,
                "library": self.digests.library,
                "image": self.digests.image,
                "as_stamped": self.digests.as_stamped,
            },
            "actions": actions.iter().map(|action| self.action(action)).collect::<Vec<_>>(),
            "data_types": self.manifest.as_ref().map(|manifest| &manifest.data_types),
            "signature": self.verdict.document(),
        })
    }

    fn action(&self, action: &OfferedAction) -> Value {
        let listed = self.listed();
        let registered = action.registered.as_deref();
        let listed = listed.iter().find(|listed| Some(listed.name.as_str()) == registered);
        let spec = self.manifest.as_ref().zip(registered).and_then(|(manifest, name)| spec(manifest, name));
        let word = |word: Option<&String>| word.filter(|word| !word.is_empty()).cloned();
        json!({
            "name": action.name,
            "description": spec.map(|spec| spec.description.as_str())
                .filter(|text| !text.is_empty())
                .unwrap_or(&action.description),
            "method": action.method.map(|method| method.as_str()),
            "category": word(listed.map(|listed| &listed.category)),
            "input_type": word(listed.map(|listed| &listed.input)),
            "output_type": word(listed.map(|listed| &listed.output)),
            "entrypoint": action.entrypoint,
            "found": listed.is_some(),
            "params": spec.map(|spec| &spec.params),
            "result": spec.map(|spec| &spec.result),
        })
    }

    /// What a person wants to see first: what it is, what it can do, what it
    /// needs.
    pub(super) fn overview(&self, columns: Option<usize>) -> String {
        let Inspected { config, facts, needs, abi, .. } = &self.inspected;
        let actions = offered(config, &self.listed());
        let rows: Vec<Vec<String>> = actions.iter().map(|action| row(&self.action(action))).collect();
        let mut lines = vec![
            format!("{} {} · {} · {}", config.code, config.version, config.name, config.category.as_str()),
            self.path.display().to_string(),
            format!(
                "SDK {} · interface {}.{} · {} · {}",
                facts.sdk,
                abi.0,
                abi.1,
                facts.rustc,
                self.targets.join(", ")
            ),
        ];
        if let Some(glibc) = &needs.glibc {
            lines.push(format!("glibc {glibc} or newer"));
        }
        let lists = [
            ("libraries", &needs.libraries),
            ("host services", &facts.requires),
            ("processor", &facts.target_features),
        ];
        let named = lists.into_iter().filter(|(_, names)| !names.is_empty());
        lines.extend(named.map(|(what, names)| format!("{what}: {}", names.join(", "))));
        let digest = self.digests.bundle.as_ref().unwrap_or(&self.digests.library);
        lines.push(format!("sha256 {digest}"));
        lines.push(self.verdict.to_string());
        let table = table(&["ACTION", "METHOD", "INPUT", "OUTPUT", "DESCRIPTION"], &rows, columns);
        let mut text = format!("{}\n\n{table}", lines.join("\n"));
        if self.manifest.is_none() {
            text.push_str(
                "\nIts schemas are not in the file: --describe asks for them in a process of its own, and\n\
                 `synapse plugin build --release` makes a file that has them.\n",
            );
        }
        if self.digests.as_stamped == Some(false) {
            text.push_str("\nThe library was changed after its schemas were stamped into it.\n");
        }
        text
    }
}

fn spec<'a>(manifest: &'a Manifest, registered: &str) -> Option<&'a ActionSpec> {
    manifest.actions.iter().find(|spec| spec.name == registered)
}

fn row(action: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let description = match action["found"].as_bool() {
        Some(true) => text(&action["description"]).lines().next().unwrap_or_default().to_owned(),
        _ => format!("not in the code: {}", text(&action["entrypoint"])),
    };
    let cells = ["name", "method", "input_type", "output_type"].map(|key| text(&action[key]));
    cells.into_iter().chain([description]).collect()
}

/// What a user has to know of every plugin.
pub(super) const NOT_SANDBOXED: &str = "\
Its code is not sandboxed: it has your rights, and in this process it can read
and end everything. With --isolated its crashes end a worker only; the rights
are the same. Run only plugins you trust.
";
