//! What a plugin says of itself in its file: read without running its code.
//!
//! The identity is one exported symbol in section `.synapse`: a
//! [`SynHeader`], then JSON, then the bytes of
//! config.yaml as they are. It is put together at compile time by
//! [`export_plugin!`](crate::export_plugin).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::action::{ActionFacts, Listed};
use crate::data_type::DataTypeFacts;

use super::layout::{
    ABI_MAJOR, ABI_MINOR, ACTIONS_LISTED, BLOB_VERSION, DEBUG_BUILD, MAGIC, PANIC_UNWINDS, SynHeader,
};

/// The compiler the SDK was built with.
pub const RUSTC: &str = env!("SYNAPSE_RUSTC");
/// The target triple the SDK was built for.
pub const TARGET: &str = env!("SYNAPSE_TARGET");
/// The version of this SDK.
pub const SDK_VERSION: &str = env!("CARGO_PKG_VERSION");

/// No identity is larger: 1 MiB of JSON, 16 MiB of config.yaml.
pub const MAX_JSON: usize = 1 << 20;
/// See [`MAX_JSON`].
pub const MAX_CONFIG: usize = 16 << 20;

/// An identity as it lies in the file.
#[doc(hidden)]
#[repr(C)]
pub struct Blob<const JSON: usize, const CONFIG: usize> {
    header: SynHeader,
    json: [u8; JSON],
    config: [u8; CONFIG],
}

impl<const JSON: usize, const CONFIG: usize> Blob<JSON, CONFIG> {
    /// Puts an identity together.
    #[doc(hidden)]
    pub const fn new(flags: u64, package: &Package, actions: &[Listed], bytes: &[u8]) -> Self {
        assert!(JSON <= MAX_JSON && CONFIG <= MAX_CONFIG, "the plugin's identity is too large");
        let mut config = [0; CONFIG];
        config.copy_from_slice(bytes);
        let header = SynHeader {
            magic: MAGIC,
            blob_version: BLOB_VERSION,
            abi_major: ABI_MAJOR,
            abi_minor: ABI_MINOR,
            reserved: 0,
            flags,
            json_len: JSON as u32,
            config_len: CONFIG as u32,
        };
        Self { header, json: json(package, actions), config }
    }
}

/// Flags every plugin has, from how it was compiled.
#[doc(hidden)]
pub const fn flags(unwinds: bool, listed: bool, debug: bool) -> u64 {
    (if unwinds { PANIC_UNWINDS } else { 0 })
        | (if listed { ACTIONS_LISTED } else { 0 })
        | (if debug { DEBUG_BUILD } else { 0 })
}

/// The crate an identity is of.
#[doc(hidden)]
pub struct Package {
    pub name: &'static str,
    pub version: &'static str,
    /// Host services without which it is of no use.
    pub requires: &'static [&'static str],
    /// Features of the processor that its code may use.
    pub target_features: &'static [&'static str],
}

/// The JSON of an identity is put together from pieces, none of which needs
/// escaping: crate names, versions, and names the macros have checked.
const HEAD: usize = 10;
const EACH: usize = 15;

const fn piece(package: &Package, actions: &[Listed], index: usize) -> Option<&'static str> {
    if index < HEAD {
        let head: [&'static str; HEAD] = [
            "{\"crate\":\"",
            package.name,
            "\",\"version\":\"",
            package.version,
            "\",\"sdk\":\"",
            SDK_VERSION,
            "\",\"rustc\":\"",
            RUSTC,
            "\",\"target\":\"",
            TARGET,
        ];
        return Some(head[index]);
    }
    let index = index - HEAD;
    if index == 0 {
        return Some("\",\"actions\":[");
    }
    let index = index - 1;
    if index < actions.len() * EACH {
        return Some(action_piece(actions[index / EACH].facts, index % EACH, index < EACH));
    }
    tail_piece(package, index - actions.len() * EACH)
}

const fn tail_piece(package: &Package, index: usize) -> Option<&'static str> {
    if index == 0 {
        return Some("],\"requires\":[");
    }
    let index = index - 1;
    let requires = 3 * package.requires.len();
    if index < requires {
        return Some(quoted(package.requires, index));
    }
    if index == requires {
        return Some("],\"target_features\":[");
    }
    let index = index - requires - 1;
    let features = 3 * package.target_features.len();
    if index < features {
        return Some(quoted(package.target_features, index));
    }
    if index == features { Some("]}") } else { None }
}

