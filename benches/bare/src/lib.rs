//! The least a plugin can be: one C function that reads params from JSON,
//! greets, and writes its result as JSON, with panics caught. No SDK, no
//! context, no checks: what stands here is the limit for calls and sizes.

use std::panic::catch_unwind;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, Serialize, JsonSchema)]
struct GreetParams {
    name: String,
    #[serde(default)]
    formal: bool,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Greeting {
    message: String,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Rows {
    rows: Vec<Row>,
}

#[derive(Deserialize, Serialize, JsonSchema)]
struct Row {
    id: u64,
    name: String,
    score: f64,
    tags: Vec<String>,
}

struct Registered(fn() -> schemars::Schema);
inventory::collect!(Registered);
inventory::submit! { Registered(|| schemars::schema_for!(GreetParams)) }
inventory::submit! { Registered(|| schemars::schema_for!(Rows)) }

/// Bytes made here and given back to [`bare_free`].
#[repr(C)]
pub struct Bytes {
    ptr: *mut u8,
    len: usize,
    cap: usize,
}

fn answer(params: &[u8], work: fn(&[u8]) -> Option<Vec<u8>>, out: &mut Bytes) -> i32 {
    match catch_unwind(|| work(params)) {
        Ok(Some(result)) => {
            let mut result = std::mem::ManuallyDrop::new(result);
            *out = Bytes { ptr: result.as_mut_ptr(), len: result.len(), cap: result.capacity() };
            0
        }
        Ok(None) => 1,
        Err(_) => 2,
    }
}

fn greet(params: &[u8]) -> Option<Vec<u8>> {
    let params: GreetParams = serde_json::from_slice(params).ok()?;
    let prefix = if params.formal { "Dear" } else { "Hello" };
    serde_json::to_vec(&Greeting { message: format!("{prefix} {}!", params.name) }).ok()
}

fn rows(params: &[u8]) -> Option<Vec<u8>> {
    serde_json::to_vec(&serde_json::from_slice::<Rows>(params).ok()?).ok()
}

/// # Safety
/// `len` bytes at `params` can be read, and `out` can be written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bare_greet(params: *const u8, len: usize, out: *mut Bytes) -> i32 {
    // SAFETY: promised by the caller.
    let (params, out) = unsafe { (std::slice::from_raw_parts(params, len), &mut *out) };
    answer(params, greet, out)
}

/// # Safety
/// As [`bare_greet`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bare_rows(params: *const u8, len: usize, out: *mut Bytes) -> i32 {
    // SAFETY: promised by the caller.
    let (params, out) = unsafe { (std::slice::from_raw_parts(params, len), &mut *out) };
    answer(params, rows, out)
}

/// How many schemas are registered; keeps them from being dropped.
#[unsafe(no_mangle)]
pub extern "C" fn bare_schemas() -> usize {
    inventory::iter::<Registered>().map(|registered| (registered.0)().to_value().to_string().len()).sum()
}

/// # Safety
/// `bytes` was filled by a function of this library and is freed once.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn bare_free(bytes: *mut Bytes) {
    // SAFETY: promised by the caller.
    unsafe { drop(Vec::from_raw_parts((*bytes).ptr, (*bytes).len, (*bytes).cap)) };
}
