//! Runs in a worker process: nothing an action does ends more than its worker.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use synapse_tests::{Ended, Running, Synapse, goes_away, is_alive, library};

/// Long before the action would end by itself.
const SOON: Duration = Duration::from_secs(60);

fn isolated(synapse: &Synapse, words: &str) -> Ended {
    synapse.act("misbehave", words).words("--isolated --json").run()
}

fn started(synapse: &Synapse, words: &str, says: &str) -> Running {
    let mut running = synapse.act("misbehave", words).words("--isolated --json").start();
    running.until_it_says(says);
    running
}

/// The action has to end its worker, in a way that the error says.
#[track_caller]
fn crash(words: &str, cause: &str) -> Value {
    let synapse = Synapse::new();
    let error = isolated(&synapse, words).code(1).error();
    assert_eq!(error["kind"], "worker_crashed", "{error}");
    let action = words.split(' ').next().unwrap_or_default();
    let beginning = format!("the worker of the action `{action}` of plugin `misbehave` ended: ");
    let message = error["message"].as_str().unwrap_or_default();
    assert!(message.starts_with(&beginning) && message.contains(cause), "`{cause}`: {error}");
    assert_eq!(
        (&error["details"]["plugin"], &error["details"]["action"]),
        (&json!("misbehave"), &json!(action))
    );
    let record = synapse.last_run();
    assert_eq!((&record["run"]["status"], &record["error"]), (&json!("crashed"), &error));
    assert_eq!(record["run"]["mode"], "isolated");
    // The next call works.
    isolated(&synapse, "nested").code(0);
    error
}

fn lines(ended: &Ended, stream: &str) -> Vec<String> {
    let events = ended.events();
    let of_stream = events.iter().filter(|event| event["event"] == stream);
    of_stream.filter_map(|event| Some(event["data"]["content"].as_str()?.to_owned())).collect()
}

/// The number behind `word` in the messages so far.
fn number_after(events: &[Value], word: &str) -> u64 {
    let texts = events.iter().filter_map(|event| event["data"]["content"].as_str());
    let number = texts.filter_map(|text| text.strip_prefix(word)?.trim().parse().ok()).next();
    number.unwrap_or_else(|| panic!("no `{word}` in {events:?}"))
}

#[test]
fn an_isolated_run_gives_what_a_local_one_gives() {
    let synapse = Synapse::new();
    let greet = |words: &str| synapse.act("greet", "greet -P name=Ada --json").words(words).run().code(0);
    let (local, isolated) = (greet("").document(), greet("--isolated").document());
    assert_eq!((&isolated["result"], &isolated["metrics"]), (&local["result"], &local["metrics"]));
    assert_eq!((&local["run"]["mode"], &isolated["run"]["mode"]), (&json!("local"), &json!("isolated")));
    greet("--mode isolated");
    synapse
        .act("greet", "greet -P name=Ada --isolated")
        .run()
        .code(0)
        .says("info  Hello Ada!")
        .prints("message  Hello Ada!\n");
}

#[test]
fn events_come_as_in_a_local_run() {
    let synapse = Synapse::new();
    let without_times = |words: &str| -> Vec<Value> {
        let mut events = synapse.act("misbehave", "events --json").words(words).run().code(0).events();
        for event in &mut events {
            event["datetime"] = Value::Null;
            event["data"]["time_remaining"] = Value::Null;
        }
        events
    };
    assert_eq!(without_times("--isolated"), without_times(""));
    assert_eq!(synapse.last_run()["events"].as_array().map(Vec::len), Some(without_times("").len()));
}

#[test]
fn none_of_the_plugins_code_is_loaded_by_the_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let marker = folder.path().join("marker");
    let synapse = Synapse::new();
    let run = |words: &str| {
        let call = synapse.act("misbehave", words).env("MISBEHAVE_LOAD_MARKER", &marker);
        call.run().code(4).says("Action not found")
    };
    run("no_such_action --isolated");
    assert!(!marker.exists(), "the plugin was loaded");
    run("no_such_action");
    assert!(marker.exists(), "the marker tells nothing");
}

