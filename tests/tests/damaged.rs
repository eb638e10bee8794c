//! Files that are no plugin of this machine: told, and never executed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use synapse_tests::{Bundled, Patched, Synapse, library};
use tempfile::TempDir;

/// Where things lie in a plugin's identity.
const LAYOUT: usize = 8;
const ABI_MAJOR: usize = 10;
const FLAGS: usize = 16;
const JSON_LENGTH: usize = 24;
const JSON: usize = 32;

/// A file to be run, and a file that its initialiser leaves behind.
struct Suspect {
    folder: TempDir,
    file: PathBuf,
}

impl Suspect {
    fn new(name: &str, bytes: &[u8]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join(name);
        fs::write(&file, bytes).expect("a file");
        Self { folder, file }
    }

    /// `misbehave` after `change`.
    fn patched(change: impl FnOnce(&mut Patched)) -> Self {
        let mut plugin = Patched::library("misbehave");
        change(&mut plugin);
        Self::new("patched.so", plugin.bytes())
    }

    fn marker(&self) -> PathBuf {
        self.folder.path().join("marker")
    }

    /// It has to be refused in one sentence that says `why`, with a hint, in
    /// text and as JSON, by the loader and by `plugin check`, and nothing of it
    /// may have been executed.
    #[track_caller]
    fn is_refused(&self, why: &str, hint: &str) {
        let synapse = Synapse::new();
        let run = |words: &str| {
            let call = synapse.call("plugin run").arg(&self.file).words(words);
            call.env("MISBEHAVE_LOAD_MARKER", self.marker()).run().code(5).prints("")
        };
        let file = self.file.to_string_lossy().into_owned();
        run("nested").says("error: ").says(&file).says(why).says(&format!("hint: {hint}"));
        let error = run("nested --json").error();
        assert_eq!(error["kind"], "incompatible_plugin");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(why)), "{error}");
        let check = synapse.call("plugin check --why-not --json").arg(&self.file);
        assert_eq!(check.env("MISBEHAVE_LOAD_MARKER", self.marker()).run().code(5).error(), error);
        assert!(!self.marker().exists(), "code of the file was executed");
        assert_eq!(synapse.runs(), 0);
    }
}

fn plugin() -> Vec<u8> {
    fs::read(library("misbehave")).expect("a library")
}

#[test]
fn a_whole_copy_runs_and_its_initialiser_leaves_the_marker() {
    let suspect = Suspect::new("whole.so", &plugin());
    let synapse = Synapse::new();
    let call = synapse.call("plugin run").arg(&suspect.file).words("nested");
    call.env("MISBEHAVE_LOAD_MARKER", suspect.marker()).run().code(0).prints("deep\n");
    assert!(suspect.marker().exists());
}

#[test]
fn a_text_file_is_no_library() {
    Suspect::new("notes.so", b"not a library, but quite long enough to hold the header of one if it were")
        .is_refused("it is no 64-bit ELF file", "name a plugin's .so file");
}

#[test]
fn an_empty_file_is_no_library() {
    Suspect::new("empty.so", b"").is_refused("it is no 64-bit ELF file", "name a plugin's .so file");
}

#[test]
fn a_library_that_was_cut_short_is_refused_wherever_it_was_cut() {
    let whole = plugin();
    for length in [40, 64, 4096, whole.len() / 2, whole.len() - 1] {
        let why = format!("it is cut short: {length} of ");
        Suspect::new("cut.so", &whole[..length]).is_refused(&why, "build or copy the plugin again");
    }
}

#[test]
fn an_object_file_and_a_library_of_32_bits_are_refused() {
    const CLASS: usize = 4;
    const TYPE: usize = 16;
    Suspect::patched(|plugin| plugin.at(TYPE, &1_u16.to_le_bytes()))
        .is_refused("it is no shared library", "a plugin's Cargo.toml says `crate-type = ");
    Suspect::patched(|plugin| plugin.at(CLASS, &[1]))
        .is_refused("it is no 64-bit ELF file", "name a plugin's .so file");
}

#[test]
fn headers_that_lead_nowhere_are_refused() {
    const SECTIONS: usize = 40;
    const SECTION_COUNT: usize = 60;
    let far = u64::MAX.to_le_bytes();
    Suspect::patched(|plugin| plugin.at(SECTIONS, &far)).is_refused("it is cut short", "build or copy");
    Suspect::patched(|plugin| plugin.at(SECTION_COUNT, &[0xff, 0xff]))
        .is_refused("it is cut short", "build or copy");
}

