//! Names of runs: `20260131-120000-k3f9q`, UTC. In the order of their names
//! runs are in the order of their starts, to the millisecond.

use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use synapse_sdk::events::Rfc3339;

/// Base 32 without letters that look like digits; in the order of ASCII.
const LETTERS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
const SHAPE: &[u8] = b"dddddddd-dddddd-lllll";
/// Three letters are random: hundreds of runs in one millisecond would be
/// needed for a few of them to collide, and a few are tried again.
const ATTEMPTS: usize = 100;

/// An id for a run that started `nanos` after 1970-01-01 UTC.
pub(crate) fn fresh(nanos: u64) -> String {
    let moment = Rfc3339(nanos).to_string();
    let digits: String = moment.chars().filter(char::is_ascii_digit).take(14).collect();
    let (date, time) = digits.split_at(8);
    let fraction = nanos % 1_000_000_000 * 1024 / 1_000_000_000;
    // The keys of a `RandomState` are random, so is the hash of anything.
    let random = RandomState::new().hash_one(std::process::id());
    let number = (fraction << 15) | (random & 0x7fff);
    let suffix: String = (0..5).rev().map(|place| letter(number >> (5 * place))).collect();
    format!("{date}-{time}-{suffix}")
}

fn letter(number: u64) -> char {
    char::from(LETTERS[(number & 31) as usize])
}

/// Whether `name` has the shape of an id: what else lies among the runs is not ours.
pub(super) fn is_id(name: &str) -> bool {
    let fits = |(byte, shape): (u8, &u8)| match shape {
        b'd' => byte.is_ascii_digit(),
        b'l' => LETTERS.contains(&byte),
        _ => byte == *shape,
    };
    name.len() == SHAPE.len() && name.bytes().zip(SHAPE).all(fits)
}

/// Makes a folder below `runs` under the first id that nobody else has.
///
/// # Errors
/// No folder can be made there.
pub(crate) fn claim(runs: &Path, mut next_id: impl FnMut() -> String) -> io::Result<(String, PathBuf)> {
    for _ in 0..ATTEMPTS {
        let id = next_id();
        let folder = runs.join(&id);
        match make_private(&folder) {
            Ok(()) => return Ok((id, folder)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free run id"))
}

/// Params may be confidential, so only the owner may look in.
fn make_private(folder: &Path) -> io::Result<()> {
    let made = DirBuilder::new().mode(0o700).create(folder);
    match (made, folder.parent()) {
        (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(parent)?;
            DirBuilder::new().mode(0o700).create(folder)
        }
        (made, _) => made,
    }
}

/// The ids below `runs`, newest first; none when the folder cannot be read.
pub(crate) fn all(runs: &Path) -> Vec<String> {
    let entries = fs::read_dir(runs).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut ids: Vec<String> = names.filter(|name| is_id(name)).collect();
    ids.sort_unstable_by(|a, b| b.cmp(a));
    ids
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const NOON: u64 = 1_769_860_800_000_000_000;

    #[test]
    fn ids_say_when_and_are_told_apart() {
        let id = fresh(NOON);
        assert!(id.starts_with("20260131-120000-00"), "{id}");
        assert!(is_id(&id), "{id}");
        let many: std::collections::HashSet<_> = (0..20).map(|_| fresh(NOON)).collect();
        assert!(many.len() > 1);
    }

    #[test]
    fn ids_sort_by_start_to_the_millisecond() {
        for step in [1_000_000, 7_000_000, 1_000_000_000, 86_400_000_000_000] {
            for index in 0..200 {
                let (earlier, later) = (fresh(NOON + index * step), fresh(NOON + (index + 1) * step));
                assert!(earlier < later, "{earlier} {later}");
            }
        }
    }

    #[test]
    fn a_taken_id_is_left_alone_and_another_one_taken() {
        let folder = tempfile::tempdir().unwrap();
        let runs = folder.path().join("not/yet/there");
        let mut offered = ["a", "a", "b"].map(String::from).into_iter();
        let mut next = || offered.next().unwrap();
        assert_eq!(claim(&runs, &mut next).unwrap().0, "a");
        assert_eq!(claim(&runs, &mut next).unwrap().0, "b");
        let full = claim(&runs, || "a".to_owned()).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn other_names_are_no_ids() {
        for name in ["", "notes", "20260131-120000", "20260131-120000-0000u", "20260131-120000-000000"] {
            assert!(!is_id(name), "{name}");
        }
    }
}