#[test]
fn params_are_checked_and_typed_as_in_a_local_run() {
    let synapse = Synapse::new();
    let error = isolated(&synapse, "checked -P epochs=0 -P lr=1 -P name=ab").code(3).error();
    let pointers: Vec<_> =
        error["details"].as_array().into_iter().flatten().map(|one| &one["pointer"]).collect();
    assert_eq!(pointers, ["/epochs", "/name"]);
    let result = isolated(&synapse, "checked -P epochs=2 -P lr=1 -P name=123").code(0).document();
    assert_eq!(result["result"]["name"], "123");
}

#[test]
fn a_dry_run_and_strict_results_reach_the_worker() {
    let synapse = Synapse::new();
    let dry = isolated(&synapse, "checked --dry-run -P epochs=2 -P lr=1 -P name=abc").code(0).document();
    assert_eq!((&dry["dry_run"]["mode"], &dry["params"]["optimizer"]), (&json!("isolated"), &json!("sgd")));
    isolated(&synapse, "checked --dry-run -P epochs=0 -P lr=1 -P name=abc").code(3);
    isolated(&synapse, "wrong_result").code(0);
    isolated(&synapse, "wrong_result --strict-result").code(3);
}

#[test]
fn state_and_work_files_are_those_of_the_job() {
    let synapse = Synapse::new();
    let first = isolated(&synapse, "state --job-id j1").code(0).document()["result"].clone();
    let second = isolated(&synapse, "state --job-id j1").code(0).document()["result"].clone();
    assert_eq!((&first["count"], &second["count"]), (&json!(1), &json!(2)));
    assert_eq!(
        (&second["attempt"], &second["job_id"], &second["seen"]),
        (&json!(2), &json!("j1"), &json!(true))
    );
    assert_eq!(first["work_dir"], second["work_dir"]);
    assert_eq!(second["bad_key"], "`../up` cannot be a state's key");
    let error = isolated(&synapse, "needs_client").code(4).error();
    let message = format!("the store {} has no dataset `1`", synapse.home().join("store").display());
    assert_eq!((&error["kind"], &error["message"]), (&json!("not_found"), &json!(message)));
}

#[test]
fn variables_are_those_of_the_process_too() {
    let synapse = Synapse::new();
    let variable = |name: &str| {
        let words = format!("variable -P name={name} --env STRONGER=call");
        isolated(&synapse, &words).code(0).document()["result"].clone()
    };
    assert_eq!(variable("STRONGER"), json!({ "process": "call", "run": "call" }));
    assert_eq!(variable("FROM_CONFIG"), json!({ "process": "config", "run": "config" }));
}

#[test]
fn what_is_printed_comes_as_events_before_the_result() {
    let synapse = Synapse::new();
    let ended = isolated(&synapse, "prints").code(0);
    assert_eq!(
        (lines(&ended, "stdout"), lines(&ended, "stderr")),
        (vec!["printed on stdout".to_owned()], vec!["printed on stderr".to_owned()])
    );
    synapse
        .act("misbehave", "prints --isolated")
        .run()
        .code(0)
        .prints("1\n")
        .says("info  printed on stdout\n");
}

#[test]
fn a_panic_is_told_as_in_a_local_run() {
    let synapse = Synapse::new();
    let error = isolated(&synapse, "panics").code(1).error();
    assert_eq!((&error["kind"], &error["details"]["panic"]), (&json!("panic"), &json!("weights of 3 rows")));
    assert!(error["location"].as_str().is_some_and(|place| place.contains("src/faults.rs:")), "{error}");
    let error = isolated(&synapse, "panics_with_value").code(1).error();
    assert_eq!(error["message"], "the action panicked: (the panic carries no text)");
}

#[test]
fn a_panic_in_a_thread_is_the_actions_own_matter() {
    let ended = isolated(&Synapse::new(), "panics_in_thread").code(0);
    assert_eq!(ended.document()["result"], true);
    assert!(lines(&ended, "stderr").iter().any(|line| line.contains("in a thread")), "{ended}");
}

