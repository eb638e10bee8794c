//! `synapse plugin create`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use synapse_sdk::errors::Result;
use synapse_sdk::words::{Category, Word};
use synapse_sdk::{ErrorKind, PluginError};

use super::Common;
use super::ask::Asker;
use super::output::Output;
use super::output::look::{ACCENT, BOLD, DIM, GOOD, Look};
use crate::config::DataKind;
use crate::home::Home;
use crate::sdk_source;
use crate::template::{Created, NewPlugin, code_for, name_for, sdk_at};

/// Create a plugin: a crate with an action, tests, config and sample params.
///
/// Asks for what no option says; with --yes what is left has its default. The
/// folder is called synapse-CODE-plugin. The SDK comes with this command: its
/// sources are unpacked to $SYNAPSE_HOME/sdk, and the crate uses them by path.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CreateArgs {
    /// The name for people
    #[arg(short, long)]
    name: Option<String>,
    /// The name for machines: lower-case letters, digits, inner hyphens
    #[arg(long)]
    code: Option<String>,
    /// What the plugin is for: neural_net, export, upload, smart_tool, post_annotation, pre_annotation,
    /// data_validation or custom
    #[arg(short, long)]
    category: Option<Category>,
    /// The kind of data: image, text, video, pcd, audio or data
    #[arg(long, value_name = "KIND")]
    data_type: Option<DataKind>,
    /// The folder in which the plugin's own is made [default: the current one]
    #[arg(short, long, value_name = "DIR")]
    path: Option<PathBuf>,
    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
    /// Write over the files of a plugin that is there already; other files stay
    #[arg(long)]
    force: bool,
    /// An SDK in place of the one that comes with this command
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  synapse plugin create                                       asks
  synapse plugin create --name \"Port Vessels\" -c neural_net -y
  synapse plugin create --code hello -p ~/plugins -y          in ~/plugins/synapse-hello-plugin";

impl CreateArgs {
    pub(crate) fn execute(self, _common: &Common, output: &mut Output) -> Result<()> {
        if !self.yes && !Asker::has_terminal() {
            return Err(PluginError::new(ErrorKind::Usage, "there is no terminal to ask on").hint(
                "say --yes, and what the plugin is: \
                 `synapse plugin create --name \"My Plugin\" --category custom --yes`",
            ));
        }
        let asker = if self.yes { None } else { Some(Asker::new(output.look())?) };
        let plugin = match &asker {
            Some(asker) => self.asked(asker)?,
            None => self.plugin()?,
        };
        let parent = self.path.clone().unwrap_or_default();
        let folder = parent.join(plugin.folder_name());
        self.refuse_taken(&folder)?;
        if let Some(asker) = &asker {
            asker.confirm(&format!("Create {}?", folder.display()))?;
        }
        let created = plugin.create(&parent, &sdk_for(self.sdk.as_deref())?)?;
        if plugin.template() != plugin.category() {
            output.note(&format!(
                "there is no template for `{}` yet: this is `{}`, with that category",
                plugin.category(),
                plugin.template()
            ));
        }
        if created.replaced > 0 {
            output.note(&format!("{} files were replaced", created.replaced));
        }
        let document = json!({
            "code": plugin.code(),
            "name": plugin.name(),
            "category": plugin.category(),
            "path": created.folder,
            "template": plugin.template(),
            "actions": created.actions,
            "files": created.files.iter().map(|(file, _)| file).collect::<Vec<_>>(),
        });
        let look = output.look();
        output.document(&document, |columns| report(&created, columns, look))
    }

    /// The plugin as the options say, with defaults for what they do not.
    fn plugin(&self) -> Result<NewPlugin> {
        let (name, code) = match (&self.name, &self.code) {
            (Some(name), Some(code)) => (name.clone(), code.clone()),
            (Some(name), None) => (name.clone(), code_for(name).unwrap_or_default()),
            (None, Some(code)) => (name_for(code), code.clone()),
            (None, None) => {
                return Err(PluginError::new(ErrorKind::Usage, "what is the plugin called?")
                    .hint("give --name or --code; each suggests the other"));
            }
        };
        let category = self.category.unwrap_or(Category::Custom);
        Ok(NewPlugin::new(&name, &code, category)?.data_type(self.data_type))
    }

    /// The plugin as the options say; what they do not is asked.
    fn asked(&self, asker: &Asker) -> Result<NewPlugin> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => {
                let default = self.code.as_deref().map(name_for);
                asker.text("Name", default, |name| refusal(name, "a"))?
            }
        };
        let code = match &self.code {
            Some(code) => code.clone(),
            None => asker.text("Code", code_for(&name), |code| refusal("N", code))?,
        };
        let category = match self.category {
            Some(category) => category,
            None => choose(asker, "Category", Category::Custom, about)?,
        };
        let data_type = match (self.data_type, category) {
            (None, Category::NeuralNet) => Some(choose(asker, "Kind of data", DataKind::Image, |_| "")?),
            (given, _) => given,
        };
        Ok(NewPlugin::new(&name, &code, category)?.data_type(data_type))
    }

    fn refuse_taken(&self, folder: &Path) -> Result<()> {
        let has_files = folder.read_dir().is_ok_and(|mut entries| entries.next().is_some());
        if self.force || !(has_files || folder.is_file()) {
            return Ok(());
        }
        let message = format!("{} is there already", folder.display());
        Err(PluginError::new(ErrorKind::Usage, message)
            .hint("choose another --code or --path, or write over its files with --force"))
    }
}

