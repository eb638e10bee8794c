//! What the host answers a machine that does not have the folder.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::time::{Duration, UNIX_EPOCH};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use synapse_sdk::abi::layout::{FAILED, OK, UNSUPPORTED};
use synapse_sdk::errors::{Result, ResultExt};

use super::{Listed, PARTS, SharedFolder, has, is_plain, list, within};
use crate::worker::protocol::{ServiceCall, malformed};

/// A piece of a file.
#[derive(Deserialize)]
struct Piece {
    /// A path within the folder, or the name of a part.
    path: String,
    at: u64,
    #[serde(default)]
    most: u64,
}

/// A part that is whole.
#[derive(Deserialize)]
struct Whole {
    part: String,
    file: Listed,
}

/// Answers a call, if it is one about a folder.
pub(in crate::run) fn answer(
    folder: Option<&SharedFolder>,
    call: &ServiceCall<'_>,
) -> Option<(i32, Vec<u8>)> {
    let service = call.service.strip_prefix("folder.")?;
    let Some(folder) = folder else { return Some((UNSUPPORTED, Vec::new())) };
    let answered = match service {
        "list/1" => folder.listed(call.request),
        "read/1" => folder.read(call.request),
        "missing/1" => folder.missing(call.request),
        "write/1" => folder.write(call.request, call.body),
        "keep/1" => folder.keep(call.request),
        _ => return Some((UNSUPPORTED, Vec::new())),
    };
    Some(answered.map_or_else(|error| (FAILED, error.to_json_bytes()), |bytes| (OK, bytes)))
}

impl SharedFolder {
    fn listed(&self, request: &[u8]) -> Result<Vec<u8>> {
        let path: String = read(request)?;
        within(&self.root, &path)?;
        Ok(serde_json::to_vec(&list(&self.root, &path))?)
    }

    fn read(&self, request: &[u8]) -> Result<Vec<u8>> {
        let Piece { path, at, most } = read(request)?;
        let path = within(&self.root, &path)?;
        let mut bytes = Vec::new();
        let mut reading = || {
            let mut file = File::open(&path)?;
            file.seek(SeekFrom::Start(at))?;
            file.take(most).read_to_end(&mut bytes)
        };
        reading().with_context(|| format!("reading {}", path.display()))?;
        Ok(bytes)
    }

    /// Which of the listed files are not here, by number.
    fn missing(&self, request: &[u8]) -> Result<Vec<u8>> {
        let files: Vec<Listed> = read(request)?;
        let missing = files.iter().enumerate().filter(|(_, file)| !has(&self.root, file));
        Ok(serde_json::to_vec(&missing.map(|(number, _)| number).collect::<Vec<_>>())?)
    }

    fn write(&self, request: &[u8], body: &[u8]) -> Result<Vec<u8>> {
        let Piece { path, at, .. } = read(request)?;
        let part = self.part(&path)?;
        let writing = || {
            fs::create_dir_all(self.root.join(PARTS))?;
            let mut file = OpenOptions::new().create(true).truncate(at == 0).write(true).open(&part)?;
            file.seek(SeekFrom::Start(at))?;
            file.write_all(body)
        };
        writing().with_context(|| format!("writing {}", part.display()))?;
        Ok(Vec::new())
    }

    /// Puts a part in its place, with the time it was written at there.
    fn keep(&self, request: &[u8]) -> Result<Vec<u8>> {
        let Whole { part, file } = read(request)?;
        let (part, path) = (self.part(&part)?, within(&self.root, &file.path)?);
        let keeping = || {
            path.parent().map_or(Ok(()), fs::create_dir_all)?;
            let modified = UNIX_EPOCH + Duration::from_micros(file.modified);
            OpenOptions::new().write(true).open(&part)?.set_modified(modified)?;
            fs::rename(&part, &path)
        };
        keeping().with_context(|| format!("writing {}", path.display()))?;
        Ok(Vec::new())
    }

    fn part(&self, name: &str) -> Result<std::path::PathBuf> {
        match is_plain(name) {
            true => Ok(self.root.join(PARTS).join(name)),
            false => Err(malformed("service", "a part has a name of letters and digits")),
        }
    }
}

fn read<T: DeserializeOwned>(request: &[u8]) -> Result<T> {
    serde_json::from_slice(request).context("what is asked of the run's folder")
}