#[test]
fn an_actions_own_error_keeps_details_and_hint() {
    let error = isolated(&Synapse::new(), "fail -P how=own").code(1).error();
    let expected = json!({
        "kind": "execution", "message": "the loss is not a number",
        "hint": "lower the learning rate", "details": { "epoch": 3, "lr": 10.5 },
    });
    assert_eq!(error, expected);
}

#[test]
fn a_segmentation_fault_names_signal_action_and_step() {
    let error = crash("segv", "segmentation fault (SIGSEGV)");
    let details = &error["details"];
    assert_eq!((&details["signal"], &details["signal_name"]), (&json!(11), &json!("SIGSEGV")));
    assert_eq!((&details["step"], &details["percent"]), (&json!("load"), &json!(40.0)));
    assert!(details["record"].as_str().is_some_and(|record| record.contains("/runs/")), "{error}");
    let synapse = Synapse::new();
    let ended = synapse.act("misbehave", "segv --isolated").run().code(1).prints("");
    ended.says("ended: segmentation fault (SIGSEGV)").says("load").says("40");
}

#[test]
fn an_abort_is_called_one() {
    assert_eq!(crash("aborts", "abort (SIGABRT)")["details"]["step"], "load");
}

#[test]
fn an_exit_does_not_pass_for_a_success() {
    assert_eq!(crash("exits", "its code called exit(0)")["details"]["exit_code"], 0);
    let error = crash("exits_with -P n=3", "its code called exit(3)");
    let details = &error["details"];
    assert_eq!((&details["exit_code"], &details["signal"]), (&json!(3), &Value::Null));
    assert_eq!((&details["step"], &details["percent"]), (&json!("leave"), &json!(75.0)));
    assert_eq!(details["last_output"], json!(["a last line"]));
}

#[test]
fn a_stack_overflow_is_called_one() {
    assert_eq!(crash("overflows", "stack overflow")["details"]["step"], "deep");
}

#[test]
fn all_events_before_a_crash_are_shown() {
    let synapse = Synapse::new();
    let ended = isolated(&synapse, "reports_and_aborts -P n=5000").code(1);
    let events = ended.events();
    let texts: Vec<_> = events.iter().filter_map(|event| event["data"]["content"].as_str()).collect();
    let expected: Vec<_> = (1..=5000).map(|number| format!("line {number}")).collect();
    assert_eq!(texts, expected);
}

#[test]
fn a_timeout_ends_a_loop_that_does_not_listen() {
    let synapse = Synapse::new();
    let begun = Instant::now();
    let error = isolated(&synapse, "loops --timeout 200ms --grace 100ms").code(1).error();
    assert!(begun.elapsed() < SOON);
    assert_eq!(
        (&error["kind"], &error["message"]),
        (&json!("timed_out"), &json!("the run took longer than 200ms"))
    );
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("its worker was ended")), "{error}");
    assert_eq!(synapse.last_run()["run"]["status"], "timed_out");
    isolated(&synapse, "nested").code(0);
}

#[test]
fn signals_end_a_loop_that_does_not_listen() {
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let synapse = Synapse::new();
        let running = started(&synapse, "loops --grace 100ms", "looping");
        running.signal(signal);
        let error = running.wait().code(code).error();
        assert_eq!(error["kind"], "cancelled", "{error}");
        assert_eq!(synapse.last_run()["run"]["status"], "cancelled");
    }
}

#[test]
fn an_interrupt_lets_an_action_that_reports_progress_end_itself() {
    let synapse = Synapse::new();
    let running = started(&synapse, "waits --grace 60s", "waiting");
    running.signal(libc::SIGINT);
    let error = running.wait().code(130).error();
    assert_eq!((&error["kind"], &error["message"]), (&json!("cancelled"), &json!("the run was cancelled")));
    assert_eq!(error["hint"], Value::Null);
}

