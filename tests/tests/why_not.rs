//! `synapse plugin check --why-not`: for every reason why a plugin would not load
//! here, the sentence and the fix that a person reads. `damaged.rs` holds that the
//! loader says the same and runs none of the plugin's code.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use synapse_host::check::Machine;
use synapse_tests::{Bundled, Generated, Patched, Synapse, fits, library};

/// What is told of a file that would not load, without the folder it lies in; as
/// JSON it has the shape that is written down, with the rule `rule`.
#[track_caller]
fn told(synapse: &Synapse, file: &Path, rule: &str) -> String {
    let check = |words: &str| synapse.call("plugin check --why-not").words(words).arg(file).run().code(5);
    let error = check("--json").error();
    fits(&json!({ "error": error }), "error");
    assert_eq!(error["details"]["rule"], rule, "{error}");
    let folder = format!("{}/", file.parent().expect("a folder").display());
    check("").prints("").stderr.replace(&folder, "").replace("\n  hint: ", "\nhint: ")
}

#[track_caller]
fn told_of(bytes: &[u8], rule: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("p.so");
    fs::write(&file, bytes).expect("a file");
    told(&Synapse::new(), &file, rule)
}

#[track_caller]
fn told_after(change: impl FnOnce(&mut Patched), rule: &str) -> String {
    let mut plugin = Patched::library("misbehave");
    change(&mut plugin);
    told_of(plugin.bytes(), rule)
}

#[test]
fn of_files_that_are_no_whole_library_for_this_machine() {
    const TYPE: usize = 16;
    const MACHINE: usize = 18;
    let plugin = fs::read(library("misbehave")).expect("a library");
    assert_eq!(
        told_of(b"a text of some length", "format"),
        "error: p.so cannot be loaded: it is no 64-bit ELF file\n\
         hint: name a plugin's .so file; `synapse plugin build` makes one\n"
    );
    let cut = told_of(&plugin[..5_000], "truncated");
    assert!(cut.starts_with("error: p.so cannot be loaded: it is cut short: 5000 of "), "{cut}");
    assert!(cut.ends_with(" bytes are there\nhint: build or copy the plugin again\n"), "{cut}");
    assert_eq!(
        told_after(|plugin| plugin.at(TYPE, &[1]), "format"),
        "error: p.so cannot be loaded: it is no shared library\n\
         hint: a plugin's Cargo.toml says `crate-type = [\"cdylib\", \"rlib\"]` under [lib]\n"
    );
    assert_eq!(
        told_after(|plugin| plugin.at(MACHINE, &[183, 0]), "machine"),
        "error: p.so cannot be loaded: it was built for Aarch64; this machine is X86_64\n\
         hint: build the plugin on a machine of this kind, or run it on one of kind Aarch64\n"
    );
}

#[test]
fn of_identities_that_are_missing_foreign_or_damaged() {
    const LAYOUT: usize = 8;
    const ABI_MAJOR: usize = 10;
    const JSON_LENGTH: usize = 24;
    const JSON: usize = 32;
    let error = "error: p.so cannot be loaded: ";
    let again = "hint: build the plugin again with the SDK of this synapse\n";
    let identity = |offset: usize, bytes: &[u8]| {
        let text = told_after(|plugin| plugin.identity(offset, bytes), "identity");
        let why = text.strip_prefix(error).and_then(|text| text.strip_suffix(again));
        why.unwrap_or_else(|| panic!("{text}")).trim_end().to_owned()
    };
    assert_eq!(
        told_after(|plugin| plugin.reword("\0.synapse\0", "\0.sinapse\0"), "section"),
        format!(
            "{error}it is a library, but no plugin: it has no section `.synapse`\n\
             hint: a plugin's lib.rs ends with `synapse_sdk::export_plugin!(my_action);`\n"
        )
    );
    assert_eq!(identity(0, b"SINAPSE"), "its identity does not begin with `SYNAPSE`");
    assert_eq!(identity(LAYOUT, &[7, 0]), "its identity has layout version 7; this synapse reads 1");
    assert_eq!(identity(JSON_LENGTH, &[0xff; 4]), "its identity is larger than any can be");
    assert_eq!(identity(JSON_LENGTH, &[0, 0, 16, 0]), "its identity is cut short");
    let corrupt = identity(JSON, b"[oops");
    assert!(corrupt.starts_with("its identity cannot be read: "), "{corrupt}");
    let of_major = |major: u8| told_after(|plugin| plugin.identity(ABI_MAJOR, &[major, 0]), "abi");
    let speaks = "of the plugin interface (SDK 0.1.0); this synapse speaks 1.0\nhint: ";
    assert_eq!(of_major(2), format!("{error}it speaks version 2.0 {speaks}use a newer synapse\n"));
    assert_eq!(
        of_major(0),
        format!("{error}it speaks version 0.0 {speaks}rebuild the plugin with the SDK of this synapse\n")
    );
}

