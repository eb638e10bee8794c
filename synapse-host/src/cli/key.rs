//! `synapse key`.

use std::fs;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use super::output::{Output, table};
use crate::home::Home;
use crate::trust::{Key, Keyring, Password, is_required};

/// The password of a secret key, for those who are not at a terminal.
const PASSWORD_VARIABLE: &str = "SYNAPSE_KEY_PASSWORD";

/// What is done with keys.
#[derive(Subcommand, Debug)]
pub(crate) enum KeyCommand {
    Create(CreateArgs),
    List(ListArgs),
    Trust(TrustArgs),
    Remove(RemoveArgs),
    Require(RequireArgs),
}

/// Make a key to sign plugins with.
///
/// Two files are made: `NAME.key`, which is secret, and `NAME.pub`, which
/// those get who shall trust what it signs. Their format is minisign's.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse key create ada
  synapse plugin build --release --sign ada
  SYNAPSE_KEY_PASSWORD=… synapse key create builds           where nobody can be asked")]
pub(crate) struct CreateArgs {
    /// What the key is called here
    name: String,
    /// Protect the secret key by its file's permissions alone
    #[arg(long)]
    no_password: bool,
}

/// List the keys that are trusted here.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  synapse key list --json")]
pub(crate) struct ListArgs {}

/// Trust a key: from now on it speaks for what it signed.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse key trust ada.pub
  synapse key trust RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3 --name ada")]
pub(crate) struct TrustArgs {
    /// The public key: its file, or its line of base64
    key: String,
    /// What it is called here [default: the file's name]
    #[arg(long)]
    name: Option<String>,
}

/// Trust a key no longer.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  synapse key remove ada\n  synapse key remove mine --secret")]
pub(crate) struct RemoveArgs {
    /// The key's name
    name: String,
    /// Remove its secret key as well
    #[arg(long)]
    secret: bool,
}

/// Have every load require a trusted key, or not; without an argument, say
/// which it is.
///
/// Once on, no plugin is loaded that is not signed by a key of `synapse key
/// list`, those that were just built included: they end with exit code 5.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  synapse key require on
  SYNAPSE_REQUIRE_KEY=1 synapse plugin run …                 for this command only")]
pub(crate) struct RequireArgs {
    /// Whether a key is required
    #[arg(value_enum)]
    state: Option<State>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum State {
    On,
    Off,
}

impl KeyCommand {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let keys = keyring()?;
        match self {
            Self::Create(args) => args.execute(&keys, output),
            Self::List(ListArgs {}) => list(&keys, output),
            Self::Trust(args) => args.execute(&keys, output),
            Self::Remove(args) => args.execute(&keys, output),
            Self::Require(args) => args.execute(&keys, output),
        }
    }
}

impl CreateArgs {
    fn execute(self, keys: &Keyring, output: &mut Output) -> Result<()> {
        let password = if self.no_password { Password::None } else { new_password()? };
        let key = keys.create(&self.name, password)?;
        output.document(&json!({ "key": document(&key) }), |_| {
            format!(
                "made the key {} ({})\n\nsign with it:      synapse plugin build --release --sign {}\n\
                 others trust it:   synapse key trust {} --name {}\n",
                key.name, key.id, key.name, key.public, key.name
            )
        })
    }
}

fn list(keys: &Keyring, output: &mut Output) -> Result<()> {
    let listed = keys.list()?;
    let documents: Vec<Value> = listed.iter().map(document).collect();
    let document = json!({ "keys": documents, "required": is_required() });
    output.document(&document, |columns| {
        let rows: Vec<Vec<String>> = listed
            .iter()
            .map(|key| {
                let signs = if key.secret { "yes" } else { "-" };
                vec![key.name.clone(), key.id.clone(), signs.to_owned(), key.public.clone()]
            })
            .collect();
        match rows.is_empty() {
            true => "no keys; `synapse key create NAME` makes one\n".to_owned(),
            false => table(&["NAME", "ID", "SIGNS", "PUBLIC KEY"], &rows, columns),
        }
    })
}

