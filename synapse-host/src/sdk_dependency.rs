//! What a plugin's `Cargo.toml` says of the SDK it is built with, and how that
//! is put right.

use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};
use toml_edit::{DocumentMut, Item, TableLike};

use crate::config::{self, Requirement};
use crate::home::Home;
use crate::sdk_source::{self, CRATE, Unpacked};

/// A plugin's dependency on the SDK by path.
#[derive(Debug)]
pub struct SdkDependency {
    manifest: PathBuf,
    document: DocumentMut,
    written: String,
}

impl SdkDependency {
    /// That of the plugin in `folder`; `None` when there is none by path, as in
    /// a workspace that names it for its members, or when `Cargo.toml` cannot be
    /// read, which cargo then tells.
    pub fn of(folder: &Path) -> Option<Self> {
        let manifest = folder.join("Cargo.toml");
        let mut document: DocumentMut = fs::read_to_string(&manifest).ok()?.parse().ok()?;
        let written = paths(&mut document).first()?.as_str()?.to_owned();
        Some(Self { manifest, document, written })
    }

    /// Where it leads.
    pub fn path(&self) -> PathBuf {
        let folder = self.manifest.parent().unwrap_or(Path::new(""));
        folder.join(&self.written)
    }

    /// The version of what lies there; `None` when nothing does.
    pub fn version(&self) -> Option<String> {
        version_at(&self.path())
    }

    /// Makes it lead to `sdk`, wherever the manifest names the old path. All
    /// else in the file stays as it is.
    ///
    /// # Errors
    /// [`Io`](ErrorKind::Io) when the manifest cannot be written.
    pub fn lead_to(&mut self, sdk: &Path) -> Result<()> {
        let sdk = sdk.to_string_lossy().into_owned();
        for path in paths(&mut self.document) {
            if path.as_str() != Some(&self.written) {
                continue;
            }
            let decor = path.as_value().map(|value| value.decor().clone());
            *path = toml_edit::value(&sdk);
            if let (Some(value), Some(decor)) = (path.as_value_mut(), decor) {
                *value.decor_mut() = decor;
            }
        }
        self.written = sdk;
        fs::write(&self.manifest, self.document.to_string()).map_err(|error| {
            let message = format!("{} cannot be written: {error}", self.manifest.display());
            PluginError::new(ErrorKind::Io, message)
                .hint(format!("make `synapse-sdk` lead to {} there", self.written))
        })
    }
}

/// Sees to it that a plugin about to be built finds its SDK: one that lies in
/// this home is put right when it is damaged, and a path that leads nowhere is
/// made to lead there. Gives what was done, in words.
///
/// # Errors
/// As [`sdk_source::unpack`] and [`SdkDependency::lead_to`].
pub fn mend(folder: &Path, home: &Home) -> Result<Option<String>> {
    let Some(mut dependency) = SdkDependency::of(folder) else { return Ok(None) };
    let (path, ours) = (dependency.path(), sdk_source::folder(home));
    if path == ours {
        return Ok(match sdk_source::unpack(home)? {
            Unpacked::Whole => None,
            Unpacked::New => Some(format!("the SDK was unpacked to {}", ours.display())),
            Unpacked::Mended(1) => Some(format!("1 file of the SDK in {} was put right", ours.display())),
            Unpacked::Mended(files) => {
                Some(format!("{files} files of the SDK in {} were put right", ours.display()))
            }
        });
    }
    if path.join("Cargo.toml").exists() {
        return Ok(None);
    }
    check_requirement(folder, sdk_source::VERSION)?;
    sdk_source::unpack(home)?;
    dependency.lead_to(&ours)?;
    Ok(Some(format!(
        "Cargo.toml: synapse-sdk leads to {} now (SDK {}); there is nothing at {}",
        ours.display(),
        sdk_source::VERSION,
        path.display()
    )))
}