#[test]
fn a_library_that_is_no_plugin_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let suspect = Suspect::new("stranger.so", b"");
    compile(STRANGER, folder.path(), &suspect.file);
    suspect.is_refused(
        "is a library, but no plugin",
        "a plugin's lib.rs ends with `synapse_sdk::export_plugin!",
    );
}

/// A library with an initialiser and without an identity.
const STRANGER: &str = r#"
#[used]
#[unsafe(link_section = ".init_array")]
static ON_LOAD: extern "C" fn() = leave_marker;
extern "C" fn leave_marker() {
    if let Some(path) = std::env::var_os("MISBEHAVE_LOAD_MARKER") {
        std::fs::write(path, "loaded").expect("a file");
    }
}
"#;

fn compile(source: &str, folder: &Path, library: &Path) {
    let file = folder.join("lib.rs");
    fs::write(&file, source).expect("a file");
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let options = ["--edition", "2024", "--crate-type", "cdylib", "--crate-name", "stranger"];
    let status = Command::new(rustc).args(options).arg(&file).arg("-o").arg(library).status();
    assert!(status.expect("rustc can be started").success());
}

#[test]
fn a_program_is_no_plugin() {
    let program = fs::read(synapse_tests::synapse()).expect("a program");
    Suspect::new("program.so", &program).is_refused("no plugin", "a plugin's lib.rs ends with");
}

#[test]
fn a_plugin_of_a_newer_interface_is_refused() {
    Suspect::patched(|plugin| plugin.identity(ABI_MAJOR, &2_u16.to_le_bytes()))
        .is_refused("speaks version 2.0 of the plugin interface", "use a newer synapse");
}

#[test]
fn a_plugin_of_an_older_interface_is_refused() {
    Suspect::patched(|plugin| plugin.identity(ABI_MAJOR, &0_u16.to_le_bytes()))
        .is_refused("speaks version 0.0 of the plugin interface", "rebuild the plugin with the SDK");
}

#[test]
fn a_plugin_whose_panics_abort_runs_isolated_and_that_is_said() {
    // No flag for panics that unwind, actions listed.
    let suspect = Suspect::patched(|plugin| plugin.identity(FLAGS, &2_u64.to_le_bytes()));
    let synapse = Synapse::new();
    let ended = synapse.call("plugin run").arg(&suspect.file).words("nested").run().code(0);
    ended.says("built with panic = \"abort\": it runs isolated");
    assert_eq!(synapse.last_run()["run"]["mode"], "isolated");
    let check = synapse.call("plugin check --why-not").arg(&suspect.file).run().code(5);
    check.says("built with panic = \"abort\"").says("hint: run it isolated, or remove");
}

#[test]
fn an_identity_that_claims_too_much_is_refused() {
    Suspect::patched(|plugin| plugin.identity(JSON_LENGTH, &u32::MAX.to_le_bytes()))
        .is_refused("its identity is larger than any can be", "build the plugin again");
    Suspect::patched(|plugin| plugin.identity(JSON_LENGTH, &(1_u32 << 20).to_le_bytes()))
        .is_refused("its identity is cut short", "build the plugin again");
}

#[test]
fn an_identity_of_another_layout_is_refused() {
    Suspect::patched(|plugin| plugin.identity(LAYOUT, &7_u16.to_le_bytes()))
        .is_refused("layout version 7", "build the plugin again");
}

#[test]
fn an_identity_whose_json_is_damaged_is_refused() {
    Suspect::patched(|plugin| plugin.identity(JSON, b"[oops"))
        .is_refused("its identity cannot be read", "build the plugin again");
}

#[test]
fn a_library_for_another_machine_is_refused() {
    const MACHINE: usize = 18;
    const AARCH64: u16 = 183;
    Suspect::patched(|plugin| plugin.at(MACHINE, &AARCH64.to_le_bytes()))
        .is_refused("was built for Aarch64; this machine is", "build the plugin on a machine");
}

#[test]
fn a_library_it_needs_and_does_not_find_is_named() {
    Suspect::patched(|plugin| plugin.reword("libgcc_s.so.1", "libgcc_q.so.1")).is_refused(
        "it needs the library libgcc_q.so.1, which is not on this system",
        "install the library it names, ship it beside the plugin",
    );
}

