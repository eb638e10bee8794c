//! Why a plugin would not load, each in one sentence and with one thing to do.

use std::fmt;
use std::path::Path;

use serde_json::{Value, json};
use synapse_sdk::abi::identity::BadIdentity;
use synapse_sdk::abi::layout::{ABI_MAJOR, ABI_MINOR, BLOB_VERSION, IDENTITY_SECTION};
use synapse_sdk::{ErrorKind, PluginError};

use crate::trust::Verdict;

/// Why a plugin's file would not load here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// It is no ELF file of 64 bits.
    NotElf,
    /// Its end is missing.
    CutShort {
        /// Bytes that are there.
        bytes: u64,
        /// Bytes that its header speaks of, at least.
        expected: u64,
    },
    /// It contradicts itself.
    Damaged(String),
    /// It is an object file, a program or a core dump.
    NotShared,
    /// It was built for another kind of processor.
    Machine {
        /// That one.
        built: String,
        /// This machine's.
        here: String,
    },
    /// It has no identity.
    NoIdentity,
    /// Its identity cannot be read.
    Identity(BadIdentity),
    /// Its version of the plugin interface is not ours.
    Abi {
        /// Its major version.
        major: u16,
        /// Its minor version.
        minor: u16,
        /// The SDK it was built with.
        sdk: String,
    },
    /// It cannot do without a service that this host does not offer.
    MissingService {
        /// The service.
        service: String,
        /// The SDK it was built with.
        sdk: String,
        /// What this host offers under that name, else all it offers.
        offered: Vec<String>,
    },
    /// It needs a newer C library.
    Glibc {
        /// The version it needs.
        needed: String,
        /// The version here.
        here: String,
    },
    /// A library it needs is not here.
    MissingLibrary {
        /// The name it is asked for by.
        name: String,
        /// Which library asks, when it is not the plugin itself.
        needed_by: Option<String>,
    },
    /// It uses instructions that this processor does not have.
    Processor {
        /// The features that are missing.
        missing: Vec<String>,
    },
    /// A panic in it ends the process.
    PanicAborts,
    /// Its bytes are not those that its digest was made of.
    Checksum {
        /// SHA-256, in hex, that it should have.
        expected: String,
        /// SHA-256, in hex, that it has.
        found: String,
    },
    /// Its manifest and its code differ.
    Manifest {
        /// In what.
        differs: String,
    },
    /// Its stamp cannot be read.
    BadStamp(String),
    /// It is no bundle, or a damaged one.
    BadBundle(String),
    /// A bundle without a library for this machine.
    NoTarget {
        /// The target triple of this machine.
        here: String,
        /// Those that it has libraries for.
        has: Vec<String>,
    },
    /// Every load requires a key that is known here, and none speaks for it.
    Untrusted(Verdict),
    /// Two of its actions have one name.
    TwoActions {
        /// The name.
        name: String,
        /// Where they stand in the source.
        items: Vec<String>,
    },
    /// Two of its data types have one id.
    TwoDataTypes {
        /// The id.
        id: String,
    },
}