/// Whether the plugin in `folder` may use an SDK of this version: its config's
/// `requires.sdk` says so, or nothing.
///
/// # Errors
/// [`IncompatiblePlugin`](ErrorKind::IncompatiblePlugin) when it asks for other
/// versions.
pub fn check_requirement(folder: &Path, version: &str) -> Result<()> {
    let Some((file, required)) = requirement(folder) else { return Ok(()) };
    match version.parse::<Version>() {
        Ok(version) if !required.allows(&version) => {
            let file = file.display();
            let message = format!("{file} requires SDK {required}, and this is SDK {version}");
            Err(PluginError::new(ErrorKind::IncompatiblePlugin, message).hint(
                "change requires.sdk there if the plugin works with it, or name an SDK it asks for with \
                 `synapse plugin upgrade-sdk --sdk PATH`",
            ))
        }
        _ => Ok(()),
    }
}

/// What the config asks for. One that cannot be read is told when it is built.
fn requirement(folder: &Path) -> Option<(PathBuf, Requirement)> {
    let file = config::find(folder)?;
    let loaded = config::parse(&fs::read_to_string(&file).ok()?).ok()?;
    Some((file, loaded.config.requires.sdk?.parse().ok()?))
}

/// The version of the SDK's crate in `folder`, which may stand in the manifest
/// of its workspace.
pub fn version_at(folder: &Path) -> Option<String> {
    let read = |folder: &Path| fs::read_to_string(folder.join("Cargo.toml")).ok()?.parse().ok();
    let manifest: DocumentMut = read(folder)?;
    let version = manifest.get("package")?.get("version")?;
    if let Some(version) = version.as_str() {
        return Some(version.to_owned());
    }
    let workspace: DocumentMut = read(folder.parent()?)?;
    let package = workspace.get("workspace")?.get("package")?;
    Some(package.get("version")?.as_str()?.to_owned())
}

/// The `path` of every dependency on the SDK.
fn paths(document: &mut DocumentMut) -> Vec<&mut Item> {
    let mut found = Vec::new();
    for (name, item) in document.iter_mut() {
        match (name.get(), item) {
            ("target", targets) => {
                let targets = targets.as_table_like_mut().into_iter().flat_map(|table| table.iter_mut());
                for (_, target) in targets {
                    let tables = target.as_table_like_mut().into_iter().flat_map(|table| table.iter_mut());
                    found.extend(tables.filter_map(|(name, item)| sdk_path(name.get(), item)));
                }
            }
            (name, item) => found.extend(sdk_path(name, item)),
        }
    }
    found
}

fn sdk_path<'a>(table: &str, item: &'a mut Item) -> Option<&'a mut Item> {
    if !["dependencies", "dev-dependencies", "build-dependencies"].contains(&table) {
        return None;
    }
    let dependencies = item.as_table_like_mut()?;
    let is_sdk = |name: &str, dependency: &Item| {
        let package = dependency.as_table_like().and_then(|table| table.get("package"));
        package.and_then(Item::as_str).unwrap_or(name) == CRATE
    };
    let (_, sdk) = dependencies.iter_mut().find(|(name, dependency)| is_sdk(name.get(), dependency))?;
    sdk.as_table_like_mut().and_then(path_of)
}

