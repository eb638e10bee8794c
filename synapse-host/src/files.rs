//! Files that are put in place whole.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file beside `path` and moves it there: others see the old one or the
/// new one, and who has the old one open or mapped keeps it. The folder is made
/// when it is not there.
///
/// # Errors
/// Those of `write`, and of the file system; then nothing is left behind.
pub(crate) fn put_whole(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let temporary = beside(path);
    let written = File::create_new(&temporary).and_then(|mut file| write(&mut file));
    let placed = written.and_then(|()| fs::rename(&temporary, path));
    placed.inspect_err(|_| drop(fs::remove_file(&temporary)))
}

/// A name beside `path` that nobody else uses, and that is taken for nothing.
pub(crate) fn beside(path: &Path) -> PathBuf {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}-{count}.tmp", process::id()))
}
