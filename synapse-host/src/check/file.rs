//! Reads a plugin's file, as far as it can be read, and notes what is wrong
//! with it. Runs nothing of it.

use std::borrow::Cow;
use std::fs::File;
use std::path::Path;

use object::elf::{ELFMAG, FileHeader64, SectionHeader64};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use object::{Endianness, ReadRef};
use synapse_sdk::abi::identity::{Identity, MAX_CONFIG, MAX_JSON};
use synapse_sdk::abi::layout::{ABI_MAJOR, IDENTITY_SECTION};
use synapse_sdk::errors::{NotFoundError, Result};
use synapse_sdk::{ErrorKind, PluginError};

use super::elf::{self, Elf};
use super::needs::Needs;
use super::pieces::Pieces;
use super::reason::Reason;
use crate::stamp;

/// A plugin's file as it was read.
#[derive(Debug, Default)]
pub struct PluginFile {
    /// What is wrong with it on every machine of this kind.
    pub reasons: Vec<Reason>,
    /// What it says of itself, when that can be read.
    pub identity: Option<Identity<'static>>,
    /// What it needs of the system, when that can be read.
    pub needs: Option<Needs>,
    /// The bytes of its [stamp](crate::stamp), when it has one.
    pub stamp: Option<Vec<u8>>,
}

impl PluginFile {
    /// Reads the file at `path`. It is read in pieces and not mapped: a file that
    /// is cut short meanwhile must not end this process.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) and [`Io`](ErrorKind::Io) when it
    /// cannot be opened. What is wrong with its bytes is no error but a reason.
    pub fn read(path: &Path) -> Result<Self> {
        Ok(Self::of_pieces(&pieces(path)?))
    }

    /// As [`read`](Self::read), and no more than what the plugin says of itself:
    /// neither what it needs nor its stamp.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_identity(path: &Path) -> Result<Self> {
        let pieces = pieces(path)?;
        let mut read = Self::default();
        let identity = shared(&pieces, pieces.length()).and_then(|elf| {
            read.reasons.extend(machine(elf.machine()));
            read.identity(&elf)
        });
        read.reasons.extend(identity.err());
        Ok(read)
    }

    /// Reads a file, or the part of one that is a library.
    pub(crate) fn of_pieces(pieces: &Pieces) -> Self {
        Self::of(pieces, pieces.length())
    }

    /// Reads a file that is in memory.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        Self::of(bytes, bytes.len() as u64)
    }

    fn of<'data, R: ReadRef<'data>>(data: R, bytes: u64) -> Self {
        let mut read = Self::default();
        if let Err(reason) = read.sections(data, bytes) {
            read.reasons.push(reason);
        }
        read
    }

    /// Notes what can be gone on with, returns what cannot.
    fn sections<'data, R: ReadRef<'data>>(&mut self, data: R, bytes: u64) -> Result<(), Reason> {
        let elf = shared(data, bytes)?;
        self.reasons.extend(machine(elf.machine()));
        self.needs = Some(Needs::of(&elf).map_err(|error| Reason::Damaged(error.to_string()))?);
        self.stamp = stamp(&elf)?;
        self.identity(&elf)
    }

    fn identity<'data, R: ReadRef<'data>>(&mut self, elf: &Elf<'data, R>) -> Result<(), Reason> {
        let section = elf.section(IDENTITY_SECTION).ok_or(Reason::NoIdentity)?;
        let identity = Identity::parse(held(elf, section, MOST_IDENTITY)?).map_err(Reason::Identity)?;
        self.reasons.extend(interface(&identity));
        let config = Cow::Owned(identity.config.into_owned());
        self.identity = Some(Identity { config, ..identity });
        Ok(())
    }
}

/// The file, if it is whole and a library.
fn shared<'data, R: ReadRef<'data>>(data: R, bytes: u64) -> Result<Elf<'data, R>, Reason> {
    whole(data, bytes)?;
    let elf = Elf::parse(data).map_err(|error| Reason::Damaged(error.to_string()))?;
    if elf.is_shared() { Ok(elf) } else { Err(Reason::NotShared) }
}

