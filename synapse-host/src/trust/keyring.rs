//! The keys of a user: own ones to sign with, and those of others to trust.
//!
//! They lie in `$SYNAPSE_HOME/keys`: `NAME.pub` is a public key that is
//! trusted, `NAME.key` a secret key, readable by its owner alone. A file named
//! `required` there has every load require a trusted key.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};
use serde_json::json;
use synapse_sdk::errors::{NotFoundError, Result, ResultExt, ValidationError};
use synapse_sdk::suggest::nearest;
use synapse_sdk::{ErrorKind, PluginError};

use super::Verdict;
use super::signature;
use crate::files::put_whole;
use crate::home::Home;

/// A key that is trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The name it has here.
    pub name: String,
    /// Its id, 16 hex digits.
    pub id: String,
    /// The public key in base64, as minisign's `-P` takes it.
    pub public: String,
    /// Whether its secret key is here, to sign with.
    pub secret: bool,
}

/// What protects a secret key.
pub enum Password {
    /// Nothing but the file's permissions.
    None,
    /// This text.
    Text(String),
}

/// The keys of a user.
#[derive(Clone, Debug)]
pub struct Keyring(PathBuf);

impl Keyring {
    /// The keys kept in a home. None is made by naming it.
    pub fn at(home: &Home) -> Self {
        Self(home.path().join("keys"))
    }

    /// Makes a key to sign with, and trusts it.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) for a name that cannot be one or is
    /// taken; the files cannot be written.
    pub fn create(&self, name: &str, password: Password) -> Result<Key> {
        check_name(name)?;
        self.check_free(name)?;
        let pair = match password {
            Password::None => KeyPair::generate_unencrypted_keypair(),
            Password::Text(text) => KeyPair::generate_encrypted_keypair(Some(text)),
        }?;
        let secret = pair.sk.to_box(Some(&format!("synapse secret key {name}")))?;
        fs::create_dir_all(&self.0).with_context(|| self.0.display().to_string())?;
        write_secret(&self.secret(name), &secret.to_string())?;
        self.write_public(name, &pair.pk)?;
        self.find(name)
    }

    /// Trusts somebody's public key from now on: the text of a `.pub` file, or
    /// its line of base64.
    ///
    /// # Errors
    /// [`Validation`](ErrorKind::Validation) when it is none, or the name is
    /// taken by another key.
    pub fn trust(&self, name: &str, public: &str) -> Result<Key> {
        check_name(name)?;
        let public = parse_public(public)?;
        match self.find(name) {
            Ok(known) if known.public == public.to_base64() => {}
            Ok(_) => self.check_free(name)?,
            Err(_) => {}
        }
        fs::create_dir_all(&self.0).with_context(|| self.0.display().to_string())?;
        self.write_public(name, &public)?;
        self.find(name)
    }

    /// Trusts a key no longer.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such key;
    /// [`Validation`](ErrorKind::Validation) when its secret key would be lost
    /// and `with_secret` does not say so; a file cannot be removed.
    pub fn remove(&self, name: &str, with_secret: bool) -> Result<Key> {
        let key = self.find(name)?;
        if key.secret && !with_secret {
            return Err(ValidationError::new(format!("`{name}` has a secret key, which would be lost"))
                .hint(format!("`synapse key remove {name} --secret` removes that as well")));
        }
        let mut files = vec![self.public(name)];
        files.extend(with_secret.then(|| self.secret(name)));
        for file in files.iter().filter(|file| file.exists()) {
            fs::remove_file(file).with_context(|| file.display().to_string())?;
        }
        Ok(key)
    }

