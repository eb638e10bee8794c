//! Jobs on Ray clusters that the tests start, change and end: `RAY_NODES=0 .ci/ray` has to run them.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_tests::{Ended, Head, Invocation, Synapse};

/// No fault may hold anybody up for longer.
const A_MINUTE: Duration = Duration::from_secs(60);

fn job(synapse: &Synapse, head: &Head, words: &str) -> Invocation {
    let call = synapse.act("misbehave", words).words("--mode job --json --cpus 0.1");
    call.env("RAY_ADDRESS", head.address()).env("PATH", "")
}

fn about_jobs(synapse: &Synapse, head: &Head, words: &str) -> Ended {
    synapse.call(&format!("job {words}")).env("RAY_ADDRESS", head.address()).env("PATH", "").run()
}

fn message(error: &Value) -> &str {
    error["message"].as_str().unwrap_or_default()
}

/// Ends the processes of Ray whose command has an argument that ends with `program` and says `word`.
fn end_all(program: &str, word: &str) {
    let numbers = fs::read_dir("/proc").expect("processes are listed").flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_string_lossy().parse::<i32>().ok());
    let says = |number: &i32| {
        let command = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        command.split('\0').any(|argument| argument.ends_with(program)) && command.contains(word)
    };
    let found: Vec<i32> = numbers.filter(says).collect();
    assert!(!found.is_empty(), "no {program} says {word}");
    found.into_iter().for_each(end);
}

#[expect(unsafe_code, reason = "ends a process by its number")]
fn end(process: i32) {
    // SAFETY: takes two numbers.
    unsafe { libc::kill(process, libc::SIGKILL) };
}

#[test]
#[ignore = "needs a Ray cluster"]
fn jobs_of_a_cluster_with_a_token_are_for_those_who_have_it() {
    let token = "t".repeat(40);
    let head = Head::start(&[("RAY_AUTH_MODE", "token"), ("RAY_AUTH_TOKEN", &token)]);
    let synapse = Synapse::new();
    let done = job(&synapse, &head, "echo -P n=1 --job-id mine --follow").env("RAY_AUTH_TOKEN", &token);
    assert_eq!(done.run().code(0).document()["result"], json!({ "n": 1 }));
    for token in [None, Some("wrong")] {
        let with = |call: Invocation| match token {
            Some(token) => call.env("RAY_AUTH_TOKEN", token),
            None => call,
        };
        let listing = synapse.call("job list --json").env("RAY_ADDRESS", head.address());
        let logs = synapse.call("job logs mine --json --follow").env("RAY_ADDRESS", head.address());
        for call in [job(&synapse, &head, "echo -P n=1"), listing, logs] {
            let error = with(call).run().code(6).error();
            assert!(message(&error).starts_with("Ray refused the token: "), "{error}");
            assert_eq!(error["hint"], "set RAY_AUTH_TOKEN to the cluster's token");
        }
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_job_whose_node_goes_away_is_told_and_a_dashboard_that_does_is_too() {
    let head = Head::start(&[]);
    head.join("second");
    let synapse = Synapse::new();
    let words = "tells_process --ray-resource second=0.1 --job-id lost --follow";
    let mut running = job(&synapse, &head, words).start();
    running.until_it_says("process ");
    let asked = Instant::now();
    end_all("/raylet", "second");
    let error = running.wait().code(1).error();
    assert!(asked.elapsed() < A_MINUTE, "{error}");
    assert_eq!(error["kind"], "worker_crashed", "{error}");
    assert!(message(&error).starts_with("job lost left no result: "), "{error}");
    let told = about_jobs(&synapse, &head, "get lost --json").code(0).document();
    assert_eq!(
        (&told["job"]["status"], &told["error"]["kind"]),
        (&json!("failed"), &json!("worker_crashed"))
    );
    // What nobody could start any more is not submitted.
    let error = job(&synapse, &head, "echo --ray-resource second=0.1").run().code(6).error();
    assert!(message(&error).starts_with("the run needs 0.1 second"), "{error}");

    end_all("/dashboard/dashboard.py", "");
    for error in [
        job(&synapse, &head, "echo -P n=1").run().code(6).error(),
        about_jobs(&synapse, &head, "list --json").code(6).error(),
    ] {
        assert!(message(&error).contains("127.0.0.1:8265"), "{error}");
    }
}

/// Adds jobs to what Ray keeps of them, as if they had run.
const JOBS: &str = r#"
import json, ray
from ray.dashboard.modules.job.common import JobInfo, JobInfoStorageClient, JobStatus
from ray.experimental.internal_kv import _internal_kv_put
ray.init("auto", log_to_driver=False)
for number in range(500):
    notes = {"synapse": "0", "plugin": "greet", "action": f"greet-{number}"}
    info = JobInfo(status=JobStatus.SUCCEEDED, entrypoint="true", message="m" * 1000, start_time=1000 + number,
                   end_time=2000 + number, metadata=notes)
    key = JobInfoStorageClient.JOB_DATA_KEY.format(job_id=f"listed-{number:03}")
    _internal_kv_put(key, json.dumps(info.to_json()), namespace="job")
"#;

#[test]
#[ignore = "needs a Ray cluster"]
fn of_many_jobs_the_newest_are_listed_first() {
    let head = Head::start(&[]);
    let synapse = Synapse::new();
    head.python(JOBS);
    let listed = |words: &str| about_jobs(&synapse, &head, words).code(0);
    let all = listed("list --json -n 1000").document()["jobs"].as_array().cloned().expect("jobs");
    assert_eq!(
        (all.len(), &all[0]["id"], &all[499]["id"]),
        (500, &json!("listed-499"), &json!("listed-000"))
    );
    let some = listed("list");
    assert!(some.stdout.contains("listed-480") && !some.stdout.contains("listed-479"), "{some}");
    // A job of the same name as one of them is refused.
    let taken = job(&synapse, &head, "echo --job-id listed-007").run().code(2).error();
    assert_eq!(message(&taken), "the cluster has a job `listed-007` already");
}
