//! Plugins that travel: bundles run, are inspected, checked, installed and listed.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use synapse_tests::{Bundled, Synapse, library, workspace};

/// Changes one byte of a file, at the first place where `text` stands.
fn damage(file: &Path, text: &str) {
    let mut bytes = fs::read(file).expect("a file");
    let found = bytes.windows(text.len()).position(|part| part == text.as_bytes());
    bytes[found.expect("the text is in the file")] ^= 1;
    fs::write(file, bytes).expect("the file can be written");
}

#[test]
fn a_release_build_makes_a_bundle_and_makes_it_again_byte_for_byte() {
    let synapse = Synapse::new();
    let folder = workspace().join("examples/greet");
    let build = || {
        let built = synapse.call("plugin build --release --json").within(&folder).run().code(0);
        built.document()["dist"].clone()
    };
    let first = build();
    let bundle = first["bundle"]["path"].as_str().expect("a path");
    assert!(bundle.ends_with("dist/greet-0.1.0.synapse"), "{first}");
    let bytes = fs::read(folder.join(bundle)).expect("the bundle");
    fs::remove_file(folder.join(bundle)).expect("it can be removed");
    let source = fs::File::options().append(true).open(folder.join("src/lib.rs")).expect("a source");
    source.set_modified(std::time::SystemTime::now()).expect("touched");
    let again = synapse.call("plugin build --release --json --path").arg(&folder).within("/").run().code(0);
    assert_eq!(again.document()["dist"]["bundle"]["sha256"], first["bundle"]["sha256"]);
    assert_eq!(fs::read(folder.join(bundle)).expect("the bundle"), bytes);
    let text = synapse.call("plugin build --release").within(&folder).run().code(0);
    assert!(text.stdout.contains("dist/greet-0.1.0.synapse · "), "{text}");
}

#[test]
fn the_same_library_gives_the_same_bytes_in_any_folder() {
    let [one, other] = [Bundled::of("greet"), Bundled::of("greet")];
    assert_ne!(one.bundle(), other.bundle());
    for files in [[one.bundle(), other.bundle()], [one.library(), other.library()]] {
        let [first, second] = files.map(|file| fs::read(file).expect("a file"));
        assert!(first == second, "{} and {} differ", files[0].display(), files[1].display());
    }
}

#[test]
fn processes_that_unpack_a_bundle_at_once_share_one_folder() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let start = |_| synapse.call("plugin run").arg(bundled.bundle()).words("greet -P name=Ada").start();
    let running: Vec<_> = (0..8).map(start).collect();
    for run in running {
        run.wait().code(0).prints("message  Hello Ada!\n");
    }
    let left: Vec<_> = fs::read_dir(synapse.home().join("cache")).expect("a cache").flatten().collect();
    let unpacked = left.iter().filter(|entry| entry.path().join("libgreet.so").exists()).count();
    assert_eq!(unpacked, 1, "{left:?}");
}

#[test]
fn a_dev_build_makes_none() {
    let folder = workspace().join("examples/greet");
    let built = Synapse::new().call("plugin build --json --path").arg(folder).run().code(0);
    assert_eq!(built.document()["dist"], Value::Null);
}

#[test]
fn a_bundle_runs_in_every_way_a_library_does() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let run = |words: &str| synapse.call("plugin run").arg(bundled.bundle()).words(words).run();
    run("greet -P name=Ada").code(0).prints("message  Hello Ada!\n");
    run("greet -P name=Ada --isolated").code(0).prints("message  Hello Ada!\n");
    run("greet -P name=Ada --verify").code(0).prints("message  Hello Ada!\n");
    run("greet -P name=Ada --dry-run --json").code(0);
    run("gret -P name=Ada").code(4).says("did you mean `greet`?");
    let again = synapse.call("run rerun last -P name=Bob").run().code(0);
    again.prints("message  Hello Bob!\n");
    let (rows, results) = (bundled.beside("rows.jsonl"), bundled.beside("results.jsonl"));
    fs::write(&rows, "{\"name\":\"Ada\"}\n").expect("a file");
    let map = synapse.call("plugin map").arg(bundled.bundle()).words("greet --inputs").arg(&rows);
    map.words("--out").arg(&results).run().code(0);
    let results = fs::read_to_string(&results).expect("results");
    assert!(results.contains("Hello Ada!"), "{results}");
    let which = synapse.call("plugin run").arg(bundled.bundle()).run().code(2);
    which.says("Only the plugin is named");
}

