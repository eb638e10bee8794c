//! Builds of small crates without dependencies, by the real cargo.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::{BuildFailure, BuildRequest, Built, Profile, is_fresh, library_for};

const PLUGIN: &str = r#"
[package]
name = "plug"
version = "0.1.0"
edition = "2024"

[lib]
crate-type = ["cdylib", "rlib"]
"#;

struct Fixture {
    root: TempDir,
    folder: PathBuf,
    home: PathBuf,
}

impl Fixture {
    /// A plugin `plug` with this manifest and code, in a path with a space.
    fn new(manifest: &str, code: &str) -> Self {
        let root = tempfile::tempdir().expect("temp dir");
        let fixture =
            Self { folder: root.path().join("my plugins/plug"), home: root.path().join("home"), root };
        fixture.write("Cargo.toml", manifest);
        fixture.write("src/lib.rs", code);
        fixture
    }

    fn write(&self, file: &str, text: &str) -> PathBuf {
        let file = self.folder.join(file);
        fs::create_dir_all(file.parent().expect("a folder")).expect("create folder");
        fs::write(&file, text).expect("write");
        file
    }

    fn request(&self) -> BuildRequest<'_> {
        let target = self.root.path().join("target").display().to_string();
        BuildRequest {
            cargo_options: vec!["--target-dir".into(), target],
            home: Some(&self.home),
            ..BuildRequest::new(&self.folder)
        }
    }

    fn build(&self) -> Result<Built, BuildFailure> {
        library_for(&self.request(), &mut |_| {})
    }

    fn is_fresh(&self) -> bool {
        is_fresh(&self.request()).is_some()
    }

    fn records(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.home.join("builds")).expect("records");
        entries.map(|e| e.expect("entry").path()).collect()
    }
}

fn without_cargo(request: BuildRequest<'_>) -> BuildRequest<'_> {
    BuildRequest { cargo: Some("/nonexistent/cargo".into()), ..request }
}

/// Makes the file a second younger or older.
fn shift(file: &Path, older: bool) {
    let file = File::options().append(true).open(file).expect("open");
    let modified = file.metadata().expect("metadata").modified().expect("time");
    let second = Duration::from_secs(1);
    let shifted = if older { modified - second } else { modified + second };
    file.set_modified(shifted).expect("set time");
}

#[test]
fn a_library_is_fresh_until_something_it_depends_on_changes() {
    let manifest = format!("{PLUGIN}[dependencies]\ndep = {{ path = \"../dep\" }}\n");
    let code = "const _: &[u8] = include_bytes!(\"../config.yaml\");\npub use dep::one;\n";
    let plugin = Fixture::new(&manifest, code);
    plugin.write("../dep/Cargo.toml", "[package]\nname = \"dep\"\nedition = \"2024\"\n");
    plugin.write("../dep/src/lib.rs", "pub fn one() -> u32 { 1 }\n");
    plugin.write("config.yaml", "name: plug\n");

    let built = plugin.build().expect("builds");
    assert!(!built.fresh);
    assert!(built.library.is_file());
    assert_eq!(built.library.extension(), Some("so".as_ref()));

    let again = library_for(&without_cargo(plugin.request()), &mut |_| {});
    let again = again.expect("needs no cargo");
    assert!(again.fresh);
    assert_eq!(again.library, built.library);

    for file in
        ["src/lib.rs", "config.yaml", "Cargo.toml", "Cargo.lock", "../dep/src/lib.rs", "../dep/Cargo.toml"]
    {
        let file = plugin.folder.join(file);
        for older in [true, false] {
            shift(&file, older);
            assert!(!plugin.is_fresh(), "{} was changed", file.display());
            shift(&file, !older);
            assert!(plugin.is_fresh(), "{} was put back", file.display());
        }
        let aside = plugin.root.path().join("aside");
        fs::rename(&file, &aside).expect("move away");
        assert!(!plugin.is_fresh(), "{} is missing", file.display());
        fs::rename(&aside, &file).expect("move back");
    }
    for file in
        ["build.rs", "../dep/build.rs", ".cargo/config.toml", "../rust-toolchain.toml", "../Cargo.toml"]
    {
        let new = plugin.write(file, "");
        assert!(!plugin.is_fresh(), "{file} appeared");
        fs::remove_file(new).expect("remove");
        assert!(plugin.is_fresh(), "{file} is gone");
    }
    shift(&built.library, false);
    assert!(!plugin.is_fresh(), "the library was replaced");
}

#[test]
fn each_profile_has_a_library_and_a_record_of_its_own() {
    let manifest = format!("{PLUGIN}[profile.quick]\ninherits = \"dev\"\n");
    let plugin = Fixture::new(&manifest, "pub fn one() {}\n");
    let quick = BuildRequest { profile: Profile::Named("quick".into()), ..plugin.request() };
    let dev = plugin.build().expect("builds");
    assert_eq!(is_fresh(&quick), None);
    let other = library_for(&quick, &mut |_| {}).expect("builds");
    assert_ne!(other.library, dev.library);
    assert_eq!(is_fresh(&quick), Some(other.library));
    assert_eq!(is_fresh(&plugin.request()), Some(dev.library));
}

#[test]
fn an_edit_leads_to_a_new_library() {
    let plugin = Fixture::new(PLUGIN, "#[unsafe(no_mangle)] pub extern \"C\" fn old() {}\n");
    let has = |built: &Built, name: &[u8]| {
        let bytes = fs::read(&built.library).expect("read");
        bytes.windows(name.len()).any(|window| window == name)
    };
    assert!(has(&plugin.build().expect("builds"), b"\0old\0"));
    plugin.write("src/lib.rs", "#[unsafe(no_mangle)] pub extern \"C\" fn newer() {}\n");
    let built = plugin.build().expect("builds");
    assert!(!built.fresh);
    assert!(has(&built, b"\0newer\0"));
    assert!(plugin.is_fresh());
}

#[test]
fn a_file_changed_during_the_build_makes_it_stale() {
    let plugin = Fixture::new(PLUGIN, "const _: &str = include_str!(\"../generated.txt\");\n");
    let script = r#"fn main() {
        println!("cargo::rerun-if-changed=build.rs");
        std::fs::write("generated.txt", "now").unwrap();
    }"#;
    plugin.write("build.rs", script);
    plugin.build().expect("builds");
    assert!(!plugin.is_fresh(), "the text may be older than the library");
    assert!(!plugin.build().expect("cargo finds nothing to do").fresh);
    assert!(plugin.is_fresh());
}

