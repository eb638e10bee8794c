//! The actions a pipeline names, with what their plugins say of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;
use synapse_sdk::data_type::{BUILT_IN, Compatibility};
use synapse_sdk::errors::Result;
use synapse_sdk::manifest::{ActionSpec, DataTypeSpec};
use synapse_sdk::{ErrorKind, PluginError};

use super::model::Pipeline;
use crate::config::problems::{Problem, Problems};
use crate::plugin::Plugin;
use crate::plugin_ref::Resolver;

/// An action, its plugin, and what it takes and gives.
#[derive(Clone)]
pub struct Offer {
    /// The plugin.
    pub plugin: Plugin,
    /// What it says of the action.
    pub spec: Arc<ActionSpec>,
    /// The type of data it takes: as the code says, else as config.yaml says.
    pub input: Option<String>,
    /// The type of data it gives.
    pub output: Option<String>,
}

/// What the nodes of a pipeline run, by their position; none where that is
/// not there.
pub(crate) struct Offers {
    pub(crate) nodes: Vec<Option<Arc<Offer>>>,
    /// Every action of every plugin the pipeline names.
    pub(crate) all: Vec<Arc<Offer>>,
    pub(crate) types: DataTypes,
    /// Whether a plugin could not be built.
    pub(crate) unbuilt: bool,
}

impl Offers {
    /// Finds plugins and actions. What is not there becomes a problem.
    pub(crate) fn find(
        pipeline: &Pipeline,
        resolver: &mut Resolver<'_>,
        here: bool,
        problems: &mut Problems,
    ) -> Self {
        let mut known: HashMap<String, Result<Vec<Arc<Offer>>, PluginError>> = HashMap::new();
        let mut types = DataTypes::built_in();
        let mut nodes = Vec::with_capacity(pipeline.nodes.len());
        let mut unbuilt = false;
        for node in &pipeline.nodes {
            if node.plugin_text.is_empty() || node.action.is_empty() {
                // Told where the file was read.
                nodes.push(None);
                continue;
            }
            let offered = known.entry(node.plugin.to_string()).or_insert_with(|| {
                let plugin = resolver.resolve(&node.plugin, None)?;
                if here && plugin.image().inspected.panic_unwinds {
                    plugin.image().plugin()?;
                }
                types.add(&plugin.image().manifest()?.data_types);
                offers(&plugin)
            });
            let path = |part: &str| format!("nodes.{}.{part}", node.name);
            let found = match offered {
                Ok(offered) => {
                    let find = |name: &str| offered.iter().find(|offer| name_of(offer) == name).cloned();
                    let missing = |name: &str, at, path: String| {
                        let names: Vec<String> = offered.iter().map(|offer| name_of(offer)).collect();
                        let error = synapse_sdk::action::not_found(name, names.iter().map(String::as_str));
                        let message = format!("plugin `{}` has no action `{name}`", node.plugin_text);
                        Problem::error(at, path, message).maybe_hint(error.hint_text().map(str::to_owned))
                    };
                    let found = find(&node.action);
                    if found.is_none() {
                        problems.push(missing(&node.action, node.at.action, path("action")));
                    }
                    if let Some((name, at)) = &node.rollback
                        && find(name).is_none()
                    {
                        problems.push(missing(name, at.0, path("rollback")));
                    }
                    found
                }
                // Told where the plugin is named first.
                Err(_)
                    if nodes
                        .iter()
                        .zip(&pipeline.nodes)
                        .any(|(_, earlier): (&Option<_>, _)| earlier.plugin == node.plugin) =>
                {
                    None
                }
                Err(error) => {
                    unbuilt |= error.kind() == ErrorKind::Build;
                    let message = format!("plugin `{}`: {error}", node.plugin_text);
                    let problem = Problem::error(node.at.plugin, path("plugin"), message);
                    problems.push(problem.maybe_hint(error.hint_text().map(str::to_owned)));
                    None
                }
            };
            nodes.push(found);
        }
        let mut all: Vec<_> =
            known.into_iter().filter_map(|(name, offered)| Some((name, offered.ok()?))).collect();
        all.sort_by(|left, right| left.0.cmp(&right.0));
        let all = all.into_iter().flat_map(|(_, offered)| offered).collect();
        Self { nodes, all, types, unbuilt }
    }
}

/// The public name of an offered action.
pub(crate) fn name_of(offer: &Offer) -> String {
    let registered = &offer.spec.name;
    let public = offer.plugin.actions().iter().find(|action| action.registered.as_ref() == Some(registered));
    public.map_or_else(|| registered.clone(), |action| action.name.clone())
}

fn offers(plugin: &Plugin) -> Result<Vec<Arc<Offer>>> {
    let manifest = plugin.image().manifest()?;
    let offered = plugin.actions().iter().filter_map(|action| {
        let registered = action.registered.as_ref()?;
        let spec = manifest.actions.iter().find(|spec| spec.name == *registered)?;
        let config = plugin.config().action(&action.name);
        let input = spec.input_type.clone().or_else(|| config?.input_type.clone());
        let output = spec.output_type.clone().or_else(|| config?.output_type.clone());
        Some(Arc::new(Offer { plugin: plugin.clone(), spec: Arc::new(spec.clone()), input, output }))
    });
    Ok(offered.collect())
}

impl Offer {
    /// The schema of its params.
    pub fn params(&self) -> &Value {
        &self.spec.params
    }

    /// The schema of its result.
    pub fn result(&self) -> &Value {
        &self.spec.result
    }
}

/// The data types that are known, each with the next more general one.
pub(crate) struct DataTypes(BTreeMap<String, Option<String>>);

impl DataTypes {
    fn built_in() -> Self {
        let known = BUILT_IN
            .iter()
            .map(|facts| (facts.id.to_owned(), facts.parent.map(|parent| parent.id.to_owned())));
        Self(known.collect())
    }

    fn add(&mut self, types: &[DataTypeSpec]) {
        for spec in types {
            self.0.entry(spec.id.clone()).or_insert_with(|| spec.parent.clone());
        }
    }

    fn is_a(&self, id: &str, other: &str) -> bool {
        let mut next = Some(id);
        // A plugin may have named a type its own ancestor.
        for _ in 0..=self.0.len() {
            match next {
                Some(id) if id == other => return true,
                Some(id) => next = self.0.get(id).and_then(Option::as_deref),
                None => return false,
            }
        }
        false
    }

    /// How data of the type `given` fits where `expected` is expected.
    pub(crate) fn fits(&self, given: &str, expected: &str) -> Compatibility {
        match (self.is_a(given, expected), self.is_a(expected, given)) {
            (true, true) => Compatibility::Exact,
            (true, false) => Compatibility::Widening,
            (false, true) => Compatibility::Narrowing,
            (false, false) => Compatibility::Mismatch,
        }
    }
}
