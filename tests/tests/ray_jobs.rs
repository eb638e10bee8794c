//! Jobs on a Ray cluster, whose Ray Client address stands in `SYNAPSE_TEST_RAY`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_tests::{Ended, Invocation, Running, Synapse, goes_away, library};

/// Long before the action would end by itself.
const SOON: Duration = Duration::from_secs(60);

fn cluster() -> String {
    std::env::var("SYNAPSE_TEST_RAY").expect("SYNAPSE_TEST_RAY names a cluster")
}

/// A job on the cluster. There is no Python on the path.
fn job(synapse: &Synapse, plugin: &str, words: &str) -> Invocation {
    let call = synapse.act(plugin, words).words("--mode job --cpus 0.1 --json");
    call.env("RAY_ADDRESS", cluster()).env("PATH", "")
}

fn about_jobs(synapse: &Synapse, words: &str) -> Ended {
    synapse.call(&format!("job {words}")).env("RAY_ADDRESS", cluster()).env("PATH", "").run()
}

fn submitted(synapse: &Synapse, plugin: &str, words: &str) -> String {
    let document = job(synapse, plugin, words).run().code(0).document();
    assert_eq!((&document["run"]["mode"], &document["run"]["status"]), (&json!("job"), &json!("submitted")));
    document["run"]["job_id"].as_str().expect("a job has an id").to_owned()
}

