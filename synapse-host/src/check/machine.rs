//! What this machine has to offer a plugin.

use synapse_sdk::abi::host_side::SERVICES;
use synapse_sdk::abi::target_features::detected;

use super::version::Version;

/// What this machine and this host offer.
#[derive(Clone, Debug)]
pub struct Machine {
    /// The version of the C library; `None` where it is not glibc.
    pub glibc: Option<Version>,
    /// The host services, such as `run.info/1`.
    pub services: Vec<String>,
    /// Whether the processor has a feature, named as rustc does.
    pub has_feature: fn(&str) -> bool,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        Self {
            glibc: glibc(),
            services: SERVICES.iter().map(|&service| service.to_owned()).collect(),
            has_feature: detected,
        }
    }
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "asks the C library for its version")]
fn glibc() -> Option<Version> {
    // SAFETY: returns a constant text that ends with a zero byte.
    let text = unsafe { std::ffi::CStr::from_ptr(libc::gnu_get_libc_version()) };
    Version::parse(text.to_str().ok()?)
}

#[cfg(not(target_env = "gnu"))]
fn glibc() -> Option<Version> {
    None
}
