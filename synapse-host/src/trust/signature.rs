//! The signature beside a file.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use minisign::{PublicKey, SignatureBox};
use synapse_sdk::errors::{Result, ResultExt};

use super::Verdict;
use super::keyring::Key;

/// No signature is larger.
const MOST_BYTES: u64 = 64 << 10;

/// Where the signature of the file at `path` lies.
pub fn path_beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".minisig");
    PathBuf::from(name)
}

/// What the signature of the file at `path` is worth to someone who trusts
/// `keys`.
pub(super) fn judge(path: &Path, keys: &[Key]) -> Result<Verdict> {
    let beside = path_beside(path);
    let text = match read(&beside) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Verdict::Unsigned),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            return Ok(Verdict::Bad(format!("{} is no signature", beside.display())));
        }
        Err(error) => return Err(error).with_context(|| beside.display().to_string()),
    };
    let signature = match parse(&text) {
        Ok(signature) => signature,
        Err(why) => return Ok(Verdict::Bad(format!("{} is no signature: {why}", beside.display()))),
    };
    let id = id(signature.keynum());
    let Some(key) = keys.iter().find(|key| key.id == id) else {
        return Ok(Verdict::UnknownKey { id });
    };
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let public = PublicKey::from_base64(&key.public)?;
    Ok(match minisign::verify(&public, &signature, BufReader::new(file), true, false, false) {
        Ok(()) => Verdict::Known { name: key.name.clone(), id },
        Err(error) => Verdict::Bad(format!("{} ({id}): {error}", key.name)),
    })
}

fn read(path: &Path) -> std::io::Result<String> {
    let file = File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::ErrorKind::InvalidData.into());
    }
    let mut text = String::new();
    file.take(MOST_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Reads a signature. Its last line has to be as long as a signature is: the
/// library takes that for granted.
pub(super) fn parse(text: &str) -> std::result::Result<SignatureBox, String> {
    const BASE64_OF_64_BYTES: usize = 88;
    let last = text.lines().nth(3).unwrap_or_default().trim();
    if last.len() != BASE64_OF_64_BYTES || last.ends_with("===") || !last.ends_with("==") {
        return Err("it is not as long as one".to_owned());
    }
    let signature = SignatureBox::from_string(text).map_err(|error| error.to_string())?;
    // One signature has one text: base64 leaves room for others that read alike.
    if !signature.to_string().lines().eq(text.lines().map(str::trim_end)) {
        return Err("it is not written as signatures are".to_owned());
    }
    match signature.is_prehashed() {
        true => Ok(signature),
        false => Err("it was made by a version of minisign that is too old".to_owned()),
    }
}

/// The id of a key as minisign shows it: its eight bytes as one number.
pub(super) fn id(number: &[u8]) -> String {
    let bytes = number.first_chunk::<8>().copied().unwrap_or_default();
    format!("{:016X}", u64::from_le_bytes(bytes))
}

/// Writes a signature beside its file.
pub(super) fn write(path: &Path, signature: &SignatureBox) -> Result<PathBuf> {
    let beside = path_beside(path);
    fs::write(&beside, signature.to_string()).with_context(|| beside.display().to_string())?;
    Ok(beside)
}
