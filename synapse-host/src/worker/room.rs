//! Room for large payloads.

#![expect(unsafe_code, reason = "advises the system about memory that is ours")]

use std::collections::TryReserveError;

/// From this size on the system is asked for large pages: clearing and mapping small ones takes a fifth of what a
/// payload of 64 MiB takes from process to process.
const LARGE: usize = 4 << 20;
/// No system here has larger pages.
const PAGE: usize = 64 << 10;

/// A vector with room for exactly `length` bytes.
///
/// # Errors
/// There is no memory.
pub(super) fn room_for(length: usize) -> Result<Vec<u8>, TryReserveError> {
    let mut bytes = Vec::<u8>::new();
    bytes.try_reserve_exact(length)?;
    if length >= LARGE {
        let begin = bytes.as_ptr().addr();
        let before = begin.next_multiple_of(PAGE) - begin;
        let whole = (length - before) / PAGE * PAGE;
        // SAFETY: whole pages of memory that is ours; what they hold stays as it is. Whether the system follows the
        // advice makes no difference but in time.
        unsafe { libc::madvise(bytes.as_mut_ptr().add(before).cast(), whole, libc::MADV_HUGEPAGE) };
    }
    Ok(bytes)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_of_every_size_and_none_beyond_what_can_be() {
        for length in [0, 1, LARGE - 1, LARGE, LARGE + 1, 9 << 20] {
            let mut bytes = room_for(length).unwrap();
            assert_eq!((bytes.len(), bytes.capacity()), (0, length));
            bytes.resize(length, 7);
            assert!(bytes.iter().all(|byte| *byte == 7));
        }
        assert!(room_for(usize::MAX).is_err());
    }
}
