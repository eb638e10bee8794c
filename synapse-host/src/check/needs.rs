//! What a library needs of the system it is loaded on.

use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, FileHeader64};
use object::read::elf::SectionTable;
use object::{Endianness, ReadRef};

use super::elf::Elf;
use super::version::Version;

/// What a library needs of the system it is loaded on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The oldest C library that has all the functions it calls; `None` when it
    /// calls none.
    pub glibc: Option<Version>,
    /// The libraries it names, in its order.
    pub libraries: Vec<String>,
    /// Folders in which it looks for those, also for what they need in turn.
    pub(super) rpath: Vec<String>,
    /// Folders in which it looks for those alone.
    pub(super) runpath: Vec<String>,
}

impl Needs {
    pub(super) fn of<'data, R: ReadRef<'data>>(elf: &Elf<'data, R>) -> object::read::Result<Self> {
        let (endian, data) = (elf.endian, elf.data);
        let mut needs = Self { glibc: glibc(&elf.sections, endian, data)?, ..Self::default() };
        let dynamic = elf.sections.dynamic_table(endian, data)?;
        for entry in dynamic.iter() {
            let text = || dynamic.string(entry).map(|bytes| String::from_utf8_lossy(bytes).into_owned());
            let folders = |text: String| text.split(':').map(str::to_owned).collect();
            match entry.tag {
                DT_NEEDED => needs.libraries.push(text()?),
                DT_RPATH => needs.rpath = folders(text()?),
                DT_RUNPATH => needs.runpath = folders(text()?),
                _ => {}
            }
        }
        Ok(needs)
    }
}

/// The newest of the versions of glibc's symbols that are asked for.
fn glibc<'data, R: ReadRef<'data>>(
    sections: &SectionTable<'data, FileHeader64<Endianness>, R>,
    endian: Endianness,
    data: R,
) -> object::read::Result<Option<Version>> {
    let Some((mut needs, link)) = sections.gnu_verneed(endian, data)? else { return Ok(None) };
    let strings = sections.strings(endian, data, link)?;
    let mut newest = None;
    while let Some((_, mut versions)) = needs.next()? {
        while let Some(version) = versions.next()? {
            let name = String::from_utf8_lossy(version.name(endian, strings)?);
            newest = newest.max(Version::of_symbols(&name));
        }
    }
    Ok(newest)
}
