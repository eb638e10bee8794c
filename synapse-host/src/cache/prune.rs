//! Keeps the cache small: what was not used for long goes, and what is too much.

use std::cmp::Reverse;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::hold;
use crate::home::Home;
use crate::size;

/// How much is kept of what nobody uses right now: an amount such as `4GB`.
pub(crate) const VARIABLE: &str = "SYNAPSE_KEEP_CACHE";
const KEEP: u64 = 8 << 30;
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// What was not used for so long is removed in any case.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A folder of the cache.
struct Unpacked {
    path: PathBuf,
    bytes: u64,
    used: SystemTime,
}

/// How many folders there are, and how many bytes.
pub(crate) fn amount(home: &Home) -> (usize, u64) {
    let all = unpacked(&home.cache());
    (all.len(), all.iter().map(|folder| folder.bytes).sum())
}

/// Removes what was not used for a month, and beyond `keep` bytes what was used
/// longest ago. What a process holds stays, and what cannot be removed.
pub(super) fn prune(home: &Home, keep: u64) {
    let mut all = unpacked(&home.cache());
    all.sort_by_key(|folder| Reverse(folder.used));
    let mut kept = 0_u64;
    for folder in all {
        kept = kept.saturating_add(folder.bytes);
        if kept > keep || is_older(folder.used, UNUSED) {
            hold::remove(&folder.path);
        }
    }
    for path in older(&home.cache(), DAY, is_temporary) {
        // Left by a process that was ended.
        let _ = fs::remove_dir_all(path);
    }
    for path in older(&home.cache().join("described"), UNUSED, |_| true) {
        // The next load compares again.
        let _ = fs::remove_file(path);
    }
}

/// As [`VARIABLE`] says, else 8 GiB.
pub(super) fn keep_from_env() -> u64 {
    let wanted = std::env::var(VARIABLE).ok();
    wanted.and_then(|text| size::bytes(text.trim()).ok()).unwrap_or(KEEP)
}

fn unpacked(cache: &Path) -> Vec<Unpacked> {
    let folders = entries(cache).filter(|entry| is_digest(&entry.file_name().to_string_lossy()));
    folders
        .filter_map(|entry| {
            let path = entry.path();
            let files = entries(&path).filter_map(|file| file.metadata().ok());
            let bytes = files.map(|facts| facts.len()).sum();
            Some(Unpacked { used: hold::last_used(&path).ok()?, bytes, path })
        })
        .collect()
}

fn entries(folder: &Path) -> impl Iterator<Item = DirEntry> {
    fs::read_dir(folder).into_iter().flatten().flatten()
}

fn older(folder: &Path, age: Duration, is_it: fn(&str) -> bool) -> Vec<PathBuf> {
    let named = entries(folder).filter(|entry| is_it(&entry.file_name().to_string_lossy()));
    let old = named.filter(|entry| {
        let changed = entry.metadata().and_then(|facts| facts.modified());
        changed.is_ok_and(|time| is_older(time, age))
    });
    old.map(|entry| entry.path()).collect()
}

fn is_older(time: SystemTime, age: Duration) -> bool {
    time.elapsed().is_ok_and(|elapsed| elapsed > age)
}

fn is_digest(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(".tmp")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::fs::File;

    use tempfile::TempDir;

    use super::super::hold::tests::used_before;
    use super::*;

    /// A cache with folders of so many bytes, the first used longest ago.
    fn cache(sizes: &[usize]) -> (TempDir, Home) {
        let place = tempfile::tempdir().unwrap();
        let home = Home::at(place.path());
        for (index, bytes) in sizes.iter().enumerate() {
            let folder = folder(&home, index);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("libnet.so"), vec![0; *bytes]).unwrap();
            used_before(&folder, DAY * (sizes.len() - index) as u32);
        }
        (place, home)
    }

    fn folder(home: &Home, index: usize) -> PathBuf {
        home.cache().join(format!("{index:064x}"))
    }

    fn left(home: &Home, count: usize) -> Vec<usize> {
        (0..count).filter(|index| folder(home, *index).exists()).collect()
    }

    #[test]
    fn beyond_the_bound_what_was_used_longest_ago_goes() {
        let (_place, home) = cache(&[400, 300, 200]);
        assert_eq!(amount(&home), (3, 900));
        prune(&home, 900);
        assert_eq!(left(&home, 3), [0, 1, 2]);
        prune(&home, 899);
        assert_eq!(left(&home, 3), [1, 2]);
        prune(&home, 0);
        assert_eq!(left(&home, 3), [] as [usize; 0]);
        assert_eq!(fs::read_dir(home.cache()).unwrap().count(), 0, "nothing lies about");
    }

    #[test]
    fn what_is_in_use_stays_whatever_it_takes() {
        let (_place, home) = cache(&[400, 300]);
        assert!(hold::hold(&folder(&home, 0)));
        prune(&home, 0);
        assert_eq!(left(&home, 2), [0]);
    }

    #[test]
    fn what_was_not_used_for_a_month_goes_and_what_is_no_bundles_stays() {
        let (_place, home) = cache(&[1, 1]);
        used_before(&folder(&home, 0), UNUSED + DAY);
        let old = SystemTime::now() - UNUSED - DAY;
        let described = home.cache().join("described");
        let aside = home.cache().join(".0.1-1.tmp");
        let pipelines = home.cache().join("pipelines");
        for folder in [&described, &aside, &pipelines] {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join("new"), "").unwrap();
            let file = File::create(folder.join("old")).unwrap();
            file.set_modified(old).unwrap();
            File::open(folder).unwrap().set_modified(old).unwrap();
        }
        prune(&home, u64::MAX);
        assert_eq!(left(&home, 2), [1]);
        assert!(!aside.exists() && !described.join("old").exists());
        assert!(described.join("new").exists() && pipelines.join("old").exists());
    }
}
