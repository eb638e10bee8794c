//! `synapse completions`, and what is proposed for names of plugins and actions.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory, ValueEnum};
use clap_complete::engine::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};
use serde_json::json;
use synapse_sdk::errors::{Result, ResultExt};

use super::output::Output;
use crate::bundle::{Bundle, CONFIG};
use crate::config::{self, PluginConfig};
use crate::inspect::inspect;
use crate::kind::Kind;
use crate::plugin::read_config;
use crate::plugin_ref::known_codes;

/// The variable by which a shell asks for proposals.
const ASKED: &str = "SYNAPSE_COMPLETE";

/// Print what makes a shell complete commands, options, plugins and actions.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

const EXAMPLES: &str = "\
Examples:
  source <(synapse completions bash)                    in ~/.bashrc
  source <(synapse completions zsh)                     in ~/.zshrc, after compinit
  synapse completions fish | source                     in ~/.config/fish/config.fish";

impl CompletionsArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let name = match self.shell {
            Shell::Bash => "bash",
            Shell::Zsh => "zsh",
            Shell::Fish => "fish",
        };
        let mut script = Vec::new();
        if let Some(shell) = Shells::builtins().completer(name) {
            shell
                .write_registration(ASKED, "synapse", "synapse", "synapse", &mut script)
                .context("writing the script")?;
        }
        let script = String::from_utf8_lossy(&script).into_owned();
        output.document(&json!({ "shell": name, "script": script }), |_| script.clone())
    }
}

/// Answers a shell that asks, and ends the process then.
pub(crate) fn answer_shell() {
    if std::env::var_os(ASKED).is_some() {
        CompleteEnv::with_factory(super::Cli::command).var(ASKED).complete();
    }
}

/// For the words TARGET and ACTION: actions of the plugin that is named so far,
/// else of the one in this folder; and codes of plugins.
pub(crate) fn targets_and_actions(current: &OsStr) -> Vec<CompletionCandidate> {
    let words: Vec<String> = std::env::args().skip_while(|word| word != "--").skip(1).collect();
    let plugin = named_plugin(&words);
    let actions = config_of(plugin.as_deref().unwrap_or(Path::new("."))).map(actions).unwrap_or_default();
    let mut codes = if plugin.is_none() { known_codes() } else { Vec::new() };
    codes.retain(|code| actions.iter().all(|(action, _)| action != code));
    beginning(current, actions.into_iter().chain(codes.into_iter().map(|code| (code, String::new()))))
}

/// For `--plugin`.
pub(crate) fn codes(current: &OsStr) -> Vec<CompletionCandidate> {
    beginning(current, known_codes().into_iter().map(|code| (code, String::new())))
}

fn beginning(current: &OsStr, named: impl Iterator<Item = (String, String)>) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    named
        .filter(|(name, _)| name.starts_with(&*current))
        .map(|(name, help)| CompletionCandidate::new(name).help((!help.is_empty()).then(|| help.into())))
        .collect()
}

fn actions(config: PluginConfig) -> Vec<(String, String)> {
    config.actions.into_iter().map(|action| (action.name, action.description)).collect()
}

/// The plugin of `--path`, or a word that is a folder or a library. The word
/// being written, the last, names none.
fn named_plugin(words: &[String]) -> Option<PathBuf> {
    let (_, written) = words.split_last()?;
    let of_option = written.iter().position(|word| word == "--path").and_then(|at| written.get(at + 1));
    let is_plugin = |word: &&String| config_of(Path::new(word)).is_some();
    of_option.or_else(|| written.iter().skip(3).find(is_plugin)).map(PathBuf::from)
}

/// The config of a folder, a library or a bundle; nothing is built or run for it.
fn config_of(plugin: &Path) -> Option<PluginConfig> {
    match Kind::of(plugin)? {
        Kind::Folder => read_config(&config::find(plugin)?).ok(),
        Kind::Library => Some(inspect(plugin).ok()?.config),
        Kind::Bundle => {
            let bundle = Bundle::open(plugin).ok()?;
            let text = bundle.read_of(plugin, bundle.manifest().file(CONFIG)?).ok()?;
            Some(config::parse(&String::from_utf8_lossy(&text)).ok()?.config)
        }
    }
}
