//! Endpoints on a Ray cluster, whose Ray Client address stands in `SYNAPSE_TEST_RAY`.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_ray::Route;
use synapse_tests::{Ended, Generated, Invocation, Synapse, TlsFront, fits, library};
use tokio::runtime::Runtime;

/// Long before anything would end by itself.
const SOON: Duration = Duration::from_secs(60);

fn cluster() -> String {
    std::env::var("SYNAPSE_TEST_RAY").expect("SYNAPSE_TEST_RAY names a cluster")
}

/// `synapse serve` with the cluster. There is no Python on the path.
fn serve(synapse: &Synapse, words: &str) -> Invocation {
    synapse.call(&format!("serve {words} --json")).env("RAY_ADDRESS", cluster()).env("PATH", "")
}

fn deploy(synapse: &Synapse, name: &str, words: &str) -> Invocation {
    deploy_action(synapse, &library("misbehave"), "served", name, words)
}

fn deploy_action(synapse: &Synapse, plugin: &Path, action: &str, name: &str, words: &str) -> Invocation {
    let cpus = if words.contains("--cpus") { "" } else { "--cpus 0.01" };
    serve(synapse, "deploy").arg(plugin).words(action).words("--name").arg(name).words(cpus).words(words)
}

/// An endpoint that is deleted in the end.
struct Endpoint {
    synapse: Synapse,
    name: &'static str,
    url: String,
}

impl Endpoint {
    fn deploy(name: &'static str, words: &str) -> Self {
        let synapse = Synapse::new();
        let deployed = deploy(&synapse, name, words).run();
        Self::of(synapse, name, &deployed.code(0))
    }

    fn of(synapse: Synapse, name: &'static str, deployed: &Ended) -> Self {
        let document = deployed.document();
        fits(&document, "serve-deploy");
        let url = document["endpoint"]["url"].as_str().expect("a URL").to_owned();
        Self { synapse, name, url }
    }

    fn again(&self, words: &str) -> Ended {
        deploy(&self.synapse, self.name, words).run()
    }

    fn post(&self, below: &str, body: &str) -> (u16, Value) {
        post(&self.url, below, body)
    }

    fn get(&self, below: &str) -> (u16, Value) {
        let route = Route::at(&self.url).expect("a route");
        runtime().block_on(async { read(route.get(below).await.expect("an answer")).await })
    }