/// Three pieces for each of `words`: they become strings of a list.
const fn quoted(words: &[&'static str], index: usize) -> &'static str {
    match index % 3 {
        0 if index == 0 => "\"",
        0 => ",\"",
        1 => words[index / 3],
        _ => "\"",
    }
}

const fn action_piece(facts: &ActionFacts, field: usize, first: bool) -> &'static str {
    const fn id(data_type: Option<&'static DataTypeFacts>) -> &'static str {
        match data_type {
            Some(facts) => facts.id,
            None => "",
        }
    }
    let method = match facts.method {
        Some(method) => method.as_str(),
        None => "",
    };
    let category = match facts.category {
        Some(category) => category.as_str(),
        None => "",
    };
    let pieces: [&'static str; EACH] = [
        if first { "{\"name\":\"" } else { ",{\"name\":\"" },
        facts.name,
        "\",\"item\":\"",
        facts.item,
        "\",\"module\":\"",
        facts.module,
        "\",\"method\":\"",
        method,
        "\",\"category\":\"",
        category,
        "\",\"input\":\"",
        id(facts.input),
        "\",\"output\":\"",
        id(facts.output),
        "\"}",
    ];
    pieces[field]
}

/// Not public: fails to compile when one of these is not named as services are,
/// by a name and a number, such as `client.request/1`.
#[doc(hidden)]
#[track_caller]
pub const fn check_services(names: &[&str]) {
    let mut index = 0;
    while index < names.len() {
        assert!(is_service(names[index].as_bytes()), "a service is named like `client.request/1`");
        index += 1;
    }
}

const fn is_service(name: &[u8]) -> bool {
    let mut index = 0;
    while index < name.len() && matches!(name[index], b'a'..=b'z' | b'_' | b'.') {
        index += 1;
    }
    let slash = index;
    if slash == 0 || slash == name.len() || name[slash] != b'/' {
        return false;
    }
    index += 1;
    while index < name.len() && name[index].is_ascii_digit() {
        index += 1;
    }
    index == name.len() && index > slash + 1
}

/// The length of an identity's JSON.
#[doc(hidden)]
pub const fn json_len(package: &Package, actions: &[Listed]) -> usize {
    let (mut sum, mut index) = (0, 0);
    while let Some(piece) = piece(package, actions, index) {
        sum += piece.len();
        index += 1;
    }
    sum
}

const fn json<const N: usize>(package: &Package, actions: &[Listed]) -> [u8; N] {
    let mut bytes = [0; N];
    let (mut at, mut index) = (0, 0);
    while let Some(piece) = piece(package, actions, index) {
        let piece = piece.as_bytes();
        let (_, rest) = bytes.split_at_mut(at);
        let (place, _) = rest.split_at_mut(piece.len());
        place.copy_from_slice(piece);
        at += piece.len();
        index += 1;
    }
    bytes
}

/// What a plugin says of itself in its file.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity<'a> {
    /// Major version of the C interface.
    pub abi_major: u16,
    /// Minor version of the C interface.
    pub abi_minor: u16,
    /// Whether its panics can be caught.
    pub panic_unwinds: bool,
    /// Whether [`Facts::actions`] is complete.
    pub actions_listed: bool,
    /// Whether it was built with debug assertions.
    pub debug_build: bool,
    /// Names and versions.
    pub facts: Facts,
    /// The text of config.yaml.
    pub config: Cow<'a, str>,
}

/// The JSON part of an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The crate's name.
    #[serde(rename = "crate")]
    pub package: String,
    /// The crate's version.
    pub version: String,
    /// The version of the SDK it was built with.
    pub sdk: String,
    /// The compiler it was built with.
    pub rustc: String,
    /// The target triple it was built for.
    pub target: String,
    /// Its actions, when it lists them.
    #[serde(default)]
    pub actions: Vec<ListedAction>,
    /// The host services it cannot do without, such as `client.request/1`.
    #[serde(default)]
    pub requires: Vec<String>,
    /// The features of the processor that its code may use, beyond those every
    /// processor of the target has; named as rustc does.
    #[serde(default)]
    pub target_features: Vec<String>,
}

/// An action as the identity lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedAction {
    /// The name it was registered under.
    pub name: String,
    /// The function's or type's name in the source.
    pub item: String,
    /// The module it stands in, with the crate's name first.
    pub module: String,
    /// The method, empty when none was declared.
    #[serde(default)]
    pub method: String,
    /// The category, empty when none was declared.
    #[serde(default)]
    pub category: String,
    /// The id of the input type, empty when none was declared.
    #[serde(default)]
    pub input: String,
    /// The id of the output type, empty when none was declared.
    #[serde(default)]
    pub output: String,
}

/// Why bytes are no identity this host can read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadIdentity {
    /// Shorter than it says, or than a header.
    Truncated,
    /// It does not begin with [`MAGIC`].
    NoMagic,
    /// Its layout has a version this host does not know.
    BlobVersion(u16),
    /// Larger than any identity may be.
    Oversize,
    /// Its JSON cannot be read.
    Json(String),
}

impl fmt::Display for BadIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("its identity is cut short"),
            Self::NoMagic => f.write_str("its identity does not begin with `SYNAPSE`"),
            Self::BlobVersion(version) => {
                write!(f, "its identity has layout version {version}; this host reads {BLOB_VERSION}")
            }
            Self::Oversize => f.write_str("its identity is larger than any can be"),
            Self::Json(error) => write!(f, "its identity cannot be read: {error}"),
        }
    }
}

impl std::error::Error for BadIdentity {}

impl<'a> Identity<'a> {
    /// Reads an identity from the bytes of its symbol; more bytes may follow.
    ///
    /// # Errors
    /// Why they are none.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BadIdentity> {
        let header = bytes.first_chunk::<32>().ok_or(BadIdentity::Truncated)?;
        if header[..8] != MAGIC {
            return Err(BadIdentity::NoMagic);
        }
        let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let word =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
        if half(8) != BLOB_VERSION {
            return Err(BadIdentity::BlobVersion(half(8)));
        }
        let flags = u64::from(word(16)) | u64::from(word(20)) << 32;
        let (json_len, config_len) = (word(24) as usize, word(28) as usize);
        if json_len > MAX_JSON || config_len > MAX_CONFIG {
            return Err(BadIdentity::Oversize);
        }
        let json = bytes.get(32..32 + json_len).ok_or(BadIdentity::Truncated)?;
        let config = bytes.get(32 + json_len..32 + json_len + config_len).ok_or(BadIdentity::Truncated)?;
        Ok(Self {
            abi_major: half(10),
            abi_minor: half(12),
            panic_unwinds: flags & PANIC_UNWINDS != 0,
            actions_listed: flags & ACTIONS_LISTED != 0,
            debug_build: flags & DEBUG_BUILD != 0,
            facts: serde_json::from_slice(json).map_err(|error| BadIdentity::Json(error.to_string()))?,
            config: String::from_utf8_lossy(config),
        })
    }
}
