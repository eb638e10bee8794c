//! A plugin's description of itself, stamped into its file.
//!
//! Schemas exist only at run time. So `synapse plugin build` asks for them once,
//! in a process of its own, and stamps the answer into a copy of the library, as
//! section `.synapse.manifest`: from then on it is read without running code.
//!
//! The section is not loaded, and stamping only appends: the manifest, the names
//! of sections, the table of sections. Of what was there the file header alone
//! changes, and the stamp keeps what it said, so that the library as the linker
//! made it can be had back byte for byte, and be held against the digest within
//! the stamp. `docs/bundle-format.md` has the layout.

use std::io::{self, Read};

use object::elf::{
    ELFCLASS64, ELFDATA2LSB, ELFMAG, FileHeader64, SHT_NULL, SHT_PROGBITS, SectionFlags, SectionHeader64,
    SymbolSection,
};
use object::pod::{bytes_of, bytes_of_slice, from_bytes, from_bytes_mut, slice_from_bytes};
use object::{LittleEndian as LE, U16, U32, U64};
use serde::{Deserialize, Serialize};
use synapse_sdk::errors::Result;
use synapse_sdk::manifest::Manifest;
use synapse_sdk::{ErrorKind, PluginError};

use crate::digest::sha256_of_reader;

/// The section that a stamp lies in.
pub const SECTION: &str = ".synapse.manifest";
/// No stamp is larger.
pub const MOST_BYTES: u64 = 16 << 20;
/// The layout of stamps that this host writes and reads.
pub const FORMAT: u32 = 1;

const MAGIC: &[u8; 8] = b"SYNSTAMP";
/// Magic, format, length of the JSON, length and three fields of the file as it
/// was, four unused bytes.
const HEAD: usize = 40;
const FILE_HEADER: usize = size_of::<FileHeader64<LE>>();
const SECTION_HEADER: usize = size_of::<SectionHeader64<LE>>();

/// A stamp as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamp {
    /// SHA-256, in hex, of the file before it was stamped.
    pub image_sha256: String,
    /// What the plugin describes of itself.
    pub manifest: Manifest,
    before: Before,
}

#[derive(Serialize, Deserialize)]
struct Document {
    image_sha256: String,
    manifest: Manifest,
}

/// What the file was before it was stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Before {
    bytes: u64,
    sections_at: u64,
    sections: u16,
    names: u16,
}

impl Stamp {
    /// Reads the bytes of the section.
    ///
    /// # Errors
    /// Why they are no stamp.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let (head, json) = split(bytes)?;
        let document: Document = serde_json::from_slice(json).map_err(|error| error.to_string())?;
        let before = Before::read(head);
        Ok(Self { image_sha256: document.image_sha256, manifest: document.manifest, before })
    }

    /// Whether the file is as it was when it was stamped: what was there before
    /// still has the digest that stands in the stamp. `file` is read from its
    /// start.
    ///
    /// # Errors
    /// Those of reading.
    pub fn holds(&self, file: impl Read) -> io::Result<bool> {
        Ok(self.image_of(file)? == self.image_sha256)
    }

    /// SHA-256, in hex, of the file without its stamp; nothing for one that is too
    /// short to have been stamped.
    pub(crate) fn image_of(&self, mut file: impl Read) -> io::Result<String> {
        let mut header = [0; FILE_HEADER];
        if self.before.bytes < FILE_HEADER as u64 || file.read_exact(&mut header).is_err() {
            return Ok(String::new());
        }
        self.before.restore(&mut header);
        let rest = file.take(self.before.bytes - FILE_HEADER as u64);
        sha256_of_reader(header.chain(rest))
    }
}