#[test]
fn of_what_this_machine_and_this_host_lack() {
    const FLAGS: usize = 16;
    let fact = |name: &'static str, value: Value, rule| {
        told_after(|plugin| plugin.facts(|facts| facts[name] = value), rule)
    };
    let service = fact("requires", json!(["artifact.put/2"]), "service");
    assert!(
        service.starts_with(
            "error: p.so cannot be loaded: it needs the host service artifact.put/2 (SDK 0.1.0); this synapse \
             (0.1.0) offers run.info/1, "
        ),
        "{service}"
    );
    assert!(
        service.ends_with("\nhint: use a newer synapse, or an SDK that asks for what this one offers\n"),
        "{service}"
    );
    let here = Machine::here().glibc.expect("glibc");
    assert_eq!(
        told_after(|plugin| plugin.reword("GLIBC_2.34", "GLIBC_9.34"), "glibc"),
        format!(
            "error: p.so cannot be loaded: it needs glibc 9.34; this system has {here}\n\
             hint: build the plugin on a system with glibc {here} or older, such as this one\n"
        )
    );
    assert_eq!(
        told_after(|plugin| plugin.reword("libgcc_s.so.1", "libgcc_q.so.1"), "library"),
        "error: p.so cannot be loaded: it needs the library libgcc_q.so.1, which is not on this system\n\
         hint: install the library it names, ship it beside the plugin (`wheels_dir` in config.yaml), or add its \
         folder to LD_LIBRARY_PATH\n"
    );
    assert_eq!(
        fact("target_features", json!(["sse3", "avx9000"]), "processor"),
        "error: p.so cannot be loaded: it was built for a processor with avx9000; this one has not\n\
         hint: build the plugin without `target-cpu` and `target-feature` (RUSTFLAGS, .cargo/config.toml), or run \
         it on such a processor\n"
    );
    assert_eq!(
        told_after(|plugin| plugin.identity(FLAGS, &2_u64.to_le_bytes()), "panic"),
        "error: p.so cannot be loaded: it was built with panic = \"abort\", so a panic in it would end this \
         process\nhint: run it isolated, or remove `panic = \"abort\"` from the profile in Cargo.toml and build again\n"
    );
}

