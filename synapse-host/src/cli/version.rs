//! What `synapse --version` says.

use std::sync::LazyLock;

use serde_json::{Value, json};
use synapse_sdk::abi::identity::SDK_VERSION;
use synapse_sdk::abi::layout::{ABI_MAJOR, ABI_MINOR};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit, where this is a release build of a repository.
fn commit() -> Option<&'static str> {
    Some(env!("SYNAPSE_COMMIT")).filter(|commit| !commit.is_empty())
}

/// The version with commit, plugin interface and SDK.
pub(crate) fn version() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let commit = commit().unwrap_or("commit unknown");
        format!("{VERSION} ({commit}, plugin interface {ABI_MAJOR}.{ABI_MINOR}, SDK {SDK_VERSION})")
    });
    &TEXT
}

/// The same for programs.
pub(crate) fn document() -> Value {
    json!({
        "version": VERSION,
        "commit": commit(),
        "plugin_interface": format!("{ABI_MAJOR}.{ABI_MINOR}"),
        "sdk": SDK_VERSION,
    })
}