fn split(bytes: &[u8]) -> Result<(&[u8; HEAD], &[u8]), String> {
    let head = bytes.first_chunk::<HEAD>().ok_or("it is too short")?;
    if !head.starts_with(MAGIC) {
        return Err("it does not begin as one".to_owned());
    }
    match word(head, 8) {
        FORMAT => {}
        other => return Err(format!("it has format {other}; this synapse reads {FORMAT}")),
    }
    let length = word(head, 12) as usize;
    let json = bytes.get(HEAD..).and_then(|rest| rest.get(..length)).ok_or("it is cut short")?;
    Ok((head, json))
}

fn word(bytes: &[u8; HEAD], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

impl Before {
    fn of(header: &FileHeader64<LE>, bytes: usize) -> Self {
        Self {
            bytes: bytes as u64,
            sections_at: header.e_shoff.get(LE),
            sections: header.e_shnum.get(LE),
            names: header.e_shstrndx.get(LE).0,
        }
    }

    fn read(head: &[u8; HEAD]) -> Self {
        let long = |at: usize| u64::from(word(head, at)) | u64::from(word(head, at + 4)) << 32;
        let half = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
        Self { bytes: long(16), sections_at: long(24), sections: half(32), names: half(34) }
    }

    fn write(self, json: &[u8]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend((json.len() as u32).to_le_bytes());
        bytes.extend(self.bytes.to_le_bytes());
        bytes.extend(self.sections_at.to_le_bytes());
        bytes.extend(self.sections.to_le_bytes());
        bytes.extend(self.names.to_le_bytes());
        bytes.resize(HEAD, 0);
        bytes.extend(json);
        bytes
    }

    /// Puts back what the file header said.
    fn restore(self, header: &mut [u8; FILE_HEADER]) {
        if let Ok((header, _)) = from_bytes_mut::<FileHeader64<LE>>(header) {
            header.e_shoff = U64::new(LE, self.sections_at);
            header.e_shnum = U16::new(LE, self.sections);
            header.e_shstrndx = U16::new(LE, SymbolSection(self.names));
        }
    }
}

/// A library with its manifest stamped into it, and the digest it had before.
#[derive(Debug)]
pub struct Stamped {
    /// The file.
    pub bytes: Vec<u8>,
    /// SHA-256, in hex, of the file before it was stamped.
    pub image_sha256: String,
}

/// Stamps `manifest` into a library. The same library and manifest give the same
/// bytes, also when it was stamped before.
///
/// # Errors
/// [`IncompatiblePlugin`](ErrorKind::IncompatiblePlugin) when the file is no
/// 64-bit little-endian ELF file with a table of sections;
/// [`Validation`](ErrorKind::Validation) when the manifest is too large.
pub fn stamp(library: &[u8], manifest: &Manifest) -> Result<Stamped> {
    let library = &unstamped(library).unwrap_or_else(|| library.to_vec());
    let image_sha256 = sha256_of_reader(library.as_slice())?;
    let document = Document { image_sha256: image_sha256.clone(), manifest: manifest.clone() };
    let json = serde_json::to_vec(&document)?;
    if json.len() as u64 + HEAD as u64 > MOST_BYTES {
        return Err(PluginError::new(ErrorKind::Validation, "the schemas of the plugin are too large")
            .hint(format!("together they may have {} MiB", MOST_BYTES >> 20)));
    }
    let bytes = append(library, &json).ok_or_else(|| {
        PluginError::new(ErrorKind::IncompatiblePlugin, "the library has no table of sections to stamp")
            .hint("build it with a linker that writes one: `strip` may be used, `sstrip` may not")
    })?;
    Ok(Stamped { bytes, image_sha256 })
}

/// A stamped library as it was before; `None` when it has no stamp, or was
/// changed since.
fn unstamped(library: &[u8]) -> Option<Vec<u8>> {
    let elf = Sections::read(library)?;
    let section = elf.find(SECTION)?;
    let (at, size) = (section.sh_offset.get(LE), section.sh_size.get(LE));
    let bytes = library.get(usize::try_from(at).ok()?..)?.get(..usize::try_from(size).ok()?)?;
    let (head, json) = split(bytes).ok()?;
    let document: Document = serde_json::from_slice(json).ok()?;
    let before = Before::read(head);
    let mut original = library.get(..usize::try_from(before.bytes).ok()?)?.to_vec();
    before.restore(original.first_chunk_mut()?);
    (sha256_of_reader(original.as_slice()).ok()? == document.image_sha256).then_some(original)
}

/// The table of sections of a file.
struct Sections<'a> {
    header: &'a FileHeader64<LE>,
    table: &'a [SectionHeader64<LE>],
    names: &'a [u8],
}

