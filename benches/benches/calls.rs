//! What a call costs, beside the bare library: `cargo bench -p synapse-benches`.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use divan::{Bencher, black_box};
use serde_json::json;
use synapse_benches::{Bare, measured, measured_folder, table};
use synapse_host::author::Profile;
use synapse_host::run::{RunRequest, execute, run_plugin, run_plugin_blocking};
use synapse_sdk::abi::host_side::{Job, PluginInstance};
use synapse_sdk::action::Check;
use synapse_sdk::testing::LocalExecutor;

const ADA: &str = r#"{"name":"Ada","formal":true}"#;

fn main() {
    divan::main();
}

/// A job whose events go nowhere.
fn silent_job() -> Job {
    let services = LocalExecutor::new().services();
    Job::open(services, Arc::new(AtomicU32::new(0)))
}

fn instance(action: &str, job: &Job) -> PluginInstance {
    let plugin = measured();
    let image = plugin.image().plugin().expect("it is loaded");
    image.instantiate(action, job).expect("the action is there")
}

/// A small call: params in, result out.
#[divan::bench_group]
mod small {
    use super::*;

    #[divan::bench]
    fn bare_library(bencher: Bencher) {
        let bare = Bare::load();
        bencher.bench_local(|| bare.greet(black_box(ADA.as_bytes())));
    }

    #[divan::bench]
    fn plugin_params_checked(bencher: Bencher) {
        let job = silent_job();
        let greet = instance("greet", &job);
        bencher
            .bench_local(|| greet.invoke(black_box(ADA.as_bytes()), Check::Done, &job).map(|out| out.len()));
    }

    #[divan::bench]
    fn plugin_checks_params(bencher: Bencher) {
        let job = silent_job();
        let greet = instance("greet", &job);
        bencher.bench_local(|| {
            greet.invoke(black_box(ADA.as_bytes()), Check::Needed, &job).map(|out| out.len())
        });
    }
}

/// The same through all of the host, with one log line.
#[divan::bench_group]
mod executor {
    use super::*;

    fn request() -> RunRequest {
        RunRequest::new(measured_folder(), "greet_and_log").params_json(ADA).profile(Profile::Release)
    }

    #[divan::bench]
    fn loaded_plugin(bencher: Bencher) {
        let (plugin, request) = (measured(), request());
        bencher.bench_local(|| execute(&plugin, black_box(&request)));
    }

    #[divan::bench]
    fn by_path_on_this_thread(bencher: Bencher) {
        bencher.bench_local(|| run_plugin_blocking(black_box(request())));
    }

    #[divan::bench]
    fn by_path_on_its_own_thread(bencher: Bencher) {
        bencher.bench_local(|| run_plugin(black_box(request())).and_then(|run| run.result()));
    }
}

/// 1 MB of typed params in, the same out.
#[divan::bench_group]
mod megabyte {
    use super::*;

    #[divan::bench]
    fn bare_library(bencher: Bencher) {
        let (bare, table) = (Bare::load(), table(1_000_000));
        bencher.bench_local(|| bare.rows(black_box(table.as_bytes())));
    }

    #[divan::bench]
    fn plugin_params_checked(bencher: Bencher) {
        let (job, table) = (silent_job(), table(1_000_000));
        let rows = instance("rows", &job);
        bencher
            .bench_local(|| rows.invoke(black_box(table.as_bytes()), Check::Done, &job).map(|out| out.len()));
    }

    #[divan::bench]
    fn whole_host(bencher: Bencher) {
        let request = RunRequest::new(measured_folder(), "rows").params_json(table(1_000_000));
        let plugin = measured();
        bencher.bench_local(|| execute(&plugin, black_box(&request)));
    }
}

/// What the kind of actions that train costs around the training itself.
#[divan::bench_group]
mod training {
    use super::*;

    /// Progress and metrics of each step: a thousand of them, and one epoch.
    #[divan::bench]
    fn thousand_steps(bencher: Bencher) {
        let plugin = measured();
        let request = RunRequest::new(measured_folder(), "train_steps").params(&json!({ "steps": 1000 }));
        bencher.bench_local(|| execute(&plugin, black_box(&request)));
    }

    /// From the call to the first step after a kill: the state of an epoch is
    /// read, with a model of so many bytes in it.
    #[divan::bench(args = [1_000, 10_000_000])]
    fn resume_to_the_first_new_step(bencher: Bencher, bytes: usize) {
        let (plugin, state) = (measured(), tempfile::tempdir().expect("a folder"));
        let params = json!({ "epochs": 2, "steps": 1, "bytes": bytes, "stop_in": 2 });
        let request = RunRequest::new(measured_folder(), "train_steps").params(&params);
        let request = request.state_dir(state.path());
        execute(&plugin, &request).expect_err("it stops after an epoch");
        bencher.bench_local(|| execute(&plugin, black_box(&request)));
    }
}

/// Three events a step: a message, metrics, progress.
#[divan::bench]
fn thousand_steps_of_three_events(bencher: Bencher) {
    let params = json!({ "steps": 1000 });
    let request = RunRequest::new(measured_folder(), "report").params(&params);
    let plugin = measured();
    bencher.bench_local(|| execute(&plugin, black_box(&request)));
}
