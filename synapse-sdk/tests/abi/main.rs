//! The C interface, both halves of it in one process: this test binary is the
//! plugin and the host.
#![expect(unsafe_code, reason = "exchanges the tables, and breaks the rules on purpose")]
#![expect(clippy::unwrap_used, reason = "tests")]

mod actions;
mod host;
mod misuse;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use synapse_sdk::__private::{Listable as _, Listed};
use synapse_sdk::abi::host_side::{Job, PluginImage};
use synapse_sdk::abi::layout::{SynHost, SynPlugin};
use synapse_sdk::abi::plugin_side;
use synapse_sdk::action::Check;
use synapse_sdk::prelude::*;
use synapse_sdk::services::{Checkpoint, RunInfo, Services};

use actions::{ALIVE, add};
use host::{Host, timeless};

const LISTED: &[Listed] = &[add::LISTED];

/// The tables that were exchanged.
struct Tables {
    host: &'static SynHost,
    plugin: &'static SynPlugin,
}

// SAFETY: both tables are constant, and their functions may be called anywhere.
unsafe impl Send for Tables {}
// SAFETY: as above.
unsafe impl Sync for Tables {}

static TABLES: OnceLock<Tables> = OnceLock::new();

/// What `export_plugin!` emits, with an eye on what passes through it.
unsafe extern "C" fn init(host: *const SynHost, out: *mut *const SynPlugin) -> i32 {
    // SAFETY: passed on as they came.
    let status = unsafe { plugin_side::init(host, out, LISTED) };
    // SAFETY: both tables live as long as the process.
    TABLES.get_or_init(|| unsafe { Tables { host: &*host, plugin: &**out } });
    status
}

static IMAGE: LazyLock<PluginImage> = LazyLock::new(|| {
    // SAFETY: a plugin of this version, in an image that is never unloaded.
    unsafe { PluginImage::init(init) }.expect("the plugin starts")
});

/// Runs one call of an action on an object of its own.
fn run(action: &str, params: &str, job: &Job) -> Result<Value> {
    let instance = IMAGE.instantiate(action, job)?;
    let result = instance.invoke(params.as_bytes(), Check::Needed, job)?;
    Ok(serde_json::from_slice(&result)?)
}

#[test]
fn a_plugin_describes_itself() {
    let manifest = IMAGE.describe().unwrap();
    assert_eq!(manifest, synapse_sdk::manifest::Manifest::of_this_image());
    let add = manifest.actions.iter().find(|action| action.name == "add").unwrap();
    assert_eq!((add.item.as_str(), add.module.as_str()), ("add", "abi::actions"));
    assert_eq!(add.params["properties"]["left"]["minimum"], 0);
    let data_types: Vec<_> = manifest.data_types.iter().map(|data_type| data_type.id.as_str()).collect();
    assert_eq!(data_types, ["yolo_dataset", "dataset", "data"]);
}