impl<'a> Sections<'a> {
    /// `None` where there is none, or one too large for its short numbers.
    fn read(file: &'a [u8]) -> Option<Self> {
        let (header, _) = from_bytes::<FileHeader64<LE>>(file).ok()?;
        let ident = &header.e_ident;
        if ident.magic != ELFMAG || ident.class != ELFCLASS64 || ident.data != ELFDATA2LSB {
            return None;
        }
        let count = usize::from(header.e_shnum.get(LE));
        let start = usize::try_from(header.e_shoff.get(LE)).ok()?;
        if usize::from(header.e_shentsize.get(LE)) != SECTION_HEADER {
            return None;
        }
        let (table, _) = slice_from_bytes::<SectionHeader64<LE>>(file.get(start..)?, count).ok()?;
        let names = table.get(usize::from(header.e_shstrndx.get(LE).0))?;
        let start = usize::try_from(names.sh_offset.get(LE)).ok()?;
        let names = file.get(start..)?.get(..usize::try_from(names.sh_size.get(LE)).ok()?)?;
        Some(Self { header, table, names })
    }

    fn find(&self, name: &str) -> Option<&'a SectionHeader64<LE>> {
        self.table.iter().find(|section| self.is_named(section, name))
    }

    fn is_named(&self, section: &SectionHeader64<LE>, name: &str) -> bool {
        let rest = self.names.get(section.sh_name.get(LE) as usize..).unwrap_or_default();
        rest.strip_prefix(name.as_bytes()).is_some_and(|rest| rest.first() == Some(&0))
    }
}

/// Appends the section, names that include its own, and the table, and has the
/// file header point to that. A stamp that is there already, of a file that was
/// changed since, is left out of the table.
fn append(library: &[u8], json: &[u8]) -> Option<Vec<u8>> {
    let elf = Sections::read(library)?;
    let before = Before::of(elf.header, library.len());
    let mut bytes = library.to_vec();
    let section = before.write(json);
    let section_at = place(&mut bytes, &section);
    let mut names = elf.names.to_vec();
    let name = names.len();
    names.extend(SECTION.as_bytes());
    names.push(0);
    let names_at = place(&mut bytes, &names);

    let mut table = elf.table.to_vec();
    let names_header = &mut table[usize::from(before.names)];
    names_header.sh_offset = U64::new(LE, names_at);
    names_header.sh_size = U64::new(LE, names.len() as u64);
    for old in table.iter_mut().filter(|section| elf.is_named(section, SECTION)) {
        *old = unused();
    }
    table.push(SectionHeader64 {
        sh_name: U32::new(LE, u32::try_from(name).ok()?),
        sh_type: U32::new(LE, SHT_PROGBITS),
        sh_offset: U64::new(LE, section_at),
        sh_size: U64::new(LE, section.len() as u64),
        sh_addralign: U64::new(LE, 1),
        ..unused()
    });
    let table_at = place(&mut bytes, bytes_of_slice(&table));
    let mut header = *elf.header;
    header.e_shoff = U64::new(LE, table_at);
    header.e_shnum = U16::new(LE, u16::try_from(table.len()).ok()?);
    bytes[..FILE_HEADER].copy_from_slice(bytes_of(&header));
    Some(bytes)
}

