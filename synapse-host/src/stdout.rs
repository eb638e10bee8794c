//! Keeps standard output for results, whatever a plugin prints.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, RawFd};

use crate::descriptors;

/// Gives standard output under a new number; the old number leads to standard
/// error from now on.
///
/// # Errors
/// The process cannot open more files.
pub(crate) fn set_aside() -> io::Result<File> {
    let answer = File::from(descriptors::high_if_possible(io::stdout().as_fd().try_clone_to_owned()?));
    lead_to(libc::STDERR_FILENO)?;
    Ok(answer)
}

/// Takes back [`set_aside`].
///
/// # Errors
/// As there.
pub(crate) fn put_back(answer: &File) -> io::Result<()> {
    io::stdout().flush()?;
    lead_to(answer.as_raw_fd())
}

#[expect(unsafe_code, reason = "makes one descriptor lead where another does")]
fn lead_to(target: RawFd) -> io::Result<()> {
    // SAFETY: both descriptors are open.
    match unsafe { libc::dup2(target, libc::STDOUT_FILENO) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
