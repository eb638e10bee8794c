//! What `synapse plugin create` writes: one template a category, over files that
//! all of them share.

mod catalog;
mod fill;
mod write;

use std::path::{Path, PathBuf};

use synapse_sdk::errors::Result;
use synapse_sdk::words::Category;
use synapse_sdk::{ErrorKind, PluginError};

use crate::config::{DataKind, is_code, nearest_code};
use crate::sdk_source;
use catalog::Template;
pub use write::Created;

/// A plugin about to be created.
#[derive(Clone, Debug)]
pub struct NewPlugin {
    name: String,
    code: String,
    category: Category,
    data_type: Option<DataKind>,
}

impl NewPlugin {
    /// A plugin called `name` for people and `code` for machines.
    ///
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) for a name that is empty or more than one
    /// line, and for a code that is none, with the nearest that is one.
    pub fn new(name: &str, code: &str, category: Category) -> Result<Self> {
        let name = name.trim();
        if name.is_empty() || name.chars().any(char::is_control) {
            let message = format!("{name:?} is no name: it has to be one line with a visible character");
            return Err(PluginError::new(ErrorKind::Usage, message).hint("give one with --name"));
        }
        if !is_code(code) {
            let message =
                format!("`{code}` is not a code: use lower-case letters, digits and, between them, hyphens");
            let hint = match nearest_code(code) {
                Some(near) => format!("for example `--code {near}`"),
                None => "give one with --code, such as `my-plugin`".to_owned(),
            };
            return Err(PluginError::new(ErrorKind::Usage, message).hint(hint));
        }
        let data_type = (category == Category::NeuralNet).then_some(DataKind::Data);
        Ok(Self { name: name.to_owned(), code: code.to_owned(), category, data_type })
    }

    /// The kind of data it works on; plugins that train models need to say.
    #[must_use]
    pub fn data_type(mut self, data_type: Option<DataKind>) -> Self {
        self.data_type = data_type.or(self.data_type);
        self
    }

    /// The name for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The name for machines.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// What it is for.
    pub fn category(&self) -> Category {
        self.category
    }

    /// The name of its folder.
    pub fn folder_name(&self) -> String {
        self.package()
    }

    /// The category whose template it is made from: its own, or `custom` as
    /// long as that has none.
    pub fn template(&self) -> Category {
        Template::of(self.category).category
    }

    /// Writes it as a folder of its own below `parent`. In a folder that exists
    /// files of the template take the place of those there, and others stay.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when something cannot be written; a folder that
    /// did not exist before does not then either.
    pub fn create(&self, parent: &Path, sdk: &Path) -> Result<Created> {
        let template = Template::of(self.category);
        let files = template.files(self, sdk)?;
        let folder = parent.join(self.folder_name());
        let replaced = write::all(parent, &folder, &files)?;
        let files = files.into_iter().map(|file| (file.path, file.about)).collect();
        let actions = template.actions.iter().map(|action| action.name).collect();
        Ok(Created { folder, files, actions, replaced })
    }

    fn package(&self) -> String {
        format!("synapse-{}-plugin", self.code)
    }

    fn description(&self) -> String {
        format!("{} plugin", self.name)
    }
}

/// The code that a name for people suggests, if it has letters or digits for
/// one.
pub fn code_for(name: &str) -> Option<String> {
    nearest_code(name)
}

/// The name that a code suggests: `port-vessels` is `Port Vessels`.
pub fn name_for(code: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str())
    };
    code.split(['-', '_', ' ']).filter_map(capital).collect::<Vec<_>>().join(" ")
}

/// The SDK's crate at or below `path`.
///
/// # Errors
/// [`NotFound`](ErrorKind::NotFound) when there is none.
pub fn sdk_at(path: &Path) -> Result<PathBuf> {
    let path = std::path::absolute(path)?;
    let is_sdk = |folder: &PathBuf| {
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
        manifest.contains("name = \"synapse-sdk\"")
    };
    let candidates = [path.clone(), path.join(sdk_source::CRATE)];
    candidates.into_iter().find(is_sdk).ok_or_else(|| {
        PluginError::new(ErrorKind::NotFound, format!("there is no SDK at {}", path.display()))
            .hint("name the folder of the crate synapse-sdk, or leave --sdk out")
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests;
