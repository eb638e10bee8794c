//! Whether a plugin would load here, and why not: looked at before any of its
//! code runs. The loader refuses with the same sentences that
//! `synapse plugin check --why-not` prints.

mod described;
mod elf;
mod file;
mod libraries;
mod machine;
mod needs;
mod pieces;
mod reason;
mod version;

use std::path::Path;

use synapse_sdk::abi::identity::Facts;
use synapse_sdk::errors::{Result, ResultExt};

use crate::bundle::{Bundle, HERE};
use crate::kind::Kind;
use crate::stamp::Stamp;
use crate::trust;

pub(crate) use described::two_actions;
pub use described::{described, differs, unregistered};
pub use file::PluginFile;
pub(crate) use file::open;
pub use machine::Machine;
pub use needs::Needs;
pub(crate) use pieces::Pieces;
pub use reason::{Reason, error};
pub use version::Version;

/// Every reason why the plugin's file at `path` would not load into this
/// process on `machine`.
///
/// # Errors
/// As [`PluginFile::read`]: the file cannot be opened.
pub fn why_not(path: &Path, machine: &Machine) -> Result<Vec<Reason>> {
    match Kind::of(path) {
        Some(Kind::Bundle) => bundle(path, machine),
        _ => library(path, PluginFile::read(path)?, machine),
    }
}

/// As [`why_not`], of a bundle: its archive, and the library for this machine.
fn bundle(path: &Path, machine: &Machine) -> Result<Vec<Reason>> {
    let bundle = match Bundle::examine(path)? {
        Ok(bundle) => bundle,
        Err(reason) => return Ok(vec![reason]),
    };
    let mut reasons = Vec::new();
    let damaged = bundle.verify().with_context(|| path.display().to_string())?;
    reasons.extend(damaged.map(|(_, reason)| reason));
    let entry = match bundle.library_here() {
        Ok(library) => bundle.manifest().file(&library.path),
        Err(reason) => {
            reasons.push(reason);
            None
        }
    };
    let Some(entry) = entry.filter(|_| reasons.is_empty()) else {
        reasons.extend(untrusted(path)?);
        return Ok(reasons);
    };
    let bytes = bundle.read_of(path, entry)?;
    let file = PluginFile::of_bytes(&bytes);
    let described = described_alike(&bundle, file.stamp.as_deref());
    let mut found = library(path, file, machine)?;
    found.extend(described);
    // It brings these along.
    let ships =
        |name: &str| bundle.manifest().files_for(HERE).any(|file| file.path.ends_with(&format!("/{name}")));
    found.retain(|reason| !matches!(reason, Reason::MissingLibrary { name, .. } if ships(name)));
    Ok(found)
}

/// Whether a bundle's manifest can be read and is that of the library within.
fn described_alike(bundle: &Bundle, stamp: Option<&[u8]>) -> Option<Reason> {
    let said = match bundle.manifest().description() {
        Ok(said) => said,
        Err(why) => return Some(Reason::BadBundle(why)),
    };
    // What is wrong with the stamp itself is told of the library.
    let stamp = Stamp::parse(stamp?).ok()?;
    differs(&said, &stamp.manifest)
}

fn library(path: &Path, file: PluginFile, machine: &Machine) -> Result<Vec<Reason>> {
    let foreign = file.reasons.iter().any(|reason| matches!(reason, Reason::Machine { .. }));
    let mut reasons = file.reasons;
    reasons.extend(untrusted(path)?);
    if let Some(stamp) = &file.stamp {
        match Stamp::parse(stamp) {
            Ok(stamp) => reasons.extend(described::two_data_types(&stamp.manifest)),
            Err(why) => reasons.push(Reason::BadStamp(why)),
        }
    }
    if let Some(identity) = &file.identity {
        reasons.extend(described::two_actions(&identity.facts.actions));
        if !identity.panic_unwinds {
            reasons.push(Reason::PanicAborts);
        }
    }
    // What another kind of machine has, this one does not tell.
    if let Some(needs) = file.needs.filter(|_| !foreign) {
        let facts = file.identity.map(|identity| identity.facts);
        reasons.extend(on_this_machine(path, facts.as_ref(), &needs, machine));
    }
    Ok(reasons)
}

/// Whether every load requires a known key and none speaks for the file.
pub(crate) fn untrusted(path: &Path) -> Result<Option<Reason>> {
    if !trust::is_required() {
        return Ok(None);
    }
    let verdict = trust::verdict(path)?;
    Ok((!verdict.is_known()).then_some(Reason::Untrusted(verdict)))
}

/// What `machine` lacks for the plugin at `path`.
pub(crate) fn on_this_machine(
    path: &Path,
    facts: Option<&Facts>,
    needs: &Needs,
    machine: &Machine,
) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let Some(facts) = facts {
        reasons.extend(services(facts, &machine.services));
        reasons.extend(processor(facts, machine.has_feature));
    }
    if let (Some(needed), Some(here)) = (&needs.glibc, &machine.glibc)
        && needed > here
    {
        reasons.push(Reason::Glibc { needed: needed.to_string(), here: here.to_string() });
    }
    reasons.extend(libraries::missing(path, needs));
    reasons
}

fn services(facts: &Facts, offered: &[String]) -> Vec<Reason> {
    let missing = facts.requires.iter().filter(|service| !offered.contains(service));
    let missing = missing.map(|service| {
        let name = service.split('/').next().unwrap_or_default();
        let other: Vec<String> =
            offered.iter().filter(|other| other.split('/').next() == Some(name)).cloned().collect();
        let offered = if other.is_empty() { offered.to_vec() } else { other };
        Reason::MissingService { service: service.clone(), sdk: facts.sdk.clone(), offered }
    });
    missing.collect()
}

fn processor(facts: &Facts, has: fn(&str) -> bool) -> Option<Reason> {
    let missing: Vec<String> =
        facts.target_features.iter().filter(|feature| !has(feature)).cloned().collect();
    (!missing.is_empty()).then_some(Reason::Processor { missing })
}
