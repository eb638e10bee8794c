//! Pipelines whose nodes run on a Ray cluster, whose Ray Client address stands in `SYNAPSE_TEST_RAY`.
//! The tests run beside it in one process namespace, and may mount things for themselves.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_tests::{Ended, Invocation, Synapse, goes_away, library, workspace};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(60);

fn cluster() -> String {
    std::env::var("SYNAPSE_TEST_RAY").expect("SYNAPSE_TEST_RAY names a cluster")
}

/// A pipeline's file in a folder of its own.
struct Case {
    synapse: Synapse,
    folder: TempDir,
}

impl Case {
    /// `PIPED`, `GREET` and `MISBEHAVE` stand for the plugins of that name, `OTHER` for another build of
    /// `PIPED`, `FOLDER` for the pipeline's folder.
    fn new(text: &str) -> Self {
        let case = Self { synapse: Synapse::new(), folder: tempfile::tempdir().expect("a folder") };
        let mut text = text.replace("FOLDER", &case.folder.path().display().to_string());
        for name in ["piped", "greet", "misbehave"] {
            if text.contains(&name.to_uppercase()) {
                text = text.replace(&name.to_uppercase(), &library(name).display().to_string());
            }
        }
        if text.contains("OTHER") {
            text = text.replace("OTHER", &case.another_build_of_piped().display().to_string());
        }
        fs::write(case.path("pipeline.yaml"), text).expect("the pipeline's file");
        case
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn another_build_of_piped(&self) -> PathBuf {
        let mut bytes = fs::read(library("piped")).expect("it is built");
        bytes.extend(b"another build");
        let path = self.path("libpiped.so");
        fs::write(&path, bytes).expect("room on the disk");
        path
    }

    /// `synapse pipeline …` in the folder. Workers go soon, so that others have room.
    fn pipeline(&self, words: &str) -> Invocation {
        let call = self.synapse.call("pipeline").words(words).within(self.folder.path());
        call.words("--json --ray-idle 2s").env("RAY_ADDRESS", cluster())
    }

    /// Lines that calls of `mark` have left in a file.
    fn log(&self, name: &str) -> Vec<String> {
        lines(&self.path(name))
    }

    /// The folder of the only run.
    fn run_folder(&self) -> PathBuf {
        the_only_one(&self.synapse.home().join("pipelines"))
    }
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap_or_default().lines().map(str::to_owned).collect()
}

fn the_only_one(folder: &Path) -> PathBuf {
    let mut all = fs::read_dir(folder).expect("a folder").flatten().map(|entry| entry.path());
    let first = all.next().expect("something is in it");
    assert!(all.next().is_none(), "more than one thing is in {}", folder.display());
    first
}

/// What a node failed of.
fn why(error: &Value) -> &str {
    error["source"][0].as_str().unwrap_or_default()
}

fn statuses(document: &Value) -> Vec<(&str, &str)> {
    let nodes = document["nodes"].as_array().map(Vec::as_slice).unwrap_or_default();
    nodes
        .iter()
        .map(|node| (node["name"].as_str().unwrap_or_default(), node["status"].as_str().unwrap_or_default()))
        .collect()
}

#[test]
#[ignore = "needs a Ray cluster"]
fn the_example_gives_there_what_it_gives_here() {
    let file = workspace().join("examples/pipeline/pipeline.yaml");
    let run = |mode: &str| {
        let synapse = Synapse::new();
        let call = synapse.call("pipeline run --json --ray-idle 2s").arg(&file).words(mode);
        let document = call.env("RAY_ADDRESS", cluster()).run().code(0).document();
        let report = document["result"]["report"].as_str().expect("a file").to_owned();
        // It has come to where the run is, whichever machine wrote it.
        assert!(Path::new(&report).starts_with(synapse.home()), "{report}");
        let text = fs::read_to_string(&report).expect("it is here");
        let models = document["run"]["id"].as_str().expect("an id");
        let models = synapse.home().join("pipelines").join(models).join("work/models");
        assert!(models.join("rate-2.safetensors").is_file());
        let judged = text.lines().last().expect("it has lines").to_owned();
        (document["result"]["accuracy"].clone(), judged)
    };
    let here = run("--mode local");
    for mode in ["--mode task", "--mode job"] {
        assert_eq!(run(mode), here, "{mode}");
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn each_node_runs_where_it_says_with_what_it_asks_for() {
    let case = Case::new(
        "nodes:
  task: {plugin: MISBEHAVE, action: variable, mode: task, resources: {cpus: 0.25}, params: {name: SYNAPSE_TEST_SEEN}}
  job: {plugin: MISBEHAVE, action: variable, mode: job, resources: {cpus: 0.5}, env: {SYNAPSE_TEST_SEEN: there}, params: {name: SYNAPSE_TEST_SEEN}}
  here: {plugin: GREET, action: greet, needs: [task], params: {name: '${job.run}'}}
output: {task: '${task.process}', here: '${here.message}'}
",
    );
    // The variables of this process are here alone.
    let run = case.pipeline("run").env("SYNAPSE_TEST_SEEN", "here").run().code(0);
    assert_eq!(run.document()["result"], json!({ "task": null, "here": "Hello there!" }));
    let jobs = |words: &str| case.synapse.call(words).env("RAY_ADDRESS", cluster()).run().code(0).document();
    let listed = jobs("job list --json -n 100");
    let ours = listed["jobs"].as_array().expect("jobs").iter().find_map(|job| {
        let told = jobs(&format!("job get --json {}", job["id"].as_str().unwrap_or_default()));
        (told["result"]["run"] == "there").then_some(told)
    });
    assert_eq!(ours.expect("it ran as a job")["resources"], json!({ "CPU": 0.5 }));
    // What no node of the cluster has is not waited for.
    for mode in ["task", "job"] {
        let case = Case::new(&format!(
            "nodes:\n  big: {{plugin: PIPED, action: noop, mode: {mode}, resources: {{gpus: 3}}}}\n"
        ));
        let error = case.pipeline("run").run().code(6).error();
        assert_eq!(why(&error), "the run needs 3 GPU, and no node of the cluster has more than 0", "{error}");
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_run_that_failed_there_goes_on_there_with_what_is_left() {
    for mode in ["task", "job"] {
        let case = Case::new(
            "nodes:
  a: {plugin: PIPED, action: mark, resources: {cpus: 0.1}, params: {file: FOLDER/log, name: a, start: 7}}
  b: {plugin: PIPED, action: mark, resources: {cpus: 0.1}, params: {file: FOLDER/log, name: b, add: ['${a.value}'], failures: 1}}
  c: {plugin: MISBEHAVE, action: variable, needs: [b], resources: {cpus: 0.1}, params: {name: SYNAPSE_TEST_SEEN}}
output: {b: '${b}', c: '${c.process}'}
",
        );
        let failed = case.pipeline(&format!("run --mode {mode}")).run().code(1).error();
        assert_eq!((&failed["message"], why(&failed)), (&json!("node `b` failed"), "b is not ready"));
        // Neither mode nor cluster is said once more.
        let resumed = case.synapse.call("pipeline resume last --json").env("SYNAPSE_TEST_SEEN", "here");
        let document = resumed.run().code(0).document();
        let expected = json!({ "b": { "value": 7, "attempt": 2, "saved": "b" }, "c": null });
        assert_eq!(document["result"], expected, "{mode}");
        assert_eq!(statuses(&document), [("a", "kept"), ("b", "succeeded"), ("c", "succeeded")]);
        assert_eq!(case.log("log"), ["a 1", "b 1", "b 2"], "{mode}");
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_crash_there_is_the_nodes_and_the_others_may_go_on() {
    for mode in ["task", "job"] {
        let case = Case::new(
            "on_failure: continue
nodes:
  crash: {plugin: MISBEHAVE, action: segv, resources: {cpus: 0.1}}
  after: {plugin: MISBEHAVE, action: echo, needs: [crash], resources: {cpus: 0.1}, params: {n: 1}}
  beside: {plugin: MISBEHAVE, action: echo, resources: {cpus: 0.1}, params: {n: 2}}
",
        );
        let error = case.pipeline(&format!("run --mode {mode}")).run().code(1).error();
        assert!(error["message"] == "node `crash` failed" && why(&error).contains("SIGSEGV"), "{error}");
        let expected = [("crash", "crashed"), ("after", "not_run"), ("beside", "succeeded")];
        assert_eq!(statuses(&error["details"]), expected, "{mode}");
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn an_interrupt_stops_what_runs_there_and_the_run_can_go_on() {
    let case = Case::new(
        "nodes:
  task: {plugin: MISBEHAVE, action: tells_process, mode: task, resources: {cpus: 0.1}}
  job: {plugin: MISBEHAVE, action: tells_process, mode: job, resources: {cpus: 0.1}}
",
    );
    let both = |said: &str| said.matches("process ").count() >= 2;
    let interrupted = |words: &str| {
        let mut running = case.pipeline(words).start();
        running.until_it_says("process ");
        while !both(&running.said()) {
            running.until_it_says("process ");
            std::thread::sleep(Duration::from_millis(20));
        }
        let said = running.said();
        let processes: Vec<u64> = said
            .split("process ")
            .skip(1)
            .filter_map(|rest| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok())
            .collect();
        running.signal(libc::SIGINT);
        let error = running.wait().code(130).error();
        processes.into_iter().for_each(goes_away);
        error
    };
    let error = interrupted("run --jobs 2");
    assert_eq!(statuses(&error["details"]), [("task", "cancelled"), ("job", "cancelled")]);
    let jobs = case.synapse.call("job list --json -n 100").env("RAY_ADDRESS", cluster()).run().document();
    let jobs = jobs["jobs"].as_array().cloned().unwrap_or_default();
    assert!(
        jobs.iter().any(|job| job["action"] == "tells_process" && job["status"] == "cancelled"),
        "{jobs:?}"
    );
    interrupted("resume last");
}

/// Two actors on two nodes, where there are two: neither has room for both.
fn cpus() -> &'static str {
    match std::env::var("RAY_NODES").as_deref() {
        Ok("2") => "2.5",
        _ => "0.1",
    }
}

const HANDED_ON: &str = "nodes:
  one: {plugin: PIPED, action: mark, mode: task, resources: {cpus: CPUS}, params: {file: '${run.dir}/artifacts/log', name: one}}
  two: {plugin: OTHER, action: mark, mode: task, resources: {cpus: CPUS}, needs: [one], params: {file: '${run.dir}/artifacts/log', name: two}}
  here: {plugin: PIPED, action: mark, needs: [two], params: {file: '${run.dir}/artifacts/log', name: here}}
  shared: {plugin: PIPED, action: share, mode: task, resources: {cpus: CPUS}, needs: [here], params: {folder: models, name: m}}
";

/// Runs it where nobody but the command itself sees its home, and copies what is in there afterwards.
fn alone_with_its_home(call: Invocation, copy: &Path) -> Ended {
    let script = format!(
        "exec unshare -m sh -c 'mount -t tmpfs none \"$SYNAPSE_HOME\" && \"$@\"; code=$?; \
         cp -r \"$SYNAPSE_HOME/pipelines\" {}; exit $code' sh \"$@\"",
        copy.display()
    );
    call.through(&script).run()
}

#[test]
#[ignore = "needs a Ray cluster"]
fn files_go_from_node_to_node_and_come_home_where_no_folder_is_shared() {
    let case = Case::new(&HANDED_ON.replace("CPUS", cpus()));
    let copy = case.path("copy");
    let document = alone_with_its_home(case.pipeline("run"), &copy).code(0).document();
    let run = the_only_one(&copy);
    assert_eq!(lines(&run.join("work/artifacts/log")), ["one 1", "two 1", "here 1"]);
    assert!(run.join("work/models/m").is_file());
    assert_eq!(document["result"]["shared"], json!(["m"]));
    // Nothing is left of what was on its way.
    assert!(!run.join(".parts").exists());
    let mark = fs::read_to_string(run.join(".synapse-run")).expect("the run's mark");
    goes(|| mirrors().into_iter().find(|name| name.starts_with(&mark)));
}

/// Names of what agents keep of folders that they do not have.
fn mirrors() -> Vec<String> {
    let names = |folder: PathBuf| {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    let all = names("/tmp".into()).into_iter().filter(|name| name.starts_with("synapse-mirrors-"));
    all.flat_map(|name| names(Path::new("/tmp").join(name))).collect()
}

/// An agent notices a moment later that its host has left.
fn goes(what: impl Fn() -> Option<String>) {
    let begun = Instant::now();
    while let Some(there) = what() {
        assert!(begun.elapsed() < SOON, "{there} is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
#[ignore = "needs a Ray cluster"]
fn with_a_folder_in_common_no_file_is_sent() {
    let case = Case::new(&HANDED_ON.replace("CPUS", cpus()));
    case.pipeline("run").run().code(0);
    assert_eq!(lines(&case.run_folder().join("work/artifacts/log")), ["one 1", "two 1", "here 1"]);
    // A storage that the nodes have, though they do not have the home.
    let (copy, storage) = (case.path("copy"), case.path("storage"));
    let call = case.pipeline("run").words("--storage").arg(&storage);
    alone_with_its_home(call, &copy).code(0);
    let kept = the_only_one(&storage);
    assert_eq!(lines(&kept.join("work/artifacts/log")), ["one 1", "two 1", "here 1"]);
    // The run's own folder leads there.
    let run = the_only_one(&copy);
    assert_eq!(run.file_name(), kept.file_name());
    assert_eq!(fs::read_link(run.join("work")).expect("a link"), kept.join("work"));
}

#[test]
#[ignore = "needs a Ray cluster"]
fn a_job_whose_node_does_not_have_the_folder_says_so_and_one_that_needs_no_file_runs() {
    let text = "nodes:
  plain: {plugin: PIPED, action: noop, mode: job, resources: {cpus: 0.1}}
  file: {plugin: PIPED, action: mark, mode: job, needs: [plain], resources: {cpus: 0.1}, params: {file: '${run.dir}/artifacts/log', name: a}}
";
    let case = Case::new(text);
    let copy = case.path("copy");
    let error = alone_with_its_home(case.pipeline("run"), &copy).code(1).error();
    let expected = "does not have the pipeline's folder, and its params name work/artifacts/log there";
    assert!(why(&error).contains(expected), "{error}");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--storage DIR")), "{error}");
    assert_eq!(statuses(&error["details"]), [("plain", "succeeded"), ("file", "failed")]);
    let storage = case.path("storage");
    alone_with_its_home(case.pipeline("run").words("--storage").arg(&storage), &case.path("copy2")).code(0);
    assert_eq!(lines(&the_only_one(&storage).join("work/artifacts/log")), ["a 1"]);
}
