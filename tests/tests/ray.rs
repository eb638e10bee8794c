//! Runs on a Ray cluster, whose Ray Client address stands in `SYNAPSE_TEST_RAY`.
//! The tests run beside it in one process namespace, so they can end its parts.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_tests::{Certificates, Ended, Invocation, Running, Synapse, goes_away, library, synapse};

/// Long before the action would end by itself.
const SOON: Duration = Duration::from_secs(60);

fn cluster() -> String {
    std::env::var("SYNAPSE_TEST_RAY").expect("SYNAPSE_TEST_RAY names a cluster")
}

/// A run on the cluster. Nothing of this machine is needed for it: there is no
/// Python on the path.
fn call(synapse: &Synapse, plugin: &str, words: &str) -> Invocation {
    let call = synapse.act(plugin, words).words("--mode task --json");
    let call = if words.contains("--cpus") { call } else { call.words("--cpus 0.01") };
    call.env("RAY_ADDRESS", cluster()).env("PATH", "")
}

fn on_ray(synapse: &Synapse, words: &str) -> Ended {
    call(synapse, "misbehave", words).run()
}

fn started(synapse: &Synapse, words: &str, says: &str) -> Running {
    let mut running = call(synapse, "misbehave", words).start();
    running.until_it_says(says);
    running
}

fn without_times(events: Vec<Value>) -> Vec<Value> {
    let of_the_run = |event: &Value| {
        let text = event["data"]["content"].as_str().unwrap_or_default();
        !(text.starts_with("starting a worker") || text.starts_with("waiting for"))
    };
    let mut events: Vec<Value> = events.into_iter().filter(of_the_run).collect();
    for event in &mut events {
        event["datetime"] = Value::Null;
        event["data"]["time_remaining"] = Value::Null;
    }
    events
}

fn parent_of(process: u64) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.and_then(|number| number.trim().parse().ok()).expect("it has a parent")
}

