//! What the host does around a call: configs, freshness, records.
//! `cargo bench -p synapse-benches --bench host`.

use std::fs;
use std::io::Write;
use std::path::Path;

use divan::{Bencher, black_box};
use synapse_benches::{measured, measured_folder, workspace};
use synapse_host::author::{self, BuildRequest, Profile};
use synapse_host::check::{Machine, PluginFile, why_not};
use synapse_host::config;
use synapse_host::home::Home;
use synapse_host::record::{Recorder, RunEnd, RunStart, sha256_of};
use synapse_host::trust::{Keyring, Password};
use synapse_sdk::events::{Event, now};
use synapse_sdk::{Env, Level};

fn main() {
    divan::main();
}

/// Reading and checking the classifier's config.yaml, about 0.55 KB.
#[divan::bench]
fn config_of_the_classifier(bencher: Bencher) {
    let text = fs::read_to_string(workspace().join("examples/classifier/config.yaml")).expect("it is there");
    bencher.bench_local(|| config::parse(black_box(&text)));
}

/// Whether the measured plugin's library is up to date, its sources and the
/// SDK's looked at.
#[divan::bench]
fn is_a_folder_fresh(bencher: Bencher) {
    measured();
    let (folder, home) = (measured_folder(), Home::from_env().expect("a home"));
    let request =
        BuildRequest { profile: Profile::Release, home: Some(home.path()), ..BuildRequest::new(&folder) };
    assert!(author::is_fresh(&request).is_some(), "its build was recorded");
    bencher.bench_local(|| author::is_fresh(black_box(&request)));
}

/// What is looked at before a plugin is loaded, beside reading all of its file.
#[divan::bench_group]
mod before_loading {
    use super::*;

    #[divan::bench]
    fn bare_reading_of_the_file(bencher: Bencher) {
        let library = measured().image().path.clone();
        bencher.bench_local(|| fs::read(black_box(&library)));
    }

    /// Identity, needs, and what is wrong with the file itself.
    #[divan::bench]
    fn the_file(bencher: Bencher) {
        let library = measured().image().path.clone();
        bencher.bench_local(|| PluginFile::read(black_box(&library)));
    }

    /// That, and what this machine lacks for it.
    #[divan::bench]
    fn every_reason(bencher: Bencher) {
        let (library, machine) = (measured().image().path.clone(), Machine::here());
        assert_eq!(why_not(&library, &machine).expect("a file"), []);
        bencher.bench_local(|| why_not(black_box(&library), &machine));
    }

    #[divan::bench]
    fn the_signature(bencher: Bencher) {
        let folder = tempfile::tempdir().expect("a folder");
        let library = folder.path().join("plugin.so");
        fs::copy(&measured().image().path, &library).expect("a copy");
        let keys = Keyring::at(&Home::at(folder.path()));
        keys.create("ada", Password::None).expect("a key");
        keys.sign("ada", Password::None, &library).expect("a signature");
        assert!(keys.verify(&library).expect("a verdict").is_known());
        bencher.bench_local(|| keys.verify(black_box(&library)));
    }
}

/// A record of start, ten events and end, beside the least that makes a folder
/// with a file of three lines.
#[divan::bench_group]
mod record {
    use super::*;

    const REQUEST: &str = r#"{"plugin":{"path":"/plugins/greet"},"action":"greet","mode":"local","resources":{},"grace":{"secs":5,"nanos":0},"profile":"dev","strict_result":false}"#;

    fn line(folder: &Path, name: &str) -> fs::File {
        fs::create_dir(folder).expect("a folder");
        fs::File::create(folder.join(name)).expect("a file")
    }

    #[divan::bench]
    fn bare_folder_and_file(bencher: Bencher) {
        let home = tempfile::tempdir().expect("a folder");
        let mut number = 0;
        bencher.bench_local(|| {
            number += 1;
            let mut file = line(&home.path().join(number.to_string()), "run.jsonl");
            for _ in 0..3 {
                file.write_all(&[b'x'; 300]).expect("a write");
            }
        });
    }

    /// What telling the library's digest costs once it is remembered.
    #[divan::bench]
    fn remembered_digest(bencher: Bencher) {
        let folder = tempfile::tempdir().expect("a folder");
        let (home, plugin) = (Home::at(folder.path()), measured());
        let library = &plugin.image().path;
        sha256_of(&home, library).expect("a digest");
        bencher.bench_local(|| sha256_of(&home, black_box(library)));
    }

    #[divan::bench]
    fn whole_run(bencher: Bencher) {
        let folder = tempfile::tempdir().expect("a folder");
        let home = Home::at(folder.path());
        let events: Vec<_> = (0..10).map(|_| Event::message(Level::Info, "ten of these")).collect();
        bencher.bench_local(|| {
            let start = RunStart {
                plugin: "greet",
                version: "0.1.0",
                action: "greet",
                mode: "local",
                target: "/plugins/greet",
                library: Some(Path::new("/plugins/greet/target/release/libgreet.so")),
                sha256: Some("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
                request: Some(REQUEST),
                started: now(),
                env: &Env::new(),
                params: "{\"name\":\"Ada\"}",
            };
            let mut recorder = Recorder::create(&home, &start).expect("a record");
            recorder.events(&events);
            recorder.finish(&RunEnd { outcome: Ok("{\"message\":\"Hello\"}"), metrics: "{}", ms: 0.1 })
        });
    }
}
