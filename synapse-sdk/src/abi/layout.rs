//! The structs that cross between plugin and host, byte by byte.
//!
//! | what | made by | released by | valid |
//! |---|---|---|---|
//! | [`SynSlice`] arguments | caller | caller | until the call returns |
//! | [`SynBuf`] results | callee | caller, through `release`, once, whatever the status | until released |
//! | [`SynHost`], [`SynPlugin`] tables | their side | never | for the life of the process |
//! | instance | plugin | host, through `drop_instance` | until dropped, after its last call |
//! | `cancelled` of [`SynCall`] | host | host | until the call returns |

use std::ffi::c_void;
use std::marker::PhantomData;
use std::mem::size_of;
use std::ptr;
use std::sync::atomic::AtomicU32;

/// The first bytes of an identity.
pub const MAGIC: [u8; 8] = *b"SYNAPSE\0";
/// Raised when old hosts or plugins can no longer be served; part of the
/// exported names.
pub const ABI_MAJOR: u16 = 1;
/// Raised when tables grow.
pub const ABI_MINOR: u16 = 0;
/// The version of the identity's own layout.
pub const BLOB_VERSION: u16 = 1;
/// The exported data symbol.
pub const IDENTITY_SYMBOL: &str = "SYNAPSE_PLUGIN_V1";
/// The exported function.
pub const INIT_SYMBOL: &str = "synapse_plugin_init_v1";
/// The section of the data symbol.
pub const IDENTITY_SECTION: &str = ".synapse";

/// The call did what was asked; `out` holds its result.
pub const OK: i32 = 0;
/// It failed; `out` holds the error as JSON.
pub const FAILED: i32 = 1;
/// This side does not know what was asked; `out` may hold an error as JSON.
pub const UNSUPPORTED: i32 = 2;
/// There is nothing of that name; `out` is empty.
pub const ABSENT: i32 = 3;
/// An argument breaks the rules of this interface; `out`, where there is one,
/// may hold an error as JSON.
pub const MISUSE: i32 = -1;

/// Flag of [`SynCall`]: the params were checked against the action's schema.
pub const PARAMS_CHECKED: u32 = 1;
/// A flag of a call: a result that breaks its schema fails it.
pub const STRICT_RESULT: u32 = 2;

/// Flag of [`SynHeader`]: a panic unwinds and can be caught.
pub const PANIC_UNWINDS: u64 = 1;
/// Flag of [`SynHeader`]: the identity lists every action.
pub const ACTIONS_LISTED: u64 = 2;
/// Flag of [`SynHeader`]: built with debug assertions.
pub const DEBUG_BUILD: u64 = 4;

/// Borrowed bytes.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SynSlice<'a> {
    ptr: *const u8,
    len: usize,
    borrowed: PhantomData<&'a [u8]>,
}

impl<'a> SynSlice<'a> {
    /// No bytes, and told apart from empty ones.
    pub const NONE: Self = Self { ptr: ptr::null(), len: 0, borrowed: PhantomData };

    /// Borrows `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len(), borrowed: PhantomData }
    }

    /// Borrows `text`, or is [`NONE`](Self::NONE).
    pub fn optional(text: Option<&'a str>) -> Self {
        text.map_or(Self::NONE, |text| Self::new(text.as_bytes()))
    }

    /// The bytes; none for [`NONE`](Self::NONE).
    ///
    /// # Safety
    /// The slice comes from a caller that keeps the rules of this interface:
    /// `len` bytes at `ptr` can be read for `'a`.
    #[expect(unsafe_code, reason = "reads the caller's memory")]
    pub unsafe fn bytes(&self) -> Option<&'a [u8]> {
        if self.ptr.is_null() {
            return None;
        }
        // SAFETY: promised by the caller of this function.
        Some(unsafe { std::slice::from_raw_parts(self.ptr, self.len) })
    }
}

/// Bytes that carry the function which releases them.
#[repr(C)]
pub struct SynBuf {
    pub(crate) ptr: *mut u8,
    pub(crate) len: usize,
    pub(crate) cap: usize,
    pub(crate) release: Option<unsafe extern "C" fn(*mut SynBuf)>,
    pub(crate) owner: *mut c_void,
}

/// One call of an action.
#[repr(C)]
pub struct SynCall<'a> {
    /// `size_of::<SynCall>()` where it was made.
    pub size: u32,
    /// [`PARAMS_CHECKED`] and [`STRICT_RESULT`], or neither.
    pub flags: u32,
    /// Names the run in the host's services.
    pub job: u64,
    /// JSON.
    pub params: SynSlice<'a>,
    /// Not 0 once the run should stop.
    pub cancelled: *const AtomicU32,
}

/// One event. Which fields count depends on `kind`.
#[repr(C)]
pub struct SynEvent<'a> {
    /// `size_of::<SynEvent>()` where it was made.
    pub size: u32,
    /// [`EVENT_MESSAGE`], [`EVENT_LOG`], [`EVENT_PROGRESS`], [`EVENT_METRICS`].
    pub kind: u32,
    /// Index into [`Level::ALL`](crate::Level::ALL).
    pub level: u32,
    /// 0.
    pub reserved: u32,
    /// Nanoseconds since 1970-01-01 UTC.
    pub time: u64,
    /// The step, or none.
    pub step: SynSlice<'a>,
    /// The name of a log entry.
    pub name: SynSlice<'a>,
    /// The text of a message; the JSON of a log entry or of metrics.
    pub text: SynSlice<'a>,
    /// A file that belongs to a log entry, or none.
    pub file: SynSlice<'a>,
    /// Progress: units done.
    pub current: u64,
    /// Progress: units in all.
    pub total: u64,
    /// Progress: percent of the step.
    pub percent: f64,
    /// Progress: seconds left, NaN when unknown.
    pub time_remaining: f64,
    /// Progress: percent of the run.
    pub overall: f64,
}

