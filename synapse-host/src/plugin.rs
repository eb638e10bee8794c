//! A plugin ready to run: an image, its config, and the actions they name.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use serde_json::json;
use synapse_sdk::abi::identity::ListedAction;
use synapse_sdk::action;
use synapse_sdk::errors::Result;
use synapse_sdk::words::Method;
use synapse_sdk::{Env, ErrorKind, PluginError};

use crate::config::{ActionConfig, Entrypoint, PluginConfig};
use crate::image::Image;
use crate::inspect::invalid_config;

/// A plugin ready to run.
#[derive(Clone)]
pub struct Plugin {
    image: Arc<Image>,
    config: Arc<PluginConfig>,
    env: Arc<Env>,
    actions: Arc<[OfferedAction]>,
}

/// An action under its public name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfferedAction {
    /// The public name: the key in config.yaml, else the registered name.
    pub name: String,
    /// The name it was registered under, once found.
    pub registered: Option<String>,
    /// How it is best run: config.yaml before code.
    pub method: Option<Method>,
    /// For people.
    pub description: String,
    /// The entrypoint in config.yaml.
    pub entrypoint: Option<String>,
}

impl Plugin {
    /// Loads the plugin's file at `library` into this process. `config`
    /// replaces the config it was built with.
    ///
    /// # Errors
    /// As [`open`](Self::open) and [`Image::load`];
    /// [`IncompatiblePlugin`](ErrorKind::IncompatiblePlugin) for a plugin whose
    /// panics would end this process.
    pub fn load(library: &Path, config: Option<&Path>) -> Result<Self> {
        let image = Image::open(library)?;
        image.inspected.check_unwinds(library)?;
        image.plugin()?;
        Self::open(library, config)
    }

    /// The plugin at `library`, none of whose code is loaded here: to run it
    /// in a worker.
    ///
    /// # Errors
    /// As [`Image::open`]; [`Validation`](ErrorKind::Validation) when the other
    /// config is wrong.
    pub fn open(library: &Path, config: Option<&Path>) -> Result<Self> {
        let image = Image::open(library)?;
        match config {
            Some(path) => Self::with_config(image, read_config(path)?),
            None => Self::with_own_config(image),
        }
    }

    /// The last plugin made from each file is kept: a host that calls by path
    /// makes it once.
    fn with_own_config(image: Arc<Image>) -> Result<Self> {
        static MADE: LazyLock<Mutex<HashMap<PathBuf, Plugin>>> = LazyLock::new(Mutex::default);
        let lock = || MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plugin) = lock().get(&image.path)
            && Arc::ptr_eq(&plugin.image, &image)
        {
            return Ok(plugin.clone());
        }
        let config = image.inspected.config.clone();
        let plugin = Self::with_config(image, config)?;
        lock().insert(plugin.image.path.clone(), plugin.clone());
        Ok(plugin)
    }

    fn with_config(image: Arc<Image>, config: PluginConfig) -> Result<Self> {
        let actions = offered(&config, &registered(&image)?);
        let env = config.env.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
        Ok(Self { image, config: Arc::new(config), env: Arc::new(env), actions: actions.into() })
    }

    /// The variables of a call, and those of the config that it does not set.
    pub fn env_under(&self, call: &Env) -> Arc<Env> {
        match call.is_empty() {
            true => Arc::clone(&self.env),
            false => Arc::new(call.clone().over(&self.env)),
        }
    }

    /// The file.
    pub fn image(&self) -> &Arc<Image> {
        &self.image
    }

    /// The config.
    pub fn config(&self) -> &PluginConfig {
        &self.config
    }

    /// The actions, those of config.yaml first.
    pub fn actions(&self) -> &[OfferedAction] {
        &self.actions
    }

    /// The name under which the action called `name` was registered.
    ///
    /// # Errors
    /// [`ActionNotFound`](ErrorKind::ActionNotFound), with what there is, or
    /// with the entrypoint that leads nowhere.
    pub fn registered_name(&self, name: &str) -> Result<&str> {
        registered_name(&self.actions, &self.image.inspected.facts.actions, name)
    }
}

/// The name under which the action offered as `name` was registered.
pub(crate) fn registered_name<'a>(
    offered: &'a [OfferedAction],
    listed: &[ListedAction],
    name: &str,
) -> Result<&'a str> {
    let Some(action) = offered.iter().find(|action| action.name == name) else {
        let names = offered.iter().filter(|action| action.registered.is_some());
        return Err(action::not_found(name, names.map(|action| action.name.as_str())));
    };
    match &action.registered {
        Some(registered) => Ok(registered),
        None => Err(leads_nowhere(action, listed)),
    }
}

fn leads_nowhere(action: &OfferedAction, listed: &[ListedAction]) -> PluginError {
    let entrypoint = action.entrypoint.as_deref().unwrap_or_default();
    let known: Vec<String> =
        listed.iter().map(|action| format!("{}::{}", action.module, action.item)).collect();
    PluginError::new(
        ErrorKind::ActionNotFound,
        format!("Action not found: {}: there is no `{entrypoint}` in the plugin", action.name),
    )
    .details(json!({ "action": action.name, "entrypoint": entrypoint, "available": known }))
    .hint(format!(
        "check actions.{}.entrypoint in config.yaml; the code has {}: what `export_plugin!` names",
        action.name,
        known.join(", ")
    ))
}

