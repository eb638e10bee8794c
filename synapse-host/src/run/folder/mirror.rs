//! What a machine that does not have the folder keeps of it.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::hash::{BuildHasher, RandomState};
use std::io::{Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::{Value, json};
use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use super::{Listed, OPEN, SharedFolder, has, is_plain, list};
use crate::files::put_whole;

/// Bytes that are sent at once.
const PIECE: u64 = 8 << 20;
const LOCK: &str = "lock";

/// The way to the host: service, request and body; `None` where there is nothing.
pub(in crate::run) type Asks<'a> = &'a dyn Fn(&str, &Value, &[u8]) -> Result<Option<Vec<u8>>>;

/// The mirror of a run's folder. All agents of a node have the same, so what one node has made the next
/// finds there. It goes with the last of them.
pub(in crate::run) struct Mirror {
    folder: SharedFolder,
    root: PathBuf,
    /// Held as long as somebody needs the mirror.
    lock: File,
    /// Begins the names of parts that this end sends.
    name: u64,
    sent: AtomicU64,
}

/// What a mirror held at some moment.
pub(in crate::run) struct Held(HashSet<Listed>);

impl Mirror {
    /// The mirror of a folder at the node with that address.
    ///
    /// # Errors
    /// No folder can be made, or somebody else's is in its place.
    pub(in crate::run) fn enter(folder: SharedFolder, node: IpAddr) -> Result<Self> {
        if !is_plain(&folder.mark) {
            return Err(PluginError::new(ErrorKind::Usage, "the run's folder has no plain mark"));
        }
        let all = all_mirrors().context("a folder for what a run shares")?;
        let node = node.to_string().replace(':', "-");
        let root = all.join(format!("{}-{node}", folder.mark));
        remove_left_behind(&all, &root);
        let lock = hold(&root).with_context(|| root.display().to_string())?;
        let name = RandomState::new().hash_one(&root);
        Ok(Self { folder, root, lock, name, sent: AtomicU64::new(0) })
    }

    /// The folder it is the mirror of.
    pub(in crate::run) fn folder(&self) -> &SharedFolder {
        &self.folder
    }

    /// Where it lies.
    pub(in crate::run) fn root(&self) -> &Path {
        &self.root
    }

    /// Fetches what the host's params name. Folders are made for files that are not there yet.
    ///
    /// # Errors
    /// The host is gone; a file cannot be read there, or written here.
    pub(in crate::run) fn fetch(&self, host: Asks<'_>, params: &str) -> Result<()> {
        for path in self.folder.named(params) {
            // What is no node's is not asked for.
            let Ok(here) = super::within(&self.root, &path) else { continue };
            here.parent().map_or(Ok(()), fs::create_dir_all)?;
            let listed = host("folder.list/1", &json!(path), &[])?.unwrap_or_default();
            let listed: Vec<Listed> = serde_json::from_slice(&listed)?;
            for file in listed.iter().filter(|file| !has(&self.root, file)) {
                self.fetch_file(host, file)?;
            }
        }
        Ok(())
    }

    fn fetch_file(&self, host: Asks<'_>, file: &Listed) -> Result<()> {
        let mut failed = Ok(());
        let path = super::within(&self.root, &file.path)?;
        let fetched = put_whole(&path, |here| {
            let mut at = 0;
            while at < file.size {
                let piece = json!({ "path": file.path, "at": at, "most": PIECE });
                let bytes = match host("folder.read/1", &piece, &[]) {
                    Ok(bytes) => bytes.unwrap_or_default(),
                    Err(error) => {
                        failed = Err(error);
                        return Err(std::io::Error::other("it cannot be fetched"));
                    }
                };
                if bytes.is_empty() {
                    break;
                }
                here.write_all(&bytes)?;
                at += bytes.len() as u64;
            }
            here.set_modified(UNIX_EPOCH + Duration::from_micros(file.modified))
        });
        failed?;
        fetched.with_context(|| format!("fetching {}", path.display()))
    }

    /// What lies here now.
    pub(in crate::run) fn held(&self) -> Held {
        Held(OPEN.iter().flat_map(|name| list(&self.root, name)).collect())
    }

    /// Sends the host what is new here since `before`. What is older may be older than the host's.
    ///
    /// # Errors
    /// The host is gone, or cannot write.
    pub(in crate::run) fn send(&self, host: Asks<'_>, before: &Held) -> Result<()> {
        let new: Vec<Listed> = self.held().0.into_iter().filter(|file| !before.0.contains(file)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let missing = host("folder.missing/1", &serde_json::to_value(&new)?, &[])?.unwrap_or_default();
        let missing: Vec<usize> = serde_json::from_slice(&missing)?;
        for (number, file) in new.iter().enumerate() {
            if missing.contains(&number) {
                self.send_file(host, file).with_context(|| format!("bringing back {}", file.path))?;
            }
        }
        Ok(())
    }

    fn send_file(&self, host: Asks<'_>, file: &Listed) -> Result<()> {
        // One that another action has removed meanwhile is not missed.
        let Ok(mut here) = File::open(self.root.join(&file.path)) else { return Ok(()) };
        let part = format!("{:016x}-{}", self.name, self.sent.fetch_add(1, Ordering::Relaxed));
        let (mut at, mut bytes) = (0, Vec::new());
        loop {
            bytes.clear();
            (&mut here).take(PIECE).read_to_end(&mut bytes)?;
            if bytes.is_empty() && at > 0 {
                break;
            }
            host("folder.write/1", &json!({ "path": part, "at": at }), &bytes)?;
            if bytes.is_empty() {
                break;
            }
            at += bytes.len() as u64;
        }
        host("folder.keep/1", &json!({ "part": part, "file": file }), &[])?;
        Ok(())
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        let _ = self.lock.unlock();
        remove_unless_held(&self.root);
    }
}

/// The folder of all mirrors of this user.
fn all_mirrors() -> std::io::Result<PathBuf> {
    let me = fs::metadata("/proc/self")?.uid();
    let all = std::env::temp_dir().join(format!("synapse-mirrors-{me}"));
    match fs::DirBuilder::new().mode(0o700).create(&all) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    let facts = fs::symlink_metadata(&all)?;
    match facts.is_dir() && facts.uid() == me {
        true => Ok(all),
        false => Err(std::io::Error::other(format!("{} is somebody else's", all.display()))),
    }
}

/// Makes a mirror, if it is not there, and holds it.
fn hold(root: &Path) -> std::io::Result<File> {
    loop {
        fs::create_dir_all(root)?;
        let path = root.join(LOCK);
        let lock = match File::options().create(true).append(true).open(&path) {
            // The last one who held it was just removing it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        lock.lock_shared()?;
        let number = |facts: Metadata| facts.ino();
        if fs::metadata(&path).map(number).ok() == lock.metadata().map(number).ok() {
            return Ok(lock);
        }
    }
}

/// Mirrors of runs whose agents were killed.
fn remove_left_behind(all: &Path, own: &Path) {
    let mirrors = fs::read_dir(all).into_iter().flatten().flatten().map(|entry| entry.path());
    mirrors.filter(|mirror| mirror != own).for_each(|mirror| remove_unless_held(&mirror));
}

fn remove_unless_held(mirror: &Path) {
    let Ok(lock) = File::options().append(true).open(mirror.join(LOCK)) else { return };
    if lock.try_lock().is_ok() {
        // What stays is removed another time.
        let _ = fs::remove_dir_all(mirror);
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::worker::protocol::ServiceCall;

    /// A host's folder, and the mirror of it.
    fn both() -> (tempfile::TempDir, Mirror) {
        let folder = tempfile::tempdir().unwrap();
        let marked = SharedFolder::mark(folder.path()).unwrap();
        (folder, Mirror::enter(marked, "127.0.0.1".parse().unwrap()).unwrap())
    }

    /// Asks the host's end, and counts the bytes of files that pass.
    fn ask<'a>(
        mirror: &'a Mirror,
        passed: &'a AtomicU64,
    ) -> impl Fn(&str, &Value, &[u8]) -> Result<Option<Vec<u8>>> + 'a {
        |service, request, body| {
            let request = request.to_string();
            let call = ServiceCall { invocation: 1, service, request: request.as_bytes(), body };
            let (status, bytes) = super::super::answer(Some(mirror.folder()), &call).unwrap();
            if service == "folder.read/1" {
                passed.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            passed.fetch_add(body.len() as u64, Ordering::Relaxed);
            match status {
                0 => Ok(Some(bytes)),
                _ => Err(PluginError::from_json(&bytes)),
            }
        }
    }

    #[test]
    fn what_params_name_comes_and_what_is_new_goes_back_once() {
        let (host, mirror) = both();
        let passed = AtomicU64::new(0);
        let asks = ask(&mirror, &passed);
        fs::create_dir_all(host.path().join("work/data/deep")).unwrap();
        fs::write(host.path().join("work/data/deep/a"), "abc").unwrap();
        fs::write(host.path().join("work/other"), "not named").unwrap();
        let name = |path: &str| host.path().join(path).display().to_string();
        let params = json!({ "data": name("work/data"), "out": name("work/models/m.bin") }).to_string();
        mirror.fetch(&asks, &params).unwrap();
        let here = |path: &str| mirror.root().join(path);
        assert_eq!(fs::read(here("work/data/deep/a")).unwrap(), b"abc");
        assert!(here("work/models").is_dir() && !here("work/other").exists());
        // Three bytes came, and nothing has to go back.
        mirror.fetch(&asks, &params).unwrap();
        let before = mirror.held();
        mirror.send(&asks, &before).unwrap();
        assert_eq!(passed.load(Ordering::Relaxed), 3);
        let model = vec![7; PIECE as usize + 5];
        fs::write(here("work/models/m.bin"), &model).unwrap();
        fs::write(here("work/empty"), "").unwrap();
        mirror.send(&asks, &before).unwrap();
        mirror.send(&asks, &before).unwrap();
        assert!(fs::read(host.path().join("work/models/m.bin")).unwrap() == model);
        assert!(host.path().join("work/empty").exists());
        assert_eq!(passed.load(Ordering::Relaxed), 3 + PIECE + 5);
        // What was changed since goes again, and what only the host has changed stays as it has it.
        let before = mirror.held();
        fs::write(here("work/empty"), "no more").unwrap();
        fs::write(host.path().join("work/data/deep/a"), "newer").unwrap();
        mirror.send(&asks, &before).unwrap();
        assert_eq!(fs::read(host.path().join("work/empty")).unwrap(), b"no more");
        assert_eq!(fs::read(host.path().join("work/data/deep/a")).unwrap(), b"newer");
        mirror.fetch(&asks, &params).unwrap();
        assert_eq!(fs::read(here("work/data/deep/a")).unwrap(), b"newer");
    }

    #[test]
    fn a_mirror_goes_with_the_last_who_needs_it() {
        let (host, mirror) = both();
        let marked = SharedFolder::mark(host.path()).unwrap();
        let second = Mirror::enter(marked, "127.0.0.1".parse().unwrap()).unwrap();
        let root = mirror.root().to_owned();
        assert_eq!(second.root(), root);
        drop(mirror);
        assert!(root.exists());
        drop(second);
        assert!(!root.exists());
    }
}