fn stamp<'data, R: ReadRef<'data>>(elf: &Elf<'data, R>) -> Result<Option<Vec<u8>>, Reason> {
    let Some(section) = elf.section(stamp::SECTION) else { return Ok(None) };
    if section.sh_size(elf.endian) > stamp::MOST_BYTES {
        return Err(Reason::BadStamp("it is too large".to_owned()));
    }
    Ok(Some(held(elf, section, stamp::MOST_BYTES)?.to_vec()))
}

/// No identity is larger than this with its header.
const MOST_IDENTITY: u64 = (64 + MAX_JSON + MAX_CONFIG) as u64;

/// What a section holds, or as much of it as counts.
fn held<'data, R: ReadRef<'data>>(
    elf: &Elf<'data, R>,
    section: &SectionHeader64<Endianness>,
    most: u64,
) -> Result<&'data [u8], Reason> {
    let Some((offset, size)) = section.file_range(elf.endian) else { return Ok(&[]) };
    let read = elf.data.read_bytes_at(offset, size.min(most));
    read.map_err(|()| Reason::Damaged("a section lies outside of it".to_owned()))
}

fn pieces(path: &Path) -> Result<Pieces> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(NotFoundError::new(format!("{} is a folder, not a plugin's file", path.display())));
    }
    Ok(Pieces::new(file, 0..metadata.len()))
}

/// Opens a plugin's file for reading.
pub(crate) fn open(path: &Path) -> Result<File> {
    File::open(path)
        .map_err(|error| PluginError::new(ErrorKind::of_io(&error), format!("{}: {error}", path.display())))
}

/// Whether as much of the file is there as its header and segments speak of.
fn whole<'data, R: ReadRef<'data>>(data: R, bytes: u64) -> Result<(), Reason> {
    const HEADER: u64 = size_of::<FileHeader64<Endianness>>() as u64;
    const CLASS: usize = 4;
    const CLASS_64: u8 = 2;
    let start = data.read_bytes_at(0, bytes.min(HEADER)).unwrap_or_default();
    if start.len() < ELFMAG.len() || start[..ELFMAG.len()] != ELFMAG {
        return Err(Reason::NotElf);
    }
    if start.get(CLASS).is_some_and(|class| *class != CLASS_64) {
        return Err(Reason::NotElf);
    }
    if bytes < HEADER {
        return Err(Reason::CutShort { bytes, expected: HEADER });
    }
    let damaged = |error: object::read::Error| Reason::Damaged(error.to_string());
    let header = FileHeader64::<Endianness>::parse(data).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    let table =
        |offset: u64, count: u16, size: u16| offset.saturating_add(u64::from(count) * u64::from(size));
    let sections =
        table(header.e_shoff.get(endian), header.e_shnum.get(endian), header.e_shentsize.get(endian));
    let programs =
        table(header.e_phoff.get(endian), header.e_phnum.get(endian), header.e_phentsize.get(endian));
    let tables = sections.max(programs);
    if tables > bytes {
        return Err(Reason::CutShort { bytes, expected: tables });
    }
    let segments = header.program_headers(endian, data).map_err(damaged)?.iter();
    let end = segments.map(|segment| segment.p_offset(endian).saturating_add(segment.p_filesz(endian))).max();
    match end {
        Some(expected) if expected > bytes => Err(Reason::CutShort { bytes, expected }),
        _ => Ok(()),
    }
}

fn machine(built: String) -> Option<Reason> {
    let here = elf::here();
    (built != here).then(|| Reason::Machine { built, here: here.to_owned() })
}

fn interface(identity: &Identity<'_>) -> Option<Reason> {
    let other = identity.abi_major != ABI_MAJOR;
    other.then(|| Reason::Abi {
        major: identity.abi_major,
        minor: identity.abi_minor,
        sdk: identity.facts.sdk.clone(),
    })
}