#[test]
fn what_was_unpacked_is_shared_and_mended() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let copy = bundled.beside("other name.synapse");
    fs::copy(bundled.bundle(), &copy).expect("a copy");
    for bundle in [bundled.bundle(), &copy] {
        synapse.call("plugin run").arg(bundle).words("greet -P name=Ada").run().code(0);
    }
    let folders = fs::read_dir(synapse.home().join("cache")).expect("a cache").flatten();
    let mut unpacked = folders.filter(|entry| entry.file_name().len() == 64);
    let library = unpacked.next().expect("a folder for the digest").path().join("libgreet.so");
    assert!(unpacked.next().is_none(), "the same files are unpacked once");
    fs::write(&library, "damaged").expect("the library can be written");
    synapse.call("plugin run").arg(bundled.bundle()).words("greet -P name=Ada").run().code(0);
    assert_eq!(fs::read(&library).expect("a library"), fs::read(bundled.library()).expect("a library"));
}

#[test]
fn inspect_reads_a_bundle_and_a_stamped_library_and_runs_nothing() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    // Whoever asks the plugin needs this program.
    let inspect = |file: &Path, words: &str| {
        synapse.call("plugin inspect").arg(file).words(words).env("SYNAPSE_WORKER", "/nowhere").run().code(0)
    };
    let bundle = inspect(bundled.bundle(), "--json").document()[0].clone();
    let library = inspect(bundled.library(), "--json").document()[0].clone();
    for (document, kind, schemas) in [(&bundle, "bundle", "bundle"), (&library, "library", "stamp")] {
        assert_eq!([&document["code"], &document["version"]], ["greet", "0.1.0"]);
        assert_eq!([&document["kind"], &document["schemas"]], [kind, schemas]);
        assert_eq!(document["actions"][0]["params"]["properties"]["name"]["type"], "string");
        assert_eq!(document["digests"]["library"], json!(bundled.packed().library.sha256));
        assert_eq!(document["digests"]["image"], json!(bundled.packed().image_sha256));
        assert_eq!(document["digests"]["as_stamped"], true);
        assert_eq!(document["sandboxed"], false);
        assert_eq!(document["abi"], "1.0");
        assert!(document["libraries"].as_array().is_some_and(|names| names.contains(&json!("libc.so.6"))));
    }
    assert_eq!(bundle["digests"]["bundle"], json!(bundled.packed().bundle.sha256));
    let text = inspect(bundled.bundle(), "");
    for part in ["greet 0.1.0 · Greeter", "glibc 2.", "libraries: ", "sha256 ", "not signed", "not sandboxed"]
    {
        assert!(text.stdout.contains(part), "{part}: {text}");
    }
    inspect(bundled.bundle(), "--schema greet");
    inspect(bundled.library(), "--form greet");
}

#[test]
fn a_library_without_a_stamp_tells_how_to_get_its_schemas() {
    let synapse = Synapse::new();
    let file = library("greet");
    let shown = synapse.call("plugin inspect").arg(&file).env("SYNAPSE_WORKER", "/nowhere").run().code(0);
    assert!(shown.stdout.contains("greet_all") && shown.stdout.contains("--describe"), "{shown}");
    let document = synapse.call("plugin inspect --json").arg(&file).run().code(0).document();
    assert_eq!(
        (&document[0]["actions"][0]["params"], &document[0]["schemas"]),
        (&Value::Null, &json!("nowhere"))
    );
    let schema = synapse.call("plugin inspect --schema greet").arg(&file).run().code(2);
    schema.says("has no schemas in it").says("--describe asks the plugin itself");
    synapse.call("plugin inspect --describe --schema greet").arg(&file).run().code(0);
}

