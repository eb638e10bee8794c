//! What the macros accept, and what they say of what they do not: see
//! `tests/ui/README.md`.

use std::path::Path;

/// `export_plugin!` includes the config.yaml beside the manifest, and the cases
/// are built in a package that trybuild makes.
fn place_config() -> std::io::Result<()> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let package = target.join("tests/trybuild").join(env!("CARGO_PKG_NAME"));
    std::fs::create_dir_all(&package)?;
    std::fs::write(package.join("config.yaml"), "name: Cases\ncode: cases\nversion: 1.0.0\n")
}

#[test]
fn mistakes_are_told_where_they_were_made() {
    place_config().expect("config.yaml for the cases");
    let cases = trybuild::TestCases::new();
    cases.pass("tests/ui/pass/*.rs");
    cases.compile_fail("tests/ui/fail/*.rs");
}
