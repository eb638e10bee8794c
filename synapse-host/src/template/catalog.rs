//! The templates. A category without one of its own is made from `custom`; to
//! add one is to add its folder below `templates/` and its entry here.

use std::path::Path;

use synapse_sdk::errors::Result;
use synapse_sdk::words::{Category, Method};

use super::NewPlugin;
use super::fill::{fill, toml, yaml};
use super::write::NewFile;
use crate::config::json_schema;
use crate::sdk_source;

/// A file as a template has it.
struct TemplateFile {
    path: &'static str,
    about: &'static str,
    text: &'static str,
}

macro_rules! files {
    ($folder:literal: $($path:literal = $source:literal, $about:literal;)*) => {
        &[$(TemplateFile {
            path: $path,
            about: $about,
            text: include_str!(concat!("../../templates/", $folder, "/", $source)),
        }),*]
    };
}

/// What a plugin of one category begins with.
pub(super) struct Template {
    pub(super) category: Category,
    /// The one to begin with first.
    pub(super) actions: &'static [TemplateAction],
    files: &'static [TemplateFile],
}

/// An action of a template, as config.yaml and README name it.
pub(super) struct TemplateAction {
    pub(super) name: &'static str,
    /// Its path below the crate.
    item: &'static str,
    method: Method,
    /// Ids of the data types it declares.
    input: Option<&'static str>,
    output: Option<&'static str>,
    about: &'static str,
    /// Its sample params, below the folder.
    params: &'static str,
}

const SHARED: &[TemplateFile] = files! { "base":
    "Cargo.toml" = "Cargo.toml", "dependencies, the SDK's place, profiles";
    "config.yaml" = "config.yaml", "name, version, actions and how they are run";
    "README.md" = "README.md", "what the plugin is for";
    ".gitignore" = "gitignore", "what git leaves out";
    ".synapseignore" = "synapseignore", "what a published plugin leaves out";
    ".github/workflows/check.yml" = "check.yml", "the checks, on every push";
};

const TEMPLATES: &[Template] = &[CUSTOM, DATA_VALIDATION, NEURAL_NET];

const CUSTOM: Template = Template {
    category: Category::Custom,
    actions: &[TemplateAction {
        name: "main",
        item: "main",
        method: Method::Task,
        input: None,
        output: None,
        about: "Counts the words of a text",
        params: "params/main.json",
    }],
    files: files! { "custom":
        "src/lib.rs" = "src/lib.rs", "the action";
        "tests/actions.rs" = "tests/actions.rs", "its tests";
        "params/main.json" = "params/main.json", "sample params";
    },
};

const DATA_VALIDATION: Template = Template {
    category: Category::DataValidation,
    actions: &[TemplateAction {
        name: "validate",
        item: "validate::validate",
        method: Method::Task,
        input: None,
        output: None,
        about: "Checks items against the rules",
        params: "params/validate.json",
    }],
    files: files! { "data_validation":
        "src/lib.rs" = "src/lib.rs", "what the plugin exports";
        "src/validate.rs" = "src/validate.rs", "the action";
        "src/rules.rs" = "src/rules.rs", "what is asked of an item";
        "data/sample.jsonl" = "data/sample.jsonl", "sample items";
        "tests/actions.rs" = "tests/actions.rs", "its tests";
        "params/validate.json" = "params/validate.json", "sample params";
    },
};

const NEURAL_NET: Template = Template {
    category: Category::NeuralNet,
    actions: &[
        TemplateAction {
            name: "train",
            item: "train::Train",
            method: Method::Job,
            input: None,
            output: Some("model_weights"),
            about: "Trains a model, from a checkpoint where there is one",
            params: "params/train.json",
        },
        TemplateAction {
            name: "test",
            item: "test::Test",
            method: Method::Job,
            input: Some("model_weights"),
            output: Some("test_results"),
            about: "Tests a model on points it has not seen",
            params: "params/test.json",
        },
        TemplateAction {
            name: "inference",
            item: "inference::Inference",
            method: Method::Serve,
            input: Some("model_weights"),
            output: Some("inference_results"),
            about: "Tells the classes of points",
            params: "params/inference.json",
        },
    ],
    files: files! { "neural_net":
        "src/lib.rs" = "src/lib.rs", "what the plugin exports";
        "src/train.rs" = "src/train.rs", "`train`: checkpoint, epochs, metrics, the saved model";
        "src/test.rs" = "src/test.rs", "`test`";
        "src/inference.rs" = "src/inference.rs", "`inference`: a model loaded once";
        "src/model.rs" = "src/model.rs", "the model";
        "src/data.rs" = "src/data.rs", "the data";
        "tests/actions.rs" = "tests/actions.rs", "tests of the actions";
        "params/train.json" = "params/train.json", "sample params";
        "params/test.json" = "params/test.json", "sample params";
        "params/inference.json" = "params/inference.json", "sample params";
    },
};