impl TrustArgs {
    fn execute(self, keys: &Keyring, output: &mut Output) -> Result<()> {
        let path = Path::new(&self.key);
        let (text, stem) = match path.is_file() {
            true => {
                let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
                (text, path.file_stem().map(|stem| stem.to_string_lossy().into_owned()))
            }
            false => (self.key.clone(), None),
        };
        let name = self.name.or(stem).ok_or_else(|| {
            PluginError::new(ErrorKind::Usage, "the key needs a name, or the file is not there")
                .hint("for example `synapse key trust RW… --name ada`")
        })?;
        let key = keys.trust(&name, &text)?;
        output.document(&json!({ "key": document(&key) }), |_| {
            format!("what {} ({}) signs is trusted from now on\n", key.name, key.id)
        })
    }
}

impl RemoveArgs {
    fn execute(self, keys: &Keyring, output: &mut Output) -> Result<()> {
        let key = keys.remove(&self.name, self.secret)?;
        output.document(&json!({ "key": document(&key) }), |_| {
            format!("what {} ({}) signed is trusted no longer\n", key.name, key.id)
        })
    }
}

impl RequireArgs {
    fn execute(self, keys: &Keyring, output: &mut Output) -> Result<()> {
        if let Some(state) = self.state {
            keys.set_required(matches!(state, State::On))?;
        }
        let required = is_required();
        output.document(&json!({ "required": required }), |_| {
            match required {
                true => "every load requires a trusted key\n",
                false => "no load requires a key\n",
            }
            .to_owned()
        })
    }
}

fn document(key: &Key) -> Value {
    json!({ "name": key.name, "id": key.id, "public": key.public, "secret": key.secret })
}

/// The keys of this user.
pub(crate) fn keyring() -> Result<Keyring> {
    let home = Home::from_env().ok_or_else(|| {
        PluginError::new(ErrorKind::NotFound, "there is no folder to keep keys in")
            .hint("set SYNAPSE_HOME, or HOME, to a folder")
    })?;
    Ok(Keyring::at(&home))
}

/// Signs files with one key, whose password is asked for once.
pub(crate) struct Signer {
    keys: Keyring,
    name: String,
    password: Option<String>,
}

impl Signer {
    /// The key of that name.
    ///
    /// # Errors
    /// There is none, or nobody can be asked for its password.
    pub(crate) fn new(name: &str) -> Result<Self> {
        let keys = keyring()?;
        let protected = keys.is_protected(name)?;
        let password = if protected { Some(password(&format!("Password of {name}: "))?) } else { None };
        Ok(Self { keys, name: name.to_owned(), password })
    }

    /// Signs a file, and returns where the signature lies.
    pub(crate) fn sign(&mut self, file: &Path) -> Result<PathBuf> {
        let password = self.password.clone().map_or(Password::None, Password::Text);
        self.keys.sign(&self.name, password, file)
    }
}

fn password(prompt: &str) -> Result<String> {
    if let Ok(text) = std::env::var(PASSWORD_VARIABLE) {
        return Ok(text);
    }
    if !std::io::stdin().is_terminal() {
        return Err(PluginError::new(ErrorKind::Usage, "the key has a password, and nobody can be asked")
            .hint(format!("set {PASSWORD_VARIABLE}")));
    }
    rpassword::prompt_password(prompt).context("asking for the password")
}

fn new_password() -> Result<Password> {
    if std::env::var_os(PASSWORD_VARIABLE).is_none() && !std::io::stdin().is_terminal() {
        return Err(PluginError::new(ErrorKind::Usage, "the key needs a password, and nobody can be asked")
            .hint(format!("set {PASSWORD_VARIABLE}, or say --no-password")));
    }
    let first = password("Password for the new key: ")?;
    if first.is_empty() {
        return Err(PluginError::new(ErrorKind::Usage, "the password is empty")
            .hint("--no-password makes a key that only its file's permissions protect"));
    }
    if std::env::var_os(PASSWORD_VARIABLE).is_none() && password("Once more: ")? != first {
        return Err(PluginError::new(ErrorKind::Usage, "the passwords differ").hint("try again"));
    }
    Ok(Password::Text(first))
}