/// What `job get` tells once it tells `status`.
fn until(synapse: &Synapse, id: &str, status: &str) -> Value {
    let begun = Instant::now();
    loop {
        let told = about_jobs(synapse, &format!("get {id} --json")).code(0).document();
        if told["job"]["status"] == status {
            return told;
        }
        assert!(begun.elapsed() < SOON, "{id} does not become {status}: {told}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_job_is_followed_like_a_run_here() {
    let synapse = Synapse::new();
    let here = synapse.act("misbehave", "events --json").run().code(0);
    let there = job(&synapse, "misbehave", "events --follow").run().code(0);
    let without_times = |mut events: Vec<Value>| {
        events.retain(|event| event["event"] != "note");
        for event in &mut events {
            event["datetime"] = Value::Null;
            event["data"]["time_remaining"] = Value::Null;
        }
        events
    };
    assert_eq!(without_times(there.events()), without_times(here.events()));
    let (there, here) = (there.document(), here.document());
    assert_eq!((&there["result"], &there["metrics"]), (&here["result"], &here["metrics"]));
    assert_eq!((&there["run"]["mode"], &there["run"]["status"]), (&json!("job"), &json!("succeeded")));
    assert!(there["run"]["job_id"].is_string(), "{there}");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_job_outlives_the_command_that_submitted_it() {
    let synapse = Synapse::new();
    let id = submitted(&synapse, "greet", "greet -P name=Ada");
    let told = until(&synapse, &id, "succeeded");
    let shows = |words: &str, text: &str| {
        let ended = about_jobs(&synapse, words).code(0);
        assert!(ended.stdout.contains(text), "{ended}");
    };
    assert_eq!((&told["params"]["name"], &told["result"]["message"]), (&json!("Ada"), &json!("Hello Ada!")));
    let digest = told["job"]["sha256"].as_str().expect("a digest");
    assert_eq!(
        (digest.len(), &told["job"]["action"], &told["resources"]["CPU"]),
        (64, &json!("greet"), &json!(0.1))
    );
    shows(&format!("get {id}"), "\"Hello Ada!\"");
    shows(&format!("logs {id}"), "info Hello Ada!");
    shows(&format!("logs {id} --follow"), "info Hello Ada!");
    shows("list", &id);
    let listed = about_jobs(&synapse, "list --json").code(0).document();
    let jobs = listed["jobs"].as_array().expect("a list");
    assert!(jobs.iter().any(|job| job["id"] == *id && job["plugin"] == "greet"), "{listed}");
    // A name is for one job.
    let named = "echo --job-id mine -P n=1";
    job(&synapse, "misbehave", named).run().code(0);
    let again = job(&synapse, "misbehave", named).run().code(2).error();
    assert_eq!(again["message"], "the cluster has a job `mine` already");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn errors_of_a_job_keep_their_kind() {
    let synapse = Synapse::new();
    let follow = |words: &str| job(&synapse, "misbehave", &format!("{words} --follow")).run();
    // Checked here: nothing is submitted.
    let invalid = follow("checked -P epochs=0 -P lr=1 -P name=ab").code(3).error();
    assert_eq!(invalid["details"].as_array().map(Vec::len), Some(2), "{invalid}");
    let own = follow("fail -P how=own").code(1).error();
    assert_eq!((&own["hint"], &own["details"]["epoch"]), (&json!("lower the learning rate"), &json!(3)));
    let crash = follow("segv --job-id crashed").code(1).error();
    assert!(crash["message"].as_str().is_some_and(|text| text.contains("SIGSEGV")), "{crash}");
    let failed = about_jobs(&synapse, "get crashed --json").code(0).document()["job"].clone();
    assert_eq!((&failed["status"], &failed["exit_code"]), (&json!("failed"), &json!(1)));
    let too_much =
        synapse.act("misbehave", "echo --mode job --cpus 4000 --json").env("RAY_ADDRESS", cluster());
    let refused = too_much.run().code(6).error();
    assert!(refused["message"].as_str().is_some_and(|text| text.contains("4000 CPU")), "{refused}");
    let nowhere = synapse.act("misbehave", "echo --mode job --json --ray-address http://127.0.0.1:9");
    let error = nowhere.run().code(6).error();
    assert!(error["message"].as_str().is_some_and(|text| text.contains("127.0.0.1:9")), "{error}");
    about_jobs(&synapse, "get nobody").code(4);
    about_jobs(&synapse, "logs nobody --follow").code(4);
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_job_that_is_stopped_ends_its_action() {
    let synapse = Synapse::new();
    let mut running = job(&synapse, "misbehave", "tells_process --job-id stopped --follow").start();
    running.until_it_says("process ");
    about_jobs(&synapse, "stop stopped").code(0).prints("stopped is being stopped\n");
    running.wait().code(130);
    until(&synapse, "stopped", "cancelled");
    about_jobs(&synapse, "stop stopped").code(0);
    // Who follows may leave.
    let mut left = job(&synapse, "misbehave", "tells_process --job-id left --follow").start();
    left.until_it_says("process ");
    left.signal(libc::SIGINT);
    let error = left.wait().code(130).error();
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("synapse job stop left")), "{error}");
    until(&synapse, "left", "running");
    about_jobs(&synapse, "stop left").code(0);
    until(&synapse, "left", "cancelled");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn what_a_job_prints_or_returns_is_never_taken_for_its_end() {
    let synapse = Synapse::new();
    let forged = job(&synapse, "misbehave", "forges --follow").run().code(0);
    assert_eq!(forged.document()["result"], "mine");
    let said: Vec<Value> =
        forged.events().into_iter().map(|event| event["data"]["content"].clone()).collect();
    assert!(said.contains(&json!(r#"{"type":"ended"}"#)), "{said:?}");
    // Params too long for a variable, and a result that is long as well.
    let text = "é".repeat(200_000);
    let folder = tempfile::tempdir().expect("a folder");
    let params = folder.path().join("params.json");
    std::fs::write(&params, json!({ "text": text }).to_string()).expect("params are written");
    let long = job(&synapse, "misbehave", "echo --follow").words("--params-file").arg(&params).run().code(0);
    assert_eq!(long.document()["result"]["text"], text);
}

/// The process that an action under way says it is.
fn process_of(running: &Running) -> u64 {
    let said = running.said();
    let (_, rest) = said.split_once("process ").expect("it says which process it is");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

fn parent_of(process: u64) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:"));
    line.and_then(|number| number.trim().parse().ok()).expect("it has a parent")
}

#[expect(unsafe_code, reason = "ends a process by its number")]
fn end(process: u64) {
    // SAFETY: takes two numbers.
    unsafe { libc::kill(process as i32, libc::SIGKILL) };
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_job_whose_process_is_killed_is_told() {
    let synapse = Synapse::new();
    let mut running = job(&synapse, "misbehave", "tells_process --job-id killed --follow").start();
    running.until_it_says("process ");
    let process = process_of(&running);
    end(parent_of(process));
    let error = running.wait().code(1).error();
    assert_eq!((&error["kind"], &error["details"]["exit_code"]), (&json!("worker_crashed"), &json!(-9)));
    assert!(
        error["message"].as_str().is_some_and(|text| text.starts_with("job killed left no result: ")),
        "{error}"
    );
    goes_away(process);
    let told = until(&synapse, "killed", "failed");
    assert_eq!((&told["job"]["exit_code"], &told["error"]["kind"]), (&json!(-9), &json!("worker_crashed")));
    // Of the action's own process the job tells itself.
    let mut running = job(&synapse, "misbehave", "tells_process --job-id alone --follow").start();
    running.until_it_says("process ");
    end(process_of(&running));
    let error = running.wait().code(1).error();
    assert!(error["message"].as_str().is_some_and(|text| text.contains("SIGKILL")), "{error}");
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_result_of_200_megabytes_comes_whole() {
    let synapse = Synapse::new();
    let followed = job(&synapse, "misbehave", "large_result -P n=200 --job-id large --follow").run().code(0);
    let is_whole = |result: &Value| {
        let text = result.as_str().unwrap_or_default();
        text.len() == 200 << 20 && text.bytes().all(|byte| byte == b'x')
    };
    assert!(is_whole(&followed.document()["result"]));
    let told = about_jobs(&synapse, "get large --json").code(0).document();
    assert!(is_whole(&told["result"]));
}

/// What they change, others beside them would see.
mod alone {
    use super::*;

    /// A library of its own, so that no node has its package.
    fn own_library(folder: &Path, salt: &str) -> PathBuf {
        let path = folder.join("libgreet.so");
        let mut bytes = fs::read(library("greet")).expect("it is built");
        bytes.extend(format!("{salt} {}", std::process::id()).bytes());
        fs::write(&path, bytes).expect("room on the disk");
        path
    }

    #[test]
    #[ignore = "needs a Ray cluster"]
    fn a_package_that_the_cluster_has_forgotten_is_sent_again() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let address = cluster().parse().expect("an address");
        let client = runtime.block_on(synapse_ray::Client::connect(&address)).expect("the cluster answers");
        let packages =
            || runtime.block_on(client.kv_list("gcs://_ray_pkg_synapse")).expect("the store answers");
        let (synapse, folder) = (Synapse::new(), tempfile::tempdir().expect("a folder"));
        let own = own_library(folder.path(), "forgotten");
        let run = |name: &str| {
            let call =
                synapse.call("plugin run").arg(&own).words("greet -P name=Ada --mode job --json --cpus 0.1");
            call.words("--follow --job-id").arg(name).env("RAY_ADDRESS", cluster()).env("PATH", "")
        };
        let before = packages();
        run("remembered").run().code(0);
        let new = packages().into_iter().find(|key| !before.contains(key)).expect("it was sent");
        runtime.block_on(client.kv_del(new.clone())).expect("the store answers");
        let again = run("forgotten").run().code(0).document();
        assert_eq!(again["result"]["message"], "Hello Ada!");
        assert!(packages().contains(&new), "it was not sent again");
    }

    #[test]
    #[ignore = "needs a Ray cluster"]
    fn a_package_that_goes_missing_before_the_job_has_it_is_told() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let address = cluster().parse().expect("an address");
        let client = runtime.block_on(synapse_ray::Client::connect(&address)).expect("the cluster answers");
        let (synapse, folder) = (Synapse::new(), tempfile::tempdir().expect("a folder"));
        let own = own_library(folder.path(), "missing");
        let before = runtime.block_on(client.kv_list("gcs://_ray_pkg_synapse")).expect("the store answers");
        let call =
            synapse.call("plugin run").arg(&own).words("greet -P name=Ada --mode job --json --cpus 0.1");
        let call = call.words("--job-id missing --follow").env("RAY_ADDRESS", cluster()).env("PATH", "");
        let running = call.start();
        runtime.block_on(async {
            loop {
                let now = client.kv_list("gcs://_ray_pkg_synapse").await.expect("the store answers");
                if let Some(new) = now.into_iter().find(|key| !before.contains(key)) {
                    client.kv_del(new).await.expect("the store answers");
                    return;
                }
            }
        });
        let error = running.wait().code(1).error();
        let message = error["message"].as_str().unwrap_or_default();
        assert!(message.starts_with("job missing did not start: "), "{error}");
        assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("submit it again")), "{error}");
    }
}