#[test]
fn a_plugin_for_a_newer_c_library_is_refused() {
    Suspect::patched(|plugin| plugin.reword("GLIBC_2.34", "GLIBC_9.34"))
        .is_refused("it needs glibc 9.34; this system has 2.", "build the plugin on a system with glibc 2.");
}

#[test]
fn a_plugin_without_its_section_or_magic_is_refused() {
    Suspect::patched(|plugin| plugin.reword("\0.synapse\0", "\0.sinapse\0"))
        .is_refused("it has no section `.synapse`", "a plugin's lib.rs ends with");
    Suspect::patched(|plugin| plugin.identity(0, b"SINAPSE"))
        .is_refused("its identity does not begin with `SYNAPSE`", "build the plugin again");
}

#[test]
fn a_plugin_that_needs_a_service_this_host_does_not_offer_is_refused() {
    let needs = |service: &str| {
        let services = json!([service]);
        Suspect::patched(|plugin| plugin.facts(|facts| facts["requires"] = services))
    };
    needs("artifact.put/2").is_refused(
        "it needs the host service artifact.put/2 (SDK 0.1.0); this synapse (0.1.0) offers run.info/1, ",
        "use a newer synapse",
    );
    // One of that name is there, with another number.
    needs("client.request/2").is_refused("(0.1.0) offers client.request/1", "use a newer synapse");
    let synapse = Synapse::new();
    synapse.call("plugin check --why-not").arg(&needs("client.request/1").file).run().code(0);
}

#[test]
fn a_plugin_for_another_processor_is_refused() {
    let features = json!(["sse3", "avx9000"]);
    Suspect::patched(|plugin| plugin.facts(|facts| facts["target_features"] = features)).is_refused(
        "it was built for a processor with avx9000; this one has not",
        "build the plugin without `target-cpu`",
    );
}

#[test]
fn a_plugin_with_two_actions_of_one_name_is_refused() {
    Suspect::patched(|plugin| {
        plugin.facts(|facts| facts["actions"][1]["name"] = facts["actions"][0]["name"].clone());
    })
    .is_refused("two of its actions are named `", "give one of them another `name = ");
}

#[test]
fn a_stamp_that_cannot_be_read_is_refused() {
    let bundled = Bundled::of("misbehave");
    let mut plugin = Patched::file(bundled.library());
    plugin.after(b"SYNSTAMP", 8, &[9]);
    Suspect::new("stamped.so", plugin.bytes()).is_refused(
        "its stamped manifest cannot be read: it has format 9; this synapse reads 1",
        "make the manifest anew with `synapse plugin build --release`",
    );
}

#[test]
fn all_reasons_are_told_at_once_each_with_what_to_do() {
    let suspect = Suspect::patched(|plugin| {
        plugin.reword("libgcc_s.so.1", "libgcc_q.so.1");
        plugin.reword("GLIBC_2.34", "GLIBC_9.34");
        plugin.identity(ABI_MAJOR, &3_u16.to_le_bytes());
    });
    let synapse = Synapse::new();
    let check = synapse.call("plugin check --why-not").arg(&suspect.file).run().code(5);
    check
        .says("patched.so cannot be loaded, for 3 reasons\n  abi: it speaks version 3.0 of")
        .says("\n    use a newer synapse\n  glibc: it needs glibc 9.34")
        .says("\n    build the plugin on a system with glibc")
        .says("\n  library: it needs the library libgcc_q.so.1")
        .says("\n    install the library");
    let error = synapse.call("plugin check --why-not --json").arg(&suspect.file).run().code(5).error();
    let rules: Vec<_> = error["details"].as_array().expect("a list").iter().map(|one| &one["rule"]).collect();
    assert_eq!(rules, ["abi", "glibc", "library"]);
    assert_eq!(error["details"][0]["given"], "3.0");
}

#[test]
fn a_config_within_that_is_invalid_is_told_by_line() {
    let suspect = Suspect::patched(|plugin| plugin.reword("category: custom", "category: castum"));
    let ended = Synapse::new().call("plugin run").arg(&suspect.file).words("nested").run().code(3);
    ended.says(":4:11: category: `castum` is not one of").says("did you mean `custom`?");
}

#[test]
fn a_folder_named_like_a_library_is_looked_at_as_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("folder.so");
    fs::create_dir(&path).expect("a folder");
    Synapse::new().call("plugin run").arg(&path).words("nested").run().code(4).says("no config.yaml in");
}