    /// All keys that are trusted, by name.
    ///
    /// # Errors
    /// A file cannot be read or is no key.
    pub fn list(&self) -> Result<Vec<Key>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error).with_context(|| self.0.display().to_string()),
        };
        let mut names: Vec<String> = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let is_key = path.extension().is_some_and(|extension| extension == "pub");
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            names.extend(name.filter(|_| is_key));
        }
        names.sort();
        names.iter().map(|name| self.find(name)).collect()
    }

    /// The key of that name.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound), with the names there are.
    pub fn find(&self, name: &str) -> Result<Key> {
        check_name(name)?;
        let path = self.public(name);
        if !path.is_file() {
            return Err(self.no_key(name));
        }
        let public = parse_public(&read(&path)?).with_context(|| path.display().to_string())?;
        Ok(Key {
            name: name.to_owned(),
            id: signature::id(public.keynum()),
            public: public.to_base64(),
            secret: self.secret(name).is_file(),
        })
    }

    /// Whether the secret key of that name needs a password.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is none.
    pub fn is_protected(&self, name: &str) -> Result<bool> {
        check_name(name)?;
        let path = self.secret(name);
        if !path.is_file() {
            return Err(self.no_secret(name));
        }
        Ok(SecretKey::from_unencrypted_box(SecretKeyBox::from_string(&read(&path)?)?).is_err())
    }

    /// Signs the file at `path` with the secret key of that name, and returns
    /// where the signature lies.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) when there is no such key;
    /// [`Validation`](ErrorKind::Validation) when the password is wrong.
    pub fn sign(&self, name: &str, password: Password, path: &Path) -> Result<PathBuf> {
        check_name(name)?;
        let stored = self.secret(name);
        if !stored.is_file() {
            return Err(self.no_secret(name));
        }
        let stored = SecretKeyBox::from_string(&read(&stored)?)?;
        let secret = match password {
            Password::None => SecretKey::from_unencrypted_box(stored),
            Password::Text(text) => SecretKey::from_box(stored, Some(text)),
        };
        let secret = secret.map_err(|error| {
            ValidationError::new(format!("the key `{name}` cannot be used: {error}"))
                .hint("give its password, at the prompt or in SYNAPSE_KEY_PASSWORD")
        })?;
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        let trusted = format!("file:{file_name}");
        let untrusted = format!("signature of {file_name} by {name}");
        let made = minisign::sign(None, &secret, BufReader::new(file), Some(&trusted), Some(&untrusted))?;
        signature::write(path, &made)
    }

    /// What the signature of the file at `path` is worth to this user.
    ///
    /// # Errors
    /// The file or the keys cannot be read.
    pub fn verify(&self, path: &Path) -> Result<Verdict> {
        signature::judge(path, &self.list()?)
    }

    /// Whether every load requires a trusted key.
    pub fn is_required(&self) -> bool {
        self.0.join("required").exists()
    }

    /// Has every load require a trusted key, or not.
    ///
    /// # Errors
    /// The setting cannot be written.
    pub fn set_required(&self, required: bool) -> Result<()> {
        let file = self.0.join("required");
        let done = match required {
            true => fs::create_dir_all(&self.0).and_then(|()| fs::write(&file, "")),
            false if file.exists() => fs::remove_file(&file),
            false => Ok(()),
        };
        done.with_context(|| file.display().to_string())
    }

    fn public(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.pub"))
    }

    fn secret(&self, name: &str) -> PathBuf {
        self.0.join(format!("{name}.key"))
    }

    fn write_public(&self, name: &str, key: &PublicKey) -> Result<()> {
        let path = self.public(name);
        let text = key.to_box()?.to_string();
        // Others may be reading the keys at this moment.
        put_whole(&path, |file| file.write_all(text.as_bytes())).with_context(|| path.display().to_string())
    }

    fn check_free(&self, name: &str) -> Result<()> {
        if !self.public(name).exists() && !self.secret(name).exists() {
            return Ok(());
        }
        Err(ValidationError::new(format!("there is a key `{name}` already"))
            .hint(format!("choose another name, or first `synapse key remove {name}`")))
    }

    fn no_key(&self, name: &str) -> PluginError {
        self.missing(name, format!("no key with the name `{name}`"))
    }

    fn no_secret(&self, name: &str) -> PluginError {
        self.missing(name, format!("no secret key with the name `{name}`"))
    }

    fn missing(&self, name: &str, message: String) -> PluginError {
        let known = self.list().unwrap_or_default();
        let names: Vec<&str> =
            known.iter().map(|key| key.name.as_str()).filter(|&known| known != name).collect();
        let hint = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("make one with `synapse key create {name}`"),
        };
        NotFoundError::new(message).details(json!({ "key": name, "available": names })).hint(hint)
    }
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.display().to_string())
}

/// Takes the text of a `.pub` file, and a line of base64.
fn parse_public(text: &str) -> Result<PublicKey> {
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
    PublicKey::from_base64(line).map_err(|_| {
        ValidationError::new("it is no public key of minisign")
            .hint("give a `.pub` file, or its last line, which begins with RW")
    })
}

/// A secret key can be read by its owner alone, from its first byte on.
fn write_secret(path: &Path, text: &str) -> Result<()> {
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.with_context(|| path.display().to_string())
}

/// A name is that of a file.
fn check_name(name: &str) -> Result<()> {
    let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte));
    let fits = (1..=64).contains(&name.len()) && !name.starts_with(['.', '-']);
    if plain && fits {
        return Ok(());
    }
    Err(PluginError::new(ErrorKind::Usage, format!("`{name}` cannot name a key"))
        .hint("use up to 64 letters, digits, `-`, `_` and `.`, such as `ada-2026`"))
}
