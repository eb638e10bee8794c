//! Whether the libraries that a plugin needs are on this system, found where
//! the system's loader looks (`man ld.so`): none of them is opened for running.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use libloading::os::unix::{Library, RTLD_LAZY};

use super::elf::Elf;
use super::needs::Needs;
use super::pieces::Pieces;
use super::reason::Reason;

/// Where libraries of the system lie when nothing else is said.
const FOLDERS: [&str; 8] = [
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/lib64",
    "/usr/lib64",
    "/lib",
    "/usr/lib",
];

/// The libraries that are not here, of those that the library at `path` needs
/// and those that these need in turn.
pub(super) fn missing(path: &Path, needs: &Needs) -> Vec<Reason> {
    let mut search = Search { seen: HashSet::new(), cache: None, missing: Vec::new() };
    let folder = path.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
    let folder = folder.unwrap_or_default();
    let inherited = expanded(&needs.rpath, &folder);
    search.visit(None, needs, &folder, &inherited);
    search.missing
}

struct Search {
    seen: HashSet<String>,
    /// What the system's own list of libraries says, once it was needed.
    cache: Option<Vec<(String, PathBuf)>>,
    missing: Vec<Reason>,
}

impl Search {
    fn visit(&mut self, library: Option<&str>, needs: &Needs, folder: &Path, inherited: &[PathBuf]) {
        let named = std::env::var("LD_LIBRARY_PATH").unwrap_or_default();
        let named: Vec<String> =
            named.split([':', ';']).filter(|folder| !folder.is_empty()).map(str::to_owned).collect();
        let mut folders = inherited.to_vec();
        folders.extend(expanded(&named, folder));
        folders.extend(expanded(&needs.runpath, folder));
        for name in &needs.libraries {
            if !self.seen.insert(name.clone()) || is_loaded(name) {
                continue;
            }
            let Some(found) = self.find(name, &folders) else {
                let needed_by = library.map(str::to_owned);
                self.missing.push(Reason::MissingLibrary { name: name.clone(), needed_by });
                continue;
            };
            self.visit_found(name, &found, inherited);
        }
    }

    fn visit_found(&mut self, name: &str, found: &Path, inherited: &[PathBuf]) {
        let Ok(file) = File::open(found) else { return };
        let Ok(bytes) = file.metadata().map(|facts| facts.len()) else { return };
        let pieces = Pieces::new(file, 0..bytes);
        let Ok(needs) = Elf::parse(&pieces).and_then(|elf| Needs::of(&elf)) else { return };
        let folder = found.canonicalize().ok().and_then(|path| path.parent().map(Path::to_owned));
        let folder = folder.unwrap_or_default();
        let mut inherited = inherited.to_vec();
        inherited.extend(expanded(&needs.rpath, &folder));
        self.visit(Some(name), &needs, &folder, &inherited);
    }

    fn find(&mut self, name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
        if name.contains('/') {
            return Some(PathBuf::from(name)).filter(|path| is_ours(path));
        }
        let usual = FOLDERS.iter().map(Path::new);
        let places = folders.iter().map(PathBuf::as_path).chain(usual).map(|folder| folder.join(name));
        if let Some(found) = places.into_iter().find(|path| is_ours(path)) {
            return Some(found);
        }
        let listed =
            self.cache.get_or_insert_with(|| list(&fs::read("/etc/ld.so.cache").unwrap_or_default()));
        listed
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, path)| path)
            .find(|path| is_ours(path))
            .cloned()
    }
}

/// Whether this process has a library of that name already, which is then taken
/// wherever it came from.
#[expect(unsafe_code, reason = "asks the system's loader")]
fn is_loaded(name: &str) -> bool {
    // SAFETY: nothing is loaded, so no code of the library runs.
    unsafe { Library::open(Some(name), RTLD_LAZY | libc::RTLD_NOLOAD) }.is_ok()
}

/// Folders as a library names them, relative to its own.
fn expanded(folders: &[String], own: &Path) -> Vec<PathBuf> {
    let own = own.display().to_string();
    let expand = |folder: &String| folder.replace("${ORIGIN}", &own).replace("$ORIGIN", &own);
    folders.iter().map(|folder| PathBuf::from(expand(folder))).collect()
}