#[test]
fn a_second_interrupt_ends_the_worker_at_once() {
    let synapse = Synapse::new();
    let mut running = started(&synapse, "loops --grace 60s", "looping");
    running.signal(libc::SIGINT);
    running.until_it_says("once more ends it at once");
    running.signal(libc::SIGINT);
    running.wait().code(130);
}

#[test]
fn a_flood_of_output_is_taken_in_bounded_memory() {
    let synapse = Synapse::new();
    // In text, so that what is measured is the host and not the test.
    let ended = synapse.act("misbehave", "floods -P n=100 --isolated --quiet").run().code(0);
    ended.prints("printed\n");
    let events = synapse.last_run()["events"].as_array().map(Vec::len);
    assert!(events.is_some_and(|count| count > 100), "{events:?}");
}

#[test]
fn closing_descriptors_harms_nobody() {
    let synapse = Synapse::new();
    let ended = isolated(&synapse, "closes_descriptors").code(0);
    assert_eq!(ended.document()["result"], "closed");
    assert!(ended.events().iter().any(|event| event["data"]["content"] == "closed"));
}

#[test]
fn writing_to_the_protocols_descriptor_ends_that_worker_only() {
    crash("scribbles", "something else than frames came from it");
}

#[test]
fn closing_the_protocols_descriptor_ends_that_worker_only() {
    crash("closes_sockets", "it lost the descriptor that leads to the host");
}

#[test]
fn a_child_that_is_left_behind_is_not_waited_for() {
    let synapse = Synapse::new();
    let begun = Instant::now();
    let child = isolated(&synapse, "forks").code(0).document()["result"].as_u64().expect("a number");
    assert!(begun.elapsed() < SOON);
    goes_away(child);
    let ended = isolated(&synapse, "forks_and_aborts").code(1);
    assert!(begun.elapsed() < SOON);
    goes_away(number_after(&ended.events(), "child "));
    assert_eq!(ended.error()["kind"], "worker_crashed");
}

#[test]
fn a_copy_that_comes_back_from_the_action_says_nothing() {
    let synapse = Synapse::new();
    let ended = isolated(&synapse, "forks_and_returns").code(0);
    assert_eq!(ended.document()["result"], true);
    let said = ended.events().iter().filter(|event| event["data"]["content"] == "twice?").count();
    assert_eq!(said, 1, "{ended}");
}

#[test]
fn a_thread_that_is_left_behind_is_not_waited_for() {
    let begun = Instant::now();
    assert_eq!(isolated(&Synapse::new(), "leaves_thread").code(0).document()["result"], "left");
    assert!(begun.elapsed() < SOON);
}

#[test]
fn results_that_json_cannot_hold_end_as_in_a_local_run() {
    let synapse = Synapse::new();
    for action in ["no_json", "not_a_number"] {
        let run = |words: &str| {
            let ended = synapse.act("misbehave", action).words("--json").words(words).run();
            let shown =
                if ended.stdout.is_empty() { ended.error() } else { ended.document()["result"].clone() };
            json!([shown["kind"], shown["message"], ended.stdout.is_empty()])
        };
        assert_eq!(run("--isolated"), run(""), "{action}");
    }
    assert_eq!(isolated(&synapse, "no_json").code(1).error()["kind"], "execution");
}

#[test]
fn sixty_four_megabytes_go_in_and_out() {
    let synapse = Synapse::new();
    let megabytes = 64 << 20;
    let ended = synapse.act("misbehave", "large_result -P n=64 --isolated --json --no-record").run().code(0);
    assert!(ended.stdout.len() > megabytes);
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("params.json");
    fs::write(&file, format!("{{\"text\":\"{}\"}}", "x".repeat(megabytes))).expect("a file");
    let call = synapse.act("misbehave", "length --isolated --json --no-record --params-file").arg(&file);
    assert_eq!(call.run().code(0).document()["result"], megabytes);
}

#[test]
fn memory_beyond_the_limit_is_called_that() {
    let error = crash("allocates -P n=2000 --memory 256MB", "it asked for memory beyond its limit of 256 MB");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("--memory")), "{error}");
    isolated(&Synapse::new(), "allocates -P n=50 --memory 256MB").code(0);
}