/// Why a plugin cannot be called so.
fn refusal(name: &str, code: &str) -> Result<(), String> {
    let refused = NewPlugin::new(name, code, Category::Custom).map(drop);
    refused.map_err(|error| match error.hint_text().filter(|hint| hint.starts_with("for example")) {
        // A terminal clears one line of it, no more.
        Some(hint) => format!("that is no code; {}", hint.replace("--code ", "")),
        None => error.to_string(),
    })
}

/// One of a vocabulary's words, each with what it means.
fn choose<W: Word + PartialEq>(
    asker: &Asker,
    question: &str,
    default: W,
    about: fn(W) -> &'static str,
) -> Result<W> {
    let width = W::ALL.iter().map(|word| word.as_str().len()).max().unwrap_or_default();
    let line = |word: &W| format!("{:width$}  {}", word.as_str(), about(*word)).trim_end().to_owned();
    let choices: Vec<String> = W::ALL.iter().map(line).collect();
    let default = W::ALL.iter().position(|word| *word == default).unwrap_or_default();
    let chosen = asker.choice(question, &choices, default)?;
    Ok(W::ALL[chosen])
}

fn about(category: Category) -> &'static str {
    match category {
        Category::NeuralNet => "trains, tests, serves models",
        Category::Export => "takes data out of the platform",
        Category::Upload => "brings data into the platform",
        Category::SmartTool => "helps a person annotate",
        Category::PostAnnotation => "works on finished annotations",
        Category::PreAnnotation => "prepares annotations before a person sees them",
        Category::DataValidation => "checks data",
        Category::Custom => "anything else",
    }
}

/// The SDK that a plugin will use: the one named, else this command's own.
pub(super) fn sdk_for(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        return sdk_at(path);
    }
    let home = Home::from_env().ok_or_else(|| {
        PluginError::new(ErrorKind::NotFound, "there is no home folder to unpack the SDK to")
            .hint("set SYNAPSE_HOME to a folder, or name an SDK with --sdk PATH")
    })?;
    sdk_source::unpack(&home)?;
    Ok(sdk_source::folder(&home))
}

/// What was made, and what to do next.
fn report(created: &Created, columns: Option<usize>, look: Look) -> String {
    let shown = created.folder.display();
    let mut text = format!("{} {}\n\n", look.paint(GOOD, look.marks().success), look.paint(BOLD, shown));
    let width = created.files.iter().map(|(file, _)| file.len()).max().unwrap_or_default();
    for (file, about) in &created.files {
        let line = format!("{file:width$}  {}", look.paint(DIM, about));
        text.push_str(&format!(
            "  {}\n",
            if columns.is_some_and(|columns| columns < 60) { file } else { &*line }
        ));
    }
    text.push_str("\nNext:\n");
    let target = shell_word(&created.folder.to_string_lossy());
    let first = created.actions.first().copied().unwrap_or_default();
    for command in [format!("run {first}"), "test".to_owned()] {
        text.push_str(&format!(
            "  {}\n",
            look.paint(ACCENT, format!("synapse plugin {command} --path {target}"))
        ));
    }
    text
}

/// A path as a shell reads it as one word.
fn shell_word(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%".contains(&byte);
    if path.bytes().all(plain) { path.to_owned() } else { format!("'{}'", path.replace('\'', r"'\''")) }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn paths_can_be_pasted_into_a_shell() {
        assert_eq!(shell_word("/home/ada/plugins"), "/home/ada/plugins");
        assert_eq!(shell_word("my plugins/it's"), r"'my plugins/it'\''s'");
    }

    #[test]
    fn an_answer_that_cannot_be_is_told_with_one_that_can() {
        assert_eq!(refusal("Port Vessels", "port-vessels"), Ok(()));
        let refused = refusal("N", "Port Vessels").unwrap_err();
        assert!(refused.ends_with("; for example `port-vessels`"), "{refused}");
        assert!(refusal(" ", "a").unwrap_err().contains("is no name"));
    }

    #[test]
    fn the_next_commands_stand_below_the_files() {
        let created = Created {
            folder: "my plugins/synapse-n-plugin".into(),
            files: vec![("src/lib.rs", "the action"), ("Cargo.toml", "dependencies")],
            actions: vec!["main"],
            replaced: 0,
        };
        let look = Look { color: false, unicode: true };
        let expected = "\
✓ my plugins/synapse-n-plugin

  src/lib.rs  the action
  Cargo.toml  dependencies

Next:
  synapse plugin run main --path 'my plugins/synapse-n-plugin'
  synapse plugin test --path 'my plugins/synapse-n-plugin'
";
        assert_eq!(report(&created, Some(100), look), expected);
    }
}
