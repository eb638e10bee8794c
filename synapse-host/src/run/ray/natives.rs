//! The native libraries that travel with a plugin's own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use synapse_sdk::errors::Result;

use crate::check::PluginFile;
use crate::home::Home;
use crate::package::libraries_in;
use crate::plugin::Plugin;
use crate::plugin_ref::{PluginRef, place_of};

/// The native libraries of a plugin, which lie beside it on the nodes as well: those of its bundle, or of the folder
/// that its config names, and those it needs that lie beside it here.
///
/// # Errors
/// A folder of them cannot be read.
pub(super) fn natives(plugin: &Plugin, named: &PluginRef) -> Result<Vec<PathBuf>> {
    let library = &plugin.image().path;
    let mut found = needed_from_beside(library);
    if Home::from_env().is_some_and(|home| library.starts_with(home.cache())) {
        found.extend(libraries_in(folder_of(library))?);
    } else if let Ok(folder) = place_of(named)
        && folder.is_dir()
    {
        found.extend(libraries_in(&folder.join(&plugin.config().wheels_dir))?);
    }
    // One of a name finds room beside the plugin.
    let mut named = BTreeMap::new();
    for path in found.into_iter().filter(|path| path != library) {
        named.entry(path.file_name().map(ToOwned::to_owned)).or_insert(path);
    }
    Ok(named.into_values().collect())
}

/// What the library, and what it needs in turn, names of that which lies beside it.
fn needed_from_beside(library: &Path) -> Vec<PathBuf> {
    let folder = folder_of(library);
    let mut found: Vec<PathBuf> = Vec::new();
    let mut at = 0;
    loop {
        let next = if at == 0 { library } else { &found[at - 1] };
        // What cannot be read needs nothing.
        let needs = PluginFile::read(next).ok().and_then(|file| file.needs).unwrap_or_default();
        for path in needs.libraries.iter().map(|name| folder.join(name)) {
            if path.is_file() && !found.contains(&path) {
                found.push(path);
            }
        }
        if at == found.len() {
            return found;
        }
        at += 1;
    }
}

fn folder_of(library: &Path) -> &Path {
    library.parent().unwrap_or(Path::new("."))
}