/// The process that an action under way says it is.
fn process_of(running: &Running) -> u64 {
    let said = running.said();
    let (_, rest) = said.split_once("process ").expect("it says which process it is");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

#[expect(unsafe_code, reason = "ends a process by its number")]
fn end(process: u64) {
    // SAFETY: takes two numbers.
    unsafe { libc::kill(process as i32, libc::SIGKILL) };
}

#[test]
#[ignore = "needs a Ray cluster"]
fn an_action_runs_there_as_it_runs_here() {
    let synapse = Synapse::new();
    let local = synapse.act("greet", "greet -P name=Ada --json").run().code(0).document();
    let first = call(&synapse, "greet", "greet -P name=Ada").run().code(0);
    assert_eq!(first.document()["result"], local["result"]);
    assert_eq!(first.document()["run"]["mode"], "task");
    // The worker is there now, and nothing has to be started.
    call(&synapse, "greet", "greet -P name=Bo").run().code(0).does_not_say("starting a worker");
    let record = synapse.last_run();
    assert_eq!((&record["run"]["mode"], &record["run"]["status"]), (&json!("task"), &json!("succeeded")));
}

#[test]
#[ignore = "needs a Ray cluster"]
fn events_and_output_come_as_from_a_run_here_on_both_ways() {
    let synapse = Synapse::new();
    let here = without_times(synapse.act("misbehave", "events --json").run().code(0).events());
    for way in ["direct", "client"] {
        let there = on_ray(&synapse, &format!("events --ray-path {way}")).code(0);
        assert_eq!(without_times(there.events()), here, "{way}");
        let prints = on_ray(&synapse, &format!("prints --ray-path {way}")).code(0).events();
        let printed = |text: &str| prints.iter().any(|event| event["data"]["content"] == text);
        assert!(printed("printed on stdout") && printed("printed on stderr"), "{way}: {prints:?}");
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn errors_keep_their_kind_and_crashes_end_nothing_else() {
    let synapse = Synapse::new();
    let invalid = on_ray(&synapse, "checked -P epochs=0 -P lr=1 -P name=ab").code(3).error();
    assert_eq!(invalid["details"].as_array().map(Vec::len), Some(2), "{invalid}");
    let own = on_ray(&synapse, "fail -P how=own").code(1).error();
    assert_eq!((&own["hint"], &own["details"]["epoch"]), (&json!("lower the learning rate"), &json!(3)));
    let panic = on_ray(&synapse, "panics").code(1).error();
    assert_eq!(panic["kind"], "panic");
    assert!(panic["location"].as_str().is_some_and(|place| place.contains("faults.rs")), "{panic}");
    let bystander = started(&synapse, "tells_process", "process ");
    let crash = on_ray(&synapse, "segv").code(1).error();
    assert_eq!((&crash["kind"], &crash["details"]["step"]), (&json!("worker_crashed"), &json!("load")));
    assert!(crash["message"].as_str().is_some_and(|text| text.contains("SIGSEGV")), "{crash}");
    on_ray(&synapse, "echo -P n=1").code(0).does_not_say("starting a worker");
    bystander.signal(libc::SIGINT);
    bystander.wait().code(130);
}

#[test]
#[ignore = "needs a Ray cluster"]
fn an_interrupt_stops_the_action_there() {
    let synapse = Synapse::new();
    for way in ["direct", "client"] {
        let running = started(&synapse, &format!("tells_process --ray-path {way}"), "process ");
        let asked = Instant::now();
        running.signal(libc::SIGINT);
        running.wait().code(130);
        assert!(asked.elapsed() < SOON);
    }
    // One that does not listen is ended, and its worker with it.
    let running = started(&synapse, "spins --grace 100ms", "spinning");
    running.signal(libc::SIGINT);
    let error = running.wait().code(130).error();
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("its worker was ended")), "{error}");
    // A host that is gone leaves nothing running.
    let running = started(&synapse, "tells_process --cpus 0.013 --ray-idle 1s", "process ");
    let process = process_of(&running);
    running.signal(libc::SIGKILL);
    running.wait();
    goes_away(process);
    let error = on_ray(&synapse, "waits --timeout 300ms").code(1).error();
    assert_eq!(error["kind"], "timed_out");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn long_params_and_results_go_both_ways() {
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("params.json");
    for (way, size) in [("direct", 200_000_000), ("client", 200_000_000)] {
        let params = json!({ "text": "x".repeat(size) });
        fs::write(&file, params.to_string()).expect("room on the disk");
        let words = format!("echo --no-record --ray-path {way} --params-file {}", file.display());
        let back = on_ray(&synapse, &words).code(0).document();
        assert!(back["result"] == params, "{way}");
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn state_is_kept_here_and_variables_go_there() {
    let synapse = Synapse::new();
    let first = on_ray(&synapse, "state --job-id j1").code(0).document()["result"].clone();
    let second = on_ray(&synapse, "state --job-id j1").code(0).document()["result"].clone();
    assert_eq!((&first["count"], &second["count"]), (&json!(1), &json!(2)));
    assert_eq!((&second["attempt"], &second["job_id"]), (&json!(2), &json!("j1")));
    let seen =
        call(&synapse, "misbehave", "variable -P name=SYNAPSE_TEST_SEEN --env SYNAPSE_TEST_SEEN=there");
    let seen = seen.run().code(0).document();
    assert_eq!(seen["result"], json!({ "process": "there", "run": "there" }));
    // What this process has is its own.
    let hidden = call(&synapse, "misbehave", "variable -P name=SYNAPSE_TEST_HIDDEN");
    let hidden = hidden.env("SYNAPSE_TEST_HIDDEN", "here").run().code(0).document();
    assert_eq!(hidden["result"], json!({ "process": null, "run": null }));
}

#[test]
#[ignore = "needs a Ray cluster"]
fn an_actor_or_agent_that_is_killed_is_told_and_replaced() {
    let synapse = Synapse::new();
    // A worker of its own: others go on with theirs.
    let words = "tells_process --cpus 0.011";
    let running = started(&synapse, words, "process ");
    let process = process_of(&running);
    let agent = parent_of(process);
    let asked = Instant::now();
    end(parent_of(agent));
    let error = running.wait().code(1).error();
    assert!(asked.elapsed() < SOON);
    assert_eq!(error["kind"], "worker_crashed");
    assert!(error["message"].as_str().is_some_and(|text| text.contains("its actor `misbehave-")), "{error}");
    [process, agent].into_iter().for_each(goes_away);
    // Its address still stands in the cluster's store.
    let running = started(&synapse, words, "process ");
    let agent = parent_of(process_of(&running));
    end(agent);
    assert_eq!(running.wait().code(1).error()["kind"], "worker_crashed");
    on_ray(&synapse, "echo -P n=1 --cpus 0.011").code(0).does_not_say("starting a worker");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_run_whose_worker_was_lost_is_begun_again_if_asked() {
    let synapse = Synapse::new();
    let words = "tells_process --cpus 0.014 --ray-idle 1s --ray-retries 1";
    let mut running = started(&synapse, words, "process ");
    let process = process_of(&running);
    end(parent_of(parent_of(process)));
    running.until_it_says("; beginning again");
    let begun_again = |said: String| said.matches("process ").count() > 1;
    while !begun_again(running.said()) {
        running.until_it_says("process ");
        std::thread::sleep(Duration::from_millis(20));
    }
    running.signal(libc::SIGINT);
    running.wait().code(130);
    // Of a worker alone, whose agent goes on, it is told too.
    let running = started(&synapse, "tells_process", "process ");
    end(process_of(&running));
    assert_eq!(running.wait().code(1).error()["kind"], "worker_crashed");
    on_ray(&synapse, "echo -P n=1").code(0).does_not_say("starting a worker");
}

/// Names of all actors that Ray knows, also of those that wait.
fn actors() -> String {
    let script = "import ray, sys; ray.init(sys.argv[1], log_to_driver=False); \
                  print(ray.util.list_named_actors(all_namespaces=True))";
    let python = std::env::var_os("RAY_PYTHON").expect("RAY_PYTHON names Ray's Python");
    let output =
        Command::new(python).args(["-c", script]).arg(cluster()).output().expect("it can be started");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
#[ignore = "needs a Ray cluster"]
fn two_that_need_the_same_worker_at_once_share_one() {
    let synapse = Synapse::new();
    let one = || call(&synapse, "misbehave", "process --cpus 0.015").start();
    let results = [one(), one(), one()].map(|run| run.wait().code(0).document()["result"].clone());
    let agents: Vec<u64> = results
        .iter()
        .filter_map(|process| process.as_u64().or_else(|| process["process"].as_u64()))
        .map(parent_of)
        .collect();
    assert_eq!(agents.len(), 3, "{results:?}");
    assert!(agents.iter().all(|agent| *agent == agents[0]), "{agents:?}");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn what_is_no_port_of_ray_client_and_a_cluster_without_tls_are_told() {
    let synapse = Synapse::new();
    let dashboard = cluster().replace("10001", "8265");
    let error =
        call(&synapse, "misbehave", "echo -P n=1").env("RAY_ADDRESS", dashboard).run().code(6).error();
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.starts_with("Ray cannot be reached at 127.0.0.1:8265: "), "{error}");
    let certificates = Certificates::new();
    let tls = certificates.variables("ca", "ca");
    let asked = call(&synapse, "misbehave", "echo -P n=1");
    let asked = tls.into_iter().fold(asked, |asked, (name, value)| asked.env(name, value));
    let error = asked.run().code(6).error();
    let message = error["message"].as_str().unwrap_or_default();
    assert_eq!(message, "TLS cannot be used: with 127.0.0.1:10001: what answers there does not speak TLS");
    // Variables that name nothing.
    let unnamed = call(&synapse, "misbehave", "echo -P n=1").env("RAY_USE_TLS", "1").run().code(6).error();
    assert_eq!(
        unnamed["message"],
        "TLS cannot be used: RAY_USE_TLS is set, and RAY_TLS_CA_CERT names no file"
    );
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_thousand_calls_are_under_way_on_one_connection() {
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (rows, out) = (folder.path().join("rows.jsonl"), folder.path().join("out.jsonl"));
    let text: String = (0..1000).map(|n| format!("{{\"n\": {n}, \"sleep\": 40}}\n")).collect();
    fs::write(&rows, text).expect("room on the disk");
    // A worker of its own: other tests end the processes of theirs.
    let map =
        synapse.call("plugin map").arg(library("misbehave")).words("row --json --mode task --cpus 0.018");
    let map = map.arg("--inputs").arg(&rows).arg("--out").arg(&out);
    let map = map.words("--concurrency 1000 --ray-workers 1").env("RAY_ADDRESS", cluster()).env("PATH", "");
    let done = map.run().code(0).document();
    assert_eq!(done["map"]["succeeded"], 1000, "{done}");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn rows_do_not_wait_for_workers_that_the_cluster_has_no_room_for_now() {
    let synapse = Synapse::new();
    let holding = started(&synapse, "tells_process --ray-resource place=0.6 --ray-idle 1s", "process ");
    let folder = tempfile::tempdir().expect("a folder");
    let rows = folder.path().join("rows.jsonl");
    let text: String = (0..20).map(|n| format!("{{\"n\": {n}, \"sleep\": 20}}\n")).collect();
    fs::write(&rows, text).expect("room on the disk");
    // An empty node has room for three of them.
    let words = "row --json --mode task --ray-resource place=0.3 --cpus 0.01 --ray-idle 1s --concurrency 8";
    let map = synapse.call("plugin map").arg(library("misbehave")).words(words).arg("--inputs").arg(&rows);
    let out = folder.path().join("out.jsonl");
    let done = map.arg("--out").arg(&out).env("RAY_ADDRESS", cluster()).run().code(0).document();
    assert_eq!(done["map"]["succeeded"], 20, "{done}");
    holding.signal(libc::SIGINT);
    holding.wait().code(130);
}

#[test]
#[ignore = "needs a Ray cluster"]
fn resources_of_the_clusters_own_are_set_aside() {
    let synapse = Synapse::new();
    on_ray(&synapse, "echo -P n=1 --ray-resource place=0.1 --ray-idle 1s").code(0);
    let error = on_ray(&synapse, "echo -P n=1 --ray-resource nowhere=2").code(6).error();
    assert_eq!(error["message"], "the run needs 2 nowhere, and no node of the cluster has more than 0");
    on_ray(&synapse, "echo -P n=1 --ray-resource place").code(2).says("expected NAME=AMOUNT");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_worker_that_nobody_uses_ends_itself() {
    let synapse = Synapse::new();
    let words = "tells_process --cpus 0.012 --ray-idle 1s";
    let running = started(&synapse, words, "process ");
    let agent = parent_of(process_of(&running));
    let actor = parent_of(agent);
    running.signal(libc::SIGINT);
    running.wait().code(130);
    [agent, actor].into_iter().for_each(goes_away);
    let mut again = call(&synapse, "misbehave", words).start();
    again.until_it_says("starting a worker");
    again.until_it_says("process ");
    again.signal(libc::SIGINT);
    again.wait().code(130);
}

#[test]
#[ignore = "needs a Ray cluster"]
fn what_the_cluster_can_never_grant_is_refused_and_what_is_taken_waited_for() {
    let synapse = Synapse::new();
    let error = on_ray(&synapse, "echo -P n=1 --gpus 3").code(6).error();
    assert_eq!(error["message"], "the run needs 3 GPU, and no node of the cluster has more than 0");
    // Each node has four processors, of which one of these takes most.
    let nodes: usize = std::env::var("RAY_NODES").ok().and_then(|count| count.parse().ok()).unwrap_or(1);
    let hold = |number: usize| format!("tells_process --cpus 2.{} --ray-idle 1s", 50 + number);
    let holding: Vec<_> = (0..nodes).map(|number| started(&synapse, &hold(number), "process ")).collect();
    let waiting = |words: &str, cpus: &str| {
        let words = format!("{words} --cpus {cpus} --ray-idle 1s");
        let mut waiting = call(&synapse, "piped", &words).start();
        waiting.until_it_says(&format!("waiting for the cluster to have {cpus} CPU, of which "));
        waiting
    };
    let cancelled = waiting("noop", "3.2");
    assert!(actors().contains("piped-"), "it does not wait in the cluster");
    let asked = Instant::now();
    cancelled.signal(libc::SIGINT);
    cancelled.wait().code(130);
    assert!(asked.elapsed() < SOON);
    assert!(!actors().contains("piped-"), "what nobody wants waits on");
    let waiting = waiting("noop", "3.1");
    holding.iter().for_each(|run| run.signal(libc::SIGINT));
    holding.into_iter().for_each(|run| drop(run.wait().code(130)));
    waiting.wait().code(0);
}

#[test]
#[ignore = "needs a Ray cluster"]
fn rows_run_on_workers_of_the_cluster_and_a_crash_costs_its_row_only() {
    let synapse = Synapse::new();
    let folder = tempfile::tempdir().expect("a folder");
    let (rows, out) = (folder.path().join("rows.jsonl"), folder.path().join("out.jsonl"));
    let names: String = (0..500).map(|number| format!("{{\"name\": \"N{number}\"}}\n")).collect();
    fs::write(&rows, names).expect("room on the disk");
    let map = |plugin: &str, words: &str| {
        let map = synapse.call("plugin map").arg(library(plugin)).words(words).arg("--inputs").arg(&rows);
        let map =
            map.arg("--out").arg(&out).words("--overwrite --json --mode task --cpus 0.01 --concurrency 3");
        map.env("RAY_ADDRESS", cluster()).env("PATH", "").run()
    };
    let done = map("greet", "greet").code(0).document();
    assert_eq!((&done["map"]["succeeded"], &done["map"]["mode"]), (&json!(500), &json!("task")));
    let lines = fs::read_to_string(&out).expect("it was written");
    for (number, line) in lines.lines().enumerate() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        assert_eq!(line["result"]["message"], format!("Hello N{number}!"));
    }
    fs::write(&rows, "{\"n\": 1}\n{\"n\": \"x\"}\n{\"n\": 3}\n").expect("room on the disk");
    let mixed = map("misbehave", "naps").code(1);
    mixed.says("1 of 3 rows failed");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn doctor_tells_what_a_cluster_is_and_has() {
    let synapse = Synapse::new();
    let look = |address: &str| synapse.call("doctor --json --ray-address").arg(address).run().document();
    let ray_of = |document: &Value| {
        let findings = document["findings"].as_array().cloned().unwrap_or_default();
        findings.into_iter().find(|finding| finding["about"] == "Ray").expect("it looks at Ray")
    };
    let found = ray_of(&look(&cluster()));
    let message = found["message"].as_str().unwrap_or_default();
    assert_eq!(found["status"], "good", "{found}");
    assert!(message.contains("; Ray 2.") && message.contains("authentication: none; nodes: "), "{found}");
    let absent = ray_of(&look("ray://127.0.0.1:1"));
    assert_eq!(absent["status"], "warning");
    assert!(absent["fix"].as_str().is_some_and(|fix| fix.contains("ray start --head")), "{absent}");
}

#[test]
fn a_cluster_that_is_not_there_is_told_with_how_to_start_one() {
    let synapse = Synapse::new();
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|one| one.local_addr()).expect("a port");
    let words = format!("greet -P name=Ada --mode task --json --ray-address ray://{nobody}");
    let error = synapse.act("greet", &words).run().code(6).error();
    assert_eq!(error["kind"], "remote");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.starts_with(&format!("Ray cannot be reached at {nobody}: ")), "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("ray start --head")), "{error}");
    assert_eq!(synapse.last_run()["run"]["status"], "failed");
    let wrong = synapse.act("greet", "greet -P name=Ada --mode task --ray-address head").run();
    wrong.code(2).says("`head` is no address of a Ray cluster");
}

#[test]
fn a_dry_run_needs_no_cluster() {
    let synapse = Synapse::new();
    let dry = synapse.act("greet", "greet -P name=Ada --mode task --dry-run --json").run().code(0).document();
    assert_eq!(dry["dry_run"]["mode"], "task");
    synapse.act("misbehave", "checked -P epochs=0 -P lr=1 -P name=abc --mode task --dry-run").run().code(3);
}

/// An agent, as an actor starts it, and where it listens.
fn agent(idle: &str) -> (Child, String) {
    let mut agent = Command::new(synapse().with_file_name("synapse-worker"))
        .args(["agent", "--listen", "127.0.0.1", "--idle", idle, "--library"])
        .arg(library("greet"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the worker can be started");
    let stdin = agent.stdin.as_mut().expect("a pipe");
    writeln!(stdin, "{}", "5a".repeat(32)).expect("it reads its secret");
    let mut line = String::new();
    BufReader::new(agent.stdout.take().expect("a pipe")).read_line(&mut line).expect("it says where it is");
    let place = line.trim().strip_prefix("LISTEN ").expect("an address").to_owned();
    (agent, place)
}

#[test]
fn an_agent_lets_nobody_in_who_does_not_know_its_secret() {
    let (mut agent, place) = agent("60");
    for said in [&b"GET / HTTP/1.1\r\nHost: agent\r\n\r\n"[..], &[0, 48, 7, 7], &[255; 100_000], &[0; 50]] {
        let mut stream = TcpStream::connect(&place).expect("it listens");
        // It may hang up before it has read all.
        let _ = stream.write_all(said).and_then(|()| stream.shutdown(std::net::Shutdown::Write));
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{said:?} was answered with {answer:?}");
    }
    assert!(agent.try_wait().expect("it can be asked").is_none(), "it ended of that");
    drop(agent.stdin.take());
    assert!(agent.wait().expect("it ends with its actor").success());
}

#[test]
fn an_agent_that_nobody_uses_ends() {
    let (mut agent, _) = agent("0.2");
    assert!(agent.wait().expect("it ends").success());
}

/// A pipeline's nodes run where each of them says, and know of one another.
#[test]
#[ignore = "needs a Ray cluster"]
fn a_node_of_a_pipeline_runs_there() {
    let (synapse, folder) = (Synapse::new(), tempfile::tempdir().expect("a folder"));
    let text = format!(
        "nodes:
  there: {{plugin: {0}, action: greet, mode: task, resources: {{cpus: 0.01}}, params: {{name: Ada}}}}
  here: {{plugin: {0}, action: greet, params: {{name: '${{there.message}}'}}}}
",
        library("greet").display()
    );
    fs::write(folder.path().join("pipeline.yaml"), text).expect("a file");
    let run = synapse.call("pipeline run --json").within(folder.path()).env("RAY_ADDRESS", cluster()).run();
    assert_eq!(run.code(0).document()["result"]["here"]["message"], "Hello Hello Ada!!");
}

/// What they change, others beside them would see.
mod alone {
    use super::*;

    #[test]
    #[ignore = "needs a Ray cluster"]
    fn a_package_that_goes_missing_before_it_is_used_is_sent_again() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let synapse = Synapse::new();
        // A library of its own, so that no node has its package.
        let folder = tempfile::tempdir().expect("a folder");
        let own = folder.path().join("libgreet.so");
        let mut bytes = fs::read(library("greet")).expect("it is built");
        bytes.extend(std::process::id().to_le_bytes());
        fs::write(&own, bytes).expect("room on the disk");
        let packages = |client: synapse_ray::Client| async move {
            client.kv_list("gcs://_ray_pkg_synapse").await.expect("the store answers")
        };
        let address = cluster().parse().expect("an address");
        let client = runtime.block_on(synapse_ray::Client::connect(&address)).expect("the cluster answers");
        let before = runtime.block_on(packages(client.clone()));
        let call =
            synapse.call("plugin run").arg(&own).words("greet -P name=Ada --mode task --json --cpus 0.01");
        let running = call.env("RAY_ADDRESS", cluster()).env("PATH", "").start();
        // Any that is new is taken for its own, and at once: there is no time to look into it.
        let taken = runtime.block_on(async {
            loop {
                let now = packages(client.clone()).await;
                if let Some(new) = now.into_iter().find(|key| !before.contains(key)) {
                    client.kv_del(new.clone()).await.expect("the store answers");
                    return new;
                }
            }
        });
        running.wait().code(0);
        assert!(
            runtime.block_on(client.kv_exists(taken)).expect("the store answers"),
            "it was not sent again"
        );
    }

    #[test]
    #[ignore = "needs a Ray cluster"]
    fn what_a_node_could_not_run_is_not_sent_there() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let synapse = Synapse::new();
        // Whatever needs a worker that is not there asks the nodes.
        on_ray(&synapse, "echo -P n=1 --cpus 0.016").code(0);
        let address = cluster().parse().expect("an address");
        runtime.block_on(async {
            let client = synapse_ray::Client::connect(&address).await.expect("the cluster answers");
            let nodes = client.kv_list("synapse/node/").await.expect("the store answers");
            assert!(!nodes.is_empty(), "no node was asked");
            let mut told = Vec::new();
            for node in &nodes {
                let facts =
                    client.kv_get(node.clone()).await.expect("the store answers").expect("it is there");
                let facts: Value = serde_json::from_slice(&facts).expect("JSON");
                let old = json!({ "machine": facts["machine"], "glibc": "2.3" });
                client.kv_put(node.clone(), old.to_string(), true).await.expect("the store answers");
                told.push(facts);
            }
            let error = on_ray(&synapse, "echo -P n=1 --cpus 0.017").code(5).error();
            for (node, facts) in nodes.into_iter().zip(&told) {
                client.kv_put(node, facts.to_string(), true).await.expect("the store answers");
            }
            assert_eq!(error["kind"], "incompatible_plugin");
            let message = error["message"].as_str().unwrap_or_default();
            assert!(
                message.starts_with("node 127.0.0.")
                    && message.contains("has glibc 2.3, the plugin needs 2.")
            );
            assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--glibc 2.3`")), "{error}");
            let here = std::env::consts::ARCH;
            assert!(
                told.iter().all(|facts| facts["machine"] == here && facts["glibc"].is_string()),
                "{told:?}"
            );
        });
        on_ray(&synapse, "echo -P n=1 --cpus 0.017 --ray-idle 1s").code(0);
    }
}
