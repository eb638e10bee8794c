//! `synapse login`, `logout` and `whoami`.

use std::io::{self, IsTerminal};

use clap::Args;
use serde_json::json;
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use super::output::Output;
use crate::credentials;
use crate::home::Home;

/// Keep the token for a backend.
///
/// It is written to credentials.json in $SYNAPSE_HOME, which only you can read.
/// Nothing is asked with it: whether the backend takes it is seen when it is
/// needed. SYNAPSE_HOST and SYNAPSE_ACCESS_TOKEN go before what is kept.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse login --host https://synapse.example.org           asks for the token
  synapse login --host https://synapse.example.org --token \"$TOKEN\"")]
pub(crate) struct LoginArgs {
    /// The backend's address [default: SYNAPSE_HOST]
    #[arg(long, env = "SYNAPSE_HOST", hide_env = true, value_name = "URL")]
    host: String,
    /// The token; others on this machine may see it here while the command runs
    #[arg(short, long, value_name = "TOKEN")]
    token: Option<String>,
}

/// Forget the token that `synapse login` kept.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  synapse logout")]
pub(crate) struct LogoutArgs {}

/// Say which backend and which credentials are used. The token is not shown.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  synapse whoami --json\n\nExit code 6: there are no credentials.")]
pub(crate) struct WhoamiArgs {}

impl LoginArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let host = self.host.trim();
        if !["http://", "https://"].iter().any(|scheme| host.starts_with(scheme)) {
            let message = format!("`{host}` is no address of a backend");
            return Err(PluginError::new(ErrorKind::Usage, message).hint("for example --host https://HOST"));
        }
        let token = self.token.map_or_else(asked_token, Ok)?;
        let token = token.trim();
        if token.is_empty() || token.contains(char::is_whitespace) {
            return Err(PluginError::new(ErrorKind::Usage, "that is no token")
                .hint("a token is one word: --token TOKEN, or the first line of standard input"));
        }
        let path = credentials::file(&home()?);
        credentials::save(&path, host, token)?;
        output.document(&json!({ "host": host, "from": path }), |_| {
            format!("the token for {host} is kept in {}\n", path.display())
        })
    }
}

fn asked_token() -> Result<String> {
    if io::stdin().is_terminal() {
        return rpassword::prompt_password("Token: ").context("asking for the token");
    }
    let mut line = String::new();
    io::stdin().read_line(&mut line).context("reading the token from standard input")?;
    Ok(line)
}

impl LogoutArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let path = credentials::file(&home()?);
        let removed = credentials::remove(&path)?;
        output.document(&json!({ "host": null, "from": null }), |_| match removed {
            true => format!("{} is removed\n", path.display()),
            false => "no token was kept\n".to_owned(),
        })
    }
}

impl WhoamiArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let found = credentials::find(Home::from_env().as_ref())?.ok_or_else(|| {
            PluginError::new(ErrorKind::Remote, "Not authenticated: there is no token for a backend")
                .hint("`synapse login`, or set SYNAPSE_ACCESS_TOKEN")
        })?;
        output.document(&json!({ "host": found.host, "from": found.from }), |_| {
            let host = found.host.as_deref().unwrap_or("a backend whose address is not known");
            format!("{host}, with the token of {}; nothing was asked with it\n", found.from)
        })
    }
}

fn home() -> Result<Home> {
    Home::from_env().ok_or_else(|| {
        PluginError::new(ErrorKind::NotFound, "there is no folder to keep credentials in")
            .hint("set SYNAPSE_HOME, or HOME, to a folder")
    })
}