impl Reason {
    /// The rule that is broken, in one word for programs.
    pub fn rule(&self) -> &'static str {
        match self {
            Self::NotElf | Self::NotShared => "format",
            Self::CutShort { .. } => "truncated",
            Self::Damaged(_) => "damaged",
            Self::Machine { .. } => "machine",
            Self::NoIdentity => "section",
            Self::Identity(_) => "identity",
            Self::Abi { .. } => "abi",
            Self::MissingService { .. } => "service",
            Self::Glibc { .. } => "glibc",
            Self::MissingLibrary { .. } => "library",
            Self::Processor { .. } => "processor",
            Self::PanicAborts => "panic",
            Self::Checksum { .. } => "checksum",
            Self::Manifest { .. } | Self::BadStamp(_) => "manifest",
            Self::BadBundle(_) => "bundle",
            Self::NoTarget { .. } => "target",
            Self::Untrusted(_) => "trust",
            Self::TwoActions { .. } => "action",
            Self::TwoDataTypes { .. } => "data_type",
        }
    }

    /// What to do about it.
    pub fn fix(&self) -> String {
        match self {
            Self::NotElf => "name a plugin's .so file; `synapse plugin build` makes one".to_owned(),
            Self::CutShort { .. } | Self::Damaged(_) | Self::Checksum { .. } => {
                "build or copy the plugin again".to_owned()
            }
            Self::NotShared => {
                "a plugin's Cargo.toml says `crate-type = [\"cdylib\", \"rlib\"]` under [lib]".to_owned()
            }
            Self::Machine { built, .. } => {
                format!("build the plugin on a machine of this kind, or run it on one of kind {built}")
            }
            Self::NoIdentity => {
                "a plugin's lib.rs ends with `synapse_sdk::export_plugin!(my_action);`".to_owned()
            }
            Self::Identity(_) => "build the plugin again with the SDK of this synapse".to_owned(),
            Self::Abi { major, .. } if *major > ABI_MAJOR => "use a newer synapse".to_owned(),
            Self::Abi { .. } => "rebuild the plugin with the SDK of this synapse".to_owned(),
            Self::MissingService { .. } => {
                "use a newer synapse, or an SDK that asks for what this one offers".to_owned()
            }
            Self::Glibc { here, .. } => {
                format!("build the plugin on a system with glibc {here} or older, such as this one")
            }
            Self::MissingLibrary { .. } => {
                "install the library it names, ship it beside the plugin (`wheels_dir` in config.yaml), \
                 or add its folder to LD_LIBRARY_PATH"
                    .to_owned()
            }
            Self::Processor { .. } => {
                "build the plugin without `target-cpu` and `target-feature` (RUSTFLAGS, .cargo/config.toml), \
                 or run it on such a processor"
                    .to_owned()
            }
            Self::PanicAborts => "run it isolated, or remove `panic = \"abort\"` from the profile in \
                                  Cargo.toml and build again"
                .to_owned(),
            Self::Manifest { .. } | Self::BadStamp(_) => {
                "make the manifest anew with `synapse plugin build --release`".to_owned()
            }
            Self::BadBundle(_) => {
                "get the bundle again; `synapse plugin build --release` makes one in `dist`".to_owned()
            }
            Self::NoTarget { .. } => "build the plugin on a machine of this kind".to_owned(),
            Self::Untrusted(Verdict::UnknownKey { .. }) => {
                "trust the key, if you know whose it is: `synapse key trust FILE.pub`".to_owned()
            }
            Self::Untrusted(_) => {
                "let its author sign it: `synapse plugin build --sign KEY` writes the signature".to_owned()
            }
            Self::TwoActions { .. } => "give one of them another `name = \"…\"`".to_owned(),
            Self::TwoDataTypes { .. } => "give one of them another `id = \"…\"`".to_owned(),
        }
    }

    /// What the file has, and what it would have to have.
    fn given_and_allowed(&self) -> (Value, Value) {
        match self {
            Self::CutShort { bytes, expected } => (json!(bytes), json!(expected)),
            Self::Machine { built, here } => (json!(built), json!(here)),
            Self::Abi { major, minor, .. } => {
                (json!(format!("{major}.{minor}")), json!(format!("{ABI_MAJOR}.{ABI_MINOR}")))
            }
            Self::MissingService { service, offered, .. } => (json!(service), json!(offered)),
            Self::Glibc { needed, here } => (json!(needed), json!(here)),
            Self::MissingLibrary { name, .. } => (json!(name), Value::Null),
            Self::Processor { missing } => (json!(missing), Value::Null),
            Self::Checksum { expected, found } => (json!(found), json!(expected)),
            Self::NoTarget { here, has } => (json!(has), json!(here)),
            Self::TwoActions { name, .. } => (json!(name), Value::Null),
            Self::TwoDataTypes { id } => (json!(id), Value::Null),
            _ => (Value::Null, Value::Null),
        }
    }

    fn kind(&self) -> ErrorKind {
        match self {
            Self::Checksum { .. } => ErrorKind::ChecksumMismatch,
            Self::BadBundle(_) => ErrorKind::Archive,
            _ => ErrorKind::IncompatiblePlugin,
        }
    }

    /// The error of a plugin at `path` with this reason alone.
    pub fn error(&self, path: &Path) -> PluginError {
        let (given, allowed) = self.given_and_allowed();
        PluginError::new(self.kind(), format!("{} cannot be loaded: {self}", path.display()))
            .details(json!({ "rule": self.rule(), "given": given, "allowed": allowed }))
            .hint(self.fix())
    }
}

