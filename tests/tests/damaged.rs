//! Files that are no plugin of this machine: told, and never executed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use synapse_tests::{Synapse, library};
use tempfile::TempDir;

/// Where things lie in a plugin's identity.
const MAGIC: &[u8] = b"SYNAPSE\0\x01\0";
const ABI_MAJOR: usize = 10;
const FLAGS: usize = 16;
const JSON_LENGTH: usize = 24;

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

    /// `misbehave` with the bytes at an offset in its identity replaced.
    fn patched(offset: usize, bytes: &[u8]) -> Self {
        let mut plugin = plugin();
        let places: Vec<usize> = (0..plugin.len()).filter(|at| plugin[*at..].starts_with(MAGIC)).collect();
        assert_eq!(places.len(), 1, "a plugin has one identity");
        let at = places[0] + offset;
        plugin[at..at + bytes.len()].copy_from_slice(bytes);
        Self::new("patched.so", &plugin)
    }

    fn marker(&self) -> PathBuf {
        self.folder.path().join("marker")
    }

    /// `misbehave` with a text in it replaced by one as long.
    fn reworded(old: &str, new: &str) -> Self {
        let mut plugin = plugin();
        let place = plugin.windows(old.len()).position(|bytes| bytes == old.as_bytes());
        let at = place.unwrap_or_else(|| panic!("no `{old}` in the plugin"));
        plugin[at..at + new.len()].copy_from_slice(new.as_bytes());
        Self::new("reworded.so", &plugin)
    }

    /// It has to be refused in one sentence that says `why`, with a hint, in
    /// text and as JSON, and nothing of it may have been executed.
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
    let call = Synapse::new().call("plugin run").arg(&suspect.file).words("nested");
    call.env("MISBEHAVE_LOAD_MARKER", suspect.marker()).run().code(0).prints("deep\n");
    assert!(suspect.marker().exists());
}

#[test]
fn a_text_file_is_no_library() {
    Suspect::new("notes.so", b"not a library, but quite long enough to hold the header of one if it were")
        .is_refused("it is no 64-bit ELF file", "build or copy the plugin again");
}

#[test]
fn an_empty_file_is_no_library() {
    Suspect::new("empty.so", b"").is_refused("it is no 64-bit ELF file", "build or copy the plugin again");
}

#[test]
fn a_library_that_was_cut_short_is_refused_wherever_it_was_cut() {
    let whole = plugin();
    for length in [40, 64, 4096, whole.len() / 2, whole.len() - 1] {
        Suspect::new("cut.so", &whole[..length]).is_refused("cut.so", "build");
    }
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
    Suspect::patched(ABI_MAJOR, &2_u16.to_le_bytes())
        .is_refused("speaks version 2 of the plugin interface", "use a newer synapse");
}

#[test]
fn a_plugin_of_an_older_interface_is_refused() {
    Suspect::patched(ABI_MAJOR, &0_u16.to_le_bytes())
        .is_refused("speaks version 0 of the plugin interface", "rebuild the plugin with the SDK");
}

#[test]
fn a_plugin_whose_panics_abort_runs_isolated_and_that_is_said() {
    // No flag for panics that unwind, actions listed.
    let suspect = Suspect::patched(FLAGS, &2_u64.to_le_bytes());
    let synapse = Synapse::new();
    let ended = synapse.call("plugin run").arg(&suspect.file).words("nested").run().code(0);
    ended.says("built with panic = \"abort\": it runs isolated");
    assert_eq!(synapse.last_run()["run"]["mode"], "isolated");
}

#[test]
fn an_identity_that_claims_too_much_is_refused() {
    Suspect::patched(JSON_LENGTH, &u32::MAX.to_le_bytes())
        .is_refused("its identity is larger than any can be", "build the plugin again");
    Suspect::patched(JSON_LENGTH, &(1_u32 << 20).to_le_bytes())
        .is_refused("its identity is cut short", "build the plugin again");
}

#[test]
fn an_identity_of_another_layout_is_refused() {
    Suspect::patched(8, &7_u16.to_le_bytes()).is_refused("layout version 7", "build the plugin again");
}

#[test]
fn an_identity_whose_json_is_damaged_is_refused() {
    Suspect::patched(32, b"[oops").is_refused("its identity cannot be read", "build the plugin again");
}

#[test]
fn a_library_for_another_machine_is_refused() {
    const MACHINE: usize = 18;
    const AARCH64: u16 = 183;
    let mut plugin = plugin();
    plugin[MACHINE..MACHINE + 2].copy_from_slice(&AARCH64.to_le_bytes());
    Suspect::new("arm.so", &plugin)
        .is_refused("was built for Aarch64; this machine is", "build the plugin on a machine");
}

#[test]
fn a_library_it_needs_and_does_not_find_is_named() {
    Suspect::reworded("libgcc_s.so.1", "libgcc_q.so.1")
        .is_refused("libgcc_q.so.1", "install the library it names");
}

#[test]
fn a_config_within_that_is_invalid_is_told_by_line() {
    let suspect = Suspect::reworded("category: custom", "category: castum");
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