impl Template {
    /// The category's template, or that of `custom`.
    pub(super) fn of(category: Category) -> &'static Self {
        TEMPLATES.iter().find(|template| template.category == category).unwrap_or(&CUSTOM)
    }

    /// Every file of the plugin, filled, those of its own first.
    pub(super) fn files(&self, plugin: &NewPlugin, sdk: &Path) -> Result<Vec<NewFile>> {
        let values = self.values(plugin, sdk);
        let own_and_shared = self.files.iter().chain(SHARED);
        let filled = own_and_shared.map(|file| NewFile {
            path: file.path,
            about: file.about,
            text: fill(file.text, &values),
        });
        let mut files: Vec<NewFile> = filled.collect();
        files.push(NewFile {
            path: "config.schema.json",
            about: "what an editor knows of config.yaml",
            text: format!("{:#}\n", json_schema()),
        });
        files.push(NewFile {
            path: "Cargo.lock",
            about: "the versions of all crates",
            text: sdk_source::lock_file()?,
        });
        Ok(files)
    }

    fn values(&self, plugin: &NewPlugin, sdk: &Path) -> [(&'static str, String); 15] {
        let package = plugin.package();
        let data_type = plugin.data_type.map(|kind| format!("data_type: {}\n", kind.as_str()));
        let krate = package.replace('-', "_");
        [
            ("NAME", plugin.name.clone()),
            ("NAME_YAML", yaml(&plugin.name)),
            ("CODE", plugin.code.clone()),
            ("PACKAGE", package),
            ("CATEGORY", plugin.category.as_str().to_owned()),
            ("DATA_TYPE", data_type.unwrap_or_default()),
            ("DESCRIPTION_YAML", yaml(&plugin.description())),
            ("DESCRIPTION_TOML", toml(&plugin.description())),
            ("SDK_TOML", toml(&sdk.to_string_lossy())),
            ("SDK_VERSION", sdk_source::VERSION.to_owned()),
            ("ACTIONS_YAML", self.actions_yaml(&krate)),
            ("ACTIONS_TABLE", self.actions_table()),
            ("RUN_COMMANDS", self.run_commands()),
            ("FILES_TABLE", self.files_table()),
            ("CRATE", krate),
        ]
    }

    fn actions_yaml(&self, krate: &str) -> String {
        let entry = |action: &TemplateAction| {
            let mut entry = format!(
                "  {}:\n    entrypoint: {krate}::{}\n    method: {}\n",
                action.name, action.item, action.method
            );
            for (key, id) in [("input_type", action.input), ("output_type", action.output)] {
                entry.push_str(&id.map(|id| format!("    {key}: {id}\n")).unwrap_or_default());
            }
            entry
        };
        lines(self.actions.iter().map(entry))
    }

    fn actions_table(&self) -> String {
        lines(self.actions.iter().map(|action| format!("| `{}` | {} |\n", action.name, action.about)))
    }

    fn run_commands(&self) -> String {
        let command = |action: &TemplateAction| {
            format!("synapse plugin run {} --params-file {}\n", action.name, action.params)
        };
        lines(self.actions.iter().map(command))
    }

    fn files_table(&self) -> String {
        let shown = self.files.iter().chain(SHARED).filter(|file| !file.path.starts_with('.'));
        lines(shown.map(|file| format!("| `{}` | {} |\n", file.path, file.about)))
    }
}

/// All of it, without the last line's end.
fn lines(lines: impl Iterator<Item = String>) -> String {
    lines.collect::<String>().trim_end().to_owned()
}