/// Reads and checks a config file.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) or [`Io`](ErrorKind::Io) when it cannot be
/// read, [`Validation`](ErrorKind::Validation) with every problem in it.
pub fn read_config(path: &Path) -> Result<PluginConfig> {
    let bytes = std::fs::read(path).map_err(|error| {
        PluginError::new(
            ErrorKind::of_io(&error),
            format!("Config file not found: {}: {error}", path.display()),
        )
        .hint("give the path of a config.yaml with --config")
    })?;
    let shown = path.display().to_string();
    let loaded = crate::config::parse(&String::from_utf8_lossy(&bytes));
    Ok(loaded.map_err(|problems| invalid_config(&shown, &problems))?.config)
}

/// What the code registers: from the file where it lists that, else by asking.
fn registered(image: &Image) -> Result<Vec<ListedAction>> {
    if image.inspected.actions_listed {
        return Ok(image.inspected.facts.actions.clone());
    }
    Ok(image.manifest()?.actions.iter().map(ListedAction::from).collect())
}

/// The config's key is the public name; what no entry leads to is offered
/// under the name it was registered with.
pub(crate) fn offered(config: &PluginConfig, registered: &[ListedAction]) -> Vec<OfferedAction> {
    let mut taken = Vec::new();
    let mut actions = Vec::new();
    for entry in &config.actions {
        let found = registered.iter().find(|action| leads_to(entry, action));
        taken.extend(found.map(|action| action.name.as_str()));
        let declared = found.and_then(|action| action.method.parse().ok());
        actions.push(OfferedAction {
            name: entry.name.clone(),
            registered: found.map(|action| action.name.clone()),
            method: entry.method.or(declared),
            description: entry.description.clone(),
            entrypoint: entry.entrypoint.as_ref().map(Entrypoint::to_string),
        });
    }
    let unnamed = registered.iter().filter(|action| !taken.contains(&action.name.as_str()));
    for action in unnamed.filter(|action| config.action(&action.name).is_none()) {
        actions.push(OfferedAction {
            name: action.name.clone(),
            registered: Some(action.name.clone()),
            method: action.method.parse().ok(),
            description: String::new(),
            entrypoint: None,
        });
    }
    actions
}

/// An entrypoint names the item by its path; the crate's name may be left out,
/// or be the `plugin` of configs that were written for Python. Without an
/// entrypoint the names have to be equal.
fn leads_to(entry: &ActionConfig, action: &ListedAction) -> bool {
    let Some(entrypoint) = &entry.entrypoint else {
        return entry.name == action.name;
    };
    let mut path: Vec<&str> = action.module.split("::").collect();
    path.push(&action.item);
    let wanted: Vec<&str> = entrypoint.segments().iter().map(String::as_str).collect();
    let (package, within) = (path[0], &path[1..]);
    match wanted.split_first() {
        _ if wanted == within => true,
        Some((first, rest)) => [package, "crate", "plugin"].contains(first) && rest == within,
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    fn action(name: &str, module: &str, item: &str) -> ListedAction {
        let empty = String::new;
        ListedAction {
            name: name.to_owned(),
            item: item.to_owned(),
            module: module.to_owned(),
            method: empty(),
            category: empty(),
            input: empty(),
            output: empty(),
        }
    }

    fn offer(actions: &str, registered: &[ListedAction]) -> Vec<(String, Option<String>)> {
        let text = format!("name: N\ncode: n\nversion: 0.1.0\ncategory: custom\nactions:\n{actions}");
        let config = config::parse(&text).expect("a config").config;
        offered(&config, registered).into_iter().map(|action| (action.name, action.registered)).collect()
    }

    #[test]
    fn the_entrypoint_finds_the_action_however_it_is_written() {
        let registered = [action("train_model", "vessels::train", "TrainAction")];
        for entrypoint in [
            "vessels.train:TrainAction",
            "vessels::train::TrainAction",
            "plugin.train:TrainAction",
            "crate::train::TrainAction",
            "train.TrainAction",
        ] {
            let offered = offer(&format!("  train:\n    entrypoint: {entrypoint}\n"), &registered);
            assert_eq!(offered, [("train".to_owned(), Some("train_model".to_owned()))], "{entrypoint}");
        }
        let other = offer("  train:\n    entrypoint: plugin.test:TrainAction\n", &registered);
        assert_eq!(other[0], ("train".to_owned(), None));
    }

    #[test]
    fn actions_without_an_entry_keep_their_own_name() {
        let registered = [action("a", "p", "a"), action("b", "p", "b")];
        let offered = offer("  a: {}\n", &registered);
        assert_eq!(offered, [("a".into(), Some("a".into())), ("b".into(), Some("b".into()))]);
    }
}
