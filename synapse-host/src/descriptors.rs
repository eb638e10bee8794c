//! Descriptors with high numbers.
//!
//! Careless code of a plugin closes the low ones, or takes their place: what
//! has to hold until the end lies above them.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

const HIGH: RawFd = 500;

/// Gives a descriptor a high number; not inherited by programs that are started.
///
/// # Errors
/// The process may not have such numbers.
pub(crate) fn move_high(descriptor: OwnedFd) -> io::Result<OwnedFd> {
    duplicate_high(descriptor.as_raw_fd())
}

/// A second, high number for what is open already.
///
/// # Errors
/// As for [`move_high`].
pub(crate) fn copy_high(descriptor: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    duplicate_high(descriptor.as_raw_fd())
}

/// As [`move_high`]; where such numbers are not to be had it keeps its own.
pub(crate) fn high_if_possible(descriptor: OwnedFd) -> OwnedFd {
    duplicate_high(descriptor.as_raw_fd()).unwrap_or(descriptor)
}

#[expect(unsafe_code, reason = "the standard library lets nobody choose numbers")]
fn duplicate_high(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers; the new descriptor is nobody else's.
    unsafe {
        match libc::fcntl(number, libc::F_DUPFD_CLOEXEC, HIGH) {
            -1 => Err(io::Error::last_os_error()),
            high => Ok(OwnedFd::from_raw_fd(high)),
        }
    }
}