#[test]
fn a_build_script_that_names_nothing_to_watch_leaves_it_to_cargo() {
    let plugin = Fixture::new(PLUGIN, "");
    plugin.write("build.rs", "fn main() {}");
    plugin.build().expect("builds");
    plugin.build().expect("builds");
    assert!(!plugin.is_fresh());
}

#[test]
fn a_folder_that_a_build_script_watches_counts_with_its_files() {
    let plugin = Fixture::new(PLUGIN, "");
    let script = "fn main() { println!(\"cargo::rerun-if-changed=data\") }";
    plugin.write("build.rs", script);
    let data = plugin.write("data/deep/a.txt", "a");
    plugin.build().expect("builds");
    assert!(plugin.is_fresh());
    shift(&data, false);
    assert!(!plugin.is_fresh());
    shift(&data, true);
    plugin.write("data/deep/b.txt", "b");
    assert!(!plugin.is_fresh());
}

#[test]
fn a_compile_error_names_file_and_line() {
    let plugin = Fixture::new(PLUGIN, "mod other;\npub fn a() -> u32 {\n    \"text\"\n}\n");
    plugin.write("src/other.rs", "pub fn b() -> u32 { \"more\" }\n");
    let mut lines = Vec::new();
    let request = BuildRequest { quiet: true, ..plugin.request() };
    let failure =
        library_for(&request, &mut |line| lines.push(line.to_owned())).expect_err("does not compile");
    let BuildFailure::CompileFailed { errors, first_error: Some(first), .. } = &failure else {
        panic!("{failure:?}");
    };
    assert_eq!(*errors, 2);
    let place = |file: &str| format!("{}:", plugin.folder.join("src").join(file).display());
    let places = [place("lib.rs") + "3:5: ", place("other.rs") + "1:21: "];
    assert!(places.iter().any(|place| first.starts_with(place)), "{first}");
    assert!(first.ends_with("error[E0308]: mismatched types"), "{first}");
    assert!(failure.to_string().contains(first), "{failure}");
    assert!(lines.iter().any(|line| line.contains("\"text\"")));
    assert!(!lines.iter().any(|line| line.contains("Compiling")));
}

#[test]
fn a_faulty_manifest_is_told_with_its_place() {
    let plugin = Fixture::new("[package]\nname = 3\n", "");
    let failure = plugin.build().expect_err("cargo refuses");
    let text = failure.to_string();
    assert!(text.contains("Cargo.toml:2:8: invalid type"), "{text}");
}

