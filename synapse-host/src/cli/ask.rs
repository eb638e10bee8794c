//! Questions to the person at the terminal, on standard error.

use std::io::{self, IsTerminal};
use std::sync::Arc;

use dialoguer::console::Term;
use dialoguer::theme::{ColorfulTheme, SimpleTheme, Theme};
use dialoguer::{Confirm, Input, Select};
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::interrupt;
use super::output::look::Look;

/// Asks questions. See the module.
pub(super) struct Asker {
    theme: Box<dyn Theme>,
}

impl Asker {
    /// Whether there is somebody to ask.
    pub(super) fn has_terminal() -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// # Errors
    /// Ctrl-C cannot be heard.
    pub(super) fn new(look: Look) -> Result<Self> {
        // Ctrl-C then ends the question and not the process, so that the cursor,
        // which a list hides, comes back.
        interrupt::count(signal_hook::consts::SIGINT, Arc::default())?;
        let theme: Box<dyn Theme> = match look {
            Look { color: true, unicode: true } => Box::new(ColorfulTheme::default()),
            _ => Box::new(SimpleTheme),
        };
        Ok(Self { theme })
    }

    /// A line of text. `check` says what is wrong with it.
    pub(super) fn text(
        &self,
        question: &str,
        default: Option<String>,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<String> {
        let mut input = Input::<String>::with_theme(&*self.theme).with_prompt(question);
        if let Some(default) = default {
            input = input.default(default);
        }
        answered(input.validate_with(|text: &String| check(text)).interact_text())
    }

    /// One of several, chosen with the arrow keys.
    pub(super) fn choice(&self, question: &str, choices: &[String], default: usize) -> Result<usize> {
        let select = Select::with_theme(&*self.theme).with_prompt(question).items(choices).default(default);
        answered(select.interact())
    }

    /// Asks for leave to do what cannot be undone; no is what is not answered.
    ///
    /// # Errors
    /// [`Cancelled`](ErrorKind::Cancelled) when the answer is no.
    pub(super) fn confirm_danger(&self, question: &str, otherwise: &str) -> Result<()> {
        let confirm = Confirm::with_theme(&*self.theme).with_prompt(question).default(false);
        let refused = || PluginError::new(ErrorKind::Cancelled, otherwise);
        match answered(confirm.interact()) {
            Ok(true) => Ok(()),
            Ok(false) => Err(refused()),
            Err(error) if error.kind() == ErrorKind::Cancelled => Err(refused()),
            Err(error) => Err(error),
        }
    }

    /// # Errors
    /// [`Cancelled`](ErrorKind::Cancelled) when the answer is no.
    pub(super) fn confirm(&self, question: &str) -> Result<()> {
        let confirm = Confirm::with_theme(&*self.theme).with_prompt(question).default(true);
        if answered(confirm.interact())? { Ok(()) } else { Err(cancelled()) }
    }
}

fn answered<T>(answer: dialoguer::Result<T>) -> Result<T> {
    answer.map_err(|dialoguer::Error::IO(error)| {
        // Nothing more can be done about a terminal that is gone.
        let _ = Term::stderr().show_cursor();
        match error.kind() {
            io::ErrorKind::Interrupted | io::ErrorKind::UnexpectedEof => cancelled(),
            _ => PluginError::new(ErrorKind::Io, format!("the terminal cannot be read: {error}"))
                .hint("say --yes and give the answers as options"),
        }
    })
}

fn cancelled() -> PluginError {
    PluginError::new(ErrorKind::Cancelled, "nothing was created")
}
