//! What is let through to a Ray cluster, and through what. Its Ray Client address stands in `SYNAPSE_TEST_RAY`.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::channel;
use std::thread;

use serde_json::{Value, json};
use synapse_host::home::Home;
use synapse_host::trust::{Keyring, Password};
use synapse_tests::{Bundled, Invocation, Synapse};

fn cluster() -> String {
    std::env::var("SYNAPSE_TEST_RAY").expect("SYNAPSE_TEST_RAY names a cluster")
}

fn there(invocation: Invocation) -> Invocation {
    invocation.words("--json --mode task --cpus 0.01").env("RAY_ADDRESS", cluster()).env("PATH", "")
}

#[test]
#[ignore = "needs a Ray cluster"]
fn where_every_load_requires_a_key_only_what_a_known_key_signed_is_sent() {
    let (author, operator) = (Synapse::new(), Synapse::new());
    let bundled = Bundled::of("greet");
    author.call("key create ada --no-password").run().code(0);
    operator.call("key require on").run().code(0);
    let run = |file: &Path| there(operator.call("plugin run").arg(file).words("greet -P name=Ada")).run();
    let rows = bundled.beside("rows.jsonl");
    std::fs::write(&rows, "{\"name\": \"Ada\"}\n").expect("room on the disk");
    let map = || {
        let map = operator.call("plugin map").arg(bundled.bundle()).words("greet --overwrite --inputs");
        there(map.arg(&rows).arg("--out").arg(bundled.beside("out.jsonl"))).run()
    };
    for refused in [run(bundled.bundle()), run(bundled.library()), map()] {
        let error = refused.code(5).error();
        assert_eq!(error["details"]["rule"], "trust", "{error}");
        let message = error["message"].as_str().unwrap_or_default();
        let why = "every load here requires a key that is known, and it is not signed";
        assert!(message.ends_with(why), "{error}");
    }
    let keys = Keyring::at(&Home::at(author.home()));
    keys.sign("ada", Password::None, bundled.bundle()).expect("a signature");
    run(bundled.bundle()).code(5).says("which is not known here");
    operator.call("key trust").arg(author.home().join("keys/ada.pub")).words("--name ada").run().code(0);
    let greeted = run(bundled.bundle()).code(0).document();
    assert_eq!(greeted["result"], json!({ "message": "Hello Ada!" }));
    assert_eq!(map().code(0).document()["map"]["succeeded"], 1);
    // Signed is the bundle alone.
    run(bundled.library()).code(5);
}

/// Does `work` on a thread, and in processes that it starts, for which nothing of the cluster can be reached but
/// the port of Ray Client.
#[expect(unsafe_code, reason = "gives a thread a network of its own")]
fn behind_a_firewall<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let place = cluster().replace("ray://", "");
    let (sender, door) = channel();
    thread::scope(|scope| {
        let inside = place.clone();
        let working = scope.spawn(move || {
            // SAFETY: takes a number, and changes nothing but where this thread's sockets are.
            let alone = unsafe { libc::unshare(libc::CLONE_NEWNET) };
            assert_eq!(alone, 0, "{}", io::Error::last_os_error());
            let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
            assert!(up.is_ok_and(|status| status.success()), "the loopback is not there");
            sender.send(TcpListener::bind(inside).expect("a port of its own")).expect("it is waited for");
            work()
        });
        let door: TcpListener = door.recv().expect("the other network is there");
        // It ends with the tests.
        thread::spawn(move || door.incoming().flatten().for_each(|near| lead(near, &place)));
        working.join().expect("it says why")
    })
}

/// Passes on what is said both ways.
fn lead(near: TcpStream, place: &str) {
    let far = TcpStream::connect(place).expect("the cluster answers");
    let (back, forth) = (near.try_clone().expect("a copy"), far.try_clone().expect("a copy"));
    for (mut from, mut to) in [(near, far), (forth, back)] {
        thread::spawn(move || {
            // Whoever hangs up has said all.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_worker_whose_port_is_out_of_reach_is_reached_through_ray_client() {
    let synapse = Synapse::new();
    let run = |way: &str| {
        let words = format!("echo -P n=1 --mode task --json --cpus 0.019 --ray-idle 5s {way}");
        synapse.act("misbehave", &words).env("RAY_ADDRESS", cluster()).run()
    };
    let [first, again, direct] = behind_a_firewall(|| [run(""), run(""), run("--ray-path direct")]);
    assert_eq!(first.code(0).document()["result"], json!({ "n": 1 }));
    again.code(0).does_not_say("starting a worker");
    let error: Value = direct.code(6).error();
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("the worker on Ray cannot be reached at 127.0.0."), "{error}");
    assert_eq!(error["hint"], "use --ray-path client, which needs the port of Ray Client alone");
    run("--ray-path direct").code(0).does_not_say("starting a worker");
}
