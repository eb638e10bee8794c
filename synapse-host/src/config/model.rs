//! A plugin's config, checked.

use super::entrypoint::Entrypoint;
use super::problems::Problem;
use super::words::{
    AnnotationCategory, AnnotationTool, AnnotationType, Category, DataKind, Method, PackageManager,
    SmartToolKind,
};
use serde_json::Value;
use std::collections::BTreeMap;

/// A config that can be used, and what is questionable about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// The config.
    pub config: PluginConfig,
    /// What its author should look at, from the top of the file down.
    pub warnings: Vec<Problem>,
}

/// A plugin's `config.yaml`, checked.
///
/// JSON values are null where the file has nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct PluginConfig {
    /// Name for people.
    pub name: String,
    /// Name for machines: lower-case letters, digits, inner hyphens.
    pub code: String,
    /// Semantic version.
    pub version: String,
    /// The customer or deployment this build is for.
    pub variant: Option<String>,
    /// What the plugin is for.
    pub category: Category,
    /// What the plugin does, in a sentence; may be empty.
    pub description: String,
    /// Path of the read-me file, relative to the plugin's folder.
    pub readme: String,
    /// The tool that resolves dependencies.
    pub package_manager: PackageManager,
    /// Options for that tool as the file has them; see
    /// [`PluginConfig::cargo_options`].
    pub package_manager_options: Vec<String>,
    /// Folder of native libraries to ship, relative to the plugin's folder.
    pub wheels_dir: String,
    /// Environment for the actions; numbers and booleans as they are written.
    pub env: BTreeMap<String, String>,
    /// Ray's runtime environment, a map or null.
    pub runtime_env: Value,
    /// The kind of data the plugin works on.
    pub data_type: Option<DataKind>,
    /// Tasks such as `image.object_detection`.
    pub tasks: Vec<String>,
    /// Kinds of data an upload plugin takes.
    pub supported_data_types: Vec<DataKind>,
    /// Annotation tools an export plugin understands.
    pub supported_annotation_tools: BTreeMap<AnnotationCategory, Vec<AnnotationTool>>,
    /// The kind of data a smart tool annotates.
    pub annotation_category: Option<AnnotationCategory>,
    /// The shape a smart tool draws.
    pub annotation_type: Option<AnnotationType>,
    /// How much a smart tool does by itself.
    pub smart_tool: Option<SmartToolKind>,
    /// What the plugin needs to run.
    pub requires: Requires,
    /// Other plugins this one needs: code to version specifier.
    pub dependencies: BTreeMap<String, String>,
    /// Words to find the plugin by.
    pub tags: Vec<String>,
    /// The actions, in the order of the file.
    pub actions: Vec<ActionConfig>,
}

impl PluginConfig {
    /// The action called `name`.
    pub fn action(&self, name: &str) -> Option<&ActionConfig> {
        self.actions.iter().find(|action| action.name == name)
    }

    /// The same, to be changed.
    pub(super) fn action_mut(&mut self, name: &str) -> Option<&mut ActionConfig> {
        self.actions.iter_mut().find(|action| action.name == name)
    }

    /// Options for `cargo build`; those of another package manager are not.
    pub fn cargo_options(&self) -> &[String] {
        match self.package_manager {
            PackageManager::Cargo => &self.package_manager_options,
            PackageManager::Pip | PackageManager::Uv => &[],
        }
    }
}

/// Version specifiers of what a plugin needs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Requires {
    /// The Synapse SDK.
    pub sdk: Option<String>,
    /// The Rust compiler.
    pub rust: Option<String>,
    /// Python; without effect on a Rust plugin.
    pub python: Option<String>,
    /// CUDA.
    pub cuda: Option<String>,
}

/// One entry of a config's `actions`.
///
/// JSON values are null where the file has nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct ActionConfig {
    /// The action's public name: its key under `actions`.
    pub name: String,
    /// Where the action lives in the code; without one it is found by name.
    pub entrypoint: Option<Entrypoint>,
    /// What the action does, in a sentence; may be empty.
    pub description: String,
    /// How it is run where a plugin's own choice counts.
    pub method: Option<Method>,
    /// Identifier of the type of data it takes.
    pub input_type: Option<String>,
    /// Identifier of the type of data it gives.
    pub output_type: Option<String>,
    /// Options of its Ray Serve deployment, a map or null.
    pub serve_options: Value,
    /// Parameters shown to people who start a training, a map or null.
    pub hyperparameters: Value,
    /// The form for its params, a list or null.
    pub ui_schema: Value,
    /// Processors, memory and the like, a map or null.
    pub required_resources: Value,
    /// Line of its key in the file, from 1.
    pub line: usize,
}