#[test]
fn limits_hold_in_the_worker() {
    let synapse = Synapse::new();
    let words = "limits --cpus 1 --open-files 700 --memory 1GB";
    let limits = isolated(&synapse, words).code(0).document()["result"].clone();
    assert_eq!(limits, json!({ "cores": 1, "open_files": "700", "data": "1073741824" }));
    let gpus = |words: &str| {
        let words = format!("variable -P name=CUDA_VISIBLE_DEVICES {words}");
        isolated(&synapse, &words).code(0).document()["result"].clone()
    };
    assert_eq!(gpus("--gpus 2"), json!({ "process": "0,1", "run": "0,1" }));
    assert_eq!(gpus("--gpus 2 --env CUDA_VISIBLE_DEVICES=5"), json!({ "process": "5", "run": "5" }));
    isolated(&synapse, "limits --cpus=-1").code(2);
    synapse.act("misbehave", "limits --memory much --isolated").run().code(2).says("512MB");
    synapse.act("misbehave", "limits --memory 1GB").run().code(0).says("add --isolated");
}

/// Where groups of workers can be made, below which folder.
fn control_groups() -> Option<&'static Path> {
    // The first version, which needs nothing but the right to write there, and a process at its root.
    let folder = Path::new("/sys/fs/cgroup/cpu");
    let own = fs::read_to_string("/proc/self/cgroup").expect("Linux");
    let at_root = own.lines().any(|line| line.ends_with(":cpu:/"));
    let may_write = fs::OpenOptions::new().write(true).open(folder.join("cpu.shares")).is_ok();
    (at_root && may_write).then_some(folder)
}

#[test]
fn parts_of_a_processor_hold_where_the_system_has_bounds_of_its_time() {
    let synapse = Synapse::new();
    let computing = |words: &str| {
        let ended = isolated(&synapse, &format!("computes -P n=1000 {words}")).code(0);
        (ended.document()["result"].as_u64().expect("milliseconds"), ended.stderr)
    };
    let (had, said) = computing("--cpus 0.25");
    let is_told = said.contains("0.25 of a processor is 1 whole core here: ");
    // A thread runs on to the end of its slice.
    assert!(is_told || had <= 400, "{had} ms of 1000: {said}");
    // Whether there is one of the other version is not known here.
    let Some(folder) = control_groups() else { return };
    assert!(!is_told, "{said}");

    let group_of = |worker: u64| {
        let all = fs::read_dir(folder).expect("groups").map(|entry| entry.expect("a group").path());
        let mut own = all.filter(|path| path.to_string_lossy().ends_with(&format!("-{worker}")));
        own.next().expect("a group of its own")
    };
    let mut running = started(&synapse, "tells_process --cpus 1.5", "process ");
    let group = group_of(number_after(&events_so_far(&mut running), "process "));
    let quota = fs::read_to_string(group.join("cpu.cfs_quota_us")).expect("a bound");
    assert_eq!(quota.trim(), "150000");
    running.signal(libc::SIGINT);
    running.wait().code(130);
    assert!(!group.exists(), "{group:?} goes with its worker");

    let mut killed = started(&synapse, "tells_process --cpus 1.5", "process ");
    let worker = number_after(&events_so_far(&mut killed), "process ");
    let group = group_of(worker);
    killed.signal(libc::SIGKILL);
    killed.wait();
    goes_away(worker);
    // Whoever makes the next one removes it.
    assert!(group.exists(), "{group:?}");
    computing("--cpus 0.5");
    assert!(!group.exists(), "{group:?} is nobody's");
}

#[test]
fn a_worker_that_is_killed_from_outside_is_told_as_that() {
    let synapse = Synapse::new();
    let mut running = started(&synapse, "tells_process", "process ");
    let worker = number_after(&events_so_far(&mut running), "process ");
    send(worker, libc::SIGKILL);
    let error = running.wait().code(1).error();
    assert_eq!(
        (&error["kind"], &error["details"]["signal_name"]),
        (&json!("worker_crashed"), &json!("SIGKILL"))
    );
    assert_eq!(error["details"]["step"], "wait");
}