fn path_of(dependency: &mut dyn TableLike) -> Option<&mut Item> {
    dependency.get_mut("path")
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn plugin(manifest: &str) -> (tempfile::TempDir, PathBuf, Home) {
        let folder = tempfile::tempdir().unwrap();
        let plugin = folder.path().join("plugin");
        fs::create_dir(&plugin).unwrap();
        fs::write(plugin.join("Cargo.toml"), manifest).unwrap();
        let home = Home::at(folder.path().join("home"));
        (folder, plugin, home)
    }

    #[test]
    fn a_path_that_leads_nowhere_is_replaced_and_nothing_else() {
        let forms = [
            "# mine\n[dependencies]\nsynapse-sdk = { path = \"/gone/synapse-sdk\", features = [\"async\"] } # kept\n",
            "[dependencies]\nsynapse-sdk.path = \"/gone/synapse-sdk\"\nserde='1'\n",
            "[dependencies.sdk]\npackage = \"synapse-sdk\"\npath   =   \"/gone/synapse-sdk\"\n",
            "[target.'cfg(unix)'.dependencies]\nsynapse-sdk = { path = \"/gone/synapse-sdk\" }\n",
            "[dependencies]\nsynapse-sdk = { path = \"/gone/synapse-sdk\" }\n\n\
             [dev-dependencies]\nsynapse-sdk = { path = \"/gone/synapse-sdk\" }\n",
        ];
        for form in forms {
            let (_folder, plugin, home) = plugin(form);
            let told = mend(&plugin, &home).unwrap().unwrap();
            assert!(told.contains("there is nothing at /gone/synapse-sdk"), "{told}");
            let sdk = sdk_source::folder(&home).display().to_string();
            let expected = form.replace("/gone/synapse-sdk", &sdk);
            assert_eq!(fs::read_to_string(plugin.join("Cargo.toml")).unwrap(), expected);
            assert_eq!(mend(&plugin, &home).unwrap(), None);
        }
    }

    #[test]
    fn other_dependencies_are_left_alone() {
        for form in [
            "[dependencies]\nserde = { path = \"/gone/serde\" }\n",
            "[dependencies]\nsynapse-sdk.workspace = true\n",
            "[dependencies\n",
        ] {
            let (_folder, plugin, home) = plugin(form);
            assert_eq!(mend(&plugin, &home).unwrap(), None, "{form}");
            assert_eq!(fs::read_to_string(plugin.join("Cargo.toml")).unwrap(), form);
        }
    }

    #[test]
    fn a_plugin_that_asks_for_another_sdk_is_left_alone() {
        let manifest = "[dependencies]\nsynapse-sdk = { path = \"/gone/synapse-sdk\" }\n";
        let (_folder, plugin, home) = plugin(manifest);
        let config = |sdk: &str| {
            let text = format!(
                "name: N\ncode: n\nversion: 0.1.0\ncategory: custom\nactions: {{}}\nrequires: {{sdk: \"{sdk}\"}}\n"
            );
            fs::write(plugin.join("config.yaml"), text).unwrap();
        };
        config(">=2026.1");
        let refused = mend(&plugin, &home).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::IncompatiblePlugin);
        assert!(
            refused.message().contains("config.yaml requires SDK >=2026.1, and this is SDK "),
            "{refused}"
        );
        assert_eq!(fs::read_to_string(plugin.join("Cargo.toml")).unwrap(), manifest);
        config(">=0.1");
        assert!(mend(&plugin, &home).unwrap().is_some());
    }

    #[test]
    fn a_damaged_sdk_of_this_home_is_put_right_and_anothers_is_not_touched() {
        let (folder, plugin, home) = plugin("");
        let ours = sdk_source::folder(&home);
        let manifest = |path: &Path| format!("[dependencies]\nsynapse-sdk = {{ path = {path:?} }}\n");
        fs::write(plugin.join("Cargo.toml"), manifest(&ours)).unwrap();
        assert!(mend(&plugin, &home).unwrap().unwrap().starts_with("the SDK was unpacked to"));
        fs::remove_file(ours.join("src/lib.rs")).unwrap();
        assert!(mend(&plugin, &home).unwrap().unwrap().starts_with("1 file of the SDK"));
        let other = folder.path().join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join("Cargo.toml"), "[package]\nversion = \"0.0.7\"\n").unwrap();
        fs::write(plugin.join("Cargo.toml"), manifest(&other)).unwrap();
        assert_eq!(mend(&plugin, &home).unwrap(), None);
        assert_eq!(SdkDependency::of(&plugin).unwrap().version().as_deref(), Some("0.0.7"));
        assert_eq!(version_at(&ours).as_deref(), Some(sdk_source::VERSION));
    }
}
