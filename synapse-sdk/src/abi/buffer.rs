//! Owned memory that crosses between two allocators: whoever made it releases it.

#![expect(unsafe_code, reason = "owned memory that crosses between two allocators")]

use std::ffi::c_void;
use std::ops::Deref;
use std::ptr;

use super::layout::SynBuf;

impl SynBuf {
    /// No bytes, nothing to release.
    pub const EMPTY: Self =
        Self { ptr: ptr::null_mut(), len: 0, cap: 0, release: None, owner: ptr::null_mut() };

    /// Bytes of this image's allocator.
    pub fn of(bytes: Vec<u8>) -> Self {
        let mut bytes = std::mem::ManuallyDrop::new(bytes);
        Self {
            ptr: bytes.as_mut_ptr(),
            len: bytes.len(),
            cap: bytes.capacity(),
            release: Some(release_vec),
            owner: ptr::null_mut::<c_void>(),
        }
    }
}

/// # Safety
/// `buf` points to what [`SynBuf::of`] of this image made, as it was or
/// released already.
unsafe extern "C" fn release_vec(buf: *mut SynBuf) {
    // SAFETY: the caller hands over a valid buffer.
    let buf = unsafe { &mut *buf };
    if buf.ptr.is_null() {
        return;
    }
    // SAFETY: pointer, length and capacity are those of a forgotten Vec of
    // this image, and the buffer is emptied so that it is freed once.
    drop(unsafe { Vec::from_raw_parts(buf.ptr, buf.len, buf.cap) });
    *buf = SynBuf::EMPTY;
}

/// Bytes made by the other side, released when dropped.
pub struct OwnedBuf(SynBuf);

// SAFETY: the interface promises that a buffer can be read and released on
// any thread.
unsafe impl Send for OwnedBuf {}
// SAFETY: as above; shared access only reads.
unsafe impl Sync for OwnedBuf {}

impl OwnedBuf {
    /// Takes over a buffer that a call filled.
    ///
    /// # Safety
    /// The buffer was filled by a callee that keeps the rules of this
    /// interface, and is taken over once.
    pub unsafe fn take(buf: SynBuf) -> Self {
        Self(buf)
    }
}

impl Deref for OwnedBuf {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        if self.0.ptr.is_null() {
            return &[];
        }
        // SAFETY: `take` was promised a valid buffer, and it is ours.
        unsafe { std::slice::from_raw_parts(self.0.ptr, self.0.len) }
    }
}

impl Drop for OwnedBuf {
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: the buffer is ours and was not released before.
            unsafe { release(&mut self.0) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Bytes of a callee that counts how often they are released.
    fn counted(bytes: &'static [u8], released: &AtomicU32) -> SynBuf {
        unsafe extern "C" fn release(buf: *mut SynBuf) {
            // SAFETY: what `counted` made, while the counter is there.
            unsafe { (*(*buf).owner.cast::<AtomicU32>()).fetch_add(1, Ordering::Relaxed) };
        }
        SynBuf {
            ptr: bytes.as_ptr().cast_mut(),
            len: bytes.len(),
            cap: bytes.len(),
            release: Some(release),
            owner: ptr::from_ref(released).cast_mut().cast(),
        }
    }

    #[test]
    fn a_buffer_is_released_once_by_the_one_who_made_it() {
        let released = AtomicU32::new(0);
        // SAFETY: made here, and taken over once.
        let owned = unsafe { OwnedBuf::take(counted(b"result", &released)) };
        assert_eq!(&*owned, b"result");
        assert_eq!(released.load(Ordering::Relaxed), 0);
        let owned = std::thread::scope(|scope| scope.spawn(move || owned).join()).ok();
        drop(owned);
        assert_eq!(released.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn an_empty_buffer_that_has_to_be_released_is() {
        let released = AtomicU32::new(0);
        let empty = SynBuf { ptr: ptr::null_mut(), len: 0, ..counted(b"", &released) };
        // SAFETY: made here, and taken over once.
        let owned = unsafe { OwnedBuf::take(empty) };
        assert!(owned.is_empty());
        drop(owned);
        assert_eq!(released.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn a_vec_comes_back_whole_and_a_second_release_does_nothing() {
        for bytes in [Vec::new(), Vec::with_capacity(64), b"params".to_vec()] {
            let mut buf = SynBuf::of(bytes.clone());
            let release = buf.release;
            // SAFETY: as long as `buf` is not released.
            assert_eq!(unsafe { std::slice::from_raw_parts(buf.ptr, buf.len) }, bytes);
            // SAFETY: made by `of`, and released already the second time.
            unsafe {
                release_vec(&mut buf);
                release_vec(&mut buf);
            }
            assert!(buf.ptr.is_null() && release.is_some() && buf.release.is_none());
        }
    }

    #[test]
    fn nothing_is_nothing_to_release() {
        // SAFETY: there is nothing in it.
        assert!(unsafe { OwnedBuf::take(SynBuf::EMPTY) }.is_empty());
    }
}
