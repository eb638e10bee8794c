//! A plugin on its way from its author to somebody else: built, signed, carried
//! over, looked at, installed, run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::json;
use synapse_tests::{Bundled, CTRL_C, ENTER, Synapse, Terminal, workspace};
use tempfile::TempDir;

/// What an author hands on: a bundle, and the signature beside it.
struct Shipped {
    folder: TempDir,
    bundle: PathBuf,
}

impl Shipped {
    /// Builds and signs as an author does, and takes the files along.
    fn signed_by(author: &Synapse, key: &str) -> Self {
        let built = author.call("plugin build --release --json --sign").arg(key);
        let built = built.within(workspace().join("examples/greet")).run().code(0).document();
        let folder = tempfile::tempdir().expect("a folder");
        let bundle = folder.path().join("greet-0.1.0.synapse");
        let made = PathBuf::from(built["dist"]["bundle"]["path"].as_str().expect("a path"));
        let made = workspace().join("examples/greet").join(made);
        for (from, to) in [(made.clone(), bundle.clone()), (signature(&made), signature(&bundle))] {
            fs::copy(&from, to).expect("a copy");
        }
        // Nobody who tests something else finds them.
        let library = made.with_file_name("libgreet.so");
        let built = PathBuf::from(built["path"].as_str().expect("a path"));
        for file in [made, library, workspace().join("examples/greet").join(built)] {
            fs::remove_file(signature(&file)).expect("each file was signed");
        }
        Self { folder, bundle }
    }
}

fn signature(file: &Path) -> PathBuf {
    let name = file.file_name().expect("a name").to_string_lossy();
    file.with_file_name(format!("{name}.minisig"))
}

#[test]
fn what_its_author_signed_is_installed_elsewhere_without_a_question_and_runs() {
    let (author, operator) = (Synapse::new(), Synapse::new());
    author.call("key create ada --no-password").run().code(0);
    let shipped = Shipped::signed_by(&author, "ada");
    let install = || operator.call("plugin install --json").arg(&shipped.bundle).run();
    // The key is not known here yet: nobody speaks for it.
    install().code(2);
    let public = shipped.folder.path().join("ada.pub");
    fs::copy(author.home().join("keys/ada.pub"), &public).expect("a copy");
    operator.call("key trust").arg(&public).run().code(0);
    operator.call("key require on").run().code(0);
    let installed = install().code(0).document()["installed"].clone();
    assert_eq!([&installed["code"], &installed["signature"]["name"]], ["greet", "ada"]);
    let run = || operator.call("plugin run greet -p greet -P name=Ada").run();
    run().code(0).prints("message  Hello Ada!\n");
    // A byte of the bundle, and the key speaks for it no more. What it was unpacked
    // to before would still be right.
    fs::remove_dir_all(operator.home().join("cache")).expect("a cache");
    let path = operator.home().join("plugins/greet-0.1.0.synapse");
    let mut bytes = fs::read(&path).expect("a bundle");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&path, bytes).expect("it can be written");
    run().code(5);
    install().code(0);
    operator.call("plugin uninstall greet").run().code(0);
    assert!(!signature(&path).exists());
}

fn install(synapse: &Synapse, bundle: &Path) -> Terminal {
    synapse.call("plugin install").arg(bundle).at_terminal()
}

#[test]
fn at_a_terminal_it_is_shown_what_the_plugin_is_and_asked() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let terminal = install(&synapse, bundled.bundle());
    terminal.until_it_shows("Install it?");
    let shown = terminal.shown();
    for part in [
        "greet 0.1.0 · Greeter · custom\n",
        "glibc 2.",
        "libraries: ",
        "not signed\n",
        "greet_all",
        "Its code is not sandboxed: it has your rights",
    ] {
        assert!(shown.contains(part), "{part}:\n{shown}");
    }
    terminal.types("y").until_it_shows("run it: synapse plugin run greet -p greet\n");
    let shown = terminal.code(0);
    assert!(shown.contains("installed greet 0.1.0 · "), "{shown}");
    synapse.call("plugin run greet -p greet -P name=Ada").run().code(0);
}

#[test]
fn no_answer_no_and_ctrl_c_install_nothing() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    for answer in [ENTER, "n", CTRL_C] {
        let terminal = install(&synapse, bundled.bundle());
        terminal.until_it_shows("Install it?").types(answer);
        terminal.until_it_shows("nothing was installed");
        assert!(terminal.has_cursor(), "{}", terminal.shown());
        terminal.code(130);
    }
    synapse.call("plugin run greet -p greet -P name=Ada").run().code(4);
    assert!(!synapse.home().join("plugins").exists());
}

#[test]
fn with_trust_nobody_is_asked_at_a_terminal_either() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let terminal = synapse.call("plugin install --trust").arg(bundled.bundle()).at_terminal();
    terminal.until_it_shows("run it: synapse plugin run greet -p greet\n");
    let shown = terminal.code(0);
    assert!(shown.starts_with("installed greet 0.1.0 · ") && !shown.contains("Install it?"), "{shown}");
}

/// The folders of the cache that something is unpacked in.
fn unpacked(synapse: &Synapse) -> Vec<PathBuf> {
    let entries = fs::read_dir(synapse.home().join("cache")).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.join(".in-use").exists()).collect()
}

#[test]
fn what_was_unpacked_goes_with_the_plugin() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let install = |file: &Path| drop(synapse.call("plugin install --trust").arg(file).run().code(0));
    let run = || drop(synapse.call("plugin run greet -p greet -P name=Ada").run().code(0));
    install(bundled.bundle());
    run();
    assert_eq!(unpacked(&synapse).len(), 1);
    // Another file takes its place.
    install(bundled.library());
    assert_eq!(unpacked(&synapse), [] as [PathBuf; 0]);
    install(bundled.bundle());
    run();
    synapse.call("plugin uninstall greet").run().code(0);
    assert_eq!(unpacked(&synapse), [] as [PathBuf; 0]);
}

#[test]
fn the_cache_keeps_what_runs_and_no_more_than_it_may() {
    let synapse = Synapse::new();
    let [greet, misbehave, piped] = ["greet", "misbehave", "piped"].map(Bundled::of);
    let run = |bundled: &Bundled, words: &str| {
        let call = synapse.call("plugin run").arg(bundled.bundle()).words(words);
        call.env("SYNAPSE_KEEP_CACHE", "0")
    };
    for way in ["", "--isolated"] {
        let mut going_on = run(&misbehave, "loops").words(way).start();
        going_on.until_it_says("looping");
        run(&greet, "greet -P name=Ada").run().code(0);
        // That of the run that goes on, and that of the one that made room.
        assert_eq!(unpacked(&synapse).len(), 2);
        // Nobody has to give anything back.
        going_on.signal(libc::SIGKILL);
        going_on.wait();
        run(&piped, "noop").run().code(0);
        assert_eq!(unpacked(&synapse).len(), 1, "what nobody uses any more is gone");
    }
    let doctor = synapse.call("doctor --json").run().document();
    let findings = doctor["findings"].as_array().expect("a list");
    let cache = findings.iter().find(|finding| finding["about"] == json!("cache")).expect("a line");
    assert!(cache["message"].as_str().is_some_and(|text| text.starts_with("1 bundle is unpacked, ")));
}
