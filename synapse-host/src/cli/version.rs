//! What `synapse --version` says.

use std::sync::LazyLock;

use synapse_sdk::abi::identity::SDK_VERSION;
use synapse_sdk::abi::layout::{ABI_MAJOR, ABI_MINOR};

/// The version with commit, plugin interface and SDK.
pub(crate) fn version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        format!(
            "{} ({}, plugin interface {ABI_MAJOR}.{ABI_MINOR}, SDK {SDK_VERSION})",
            env!("CARGO_PKG_VERSION"),
            env!("SYNAPSE_COMMIT")
        )
    });
    &TEXT
}