#[test]
fn damage_is_told_by_check_run_inspect_and_install_alike() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    synapse.call("plugin check").arg(bundled.bundle()).run().code(0);
    let whole = fs::read(bundled.bundle()).expect("a bundle");
    let cut = bundled.beside("cut.synapse");
    fs::write(&cut, &whole[..whole.len() - 30]).expect("a file");
    let changed = bundled.beside("changed.synapse");
    fs::write(&changed, &whole).expect("a file");
    damage(&changed, "SYNAPSE\0");
    let foreign = bundled.beside("foreign.synapse");
    // Named otherwise in the archive and its manifest, not in the library itself.
    let (mut bytes, here) = (whole.clone(), b"x86_64-unknown-linux-gnu");
    let library = bytes.windows(4).position(|part| part == b"\x7fELF").expect("a library");
    let library = library..library + fs::metadata(bundled.library()).expect("a library").len() as usize;
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(here)).collect();
    for at in places.into_iter().filter(|at| !library.contains(at)) {
        bytes[at..at + 6].copy_from_slice(b"mips64");
    }
    fs::write(&foreign, bytes).expect("a file");
    let cases = [
        (&cut, "as a bundle it is damaged: ", "bundle"),
        (&changed, "its SHA-256 is ", "checksum"),
        (&foreign, "it has no library for this machine, x86_64-unknown-linux-gnu", "target"),
    ];
    for (file, why, rule) in cases {
        let error = synapse.call("plugin check --why-not --json").arg(file).run().code(5).error();
        assert_eq!(error["details"]["rule"], rule, "{error}");
        assert!(error["message"].as_str().is_some_and(|text| text.contains(why)), "{error}");
        // In a home that has not unpacked the same files before, whole.
        let run = Synapse::new().call("plugin run").arg(file).words("greet -P name=Ada").run().code(5);
        run.says(why).says("hint: ");
        synapse.call("plugin install --trust").arg(file).run().code(5).says(why);
    }
    synapse.call("plugin inspect").arg(&changed).run().code(5).says("its SHA-256 is ");
}

#[test]
fn a_stamp_that_is_not_of_this_code_is_refused_before_an_action_runs() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let file = bundled.beside("other.so");
    // The same length, another name: the manifest then lists what the code lacks.
    let mut bytes = fs::read(bundled.library()).expect("a library");
    let marker = b"\"name\":\"greet_all\",\"item\":\"greet_all\"";
    let at = (0..bytes.len()).rev().find(|at| bytes[*at..].starts_with(marker)).expect("a manifest");
    bytes[at + 8..at + 17].copy_from_slice(b"great_all");
    fs::write(&file, bytes).expect("a file");
    for way in ["", "--isolated"] {
        let run = synapse.call("plugin run").arg(&file).words("greet -P name=Ada").words(way).run().code(5);
        run.says("its manifest is not of this code: it lists the actions greet, great_all, roster");
    }
    synapse.call("plugin check --why-not").arg(&file).run().code(5).says("its manifest is not of this code");
}

#[test]
fn an_installed_plugin_is_named_by_its_code_until_it_is_removed() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let run = || synapse.call("plugin run greet -p greet -P name=Ada").run();
    run().code(4).says("no plugin with the code `greet`");
    let asked = synapse.call("plugin install").arg(bundled.bundle()).run().code(2);
    asked.says("nobody can be asked").says("hint: look at it with `synapse plugin inspect`; --trust");
    let installed = synapse.call("plugin install --trust --json").arg(bundled.bundle()).run().code(0);
    let path = installed.document()["installed"]["path"].clone();
    assert_eq!(path, json!(synapse.home().join("plugins/greet-0.1.0.synapse")));
    run().code(0).prints("message  Hello Ada!\n");
    // Another file of the same code takes its place.
    let again = synapse.call("plugin install --trust --json").arg(bundled.library()).run().code(0);
    assert_eq!(again.document()["installed"]["replaced"], json!([path]));
    run().code(0);
    synapse.call("plugin uninstall gret").run().code(4).says("hint: did you mean `greet`?");
    synapse.call("plugin uninstall greet").run().code(0);
    run().code(4);
    synapse.call("plugin install --trust /nowhere.synapse").run().code(4);
    synapse.call("plugin install --trust").arg(workspace()).run().code(2);
}

