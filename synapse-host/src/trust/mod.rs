//! Who vouches for a plugin's file: signatures beside files, keys that this
//! user trusts, and whether a load requires one.
//!
//! Keys and signatures have the formats of minisign
//! (<https://jedisct1.github.io/minisign/>): Ed25519 over BLAKE2b-512, as text.
//! The signature of `FILE` lies beside it as `FILE.minisig`, so that the file's
//! own bytes stay reproducible.

mod keyring;
mod signature;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use synapse_sdk::errors::{Result, ResultExt};

use crate::cache::Unpacked;
use crate::files::put_whole;
use crate::home::Home;

pub use keyring::{Key, Keyring, Password};
pub use signature::path_beside;

/// Setting this to anything but nothing and `0` has every load require a key
/// that is known here; `0` turns off what `synapse key require` turned on.
pub const REQUIRE_VARIABLE: &str = "SYNAPSE_REQUIRE_KEY";

/// What a file's signature is worth.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// There is none.
    Unsigned,
    /// A key that is trusted here signed the file as it is.
    Known {
        /// The name it has here.
        name: String,
        /// Its id, 16 hex digits.
        id: String,
    },
    /// It was made by a key that is not known here, so it tells nothing.
    UnknownKey {
        /// That key's id, 16 hex digits.
        id: String,
    },
    /// It is of other bytes, or no signature.
    Bad(String),
}

impl Verdict {
    /// Whether a trusted key speaks for the file.
    pub fn is_known(&self) -> bool {
        matches!(self, Self::Known { .. })
    }

    /// As programs read it: `{"status": "known", "name": …, "key": …}`.
    pub fn document(&self) -> Value {
        match self {
            Self::Unsigned => json!({ "status": "unsigned" }),
            Self::Known { name, id } => json!({ "status": "known", "name": name, "key": id }),
            Self::UnknownKey { id } => json!({ "status": "unknown_key", "key": id }),
            Self::Bad(why) => json!({ "status": "bad", "message": why }),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsigned => f.write_str("not signed"),
            Self::Known { name, id } => write!(f, "signed by {name} ({id}), whom you trust"),
            Self::UnknownKey { id } => write!(f, "signed by the key {id}, which is not known here"),
            Self::Bad(why) => write!(f, "not signed as it is: {why}"),
        }
    }
}

/// Whether every load requires a key that is known here: as
/// [`REQUIRE_VARIABLE`] says, else as `synapse key require` left it.
pub fn is_required() -> bool {
    match std::env::var_os(REQUIRE_VARIABLE).filter(|value| !value.is_empty()) {
        Some(value) => value != "0",
        None => Home::from_env().is_some_and(|home| Keyring::at(&home).is_required()),
    }
}

/// What the signature of the file at `path` is worth to this user. For what was
/// unpacked from a bundle that of the bundle counts.
///
/// # Errors
/// The file or the keys cannot be read.
pub fn verdict(path: &Path) -> Result<Verdict> {
    let Some(home) = Home::from_env() else { return signature::judge(path, &[]) };
    let keys = Keyring::at(&home);
    match keys.verify(path)? {
        Verdict::Unsigned if path.starts_with(home.cache()) => vouched_for(path, &keys),
        verdict => Ok(verdict),
    }
}

/// Who signed the bundle that `library` was unpacked from, as long as that key is
/// trusted.
fn vouched_for(library: &Path, keys: &Keyring) -> Result<Verdict> {
    let noted =
        |key: &Key| fs::read_to_string(note_of(library, &key.id)).is_ok_and(|text| text == key.public);
    let key = keys.list()?.into_iter().find(noted);
    Ok(key.map_or(Verdict::Unsigned, |key| Verdict::Known { name: key.name, id: key.id }))
}

/// Where it is noted that a key speaks for a library in the cache: beside it, as
/// whoever can write there can write to the keys as well.
fn note_of(library: &Path, id: &str) -> PathBuf {
    library.with_file_name(format!("{id}.vouches"))
}

/// What is to be thought of the bundle at `bundle`, of which `library` was
/// unpacked: a trusted key that signed it is noted beside the library, which is
/// then trusted where it is loaded.
///
/// # Errors
/// As [`verdict`].
pub(crate) fn vouch(bundle: &Path, library: &Unpacked) -> Result<Verdict> {
    let known = verdict(&library.library)?;
    if known.is_known() {
        return Ok(known);
    }
    let verdict = verdict(bundle)?;
    if let (Verdict::Known { name, id }, Some(home)) = (&verdict, Home::from_env())
        && library.is_of(bundle)
    {
        let public = Keyring::at(&home).find(name)?.public;
        let note = note_of(&library.library, id);
        put_whole(&note, |file| file.write_all(public.as_bytes()))
            .with_context(|| note.display().to_string())?;
    }
    Ok(verdict)
}