    fn status(&self) -> Value {
        let document = serve(&self.synapse, "status").arg(self.name).run().code(0).document();
        fits(&document, "serve-status");
        document["endpoints"][0].clone()
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        let gone = serve(&self.synapse, "delete").arg(self.name).run();
        if !thread::panicking() {
            fits(&gone.code(0).document(), "serve-delete");
        }
    }
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn post(url: &str, below: &str, body: &str) -> (u16, Value) {
    let route = Route::at(url).expect("a route");
    runtime().block_on(async { read(route.post(below, body.to_owned()).await.expect("an answer")).await })
}

async fn read(answer: synapse_ray::RouteAnswer) -> (u16, Value) {
    let status = answer.status;
    let body = answer.whole().await.expect("a body");
    let text = String::from_utf8_lossy(&body).into_owned();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

/// What the dashboard says of all applications, as it stands there.
fn told() -> String {
    let route = Route::at("http://127.0.0.1:8265/api/serve/applications").expect("a route");
    let body = runtime().block_on(async { route.get("/").await.expect("an answer").whole().await });
    String::from_utf8(body.expect("a body").to_vec()).expect("text")
}

fn put(applications: &Value) {
    let body = json!({ "applications": applications }).to_string();
    let mut stream = TcpStream::connect("127.0.0.1:8265").expect("a dashboard");
    let request = format!(
        "PUT /api/serve/applications/ HTTP/1.0\r\nHost: ray\r\nUser-Agent: tests\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).expect("it is sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn an_action_answers_over_http_until_it_is_deleted() {
    let endpoint = Endpoint::deploy("answers", "--env VERSION=one --replicas 1..2");
    let (status, first) = endpoint.post("", "{}");
    assert_eq!((status, &first["version"], &first["asked"]), (200, &json!("one"), &json!(1)));
    // The action's object is made once, also for requests at the same time.
    let many: Vec<_> = (0..8)
        .map(|_| {
            let url = endpoint.url.clone();
            thread::spawn(move || post(&url, "", r#"{"sleep": 100}"#))
        })
        .collect();
    for one in many {
        let (status, answer) = one.join().expect("an answer");
        assert_eq!((status, &answer["process"]), (200, &first["process"]));
    }
    let (status, invalid) = endpoint.post("", r#"{"sleep": -1, "crash": 7}"#);
    let pointers: Vec<_> = invalid["error"]["details"]
        .as_array()
        .expect("violations")
        .iter()
        .map(|it| it["pointer"].clone())
        .collect();
    assert_eq!((status, pointers), (422, vec![json!("/sleep"), json!("/crash")]));
    assert_eq!(endpoint.post("", "{").0, 400);
    let (status, schema) = endpoint.get("/schema");
    assert_eq!((status, &schema["properties"]["sleep"]["default"]), (200, &json!(0)));
    assert!(endpoint.get("/form").1.as_array().is_some_and(|fields| fields.len() == 3));
    let (status, health) = endpoint.get("/healthz");
    assert_eq!((status, &health["endpoint"]["action"]), (200, &json!("served")));
    assert_eq!((endpoint.get("/other").0, endpoint.get("").0), (404, 405));
    let told = endpoint.status();
    assert_eq!(
        (&told["status"], &told["replicas"]),
        (&json!("running"), &json!({ "running": 1, "wanted": 1 }))
    );
    assert_eq!((&told["plugin"], &told["url"]), (&json!("misbehave"), &json!(endpoint.url)));
    // The command asks as well, and knows errors by their kind.
    let call = |words: &str| serve(&endpoint.synapse, "call answers").words(words).run();
    let called = call("-P sleep=10").code(0).document();
    fits(&called, "serve-call");
    assert_eq!(called["result"]["process"], first["process"]);
    assert_eq!(call("-P sleep=-1").code(3).error()["details"][0]["pointer"], "/sleep");
    let synapse = Synapse::new();
    drop(endpoint);
    serve(&synapse, "status answers").run().code(4);
    serve(&synapse, "call answers").run().code(4);
    serve(&synapse, "delete answers").run().code(4);
}

#[test]
#[ignore = "needs a Ray cluster"]
fn what_an_action_reports_is_streamed() {
    let endpoint = Endpoint::deploy("streams", "--timeout 2s");
    let called = serve(&endpoint.synapse, "call streams -P sleep=200 --stream").run().code(0);
    let events = called.events();
    let names: Vec<_> = events.iter().map(|event| event["event"].as_str().unwrap_or_default()).collect();
    assert_eq!(names.first(), Some(&"message"), "{events:?}");
    assert!(names.contains(&"progress"), "{events:?}");
    assert_eq!(called.document()["result"]["asked"], 1);
    // What is wrong before anything was said is no stream.
    assert_eq!(endpoint.post("?stream=1", r#"{"sleep": -1}"#).0, 422);
    let (status, late) = endpoint.post("", r#"{"sleep": 60000}"#);
    assert_eq!((status, &late["error"]["kind"]), (504, &json!("timed_out")));
    let late = serve(&endpoint.synapse, "call streams -P sleep=60000 --stream").run().code(1).error();
    assert_eq!(late["kind"], "timed_out");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_crash_and_a_client_that_leaves_cost_nobody_else() {
    let endpoint = Endpoint::deploy("crashes", "--timeout 10m");
    let (_, before) = endpoint.post("", "{}");
    let (status, crash) = endpoint.post("", r#"{"crash": true}"#);
    assert_eq!((status, &crash["error"]["kind"]), (500, &json!("worker_crashed")), "{crash}");
    let (status, after) = endpoint.post("", "{}");
    assert_eq!((status, &after["asked"]), (200, &json!(1)));
    assert_ne!(before["process"], after["process"]);
    // A client hangs up in the middle of a stream: its action stops, the replica goes on.
    let folder = tempfile::tempdir().expect("a folder");
    let stopped = folder.path().join("stopped");
    let mut client = hang_on(&endpoint.url, &json!({ "sleep": 600_000, "stopped": stopped }));
    let (mut heard, mut piece) = (String::new(), [0; 4096]);
    while !heard.contains("event: progress") {
        let count = client.read(&mut piece).expect("events");
        assert_ne!(count, 0, "the stream ended: {heard}");
        heard.push_str(&String::from_utf8_lossy(&piece[..count]));
    }
    drop(client);
    let begun = Instant::now();
    while !stopped.exists() {
        assert!(begun.elapsed() < SOON, "the action goes on without its client");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(endpoint.post("", "{}").1["process"], after["process"]);
}

/// A client that has asked for a stream.
fn hang_on(url: &str, params: &Value) -> TcpStream {
    let (place, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
    let body = params.to_string();
    let request = format!(
        "POST /{path}?stream=1 HTTP/1.1\r\nHost: ray\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut client = TcpStream::connect(place).expect("a proxy");
    client.write_all(request.as_bytes()).expect("it is sent");
    client
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_deploy_that_fails_keeps_what_answers() {
    let endpoint = Endpoint::deploy("keeps", "--env VERSION=one");
    let error = endpoint.again("--env BROKEN=1").code(3).error();
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains("the model cannot be read")),
        "{error}"
    );
    assert_eq!(error["hint"], "train it again");
    assert_eq!(endpoint.post("", "{}").1["version"], "one");
    let listed = serve(&endpoint.synapse, "status").run().code(0).document();
    let ours = listed["endpoints"].as_array().expect("a list").iter().filter(|it| it["name"] == "keeps");
    assert!(ours.filter(|it| it["status"] != "deleting").count() == 1, "{listed}");
    // Nor is one left whose first deploy failed.
    deploy(&endpoint.synapse, "never", "--env BROKEN=1").run().code(3);
    let refused = endpoint.again("--cpus 4000").code(6).error();
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("4000 CPU")), "{refused}");
    let taken = deploy(&endpoint.synapse, "other", "--route /keeps").run().code(2).error();
    assert!(taken["message"].as_str().is_some_and(|text| text.contains("/keeps leads to")), "{taken}");
}

/// A flag that is raised in the end, however that comes.
struct Raised<'a>(&'a AtomicBool);

impl Drop for Raised<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn no_request_fails_while_another_version_takes_over() {
    let endpoint = Endpoint::deploy("moves", "--env VERSION=one");
    let (over, count) = (AtomicBool::new(false), AtomicUsize::new(0));
    let last = thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = Value::Null;
                    while !over.load(Ordering::Relaxed) {
                        let (status, answer) = endpoint.post("", r#"{"sleep": 20}"#);
                        assert_eq!(status, 200, "{answer}");
                        count.fetch_add(1, Ordering::Relaxed);
                        last = answer["version"].clone();
                        // The cluster has to have time for something else.
                        thread::sleep(Duration::from_millis(20));
                    }
                    last
                })
            })
            .collect();
        let end = Raised(&over);
        endpoint.again("--env VERSION=two").code(0);
        // More of the same replicas are no other version.
        endpoint.again("--env VERSION=two --replicas 2").code(0);
        drop(end);
        clients.into_iter().map(|client| client.join().expect("no request failed")).collect::<Vec<_>>()
    });
    assert_eq!(last, vec![json!("two"); 4]);
    assert!(count.load(Ordering::Relaxed) > 20);
    assert_eq!(endpoint.status()["replicas"], json!({ "running": 2, "wanted": 2 }));
}

#[test]
#[ignore = "needs a Ray cluster"]
fn applications_of_others_stay_as_they_are() {
    let mine = Endpoint::deploy("mine", "");
    // Somebody else's: the same shim, and nothing of ours in its config. Its numbers and order are its own.
    let all: Value = serde_json::from_str(&told()).expect("JSON");
    let application = mine.status()["application"].as_str().expect("a name").to_owned();
    let config = &all["applications"][&application]["deployed_app_config"];
    let mut others = config.clone();
    others["name"] = json!("theirs");
    others["route_prefix"] = json!("/theirs");
    others["args"] = json!({ "z": 1.0, "endpoint": config["args"]["endpoint"], "a": [1e30, "é"] });
    put(&json!([config, others]));
    let url = mine.url.replace("/mine", "/theirs");
    let begun = Instant::now();
    while post(&url, "", "{}").0 != 200 {
        assert!(begun.elapsed() < SOON, "{}", told());
        thread::sleep(Duration::from_millis(200));
    }
    let process = post(&url, "", "{}").1["process"].clone();
    let theirs = || {
        let told = told();
        // What they have asked for; when it was last looked at is Ray's own affair.
        let config = r#""deployed_app_config": {"name": "theirs""#;
        let begin = told.find(config).unwrap_or_else(|| panic!("no application of theirs: {told}"));
        let begin = begin + r#""deployed_app_config": "#.len();
        let mut config = serde_json::Deserializer::from_str(&told[begin..]).into_iter::<Value>();
        config.next().expect("a config").expect("it is JSON");
        told[begin..begin + config.byte_offset()].to_owned()
    };
    let before = theirs();
    mine.again("--env VERSION=two").code(0);
    assert_eq!(theirs(), before);
    drop(mine);
    assert_eq!(theirs(), before);
    assert_eq!(post(&url, "", "{}").1["process"], process, "its replica was replaced");
    put(&json!([]));
}

#[test]
#[ignore = "needs a Ray cluster"]
fn an_endpoint_sleeps_while_nobody_asks_and_wakes() {
    let endpoint = Endpoint::deploy("sleeps", "--replicas 0..1 --idle 1s");
    assert_eq!(endpoint.post("", "{}").0, 200);
    let begun = Instant::now();
    while endpoint.status()["replicas"]["running"] != 0 {
        assert!(begun.elapsed() < SOON, "{}", endpoint.status());
        thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(endpoint.post("", "{}").0, 200);
}

/// What clients that ask at the same time are answered, in their order.
fn at_once(url: &str, bodies: &[String]) -> Vec<(u16, Value)> {
    thread::scope(|scope| {
        let asked: Vec<_> = bodies.iter().map(|body| scope.spawn(|| post(url, "", body))).collect();
        asked.into_iter().map(|one| one.join().expect("an answer")).collect()
    })
}

#[test]
#[ignore = "needs a Ray cluster"]
fn more_requests_than_may_wait_are_refused() {
    let endpoint = Endpoint::deploy("full", "--at-once 1 --max-waiting 1");
    assert_eq!(endpoint.post("", "{}").0, 200);
    let answers = at_once(&endpoint.url, &vec![r#"{"sleep": 2000}"#.to_owned(); 8]);
    let count = |wanted: u16| answers.iter().filter(|(status, _)| *status == wanted).count();
    assert_eq!(count(200) + count(503), 8, "{answers:?}");
    // Old releases count one that is worked on among those that wait, now and then.
    assert!(count(200) >= 1 && count(503) >= 1, "{answers:?}");
    // They leave nothing behind.
    assert_eq!(endpoint.post("", "{}").0, 200);
}

fn numbers(numbers: &[i64]) -> String {
    json!({ "numbers": numbers }).to_string()
}

#[test]
#[ignore = "needs a Ray cluster"]
fn requests_that_come_together_are_one_call_and_have_their_own_answers() {
    let synapse = Synapse::new();
    let batched =
        |words: &str| deploy_action(&synapse, &library("misbehave"), "doubles", "joins", words).run();
    let refused = deploy(&synapse, "joins", "--max-batch 8").run().code(2).error();
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("takes no list")), "{refused}");
    let deployed = batched("--max-batch 8 --batch-wait 1s").code(0);
    let endpoint = Endpoint::of(Synapse::new(), "joins", &deployed);
    let values = |answer: &Value| {
        let all = answer["doubled"].as_array().expect("a list").iter();
        all.map(|it| it["value"].as_i64().expect("a number")).collect::<Vec<_>>()
    };
    let together = |answer: &Value| answer["doubled"][0]["together"].as_u64().expect("a number");
    let bodies =
        [numbers(&[1]), numbers(&[2, 3]), numbers(&[4]), r#"{"numbers": [5], "note": "n"}"#.to_owned()];
    let answers = at_once(&endpoint.url, &bodies);
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    let doubled: Vec<_> = answers.iter().map(|(_, answer)| values(answer)).collect();
    assert_eq!(doubled, [vec![2], vec![4, 6], vec![8], vec![10]]);
    assert!(answers[..3].iter().any(|(_, answer)| together(answer) > 2), "none were joined: {answers:?}");
    // Its other params are its own, and so it is asked alone.
    assert_eq!((&answers[3].1["note"], together(&answers[3].1)), (&json!("n"), 1));
    // One that fails, one that breaks a rule and one that ends its worker fail alone.
    for (wrong, status, kind) in
        [("-7", 500, "execution"), ("\"x\"", 422, "validation"), ("13", 500, "worker_crashed")]
    {
        let wrong = format!("{{\"numbers\": [{wrong}]}}");
        let answers = at_once(&endpoint.url, &[numbers(&[1]), wrong, numbers(&[2, 3])]);
        assert_eq!((answers[1].0, &answers[1].1["error"]["kind"]), (status, &json!(kind)), "{answers:?}");
        assert_eq!((answers[0].0, values(&answers[0].1)), (200, vec![2]), "{answers:?}");
        assert_eq!((answers[2].0, values(&answers[2].1)), (200, vec![4, 6]), "{answers:?}");
    }
}

/// The applications of an endpoint that are not being deleted.
fn there(synapse: &Synapse, name: &str) -> Vec<Value> {
    let listed = serve(synapse, "status").run().code(0).document();
    let all = listed["endpoints"].as_array().expect("a list").iter();
    all.filter(|it| it["name"] == name && it["status"] != "deleting").cloned().collect()
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_deploy_that_is_interrupted_is_taken_back() {
    let endpoint = Endpoint::deploy("stays", "--env VERSION=one");
    let interrupted = |name: &str, begun: usize, signal: i32, code: i32| {
        let mut running = deploy(&endpoint.synapse, name, "--env VERSION=two --env SLOW=600").start();
        running.until_it_says("starting replicas");
        let asked = Instant::now();
        while there(&endpoint.synapse, name).len() < begun {
            assert!(asked.elapsed() < SOON, "the cluster did not begin with it");
            thread::sleep(Duration::from_millis(100));
        }
        running.signal(signal);
        running.wait().code(code).says("what was begun is taken back")
    };
    interrupted("stays", 2, libc::SIGINT, 130).says("`stays` answers as before");
    let left = there(&endpoint.synapse, "stays");
    assert_eq!((left.len(), &left[0]["url"]), (1, &json!(endpoint.url)));
    assert_eq!(endpoint.post("", "{}").1["version"], "one");
    // Nothing is left of a first one either.
    interrupted("starts", 1, libc::SIGTERM, 143);
    assert_eq!(there(&endpoint.synapse, "starts"), Vec::<Value>::new());
}

/// What the cluster knows of its nodes, changed until it is dropped.
struct OlderNodes {
    facts: Vec<(Vec<u8>, Vec<u8>)>,
}

impl OlderNodes {
    /// All of them have this glibc.
    fn with(glibc: &str) -> Self {
        let address = cluster().parse().expect("an address");
        runtime().block_on(async {
            let client = synapse_ray::Client::connect(&address).await.expect("the cluster answers");
            let mut facts = Vec::new();
            for node in client.kv_list("synapse/node/").await.expect("the store answers") {
                let known =
                    client.kv_get(node.clone()).await.expect("the store answers").expect("it is there");
                let mut old: Value = serde_json::from_slice(&known).expect("JSON");
                old["glibc"] = json!(glibc);
                client.kv_put(node.clone(), old.to_string(), true).await.expect("the store answers");
                facts.push((node.to_vec(), known.to_vec()));
            }
            assert!(!facts.is_empty(), "no node was asked");
            Self { facts }
        })
    }
}

impl Drop for OlderNodes {
    fn drop(&mut self) {
        let address = cluster().parse().expect("an address");
        runtime().block_on(async {
            let client = synapse_ray::Client::connect(&address).await.expect("the cluster answers");
            for (node, facts) in self.facts.drain(..) {
                client.kv_put(node, facts, true).await.expect("the store answers");
            }
        });
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn what_the_nodes_could_not_run_is_not_shipped() {
    let endpoint = Endpoint::deploy("older", "--env VERSION=one");
    let nodes = OlderNodes::with("2.3");
    let job = endpoint.synapse.act("misbehave", "echo -P n=1 --mode job --json --cpus 0.01");
    let job = job.env("RAY_ADDRESS", cluster()).env("PATH", "").run().code(5).error();
    for error in [endpoint.again("--env VERSION=two").code(5).error(), job] {
        assert_eq!(error["kind"], "incompatible_plugin");
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.contains("has glibc 2.3, the plugin needs 2."), "{error}");
        let hint = error["hint"].as_str().unwrap_or_default();
        assert!(hint.contains("`synapse plugin build --release --glibc 2.3`"), "{error}");
    }
    drop(nodes);
    endpoint.again("--env VERSION=two").code(0);
}

const NATIVE: &str = r#"//! Asks a library that is shipped with it.

use synapse_sdk::prelude::*;

#[link(name = "answers")]
unsafe extern "C" {
    safe fn answer() -> i32;
}

/// Asks the library.
#[action]
pub fn ask(_params: (), _ctx: &Context) -> Result<i32> {
    Ok(answer())
}

synapse_sdk::export_plugin!(ask);
"#;

/// A plugin with a native library in the folder that its config names.
fn native_plugin() -> Generated {
    let plugin = Generated::new("ships_native", NATIVE);
    let native = plugin.folder().join("wheels");
    fs::create_dir_all(&native).expect("a folder");
    plugin.write("wheels/answers.c", "int answer(void) { return 42; }\n");
    let search = native.display();
    plugin.write(
        "build.rs",
        &format!(
            "fn main() {{ println!(\"cargo:rustc-link-search={search}\"); \
             println!(\"cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN\"); }}\n"
        ),
    );
    let mut compiler = Command::new("cc");
    let made = compiler.args(["-shared", "-fPIC", "-o", "libanswers.so", "answers.c"]).current_dir(native);
    assert!(made.status().expect("a C compiler, which Rust links with").success());
    plugin
}

#[test]
#[ignore = "needs a Ray cluster"]
fn native_libraries_travel_with_their_plugin() {
    let synapse = Synapse::new();
    let plugin = native_plugin();
    let wheels = plugin.folder().join("wheels");
    let built = plugin.call(&synapse, "plugin build --json").arg(plugin.folder());
    built.env("LD_LIBRARY_PATH", &wheels).run().code(0);
    let released = plugin.call(&synapse, "plugin build --release --json").arg(plugin.folder());
    let released = released.env("LD_LIBRARY_PATH", &wheels).run().code(0).document();
    let bundle = PathBuf::from(released["dist"]["bundle"]["path"].as_str().expect("a bundle"));
    // Its folder, its bundle, and its library with the other one beside it.
    let beside = tempfile::tempdir().expect("a folder");
    let library = beside.path().join("libships_native.so");
    fs::copy(released["dist"]["library"]["path"].as_str().expect("a library"), &library).expect("a copy");
    fs::copy(wheels.join("libanswers.so"), beside.path().join("libanswers.so")).expect("a copy");
    for (number, named) in [plugin.folder(), &bundle, &library].into_iter().enumerate() {
        let run = |mode: &str| {
            let run =
                plugin.call(&synapse, "plugin run --json").arg(named).words("ask --cpus 0.01").words(mode);
            run.env("RAY_ADDRESS", cluster()).run().code(0).document()
        };
        assert_eq!(run("--mode task --ray-idle 1s")["result"], 42, "{}", named.display());
        if number > 0 {
            assert_eq!(run("--mode job --follow")["result"], 42, "{}", named.display());
        }
    }
    let deployed = deploy_action(&synapse, &bundle, "ask", "asks", "").run().code(0);
    let endpoint = Endpoint::of(Synapse::new(), "asks", &deployed);
    assert_eq!(endpoint.post("", ""), (200, json!(42)));
}

#[test]
#[ignore = "needs a Ray cluster"]
fn all_of_it_works_with_a_dashboard_behind_tls() {
    let (synapse, front) = (Synapse::new(), TlsFront::before("127.0.0.1:8265"));
    let over =
        |call: Invocation| call.env("RAY_ADDRESS", front.url()).env("SSL_CERT_FILE", front.authority());
    let deployed = over(deploy(&synapse, "behind", "--env VERSION=one")).run().code(0);
    let endpoint = Endpoint::of(Synapse::new(), "behind", &deployed);
    let called = over(serve(&synapse, "call behind -P sleep=10 --stream")).run().code(0);
    assert_eq!(called.document()["result"]["version"], "one");
    // What stands before the proxies may speak TLS as well.
    let proxies = TlsFront::before("127.0.0.1:8000");
    let url = endpoint.url.replace("http://127.0.0.1:8000", &proxies.url());
    let called = serve(&synapse, "call --params {}").arg(url).env("SSL_CERT_FILE", proxies.authority());
    assert_eq!(called.run().code(0).document()["result"]["version"], "one");
    let job = synapse.act("misbehave", "prints --mode job --json --cpus 0.01");
    let id = over(job).run().code(0).document()["run"]["job_id"].as_str().expect("an id").to_owned();
    // Over a WebSocket, to its end.
    over(synapse.call("job logs --follow").arg(&id)).run().code(0);
    assert_eq!(
        over(synapse.call("job get --json").arg(&id)).run().code(0).document()["job"]["status"],
        "succeeded"
    );
}

#[test]
#[ignore = "needs a Ray cluster"]
fn where_nothing_answers_it_is_said() {
    let synapse = Synapse::new();
    let error =
        |words: &str, code: i32| synapse.call(&format!("serve {words} --json")).run().code(code).error();
    let nowhere = error("status --ray-address http://127.0.0.1:9", 6);
    assert!(nowhere["message"].as_str().is_some_and(|text| text.contains("127.0.0.1:9")), "{nowhere}");
    let nowhere = error("call http://127.0.0.1:9/there --params {}", 6);
    assert!(nowhere["message"].as_str().is_some_and(|text| text.contains("127.0.0.1:9")), "{nowhere}");
    error("deploy greet --replicas 4..1", 2);
}