#[test]
fn a_member_of_a_workspace_builds_and_the_workspace_names_it() {
    let plugin = Fixture::new(PLUGIN, "");
    plugin.write("../Cargo.toml", "[workspace]\nmembers = [\"plug\", \"lib\"]\nresolver = \"3\"\n");
    plugin.write("../lib/Cargo.toml", "[package]\nname = \"lib\"\nedition = \"2024\"\n");
    plugin.write("../lib/src/lib.rs", "");
    let built = library_for(&BuildRequest { color: true, ..plugin.request() }, &mut |_| {});
    assert!(built.expect("builds").library.ends_with("debug/libplug.so"));
    shift(&plugin.folder.join("../Cargo.toml"), true);
    assert!(!plugin.is_fresh(), "profiles stand in the workspace root");

    let root = plugin.root.path().join("my plugins");
    let failure = library_for(&BuildRequest::new(&root), &mut |_| {}).expect_err("no package");
    let BuildFailure::VirtualWorkspace { members, .. } = &failure else {
        panic!("{failure:?}");
    };
    assert_eq!(members, &[root.join("plug")]);
    assert!(failure.to_string().contains("my plugins/plug"));
}

#[test]
fn a_package_left_out_of_its_workspaces_default_says_how_to_select_it() {
    let manifest = format!("{PLUGIN}[workspace]\nmembers = [\"lib\"]\ndefault-members = [\"lib\"]");
    let plugin = Fixture::new(&manifest, "");
    plugin.write("lib/Cargo.toml", "[package]\nname = \"lib\"\nedition = \"2024\"\n");
    plugin.write("lib/src/lib.rs", "");
    let failure = plugin.build().expect_err("not built");
    assert!(matches!(failure, BuildFailure::NotSelected { .. }));
    let mut request = plugin.request();
    request.cargo_options.extend(["-p".into(), "plug".into()]);
    library_for(&request, &mut |_| {}).expect("builds");
}

#[test]
fn a_package_without_a_shared_library_is_told_what_to_add() {
    let package = "[package]\nname = \"plug\"\nedition = \"2024\"\n";
    let library = Fixture::new(package, "");
    let program = Fixture::new(package, "");
    fs::remove_file(program.folder.join("src/lib.rs")).expect("remove");
    program.write("src/main.rs", "fn main() {}");
    for (plugin, types) in [(library, &["lib"][..]), (program, &[])] {
        let failure = plugin.build().expect_err("no cdylib");
        let BuildFailure::NotACdylib { found, .. } = &failure else {
            panic!("{failure:?}");
        };
        assert_eq!(found, types);
        let advice = "[lib] crate-type = [\"cdylib\", \"rlib\"]";
        assert!(failure.to_string().contains(advice), "{failure}");
    }
}

#[test]
fn missing_cargo_manifest_and_folder_are_told_apart() {
    let plugin = Fixture::new(PLUGIN, "");
    let failure = library_for(&without_cargo(plugin.request()), &mut |_| {});
    let failure = failure.expect_err("no cargo");
    assert!(matches!(failure, BuildFailure::NoCargo { .. }));
    assert!(failure.to_string().contains("install Rust"), "{failure}");

    fs::remove_file(plugin.folder.join("Cargo.toml")).expect("remove");
    for folder in [plugin.folder.clone(), plugin.folder.join("nowhere")] {
        let failure = library_for(&BuildRequest::new(&folder), &mut |_| {});
        let failure = failure.expect_err("no manifest");
        assert!(matches!(failure, BuildFailure::NoManifest { .. }));
    }
}

#[test]
fn a_damaged_record_is_ignored_and_replaced() {
    let plugin = Fixture::new(PLUGIN, "");
    plugin.build().expect("builds");
    let records = plugin.records();
    let whole = fs::read(&records[0]).expect("read");
    for damaged in [&b""[..], b"{}", &whole[..whole.len() / 2]] {
        fs::write(&records[0], damaged).expect("write");
        assert!(!plugin.is_fresh());
    }
    assert!(!plugin.build().expect("asks cargo").fresh);
    assert!(plugin.is_fresh());
    assert_eq!(plugin.records(), records, "nothing else is left behind");
}

#[test]
fn a_home_that_cannot_be_written_does_not_stop_a_build() {
    let plugin = Fixture::new(PLUGIN, "");
    fs::write(&plugin.home, "a file").expect("write");
    assert!(!plugin.build().expect("builds").fresh);
    assert!(!plugin.build().expect("builds").fresh);
}