/// Kind of a [`SynEvent`].
pub const EVENT_MESSAGE: u32 = 1;
/// Kind of a [`SynEvent`].
pub const EVENT_LOG: u32 = 2;
/// Kind of a [`SynEvent`].
pub const EVENT_PROGRESS: u32 = 3;
/// Kind of a [`SynEvent`].
pub const EVENT_METRICS: u32 = 4;

/// What the host offers to a plugin. Functions may be called from any thread.
#[repr(C)]
pub struct SynHost {
    /// `size_of::<SynHost>()` where it was made.
    pub size: u32,
    /// The host's [`ABI_MINOR`].
    pub abi_minor: u32,
    /// Handed back as the first argument.
    pub ctx: *mut c_void,
    /// Takes an event of a job. Events of a job that has ended are dropped.
    pub emit: unsafe extern "C" fn(*mut c_void, u64, *const SynEvent<'_>),
    /// Asks a named service: `service`, `request` as JSON, `body` as bytes.
    pub call:
        unsafe extern "C" fn(*mut c_void, u64, SynSlice<'_>, SynSlice<'_>, SynSlice<'_>, *mut SynBuf) -> i32,
}

/// What a plugin offers to the host. Functions may be called from any thread.
#[repr(C)]
pub struct SynPlugin {
    /// `size_of::<SynPlugin>()` where it was made.
    pub size: u32,
    /// The plugin's [`ABI_MINOR`].
    pub abi_minor: u32,
    /// Handed back as the first argument.
    pub ctx: *mut c_void,
    /// The manifest as JSON.
    pub describe: unsafe extern "C" fn(*mut c_void, *mut SynBuf) -> i32,
    /// Checks the params of a call of an action, running nothing of it but the
    /// author's own checks.
    pub validate: unsafe extern "C" fn(*mut c_void, SynSlice<'_>, *const SynCall<'_>, *mut SynBuf) -> i32,
    /// Makes the object of an action.
    pub instantiate: unsafe extern "C" fn(
        *mut c_void,
        SynSlice<'_>,
        *const SynCall<'_>,
        *mut *mut c_void,
        *mut SynBuf,
    ) -> i32,
    /// Runs one call to its end; several may run at once on one instance.
    pub invoke: unsafe extern "C" fn(*mut c_void, *mut c_void, *const SynCall<'_>, *mut SynBuf) -> i32,
    /// Ends an object. Not while a call runs on it.
    pub drop_instance: unsafe extern "C" fn(*mut c_void, *mut c_void),
}

/// The exported function: takes the host's table, gives the plugin's.
pub type InitFn = unsafe extern "C" fn(*const SynHost, *mut *const SynPlugin) -> i32;

/// The fixed part of an identity; `json_len` bytes of JSON and `config_len`
/// bytes of config.yaml follow. No pointers: it is read from the file.
#[repr(C)]
pub struct SynHeader {
    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// [`BLOB_VERSION`].
    pub blob_version: u16,
    /// [`ABI_MAJOR`].
    pub abi_major: u16,
    /// [`ABI_MINOR`].
    pub abi_minor: u16,
    /// 0.
    pub reserved: u16,
    /// [`PANIC_UNWINDS`], [`ACTIONS_LISTED`], [`DEBUG_BUILD`].
    pub flags: u64,
    /// Bytes of JSON.
    pub json_len: u32,
    /// Bytes of config.yaml.
    pub config_len: u32,
}

/// A struct that begins with its size.
///
/// # Safety
/// The first field of a `repr(C)` struct is a `u32` that holds the size the
/// struct has where it was made.
#[expect(unsafe_code, reason = "a promise about a layout")]
pub(crate) unsafe trait Sized32: Sized {
    /// The struct behind `pointer`; `None` for null, and when it was made by
    /// someone whose struct is smaller than ours.
    ///
    /// # Safety
    /// `pointer` is null, or what it points to is valid for `'a`.
    unsafe fn at<'a>(pointer: *const Self) -> Option<&'a Self> {
        if pointer.is_null() {
            return None;
        }
        // SAFETY: the size comes first, and is there however small the rest is.
        let size = unsafe { pointer.cast::<u32>().read() };
        if (size as usize) < size_of::<Self>() {
            return None;
        }
        // SAFETY: valid, promises the caller, and as large as we take it to be.
        Some(unsafe { &*pointer })
    }
}

#[expect(unsafe_code, reason = "they all begin with `size`")]
mod sized {
    use super::{Sized32, SynCall, SynEvent, SynHost, SynPlugin};

    // SAFETY: `size` is the first field.
    unsafe impl Sized32 for SynCall<'_> {}
    // SAFETY: `size` is the first field.
    unsafe impl Sized32 for SynEvent<'_> {}
    // SAFETY: `size` is the first field.
    unsafe impl Sized32 for SynHost {}
    // SAFETY: `size` is the first field.
    unsafe impl Sized32 for SynPlugin {}
}

#[cfg(target_pointer_width = "64")]
const _: () = {
    assert!(size_of::<SynSlice<'_>>() == 16);
    assert!(size_of::<SynBuf>() == 40);
    assert!(size_of::<SynCall<'_>>() == 40);
    assert!(size_of::<SynEvent<'_>>() == 128);
    assert!(size_of::<SynHost>() == 32);
    assert!(size_of::<SynPlugin>() == 56);
};
const _: () = assert!(size_of::<SynHeader>() == 32);

pub use super::buffer::OwnedBuf;
