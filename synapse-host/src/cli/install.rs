//! `synapse plugin install` and `synapse plugin uninstall`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::engine::ArgValueCompleter;
use serde_json::json;
use synapse_sdk::errors::{NotFoundError, Result};
use synapse_sdk::{ErrorKind, PluginError};

use super::ask::Asker;
use super::completions::codes;
use super::inspect::{NOT_SANDBOXED, Shown};
use super::output::Output;
use crate::check::{self, Machine, Reason};
use crate::home::Home;
use crate::kind::Kind;
use crate::registry::{self, Wanted};
use crate::trust;

/// Install a plugin for this user: from then on its code names it.
///
/// Versions of a plugin stay beside one another: `greet` names the newest,
/// `greet@0.1.0` that one.
///
/// It is shown what the plugin is and who signed it, and asked; not when a key
/// that is trusted here speaks for it. None of its code runs.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse plugin install greet-0.1.0.synapse
  synapse plugin install greet-0.1.0.synapse --trust         where nobody can be asked
  synapse plugin run greet -p greet -P name=Ada
  synapse plugin run greet -p greet@0.1.0 -P name=Ada        whatever is installed beside it")]
pub(crate) struct InstallArgs {
    /// The bundle, or a .so file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Install it without a question
    #[arg(long)]
    trust: bool,
}

/// Remove an installed plugin, in all its versions or one.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse plugin uninstall greet
  synapse plugin uninstall greet@0.1.0")]
pub(crate) struct UninstallArgs {
    /// The plugin's code, or one version of it
    #[arg(value_name = "CODE", add = ArgValueCompleter::new(codes))]
    code: String,
}

impl InstallArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let home = home()?;
        let kind = kind(&self.file)?;
        let reasons: Vec<Reason> = check::why_not(&self.file, &Machine::here())?
            .into_iter()
            .filter(|reason| *reason != Reason::PanicAborts)
            .collect();
        if let Some(error) = check::error(&self.file, &reasons) {
            return Err(error);
        }
        let verdict = trust::verdict(&self.file)?;
        if !self.trust && !verdict.is_known() {
            self.ask(output)?;
        }
        let installed = registry::install(&home, &self.file, kind)?;
        let facts = &installed.facts;
        if let Some(newer) = &installed.newer {
            let (code, version) = (&facts.code, &facts.version);
            output.note(&format!(
                "{code} {newer} is installed too: `{code}` names that, `{code}@{version}` this one"
            ));
        }
        let document = json!({
            "installed": {
                "code": facts.code,
                "name": facts.name,
                "version": facts.version,
                "path": installed.path,
                "actions": facts.actions,
                "replaced": installed.replaced,
                "signature": verdict.document(),
            }
        });
        output.document(&document, |_| {
            let action = facts.actions.first().map_or("ACTION", String::as_str);
            let name = match installed.newer {
                Some(_) => format!("{}@{}", facts.code, facts.version),
                None => facts.code.clone(),
            };
            format!(
                "installed {} {} · {}\n{verdict}\n\nrun it: synapse plugin run {action} -p {name}\n",
                facts.code,
                facts.version,
                installed.path.display(),
            )
        })
    }

    /// Shows what it is, and asks.
    fn ask(&self, output: &mut Output) -> Result<()> {
        if !Asker::has_terminal() {
            return Err(PluginError::new(
                ErrorKind::Usage,
                format!(
                    "no key that is trusted here speaks for {}, and nobody can be asked",
                    self.file.display()
                ),
            )
            .hint("look at it with `synapse plugin inspect`; --trust installs it without a question"));
        }
        let shown = Shown::of_file(&self.file, false)?;
        eprintln!("{}", shown.overview(None).trim_end());
        eprintln!("\n{NOT_SANDBOXED}");
        Asker::new(output.look())?.confirm_danger("Install it?", "nothing was installed")
    }
}

fn kind(file: &std::path::Path) -> Result<Kind> {
    if !file.exists() {
        return Err(NotFoundError::new(format!("there is no file {}", file.display()))
            .hint("`synapse plugin build --release` makes a bundle in the plugin's folder `dist`"));
    }
    match Kind::of(file) {
        Some(kind @ (Kind::Library | Kind::Bundle)) => Ok(kind),
        _ => Err(PluginError::new(
            ErrorKind::Usage,
            format!("{} is neither a bundle nor a .so file", file.display()),
        )
        .hint("a plugin's folder is run by its path, or built first: `synapse plugin build --release`")),
    }
}

impl UninstallArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let removed = registry::uninstall(&home()?, &self.code)?;
        let code = Wanted::of(&self.code).code;
        output.document(&json!({ "uninstalled": { "code": code, "paths": removed } }), |_| {
            let paths: Vec<String> = removed.iter().map(|path| path.display().to_string()).collect();
            format!("uninstalled {} · {}\n", self.code, paths.join(", "))
        })
    }
}

fn home() -> Result<Home> {
    Home::from_env().ok_or_else(|| {
        PluginError::new(ErrorKind::NotFound, "there is no folder to install into")
            .hint("set SYNAPSE_HOME, or HOME, to a folder")
    })
}
