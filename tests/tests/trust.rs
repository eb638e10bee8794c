//! Keys, signatures, and loads that require them.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;
use synapse_tests::{Generated, Synapse, library};
use tempfile::TempDir;

/// A copy of a plugin that a test may sign.
fn copy(plugin: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plugin.so");
    fs::copy(library(plugin), &file).expect("a copy");
    (folder, file)
}

fn create(synapse: &Synapse, name: &str) -> serde_json::Value {
    let made = synapse.call("key create --no-password --json").arg(name).run().code(0);
    made.document()["key"].clone()
}

/// Has `synapse` sign a file as the build of a plugin does.
fn sign(synapse: &Synapse, key: &str, file: &Path) {
    let keys = synapse_host::trust::Keyring::at(&synapse_host::home::Home::at(synapse.home()));
    keys.sign(key, synapse_host::trust::Password::None, file).expect("a signature");
}

#[test]
fn without_the_setting_a_path_that_is_named_needs_no_key() {
    let (_folder, file) = copy("greet");
    let synapse = Synapse::new();
    synapse.call("plugin run").arg(&file).words("greet -P name=Ada").run().code(0);
    let check = synapse.call("plugin check").arg(&file).run().code(0);
    assert!(check.stdout.ends_with("not signed\n"), "{check}");
}

#[test]
fn where_every_load_requires_a_key_only_what_a_known_key_signed_is_loaded() {
    let (_folder, file) = copy("greet");
    let (author, operator) = (Synapse::new(), Synapse::new());
    let key = create(&author, "ada");
    let required = operator.call("key require on").run().code(0);
    required.prints("every load requires a trusted key\n");
    let run =
        |way: &str| operator.call("plugin run").arg(&file).words("greet -P name=Ada --json").words(way).run();
    for way in ["", "--isolated", "--dry-run"] {
        let error = run(way).code(5).error();
        let message = error["message"].as_str().expect("a message");
        assert!(
            message.ends_with("every load here requires a key that is known, and it is not signed"),
            "{error}"
        );
        assert_eq!(error["details"]["rule"], "trust");
    }
    let inspect = operator.call("plugin inspect").arg(&file).run();
    inspect.code(5).says("hint: let its author sign it: `synapse plugin build --sign KEY`");

    sign(&author, "ada", &file);
    let unknown = run("").code(5);
    let id = key["id"].as_str().expect("an id");
    unknown.says(&format!("signed by the key {id}, which is not known here"));
    let why_not = operator.call("plugin check --why-not").arg(&file).run().code(5);
    why_not.says("hint: trust the key, if you know whose it is");

    let public = author.home().join("keys/ada.pub");
    operator.call("key trust").arg(&public).words("--name ada-of-greet").run().code(0);
    run("").code(0);
    run("--isolated").code(0);
    let check = operator.call("plugin check --json").arg(&file).run().code(0).document();
    assert_eq!(check["check"]["signature"], json!({ "status": "known", "name": "ada-of-greet", "key": id }));

    // A byte more, and it is not what was signed.
    let mut bytes = fs::read(&file).expect("the copy");
    bytes.push(0);
    fs::write(&file, bytes).expect("the copy");
    run("").code(5).says("Signature verification failed");
    operator.call("key require off").run().code(0);
    run("").code(0);
}

#[test]
fn the_variable_goes_before_the_setting() {
    let (_folder, file) = copy("greet");
    let synapse = Synapse::new();
    let run = |required: &str| {
        let call = synapse.call("plugin run").arg(&file).words("greet -P name=Ada");
        call.env("SYNAPSE_REQUIRE_KEY", required).run()
    };
    run("1").code(5);
    run("").code(0);
    synapse.call("key require on").run().code(0);
    run("").code(5);
    run("0").code(0);
}

#[test]
fn a_plugin_is_signed_as_it_is_built() {
    const LIB: &str = "use synapse_sdk::prelude::*;\n\n/// Does nothing.\n#[action]\n\
                       fn nothing(_params: (), _ctx: &Context) -> Result<()> {\n    Ok(())\n}\n\n\
                       synapse_sdk::export_plugin!(nothing);\n";
    let plugin = Generated::new("signed", LIB);
    let synapse = Synapse::new();
    create(&synapse, "ada");
    synapse.call("key require on").run().code(0);
    let build = |words: &str| plugin.call(&synapse, "plugin build").arg(plugin.folder()).words(words).run();
    // Not signed, or by the key of an earlier test.
    build("").code(5).says("every load here requires a key that is known, and it is ");
    build("--sign ad").code(4).says("no secret key with the name `ad`").says("hint: did you mean `ada`?");
    build("--sign ada").code(0).says("signed: ").says("libsigned.so.minisig");
    plugin.act(&synapse, "nothing").run().code(0);
    // What is built anew is signed anew, or refused.
    plugin.write("src/lib.rs", &LIB.replace("Does nothing.", "Does still nothing."));
    plugin.act(&synapse, "nothing").run().code(5).says("not signed as it is: ada (");
}