#[test]
fn of_bundles_and_stamps() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let (bundle, stamped) = (bundled.beside("b.synapse"), bundled.beside("s.so"));
    let changed = |from: &Path, to: &Path, change: &dyn Fn(&mut Patched)| {
        let mut plugin = Patched::file(from);
        change(&mut plugin);
        fs::write(to, plugin.bytes()).expect("a file");
    };
    let made_anew = "hint: make the manifest anew with `synapse plugin build --release`\n";

    changed(bundled.bundle(), &bundle, &|plugin| plugin.identity(0, b"SINAPSE"));
    let found = told(&synapse, &bundle, "checksum");
    let sha256 = &bundled.packed().library.sha256;
    assert!(found.starts_with("error: b.synapse cannot be loaded: its SHA-256 is "), "{found}");
    let ending = format!(" and should be {sha256}\nhint: build or copy the plugin again\n");
    assert!(found.ends_with(&ending), "{found}");

    let whole = fs::read(bundled.bundle()).expect("a bundle");
    fs::write(&bundle, &whole[..whole.len() - 30]).expect("a file");
    let found = told(&synapse, &bundle, "bundle");
    assert!(found.starts_with("error: b.synapse cannot be loaded: as a bundle it is damaged: "), "{found}");
    let ending = "\nhint: get the bundle again; `synapse plugin build --release` makes one in `dist`\n";
    assert!(found.ends_with(ending), "{found}");

    changed(bundled.library(), &stamped, &|plugin| plugin.after(b"SYNSTAMP", 8, &[9]));
    assert_eq!(
        told(&synapse, &stamped, "manifest"),
        format!(
            "error: s.so cannot be loaded: its stamped manifest cannot be read: it has format 9; this synapse \
             reads 1\n{made_anew}"
        )
    );
    changed(bundled.library(), &stamped, &|plugin| {
        plugin.last(b"\"name\":\"greet_all\",\"item\"", 8, b"great_all");
    });
    assert_eq!(
        told(&synapse, &stamped, "manifest"),
        format!(
            "error: s.so cannot be loaded: its manifest is not of this code: it lists the actions greet, \
             great_all, roster, and the code has greet, greet_all, roster\n{made_anew}"
        )
    );
}

#[test]
fn of_keys_that_are_required() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    synapse.call("key require on").run().code(0);
    for (file, name) in [(bundled.bundle(), "greet-0.1.0.synapse"), (bundled.library(), "libgreet.so")] {
        assert_eq!(
            told(&synapse, file, "trust"),
            format!(
                "error: {name} cannot be loaded: every load here requires a key that is known, and it is not \
                 signed\nhint: let its author sign it: `synapse plugin build --sign KEY` writes the signature\n"
            )
        );
    }
}

#[test]
fn of_names_that_stand_for_two_things() {
    let twice = told_after(
        |plugin| plugin.facts(|facts| facts["actions"][1]["name"] = facts["actions"][0]["name"].clone()),
        "action",
    );
    assert!(twice.starts_with("error: p.so cannot be loaded: two of its actions are named `"), "{twice}");
    assert!(twice.ends_with("\nhint: give one of them another `name = \"…\"`\n"), "{twice}");

    let plugin = Generated::new("two_types", TWO_TYPES);
    let synapse = Synapse::new();
    let file = plugin.folder().join("p.so");
    // The compiler does not see it: `build` and `check` ask the code.
    let built = plugin.call(&synapse, "plugin build --json").arg(plugin.folder()).run().code(5).error();
    assert_eq!(built["details"]["rule"], "data_type", "{built}");
    let library = built["message"].as_str().and_then(|text| text.split(" cannot be loaded").next());
    let library = library.expect("it names the library");
    fs::copy(library, &file).expect("a copy");
    assert_eq!(
        told(&synapse, &file, "data_type"),
        "error: p.so cannot be loaded: two of its data types have the id `sheet`\n\
         hint: give one of them another `id = \"…\"`\n"
    );
}

const TWO_TYPES: &str = r#"
use synapse_sdk::data_type::Dataset;
use synapse_sdk::prelude::*;

#[derive(DataType)]
#[data_type(id = "sheet", parent = Dataset, format = "csv")]
struct Sheet;

#[derive(DataType)]
#[data_type(id = "sheet", parent = Dataset)]
struct Paper;

#[action(input = Sheet, output = Paper)]
fn turn(_: (), _: &Context) -> Result<()> {
    Ok(())
}

synapse_sdk::export_plugin!(turn);
"#;
