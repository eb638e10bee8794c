//! Where a worker keeps events until they are sent: memory that outlives it.
//!
//! The host opens the file behind the memory when the worker starts, and reads
//! what was not sent yet when the worker has died. Two halves change places: one
//! is filled while the other is sent. A half begins with the number of its
//! batch and the bytes that are complete.

use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of events in a half.
pub(crate) const CAPACITY: usize = 1 << 20;
const HEAD: usize = 16;
const HALF: usize = HEAD + CAPACITY;

/// The two halves, in the worker.
pub(super) struct BlackBox {
    base: NonNull<u8>,
    file: OwnedFd,
}

// SAFETY: plain shared memory; who may write which half is the outbox's matter.
#[expect(unsafe_code, reason = "a pointer to memory that is ours for good")]
unsafe impl Send for BlackBox {}

impl BlackBox {
    /// # Errors
    /// The system gives no shared memory.
    #[expect(unsafe_code, reason = "memfd_create and mmap")]
    pub(super) fn new() -> io::Result<Self> {
        // SAFETY: a name that ends with zero; the descriptor is ours.
        let file = unsafe {
            match libc::memfd_create(c"synapse-events".as_ptr(), libc::MFD_CLOEXEC) {
                -1 => return Err(io::Error::last_os_error()),
                file => OwnedFd::from_raw_fd(file),
            }
        };
        let file = crate::descriptors::move_high(file)?;
        let file = File::from(file);
        file.set_len(2 * HALF as u64)?;
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
        // SAFETY: a new mapping of a file that is as long; never unmapped.
        let base =
            unsafe { libc::mmap(std::ptr::null_mut(), 2 * HALF, protection, flags, file.as_raw_fd(), 0) };
        match NonNull::new(base.cast::<u8>()) {
            Some(base) if base.as_ptr().cast() != libc::MAP_FAILED => Ok(Self { base, file: file.into() }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    pub(super) fn descriptor(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    /// Begins batch `number` in a half.
    pub(super) fn begin(&mut self, half: usize, number: u64) {
        self.word(half, 1).store(0, Ordering::Release);
        self.word(half, 0).store(number, Ordering::Release);
    }

    /// Gives the batch in a half another number.
    pub(super) fn renumber(&mut self, half: usize, number: u64) {
        self.word(half, 0).store(number, Ordering::Release);
    }

    /// Writes `length` bytes behind what stands in a half; they count once all
    /// are written.
    pub(super) fn append(&mut self, half: usize, length: usize, write: impl FnOnce(&mut [u8])) {
        let complete = self.length(half);
        assert!(complete + length <= CAPACITY, "the half has no room");
        write(&mut self.bytes(half)[complete..complete + length]);
        self.word(half, 1).store((complete + length) as u64, Ordering::Release);
    }

    pub(super) fn length(&self, half: usize) -> usize {
        // Bounded, because stray writes of the plugin may land here as anywhere.
        (self.word(half, 1).load(Ordering::Relaxed) as usize).min(CAPACITY)
    }

    /// The complete bytes of a half.
    ///
    /// # Safety
    /// The half is not written to while they are used.
    #[expect(unsafe_code, reason = "gives out memory past the borrow of the lock")]
    pub(super) unsafe fn filled(&self, half: usize) -> &'static [u8] {
        // SAFETY: mapped for good; not written to, promises the caller.
        unsafe { std::slice::from_raw_parts(self.base.as_ptr().add(half * HALF + HEAD), self.length(half)) }
    }

    #[expect(unsafe_code, reason = "memory that is mapped for good")]
    fn bytes(&mut self, half: usize) -> &mut [u8] {
        // SAFETY: within the mapping, and borrowed as long as `self`.
        unsafe { std::slice::from_raw_parts_mut(self.base.as_ptr().add(half * HALF + HEAD), CAPACITY) }
    }

    #[expect(unsafe_code, reason = "memory that is mapped for good")]
    fn word(&self, half: usize, index: usize) -> &AtomicU64 {
        // SAFETY: within the mapping, and aligned: halves are multiples of 8 long.
        unsafe { self.base.add(half * HALF + index * 8).cast::<AtomicU64>().as_ref() }
    }
}

/// What a worker that has died had not sent yet, oldest first: batches after
/// number `seen`. The file is read, not mapped: whatever became of it, reading
/// can only fail.
pub(crate) fn unsent(file: &File, seen: u64) -> Vec<Vec<u8>> {
    let mut batches: Vec<(u64, Vec<u8>)> = (0..2).filter_map(|half| read_half(file, half)).collect();
    batches.retain(|(number, batch)| *number > seen && !batch.is_empty());
    batches.sort_by_key(|(number, _)| *number);
    batches.into_iter().map(|(_, batch)| batch).collect()
}

fn read_half(file: &File, half: u64) -> Option<(u64, Vec<u8>)> {
    let start = half * HALF as u64;
    let word = |offset: u64| {
        let mut bytes = [0; 8];
        file.read_exact_at(&mut bytes, start + offset).ok()?;
        Some(u64::from_ne_bytes(bytes))
    };
    let (number, length) = (word(0)?, word(8)?);
    let mut batch = vec![0; usize::try_from(length).ok()?.min(CAPACITY)];
    file.read_exact_at(&mut batch, start + HEAD as u64).ok()?;
    Some((number, batch))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_completely_and_not_seen_is_found_in_order() {
        let mut black_box = BlackBox::new().unwrap();
        let file = File::open(format!("/proc/self/fd/{}", black_box.descriptor())).unwrap();
        assert!(unsent(&file, 0).is_empty());
        black_box.begin(0, 8);
        black_box.append(0, 5, |bytes| bytes.copy_from_slice(b"later"));
        black_box.begin(1, 7);
        black_box.append(1, 3, |bytes| bytes.copy_from_slice(b"old"));
        black_box.append(1, 2, |bytes| bytes.copy_from_slice(b"er"));
        assert_eq!(unsent(&file, 6), [b"older".to_vec(), b"later".to_vec()]);
        assert_eq!(unsent(&file, 7), [b"later".to_vec()]);
        assert!(unsent(&file, 8).is_empty());
        black_box.begin(0, 9);
        assert!(unsent(&file, 7).is_empty());
    }

    #[test]
    fn a_file_that_was_cut_short_holds_nothing() {
        let mut black_box = BlackBox::new().unwrap();
        black_box.begin(0, 1);
        black_box.append(0, 3, |bytes| bytes.copy_from_slice(b"abc"));
        let file = File::options()
            .write(true)
            .read(true)
            .open(format!("/proc/self/fd/{}", black_box.descriptor()))
            .unwrap();
        file.set_len(10).unwrap();
        assert!(unsent(&file, 0).is_empty());
    }
}