/// A section header that stands for none.
fn unused() -> SectionHeader64<LE> {
    let (none, zero) = (U32::new(LE, 0), U64::new(LE, 0));
    SectionHeader64 {
        sh_name: none,
        sh_type: U32::new(LE, SHT_NULL),
        sh_flags: U64::new(LE, SectionFlags(0)),
        sh_addr: zero,
        sh_offset: zero,
        sh_size: zero,
        sh_link: none,
        sh_info: none,
        sh_addralign: zero,
        sh_entsize: zero,
    }
}

/// Appends `part`, where tables may lie, and tells where that is.
fn place(bytes: &mut Vec<u8>, part: &[u8]) -> u64 {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let at = bytes.len() as u64;
    bytes.extend(part);
    at
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::check::PluginFile;

    fn manifest(sdk: &str) -> Manifest {
        serde_json::from_value(json!({ "sdk": sdk, "actions": [], "data_types": [] })).unwrap()
    }

    /// An ELF file that is at hand: this test itself.
    fn library() -> Vec<u8> {
        fs::read(std::env::current_exe().unwrap()).unwrap()
    }

    fn read(library: &[u8]) -> Stamp {
        Stamp::parse(&PluginFile::of_bytes(library).stamp.unwrap()).unwrap()
    }

    #[test]
    fn what_is_stamped_is_read_back_and_nothing_that_is_loaded_has_changed() {
        let before = library();
        let stamped = stamp(&before, &manifest("1")).unwrap();
        let found = read(&stamped.bytes);
        assert_eq!((&found.manifest, &found.image_sha256), (&manifest("1"), &stamped.image_sha256));
        assert_eq!(stamped.image_sha256, sha256_of_reader(before.as_slice()).unwrap());
        assert_eq!(stamped.bytes[FILE_HEADER..before.len()], before[FILE_HEADER..]);
        assert_eq!(unstamped(&stamped.bytes).unwrap(), before);
        assert_eq!(unstamped(&before), None);
    }

    #[test]
    fn a_new_stamp_takes_the_place_of_the_old_one() {
        let before = library();
        let once = stamp(&before, &manifest("2")).unwrap();
        let old = stamp(&before, &manifest("1")).unwrap();
        assert_eq!(stamp(&old.bytes, &manifest("2")).unwrap().bytes, once.bytes);
        assert_eq!(stamp(&once.bytes, &manifest("2")).unwrap().bytes, once.bytes);
        // The old stamp of a file that was changed since is not found any more.
        let mut changed = old.bytes;
        let middle = before.len() / 2;
        changed[middle] ^= 1;
        let again = stamp(&changed, &manifest("2")).unwrap();
        assert_eq!(read(&again.bytes).manifest, manifest("2"));
        assert_eq!(again.image_sha256, sha256_of_reader(changed.as_slice()).unwrap());
    }

    #[test]
    fn a_byte_that_is_changed_later_is_noticed() {
        let mut bytes = stamp(&library(), &manifest("1")).unwrap().bytes;
        let found = read(&bytes);
        assert!(found.holds(bytes.as_slice()).unwrap());
        bytes[200] ^= 1;
        assert!(!found.holds(bytes.as_slice()).unwrap());
        assert!(!found.holds(&bytes[..20]).unwrap());
    }

    #[test]
    fn what_has_no_sections_is_not_stamped() {
        let mut bytes = library();
        bytes[40..48].fill(0xff);
        for bytes in [&bytes[..], b"", b"no library", &bytes[..100]] {
            assert_eq!(stamp(bytes, &manifest("1")).unwrap_err().kind(), ErrorKind::IncompatiblePlugin);
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0_usize..80) {
            let _ = Stamp::parse(&bytes);
            let mut like = MAGIC.to_vec();
            like.extend(FORMAT.to_le_bytes());
            like.extend(&bytes);
            let _ = Stamp::parse(&like);
            let _ = stamp(&bytes[..cut.min(bytes.len())], &manifest("1"));
        }
    }
}