#[test]
fn params_are_checked_without_a_run() {
    let job = Arc::new(Host::default()).job();
    IMAGE.validate("add", br#"{"left": 1, "right": 2}"#, &job).unwrap();
    let error = IMAGE.validate("add", br#"{"left": -1, "rihgt": 2}"#, &job).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    let violations = error.details_json().as_array().unwrap();
    let pointers: Vec<_> =
        violations.iter().map(|violation| violation["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/left", "/rihgt", "/right"]);
    assert_eq!(IMAGE.validate("add", b"{oops", &job).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(IMAGE.validate("add", b"\xff", &job).unwrap_err().kind(), ErrorKind::Usage);
    assert_eq!(IMAGE.validate("add", b"", &job).unwrap_err().kind(), ErrorKind::Usage);
}

#[test]
fn a_call_crosses_and_comes_back() {
    let job = Arc::new(Host::default()).job();
    assert_eq!(run("add", r#"{"left": 1, "right": 2}"#, &job).unwrap(), json!(3));
    let error = run("add", r#"{"left": -1, "right": 2}"#, &job).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
}

#[test]
fn params_said_to_be_checked_are_not_checked_again() {
    let job = Arc::new(Host::default()).job();
    let instance = IMAGE.instantiate("add", &job).unwrap();
    let params = br#"{"left": -1, "right": 2}"#;
    assert_eq!(&*instance.invoke(params, Check::Done, &job).unwrap(), b"1");
    assert!(instance.invoke(params, Check::Needed, &job).is_err());
}

#[test]
fn an_action_that_is_not_there_is_told_with_what_there_is() {
    let job = Arc::new(Host::default()).job();
    let unknown = IMAGE.instantiate("addd", &job).err().unwrap();
    assert_eq!(unknown.kind(), ErrorKind::ActionNotFound);
    assert_eq!(unknown.hint_text(), Some("did you mean `add`?"));
    assert!(unknown.details_json()["available"].as_array().unwrap().contains(&json!("report")));
    assert_eq!(IMAGE.validate("addd", b"{}", &job).unwrap_err().kind(), ErrorKind::ActionNotFound);
}

#[test]
fn an_error_keeps_all_it_carries() {
    let error = run("fail", "{}", &Arc::new(Host::default()).job()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.to_string(), "reading rows: no such row");
    assert_eq!(error.details_json(), &json!({ "row": 7 }));
    assert_eq!(error.hint_text(), Some("start at row 0"));
}

#[test]
fn a_panic_becomes_an_error_with_its_place() {
    let job = Arc::new(Host::default()).job();
    let error = run("panic", "{}", &job).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    assert_eq!(error.to_string(), "the action panicked: out of rows");
    assert!(error.location().unwrap().starts_with("synapse-sdk/tests/abi/actions.rs:"), "{error:?}");
    assert_eq!(run("add", r#"{"left": 1, "right": 2}"#, &job).unwrap(), json!(3));
}

#[test]
fn events_of_every_kind_cross_unchanged() {
    let host = Arc::new(Host::default());
    run("report", "{}", &host.job()).unwrap();
    // What the action reports where nothing is crossed.
    let here = LocalExecutor::new().execute::<actions::report>(json!({})).unwrap();
    let here: Vec<Value> = here.events().iter().map(timeless).collect();
    assert_eq!(host.events(), here);
    let first = [
        json!({ "event": "message", "level": "warning", "data": { "content": "ünïcode \0 and all" } }),
        json!({ "event": "message", "level": "critical", "data": { "content": "" } }),
        json!({ "event": "checkpoint", "level": "info", "data": { "epoch": 1 }, "file": "/tmp/best.pt" }),
        json!({ "event": "bare", "level": "info", "data": [] }),
    ];
    assert_eq!(here[..4], first);
    let kinds: Vec<_> = here[4..7].iter().map(|event| (&event["event"], event.get("step"))).collect();
    let (progress, metrics, train) = (json!("progress"), json!("metrics"), json!("train"));
    assert_eq!(kinds, [(&progress, Some(&train)), (&progress, None), (&metrics, Some(&train))]);
    assert!(host.times().is_sorted() && host.times()[0] > 1_700_000_000_000_000_000);
}

#[test]
fn what_a_host_knows_and_keeps_is_served() {
    let info = RunInfo {
        job_id: Some("job-1".to_owned()),
        attempt: 3,
        env: [("MODE", "fast")].into(),
        checkpoint: Some(Checkpoint::new("base", "/models/best.pt")),
        ..RunInfo::default()
    };
    let host = Arc::new(Host { info, work_dir: "/work/ünï".into(), ..Host::default() });
    let served = run("use_services", "{}", &host.job()).unwrap();
    let expected = json!({
        "before": null,
        "after": [0, 159, 255],
        "full": ["execution", "the disk is full", { "free": 0 }],
        "work_dir": "/work/ünï",
        "job_id": "job-1",
        "attempt": 3,
        "env": "fast",
        "checkpoint": "/models/best.pt",
    });
    assert_eq!(served, expected);
    assert_eq!(run("use_services", "{}", &host.job()).unwrap()["before"], json!([0, 159, 255]));
}

#[test]
fn clients_are_reached_through_the_host() {
    let info = RunInfo { has_client: true, has_agent_client: true, ..RunInfo::default() };
    let host = Arc::new(Host { info, clients: true, ..Host::default() });
    let expected = json!([
        { "backend": "dataset.get", "body": { "id": 1 } },
        { "agent": "nodes", "body": null },
        ["remote", "403", { "status": 403 }],
    ]);
    assert_eq!(run("ask", "{}", &host.job()).unwrap(), expected);
}

#[test]
fn a_client_that_is_not_there_is_told_with_what_to_do() {
    let error = run("ask", "{}", &Arc::new(Host::default()).job()).unwrap_err();
    assert_eq!((error.kind(), error.message()), (ErrorKind::Unsupported, "this run has no backend client"));
}

#[test]
fn an_unknown_service_names_both_versions() {
    // A host that promises clients and does not know the service.
    let info = RunInfo { has_client: true, has_agent_client: true, ..RunInfo::default() };
    let error = run("ask", "{}", &Arc::new(Host { info, ..Host::default() }).job()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    let sdk = synapse_sdk::abi::identity::SDK_VERSION;
    let expected = format!(
        "this host (ABI minor 0) does not offer the service client.request/1 that the plugin \
         (SDK {sdk}, ABI minor 0) asked for"
    );
    assert_eq!(error.message(), expected);
}

#[test]
fn a_host_that_panics_does_not_take_the_plugin_along() {
    let said = run("provoke", "{}", &Arc::new(Host::default()).job()).unwrap();
    assert_eq!(said, json!("the service work_dir/1 panicked"));
}

#[test]
fn the_flag_of_a_job_ends_a_running_call() {
    let host = Arc::new(Host::default());
    let cancelled = Arc::new(AtomicU32::new(0));
    let job = Job::open(Arc::clone(&host) as Arc<dyn Services>, Arc::clone(&cancelled));
    let outcome = std::thread::scope(|scope| {
        let call = scope.spawn(|| run("until_cancelled", "{}", &job));
        while host.events().is_empty() {
            std::thread::yield_now();
        }
        cancelled.store(1, Ordering::Relaxed);
        call.join().unwrap()
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::Cancelled);
}

/// One test, because `ALIVE` counts the objects of all of them.
#[test]
fn an_object_lives_from_setup_to_drop() {
    let with = |name: &str| {
        let info = RunInfo { env: [(name, "1")].into(), ..RunInfo::default() };
        Arc::new(Host { info, ..Host::default() }).job()
    };
    let job = Arc::new(Host::default()).job();
    let instance = IMAGE.instantiate("counted", &job).unwrap();
    assert_eq!(ALIVE.load(Ordering::Relaxed), 1);
    let call =
        || -> u32 { serde_json::from_slice(&instance.invoke(b"{}", Check::Needed, &job).unwrap()).unwrap() };
    let mut counts: Vec<u32> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..8).map(|_| scope.spawn(call)).collect();
        calls.into_iter().map(|call| call.join().unwrap()).collect()
    });
    counts.sort_unstable();
    assert_eq!(counts, [1, 2, 3, 4, 5, 6, 7, 8]);
    drop(instance);
    assert_eq!(ALIVE.load(Ordering::Relaxed), 0);

    let refused = IMAGE.instantiate("counted", &with("NO_SETUP")).err().unwrap();
    assert_eq!((refused.kind(), refused.message()), (ErrorKind::Validation, "nothing to count"));
    // A panic in a drop stays in the plugin.
    drop(IMAGE.instantiate("counted", &with("GRUMPY")).unwrap());
    assert_eq!(ALIVE.load(Ordering::Relaxed), 0);
}

#[test]
fn a_host_that_ends_jobs_while_a_job_ends_is_not_stuck() {
    struct Nested {
        host: Host,
        _inner: Job,
    }
    impl Services for Nested {
        fn emit(&self, event: synapse_sdk::events::Event<'_>) {
            self.host.emit(event);
        }
        fn is_cancelled(&self) -> bool {
            false
        }
        fn info(&self) -> Result<RunInfo> {
            self.host.info()
        }
        fn work_dir(&self) -> Result<std::path::PathBuf> {
            self.host.work_dir()
        }
        fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
            self.host.save_state(key, bytes)
        }
        fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
            self.host.load_state(key)
        }
        fn client(&self) -> Option<&dyn synapse_sdk::services::Client> {
            None
        }
        fn agent_client(&self) -> Option<&dyn synapse_sdk::services::AgentClient> {
            None
        }
    }
    let nested = Nested { host: Host::default(), _inner: Arc::new(Host::default()).job() };
    drop(Job::open(Arc::new(nested), Arc::default()));
}