#[test]
fn keys_are_made_listed_trusted_and_removed() {
    let synapse = Synapse::new();
    synapse.call("key list").run().code(0).prints("no keys; `synapse key create NAME` makes one\n");
    let key = create(&synapse, "ada");
    let again = synapse.call("key create ada --no-password").run().code(3);
    again.says("there is a key `ada` already").says("hint: choose another name, or first");
    synapse.call("key create ../ada --no-password").run().code(2).says("cannot name a key");
    let nobody = synapse.call("key create eve").run().code(2);
    nobody.says("nobody can be asked").says("hint: set SYNAPSE_KEY_PASSWORD, or say --no-password");
    let line = key["public"].as_str().expect("a key");
    let other = Synapse::new();
    other.call("key trust").arg(line).run().code(2).says("the key needs a name");
    other.call("key trust").arg(line).words("--name ada").run().code(0);
    other.call("key trust nonsense --name x").run().code(3).says("it is no public key of minisign");
    let listed = other.call("key list --json").run().code(0).document();
    assert_eq!(listed["keys"][0], json!({ "name": "ada", "id": key["id"], "public": line, "secret": false }));
    assert_eq!(listed["required"], false);
    synapse.call("key remove ada").run().code(3).says("hint: `synapse key remove ada --secret`");
    synapse.call("key remove ada --secret").run().code(0);
    other.call("key remove ada").run().code(0);
    other.call("key remove ada").run().code(4).says("no key with the name `ada`");
}

#[test]
fn a_password_comes_from_the_variable_where_nobody_can_be_asked() {
    let (_folder, _) = copy("greet");
    let synapse = Synapse::new();
    let made = synapse.call("key create ada").env("SYNAPSE_KEY_PASSWORD", "tulip").run().code(0);
    assert!(made.stdout.starts_with("made the key ada ("), "{made}");
    let home = synapse_host::home::Home::at(synapse.home());
    assert!(synapse_host::trust::Keyring::at(&home).is_protected("ada").expect("a key"));
}

#[test]
fn no_way_to_load_leads_around_a_required_key() {
    let (folder, file) = copy("greet");
    let synapse = Synapse::new();
    let why = "every load here requires a key that is known, and it is not signed";
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("a file");
        path
    };
    let rows = write("rows.jsonl", "{\"name\":\"Ada\"}\n");
    let pipeline = write(
        "pipeline.yaml",
        "name: p\nplugins:\n  greet: plugin.so\nnodes:\n  greet:\n    plugin: greet\n    action: greet\n    \
         params: {name: Ada}\n",
    );
    let results = folder.path().join("results.jsonl");
    let run = |words: &str| synapse.call(words).within(folder.path()).run();
    let pipelined = || synapse.call("pipeline run").arg(&pipeline).run();
    let mapped = |words: &str| {
        let call = synapse.call("plugin map").arg(&file).words("greet --inputs").arg(&rows);
        call.words("--out").arg(&results).words(words).run()
    };
    run("plugin run plugin.so greet -P name=Ada").code(0);
    let first = synapse.last_run()["run"]["id"].as_str().expect("it has an id").to_owned();
    pipelined().code(0);

    run("key require on").code(0);
    run(&format!("run rerun {first}")).code(5).says(why);
    for words in ["plugin test plugin.so", "plugin check plugin.so", "plugin inspect plugin.so --describe"] {
        run(words).code(5).says(why);
    }
    mapped("").code(5).says(why);
    mapped("--isolated").code(5).says(why);
    assert!(!results.exists());
    // A pipeline tells all that is wrong with it.
    pipelined().code(3).says(why);
    // Whoever starts the worker program by hand.
    for words in [&["describe"][..], &["agent", "--listen", "127.0.0.1", "--library"]] {
        let worker = Command::new(synapse_tests::synapse().with_file_name("synapse-worker"))
            .args(words)
            .arg(&file)
            .env("SYNAPSE_HOME", synapse.home())
            .env_remove("SYNAPSE_REQUIRE_KEY")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .and_then(|mut worker| {
                // It may end without reading.
                let _ = writeln!(worker.stdin.take().expect("a pipe"), "{}", "5a".repeat(32));
                worker.wait_with_output()
            })
            .expect("the worker can be started");
        let said = [worker.stdout, worker.stderr].concat();
        assert_eq!(worker.status.code(), Some(5), "{words:?}");
        assert!(String::from_utf8_lossy(&said).contains(why), "{words:?}");
    }
}
