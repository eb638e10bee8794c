//! Who one is at a backend: what variables say, else the file that `synapse
//! login` writes.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use crate::files;
use crate::home::Home;

const HOST: &str = "SYNAPSE_HOST";
const TOKEN: &str = "SYNAPSE_ACCESS_TOKEN";

#[derive(Serialize, Deserialize)]
struct Stored {
    host: String,
    access_token: String,
}

/// Credentials that were found. The token itself stays where it is as long as
/// nothing is asked with it.
#[derive(Debug, PartialEq)]
pub(crate) struct Credentials {
    /// The backend's address, where it is known.
    pub(crate) host: Option<String>,
    /// The variable or the file that has the token.
    pub(crate) from: String,
    /// Whether others on this machine can read that file.
    pub(crate) is_open: bool,
}

/// The file in a home.
pub(crate) fn file(home: &Home) -> PathBuf {
    home.path().join("credentials.json")
}

/// The backend's address: that of the variable, else that of the file.
pub(crate) fn host(home: Option<&Home>) -> Option<String> {
    set(HOST).or_else(|| Some(read(&file(home?)).ok()??.host))
}

/// The credentials, if there are any.
///
/// # Errors
/// The file cannot be read or understood.
pub(crate) fn find(home: Option<&Home>) -> Result<Option<Credentials>> {
    if set(TOKEN).is_some() {
        return Ok(Some(Credentials { host: host(home), from: TOKEN.to_owned(), is_open: false }));
    }
    let Some(path) = home.map(file) else { return Ok(None) };
    let Some(stored) = read(&path)? else { return Ok(None) };
    let mode = fs::metadata(&path).map(|metadata| metadata.permissions().mode());
    Ok(Some(Credentials {
        host: set(HOST).or(Some(stored.host)),
        from: path.display().to_string(),
        is_open: mode.is_ok_and(|mode| mode & 0o077 != 0),
    }))
}

/// Keeps credentials in a file that only its owner can read.
///
/// # Errors
/// It cannot be written.
pub(crate) fn save(path: &Path, host: &str, token: &str) -> Result<()> {
    let stored = Stored { host: host.to_owned(), access_token: token.to_owned() };
    let text = serde_json::to_string_pretty(&stored)?;
    let written = files::put_whole(path, |file| {
        file.set_permissions(Permissions::from_mode(0o600))?;
        file.write_all(text.as_bytes())
    });
    written.with_context(|| format!("writing {}", path.display()))
}

/// Removes the file; says whether there was one.
///
/// # Errors
/// It cannot be removed.
pub(crate) fn remove(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("removing {}", path.display())),
    }
}

fn read(path: &Path) -> Result<Option<Stored>> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("reading {}", path.display())),
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| {
        PluginError::new(ErrorKind::Validation, format!("{} is damaged: {error}", path.display()))
            .hint("`synapse login` writes it anew")
    })
}

fn set(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}
