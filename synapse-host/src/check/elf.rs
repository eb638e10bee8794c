//! The parts of an ELF file that are looked at: its header and its sections.
//! Symbols, which may be most of it, are not read.

use object::elf::{EM_386, EM_AARCH64, EM_ARM, EM_LOONGARCH, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64};
use object::elf::{ET_DYN, FileHeader64, SectionHeader64};
use object::read::elf::{FileHeader, SectionTable};
use object::{Endianness, ReadRef};

type Header = FileHeader64<Endianness>;

/// An ELF file of 64 bits.
pub(super) struct Elf<'data, R: ReadRef<'data>> {
    pub(super) data: R,
    pub(super) endian: Endianness,
    header: &'data Header,
    pub(super) sections: SectionTable<'data, Header, R>,
}

impl<'data, R: ReadRef<'data>> Elf<'data, R> {
    pub(super) fn parse(data: R) -> object::read::Result<Self> {
        let header = Header::parse(data)?;
        let endian = header.endian()?;
        Ok(Self { data, endian, header, sections: header.sections(endian, data)? })
    }

    pub(super) fn section(&self, name: &str) -> Option<&'data SectionHeader64<Endianness>> {
        self.sections.section_by_name(self.endian, name.as_bytes()).map(|(_, section)| section)
    }

    pub(super) fn is_shared(&self) -> bool {
        self.header.e_type.get(self.endian) == ET_DYN
    }

    /// The kind of processor it was built for.
    pub(super) fn machine(&self) -> String {
        let machine = self.header.e_machine.get(self.endian);
        let name = match machine {
            EM_X86_64 => "X86_64",
            EM_AARCH64 => "Aarch64",
            EM_386 => "I386",
            EM_ARM => "Arm",
            EM_LOONGARCH => "LoongArch",
            EM_PPC64 => "PowerPc64",
            EM_RISCV => "Riscv",
            EM_S390 => "S390x",
            _ => return format!("a machine that ELF calls {}", machine.0),
        };
        name.to_owned()
    }
}

/// This machine's kind of processor, as [`Elf::machine`] names it.
pub(super) fn here() -> &'static str {
    if cfg!(target_arch = "x86_64") { "X86_64" } else { "Aarch64" }
}