#[test]
fn a_folder_is_listed_with_what_is_damaged_and_what_is_hidden() {
    let synapse = Synapse::new();
    let bundled = Bundled::of("greet");
    let folder = bundled.beside("plugins");
    fs::create_dir(&folder).expect("a folder");
    fs::copy(bundled.bundle(), folder.join("a.synapse")).expect("a copy");
    fs::copy(bundled.library(), folder.join("b.so")).expect("a copy");
    fs::copy(library("classifier"), folder.join("c.so")).expect("a copy");
    fs::write(folder.join("d.so"), "no library").expect("a file");
    fs::write(folder.join("notes.txt"), "").expect("a file");
    let listed =
        synapse.call("plugin list --json").arg(&folder).env("SYNAPSE_WORKER", "/nowhere").run().code(0);
    let listed = listed.document();
    let codes: Vec<&Value> = listed.as_array().expect("a list").iter().map(|row| &row["code"]).collect();
    assert_eq!(codes, [&json!("greet"), &json!("greet"), &json!("classifier"), &Value::Null]);
    assert_eq!(listed[0]["actions"], json!(["greet", "greet_all", "roster"]));
    assert_eq!(listed[1]["actions"], listed[0]["actions"]);
    assert_eq!(listed[1]["hidden_by"], json!(folder.join("a.synapse")));
    assert_eq!(listed[3]["problem"], "it is no 64-bit ELF file");
    let text = synapse.call("plugin list").arg(&folder).run().code(0);
    assert!(text.stdout.contains("d.so: it is no 64-bit ELF file\n"), "{text}");
    assert!(text.stdout.contains("b.so: hidden by "), "{text}");
    let by_code = synapse.call("plugin run greet -p greet -P name=Ada").env("SYNAPSE_PLUGIN_PATH", &folder);
    by_code.run().code(0).prints("message  Hello Ada!\n");
    synapse.call("plugin list /nowhere").run().code(4);
}

#[test]
fn where_a_key_is_required_a_signed_bundle_runs_until_its_key_is_removed() {
    let (author, operator) = (Synapse::new(), Synapse::new());
    let bundled = Bundled::of("greet");
    operator.call("key require on").run().code(0);
    let run = |way: &str| {
        operator.call("plugin run").arg(bundled.bundle()).words("greet -P name=Ada").words(way).run()
    };
    run("").code(5).says("every load here requires a key that is known, and it is not signed");
    operator.call("plugin install --trust").arg(bundled.bundle()).run().code(5);
    author.call("key create ada --no-password").run().code(0);
    let keys = synapse_host::trust::Keyring::at(&synapse_host::home::Home::at(author.home()));
    keys.sign("ada", synapse_host::trust::Password::None, bundled.bundle()).expect("a signature");
    run("").code(5).says("which is not known here");
    operator.call("key trust").arg(author.home().join("keys/ada.pub")).run().code(0);
    for way in ["", "--isolated", "--dry-run"] {
        run(way).code(0);
    }
    // A known key speaks for it: nobody is asked.
    operator.call("plugin install").arg(bundled.bundle()).run().code(0);
    let by_code = || operator.call("plugin run greet -p greet -P name=Ada").run();
    by_code().code(0);
    operator.call("key remove ada").run().code(0);
    by_code().code(5);
    run("").code(5).says("which is not known here");
}