/// Whether the loader would take this file: an ELF file for this machine.
fn is_ours(path: &Path) -> bool {
    /// Magic, class, byte order, …, type, machine.
    const START: usize = 20;
    const X86_64: u16 = 62;
    const AARCH64: u16 = 183;
    let machine = if cfg!(target_arch = "x86_64") { X86_64 } else { AARCH64 };
    let mut start = [0; START];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start.starts_with(b"\x7fELF\x02") && start[18..20] == machine.to_ne_bytes()
}

/// The libraries in the list that `ldconfig` writes: a header, then entries of
/// which the second and third words say where name and path begin (glibc,
/// `sysdeps/generic/dl-cache.h`, `struct cache_file_new`).
fn list(bytes: &[u8]) -> Vec<(String, PathBuf)> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    let word = |at: usize| {
        let word = bytes.get(at..at + 4)?.first_chunk::<4>()?;
        Some(u32::from_ne_bytes(*word) as usize)
    };
    let text = |at: usize| {
        let rest = bytes.get(at..)?;
        let end = rest.iter().position(|byte| *byte == 0)?;
        Some(String::from_utf8_lossy(&rest[..end]).into_owned())
    };
    if !bytes.starts_with(MAGIC) {
        return Vec::new();
    }
    let room = bytes.len().saturating_sub(HEADER) / ENTRY;
    let count = word(MAGIC.len()).unwrap_or(0).min(room);
    let entry = |index: usize| {
        let at = HEADER + index * ENTRY;
        Some((text(word(at + 4)?)?, PathBuf::from(text(word(at + 8)?)?)))
    };
    (0..count).filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(libraries: &[&str]) -> Needs {
        Needs { libraries: libraries.iter().map(|&name| name.to_owned()).collect(), ..Needs::default() }
    }

    #[test]
    fn what_every_system_has_is_found_and_what_none_has_is_named() {
        let found = missing(Path::new("/nowhere/p.so"), &needs(&["libc.so.6", "libm.so.6", "libgcc_s.so.1"]));
        assert_eq!(found, []);
        let found = missing(Path::new("/nowhere/p.so"), &needs(&["libc.so.6", "libnone.so.9"]));
        assert_eq!(found, [Reason::MissingLibrary { name: "libnone.so.9".into(), needed_by: None }]);
    }

    #[test]
    fn what_this_process_has_already_need_not_be_found() {
        assert!(is_loaded("libc.so.6"));
        assert!(!is_loaded("libnone.so.9") && !is_loaded("libc\0.so.6"));
    }

    #[test]
    fn a_library_beside_the_plugin_is_found_when_the_plugin_looks_there() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::create_dir(folder.path().join("libs")).expect("a folder");
        let own = std::env::current_exe().expect("this program");
        fs::copy(own, folder.path().join("libs/libtorch.so.2")).expect("a copy");
        let plugin = folder.path().join("p.so");
        fs::write(&plugin, "").expect("a file");
        assert_eq!(missing(&plugin, &needs(&["libtorch.so.2"])).len(), 1);
        for origin in ["$ORIGIN/libs", "${ORIGIN}/libs"] {
            let needs = Needs { runpath: vec![origin.to_owned()], ..needs(&["libtorch.so.2"]) };
            assert_eq!(missing(&plugin, &needs), []);
        }
        // A text of that name is none.
        fs::write(folder.path().join("libs/libtorch.so.2"), "INPUT(libc.so.6)").expect("a file");
        let needs = Needs { rpath: vec!["$ORIGIN/libs".to_owned()], ..needs(&["libtorch.so.2"]) };
        assert_eq!(missing(&plugin, &needs).len(), 1);
    }

    #[test]
    fn the_systems_list_is_read_and_no_bytes_make_it_panic() {
        let strings = b"libone.so.1\0/opt/one/libone.so.1\0";
        let mut bytes = b"glibc-ld.so.cache1.1".to_vec();
        bytes.extend(1_u32.to_ne_bytes());
        bytes.resize(48, 0);
        let start = 48 + 24;
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend(u32::try_from(start).expect("small").to_ne_bytes());
        bytes.extend(u32::try_from(start + 12).expect("small").to_ne_bytes());
        bytes.resize(start, 0);
        bytes.extend_from_slice(strings);
        assert_eq!(list(&bytes), [("libone.so.1".to_owned(), PathBuf::from("/opt/one/libone.so.1"))]);
        for length in 0..bytes.len() {
            let _ = list(&bytes[..length]);
        }
        bytes[20..24].copy_from_slice(&u32::MAX.to_ne_bytes());
        bytes[52..56].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(list(&bytes), []);
    }
}
