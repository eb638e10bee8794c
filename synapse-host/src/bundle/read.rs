//! Reads bundles, which may come from anybody.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::path::Path;

use rawzip::{
    CompressionMethod, FileReader, RangeReader, ReaderAt, ZipArchive, ZipFileHeaderRecord, ZipLocator,
};
use sha2::{Digest, Sha256};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use super::manifest::{BundleManifest, BundledFile, BundledLibrary, check_path};
use super::{HERE, MANIFEST, MOST_BYTES, MOST_ENTRIES, MOST_TEXT};
use crate::check::{Reason, open};
use crate::digest::hex;

/// A bundle whose table and manifest are sound. What its entries hold is held
/// against their digests when it is read.
#[derive(Debug)]
pub struct Bundle<R = FileReader> {
    source: R,
    entries: Vec<Entry>,
    manifest: BundleManifest,
}

/// Where an entry's bytes lie.
#[derive(Debug)]
struct Entry {
    path: String,
    start: u64,
    end: u64,
}

impl Bundle {
    /// Reads the table and the manifest of the bundle at `path`.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) and [`Io`](ErrorKind::Io) when it cannot
    /// be opened; [`Archive`](ErrorKind::Archive) when it is none.
    pub fn open(path: &Path) -> Result<Self> {
        Self::examine(path)?.map_err(|reason| reason.error(path))
    }

    /// As [`open`](Self::open); what is wrong with its bytes is no error but a
    /// reason.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn examine(path: &Path) -> Result<Result<Self, Reason>> {
        Self::examine_open(open(path)?, path)
    }

    /// As [`examine`](Self::examine), of a file that is open.
    pub(crate) fn examine_open(file: File, path: &Path) -> Result<Result<Self, Reason>> {
        let facts = file.metadata()?;
        if !facts.is_file() {
            let message = format!("{} is no file, so no bundle", path.display());
            return Err(PluginError::new(ErrorKind::NotFound, message));
        }
        Ok(Self::of_file(file, facts.len()).map_err(Reason::BadBundle))
    }

    fn of_file(file: File, bytes: u64) -> Result<Self, String> {
        Self::of(FileReader::from(file), bytes)
    }
}

impl<'a> Bundle<&'a [u8]> {
    /// Reads a bundle that is in memory.
    ///
    /// # Errors
    /// Why it is none.
    pub fn of_bytes(bytes: &'a [u8]) -> Result<Self, Reason> {
        Self::of(bytes, bytes.len() as u64).map_err(Reason::BadBundle)
    }
}

impl<R: ReaderAt> Bundle<R> {
    fn of(source: R, bytes: u64) -> Result<Self, String> {
        if bytes > MOST_BYTES {
            return Err(format!("it is larger than {} MB", MOST_BYTES / 1_000_000));
        }
        let (source, entries) = table(source, bytes)?;
        let text = manifest_text(&source, &entries)?;
        let manifest = BundleManifest::parse(&text)?;
        let bundle = Self { source, entries, manifest };
        bundle.check_list()?;
        Ok(bundle)
    }

    /// What the bundle says of itself.
    pub fn manifest(&self) -> &BundleManifest {
        &self.manifest
    }

    /// The library for this machine.
    ///
    /// # Errors
    /// It has none.
    pub fn library_here(&self) -> Result<&BundledLibrary, Reason> {
        let has = || self.manifest.libraries.iter().map(|library| library.target.clone()).collect();
        let library = self.manifest.library(HERE);
        library.ok_or_else(|| Reason::NoTarget { here: HERE.to_owned(), has: has() })
    }

    /// Copies the bytes of an entry, and checks that they are those it should have.
    ///
    /// # Errors
    /// Reading or writing failed; a reason when the bytes are others.
    pub fn copy(&self, file: &BundledFile, to: &mut dyn Write) -> io::Result<Result<(), Reason>> {
        let Some(place) = self.place(file) else {
            return Ok(Err(Reason::BadBundle(format!("{} is not there", file.path))));
        };
        let mut reader = RangeReader::new(&self.source, place);
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 256 << 10];
        let mut copied = 0;
        loop {
            let count = reader.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
            to.write_all(&buffer[..count])?;
            copied += count as u64;
        }
        let found = hex(&hash.finalize());
        Ok(match found == file.sha256 && copied == file.bytes {
            true => Ok(()),
            false => Err(Reason::Checksum { expected: file.sha256.clone(), found }),
        })
    }

    /// Where the bytes of an entry lie.
    pub(crate) fn place(&self, file: &BundledFile) -> Option<Range<u64>> {
        let entry = self.entries.iter().find(|entry| entry.path == file.path)?;
        Some(entry.start..entry.end)
    }

    /// The bytes of an entry, which are those it should have.
    ///
    /// # Errors
    /// As [`copy`](Self::copy).
    pub fn read(&self, file: &BundledFile) -> io::Result<Result<Vec<u8>, Reason>> {
        let mut bytes = Vec::with_capacity(usize::try_from(file.bytes).unwrap_or(0));
        Ok(self.copy(file, &mut bytes)?.map(|()| bytes))
    }

    /// Reads every entry: the first whose bytes are not those it should have.
    ///
    /// # Errors
    /// Reading failed.
    pub fn verify(&self) -> io::Result<Option<(&BundledFile, Reason)>> {
        for file in &self.manifest.files {
            if let Err(reason) = self.copy(file, &mut io::sink())? {
                return Ok(Some((file, reason)));
            }
        }
        Ok(None)
    }

    /// The bytes of `manifest.json`.
    #[cfg(test)]
    pub(super) fn manifest_bytes(&self) -> Vec<u8> {
        manifest_text(&self.source, &self.entries).unwrap_or_default()
    }

    /// The archive holds what the manifest lists, no more and no less.
    fn check_list(&self) -> Result<(), String> {
        for entry in self.entries.iter().filter(|entry| entry.path != MANIFEST) {
            let listed = self.manifest.file(&entry.path);
            let listed = listed.ok_or_else(|| format!("its manifest.json does not list {}", entry.path))?;
            if entry.end - entry.start != listed.bytes {
                return Err(format!("{} is not as long as its manifest.json says", entry.path));
            }
        }
        if self.entries.len() != self.manifest.files.len() + 1 {
            return Err("what its manifest.json lists is not all there".to_owned());
        }
        Ok(())
    }
}