/// The error of a plugin at `path` with all these reasons; `None` without any.
pub fn error(path: &Path, reasons: &[Reason]) -> Option<PluginError> {
    let (first, more) = reasons.split_first()?;
    if more.is_empty() {
        return Some(first.error(path));
    }
    let details: Vec<Value> = reasons
        .iter()
        .map(|reason| {
            let (given, allowed) = reason.given_and_allowed();
            let message = format!("{reason}\n  {}", reason.fix());
            json!({ "pointer": reason.rule(), "rule": reason.rule(), "given": given, "allowed": allowed,
                    "message": message })
        })
        .collect();
    let message = format!("{} cannot be loaded, for {} reasons", path.display(), reasons.len());
    Some(PluginError::new(first.kind(), message).details(Value::Array(details)))
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => f.write_str("it is no 64-bit ELF file"),
            Self::CutShort { bytes, expected } => {
                write!(f, "it is cut short: {bytes} of {expected} bytes are there")
            }
            Self::Damaged(why) => write!(f, "it is damaged: {why}"),
            Self::NotShared => f.write_str("it is no shared library"),
            Self::Machine { built, here } => write!(f, "it was built for {built}; this machine is {here}"),
            Self::NoIdentity => {
                write!(f, "it is a library, but no plugin: it has no section `{IDENTITY_SECTION}`")
            }
            Self::Identity(bad) => f.write_str(&identity(bad)),
            Self::Abi { major, minor, sdk } => write!(
                f,
                "it speaks version {major}.{minor} of the plugin interface (SDK {sdk}); \
                 this synapse speaks {ABI_MAJOR}.{ABI_MINOR}"
            ),
            Self::MissingService { service, sdk, offered } => write!(
                f,
                "it needs the host service {service} (SDK {sdk}); this synapse ({}) offers {}",
                env!("CARGO_PKG_VERSION"),
                offered.join(", ")
            ),
            Self::Glibc { needed, here } => write!(f, "it needs glibc {needed}; this system has {here}"),
            Self::MissingLibrary { name, needed_by: None } => {
                write!(f, "it needs the library {name}, which is not on this system")
            }
            Self::MissingLibrary { name, needed_by: Some(library) } => {
                write!(f, "{library}, which it needs, needs the library {name}, which is not on this system")
            }
            Self::Processor { missing } => {
                write!(f, "it was built for a processor with {}; this one has not", missing.join(", "))
            }
            Self::PanicAborts => {
                f.write_str("it was built with panic = \"abort\", so a panic in it would end this process")
            }
            Self::Checksum { expected, found } => {
                write!(f, "its SHA-256 is {found} and should be {expected}")
            }
            Self::Manifest { differs } => write!(f, "its manifest is not of this code: {differs}"),
            Self::BadStamp(why) => write!(f, "its stamped manifest cannot be read: {why}"),
            Self::BadBundle(why) => write!(f, "as a bundle it is damaged: {why}"),
            Self::NoTarget { here, has } => {
                write!(f, "it has no library for this machine, {here}, but for {}", has.join(", "))
            }
            Self::Untrusted(verdict) => {
                write!(f, "every load here requires a key that is known, and it is {verdict}")
            }
            Self::TwoActions { name, items } => {
                write!(f, "two of its actions are named `{name}`: {}", items.join(" and "))
            }
            Self::TwoDataTypes { id } => write!(f, "two of its data types have the id `{id}`"),
        }
    }
}

fn identity(bad: &BadIdentity) -> String {
    match bad {
        BadIdentity::BlobVersion(version) => {
            format!("its identity has layout version {version}; this synapse reads {BLOB_VERSION}")
        }
        other => other.to_string(),
    }
}