#[test]
fn a_worker_that_is_stopped_still_ends() {
    let synapse = Synapse::new();
    let error = isolated(&synapse, "freezes --timeout 300ms --grace 100ms").code(1).error();
    assert_eq!(error["kind"], "timed_out");
}

#[test]
fn a_host_that_was_stopped_keeps_time_and_leaves_no_worker_behind() {
    let synapse = Synapse::new();
    let words = "tells_process --timeout 1s --grace 100ms";
    let running = started(&synapse, words, "process ");
    running.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_millis(1500));
    running.signal(libc::SIGCONT);
    assert_eq!(running.wait().code(1).error()["kind"], "timed_out");
    // What ended while the host was stopped has ended in time.
    let running = started(&synapse, "naps -P n=300 --timeout 1s --grace 60s", "napping");
    running.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_millis(1500));
    running.signal(libc::SIGCONT);
    assert_eq!(running.wait().code(0).document()["result"], 300);
    let mut running = started(&synapse, "tells_process", "process ");
    let worker = number_after(&events_so_far(&mut running), "process ");
    running.signal(libc::SIGSTOP);
    running.signal(libc::SIGKILL);
    running.wait();
    goes_away(worker);
}

#[test]
fn an_action_that_had_to_wait_for_its_listener_is_told() {
    let slowly = r#""$@" 2>&1 >/dev/null | { sleep 1; tail -n 5; } >&2"#;
    for mode in ["", "--isolated"] {
        let synapse = Synapse::new();
        let call = synapse.act("misbehave", "reports -P n=60000 --no-record").words(mode);
        call.through(slowly).run().says("the action waited ").says(" for its events to be taken");
    }
}

#[test]
fn no_worker_outlives_a_host_that_is_killed() {
    let synapse = Synapse::new();
    let mut running = started(&synapse, "tells_process", "process ");
    let worker = number_after(&events_so_far(&mut running), "process ");
    assert!(is_alive(worker));
    running.signal(libc::SIGKILL);
    running.wait();
    goes_away(worker);
}

fn events_so_far(running: &mut Running) -> Vec<Value> {
    running.until_it_says("\"progress\"");
    let text = running.said();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[expect(unsafe_code, reason = "the standard library sends no signals")]
fn send(process: u64, signal: i32) {
    let process = i32::try_from(process).expect("process ids are small");
    // SAFETY: takes two numbers; the worker is waited for by its host only.
    unsafe { libc::kill(process, signal) };
}

#[test]
fn a_worker_that_is_not_there_is_named_with_what_to_do() {
    let synapse = Synapse::new();
    let call = synapse.act("greet", "greet -P name=Ada --isolated --json");
    let error = call.env("SYNAPSE_WORKER", "/nowhere/synapse-worker").run().code(1).error();
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains("/nowhere/synapse-worker")),
        "{error}"
    );
    let call = synapse.act("misbehave", "nested --isolated --json");
    let error = call.env("SYNAPSE_WORKER", "/bin/true").run().error();
    assert!(
        error["message"].as_str().is_some_and(|text| text.contains("the worker did not start")),
        "{error}"
    );
}

#[test]
fn a_library_that_the_system_does_not_load_is_refused_by_the_worker() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("plugin.so");
    let mut plugin = fs::read(library("greet")).expect("the plugin");
    let name = b"libgcc_s.so.1";
    let place = plugin.windows(name.len()).position(|bytes| bytes == name).expect("it needs libgcc");
    plugin[place..place + name.len()].copy_from_slice(b"libgcc_q.so.1");
    fs::write(&file, plugin).expect("a file");
    let run =
        |path: &Path| Synapse::new().call("plugin run").arg(path).words("greet -P name=Ada --isolated").run();
    run(&file).code(5).says("libgcc_q.so.1").says("install the library it names");
}