impl Bundle {
    /// As [`read`](Self::read), with a message that names bundle and entry.
    ///
    /// # Errors
    /// As there.
    pub fn read_of(&self, path: &Path, file: &BundledFile) -> Result<Vec<u8>> {
        let read = self.read(file).with_context(|| path.display().to_string())?;
        read.map_err(|reason| reason.error(&path.join(&file.path)))
    }
}

/// The entries of an archive, none of which is anything but a plain file that
/// lies there uncompressed, by itself.
fn table<R: ReaderAt>(source: R, bytes: u64) -> Result<(R, Vec<Entry>), String> {
    let mut buffer = vec![0; rawzip::RECOMMENDED_BUFFER_SIZE];
    let located = ZipLocator::new().locate_in_reader(source, &mut buffer, bytes);
    let archive = located.map_err(|(_, error)| error.to_string())?;
    if archive.end_offset() != bytes || archive.comment().remaining() != 0 {
        return Err("something follows it".to_owned());
    }
    if archive.entries_hint() > MOST_ENTRIES {
        return Err(format!("it has more than {MOST_ENTRIES} entries"));
    }
    let mut entries: Vec<Entry> = Vec::new();
    let mut names = HashSet::new();
    let mut ranges = Vec::new();
    let mut headers = archive.entries(&mut buffer);
    while let Some(header) = headers.next_entry().map_err(|error| error.to_string())? {
        if entries.len() as u64 == archive.entries_hint() {
            return Err("it has more entries than it says".to_owned());
        }
        let path = plain_file(&header)?;
        if !names.insert(path.clone()) {
            return Err(format!("{path} is there twice"));
        }
        let (start, end) = place(&archive, &header, &path)?;
        ranges.push((header.local_header_offset(), end));
        entries.push(Entry { path, start, end });
    }
    if entries.len() as u64 != archive.entries_hint() {
        return Err("it has fewer entries than it says".to_owned());
    }
    ranges.push((archive.directory_offset(), bytes));
    ranges.sort_unstable();
    if ranges.windows(2).any(|pair| pair[0].1 > pair[1].0) || ranges[0].0 != 0 {
        return Err("its entries overlap, or something goes before them".to_owned());
    }
    Ok((archive.into_inner(), entries))
}

/// The name of an entry, when it is a plain file, stored as it is.
fn plain_file(header: &ZipFileHeaderRecord<'_>) -> Result<String, String> {
    const TYPE: u32 = 0o170_000;
    const REGULAR: u32 = 0o100_000;
    let path = std::str::from_utf8(header.file_path().as_ref())
        .map_err(|_| "the name of an entry is no text".to_owned())?
        .to_owned();
    if path != MANIFEST {
        check_path(&path)?;
    }
    let kind = header.mode().value() & TYPE;
    if header.is_dir() || (kind != 0 && kind != REGULAR) {
        return Err(format!("{path} is no plain file"));
    }
    if header.compression_method() != CompressionMethod::STORE || header.flags().is_encrypted() {
        return Err(format!("{path} is compressed or encrypted"));
    }
    if header.compressed_size_hint() != header.uncompressed_size_hint() {
        return Err(format!("{path} contradicts itself about its size"));
    }
    Ok(path)
}

/// Where the bytes of an entry lie. The header before them names it as the table
/// does.
fn place<R: ReaderAt>(
    archive: &ZipArchive<R>,
    header: &ZipFileHeaderRecord<'_>,
    path: &str,
) -> Result<(u64, u64), String> {
    const MOST_HEADER: usize = 1024;
    let entry = archive.get_entry(header.wayfinder()).map_err(|error| error.to_string())?;
    let mut buffer = [0; MOST_HEADER];
    let local = entry.local_header(&mut buffer).map_err(|error| error.to_string())?;
    let name = local.file_path();
    if AsRef::<[u8]>::as_ref(&name) != path.as_bytes()
        || local.compression_method() != CompressionMethod::STORE
    {
        return Err(format!("{path} has two different headers"));
    }
    Ok(entry.compressed_data_range())
}

fn manifest_text<R: ReaderAt>(source: &R, entries: &[Entry]) -> Result<Vec<u8>, String> {
    let entry = entries.iter().find(|entry| entry.path == MANIFEST).ok_or("it has no manifest.json")?;
    if entry.end - entry.start > MOST_TEXT {
        return Err("its manifest.json is too large".to_owned());
    }
    let mut text = Vec::new();
    let mut reader = RangeReader::new(source, entry.start..entry.end);
    reader.read_to_end(&mut text).map_err(|error| format!("its manifest.json: {error}"))?;
    Ok(text)
}
