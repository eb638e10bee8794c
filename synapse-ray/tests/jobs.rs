//! Jobs against a real cluster, whose Ray Client address stands in `SYNAPSE_TEST_RAY`.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::time::Duration;

use synapse_ray::{Address, ConnectOptions, Dashboard, Error, Job, JobRequest, JobStatus, JobType, Package};

const OFTEN: Duration = Duration::from_millis(50);

fn dashboard() -> Dashboard {
    let named = std::env::var("SYNAPSE_TEST_RAY").expect("SYNAPSE_TEST_RAY names a cluster");
    Dashboard::new(&named.parse().unwrap()).unwrap()
}

async fn ended(dashboard: &Dashboard, request: &JobRequest) -> Job {
    let id = dashboard.submit(request).await.unwrap();
    dashboard.wait_for_job(&id, OFTEN).await.unwrap()
}

/// What a job's own command wrote. Ray writes lines of its own into the same file, from other processes.
fn said(log: &str) -> Vec<&str> {
    log.lines().filter(|line| ["hello Ada", "bye"].contains(line)).collect()
}

#[tokio::test]
#[ignore = "needs a Ray cluster"]
async fn a_job_runs_a_package_and_tells_what_it_printed() {
    let dashboard = dashboard();
    assert!(!dashboard.version().await.unwrap().ray_version.is_empty());
    let mut package = Package::new();
    package.add("run.sh", b"#!/bin/sh\necho \"hello $1\"\nsleep 1\necho bye\n", 0o755).unwrap();
    let uri = Package::uri("jobs_test");
    assert!(!dashboard.has_package(&uri).await.unwrap());
    dashboard.upload_package(&uri, package.finish().unwrap()).await.unwrap();
    assert!(dashboard.has_package(&uri).await.unwrap());

    let request = JobRequest::new("sh run.sh Ada")
        .submission_id("job-of-a-package")
        .runtime_env(serde_json::json!({ "working_dir": uri }))
        .metadata("owner", "tests")
        .num_cpus(0.1);
    let id = dashboard.submit(&request).await.unwrap();
    assert_eq!(id, "job-of-a-package");
    let mut tail = dashboard.tail_job(&id).await.unwrap();
    let mut told = String::new();
    while let Some(text) = tail.next().await.unwrap() {
        told.push_str(&text);
    }
    assert_eq!(said(&told), ["hello Ada", "bye"], "{told}");
    let job = dashboard.wait_for_job(&id, OFTEN).await.unwrap();
    assert_eq!(
        (job.status, job.kind, job.driver_exit_code),
        (JobStatus::Succeeded, JobType::Submission, Some(0))
    );
    assert_eq!(job.metadata.unwrap()["owner"], "tests");
    assert_eq!(said(&dashboard.job_logs(&id).await.unwrap()), ["hello Ada", "bye"]);
    assert!(dashboard.jobs().await.unwrap().iter().any(|job| job.submission_id.as_deref() == Some(&id)));

    let again = dashboard.submit(&request).await.unwrap_err();
    assert!(
        matches!(&again, Error::Http { status: 500, message, .. } if message.contains("already exists")),
        "{again}"
    );
    dashboard.delete_job(&id).await.unwrap();
    // What is deleted goes within a moment.
    let gone = loop {
        match dashboard.job(&id).await {
            Ok(_) => tokio::time::sleep(OFTEN).await,
            Err(error) => break error,
        }
    };
    assert!(matches!(gone, Error::NoSuchJob { .. }), "{gone}");
}

#[tokio::test]
#[ignore = "needs a Ray cluster"]
async fn a_job_that_fails_or_is_stopped_says_so() {
    let dashboard = dashboard();
    let job = ended(&dashboard, &JobRequest::new("echo no good; exit 7")).await;
    assert_eq!((job.status, job.driver_exit_code), (JobStatus::Failed, Some(7)));
    assert!(job.message.unwrap().contains("no good"));

    let id = dashboard.submit(&JobRequest::new("sleep 600")).await.unwrap();
    while dashboard.job(&id).await.unwrap().status != JobStatus::Running {
        tokio::time::sleep(OFTEN).await;
    }
    assert!(dashboard.stop_job(&id).await.unwrap());
    assert_eq!(dashboard.wait_for_job(&id, OFTEN).await.unwrap().status, JobStatus::Stopped);
    for error in [
        dashboard.job("nobody").await.map(drop).unwrap_err(),
        dashboard.job_logs("no body/../x").await.map(drop).unwrap_err(),
        dashboard.stop_job("nobody").await.map(drop).unwrap_err(),
        dashboard.delete_job("nobody").await.unwrap_err(),
        dashboard.tail_job("nobody").await.map(drop).unwrap_err(),
    ] {
        assert!(matches!(error, Error::NoSuchJob { .. }), "{error}");
    }
}

#[tokio::test]
#[ignore = "needs a Ray cluster"]
async fn a_file_among_the_logs_is_read_whole_and_as_it_grows() {
    let dashboard = dashboard();
    // 3 MB with bytes that are no text, then more of it while it is followed.
    let write = "logs=$(dirname $(readlink /proc/$$/fd/1)); \
        head -c 3000000 /dev/zero | tr '\\0' '\\377' >$logs/job-file; sleep 2; echo end >>$logs/job-file; sleep 2";
    let id = dashboard.submit(&JobRequest::new(write)).await.unwrap();
    let node = loop {
        let job = dashboard.job(&id).await.unwrap();
        match job.driver_node_id.filter(|_| job.status == JobStatus::Running) {
            Some(node) => break node,
            None => tokio::time::sleep(OFTEN).await,
        }
    };
    let mut read = Vec::new();
    // The dashboard may end it, so it is opened again until the end is there.
    while !read.ends_with(b"end\n") {
        read.clear();
        match dashboard.follow_log_file(&node, "job-file", 0.1).await {
            Ok(mut growing) => {
                while !read.ends_with(b"end\n")
                    && let Some(more) = growing.next().await.unwrap()
                {
                    read.extend(more);
                }
            }
            Err(Error::Http { status: 500, .. }) => tokio::time::sleep(OFTEN).await,
            Err(error) => panic!("{error}"),
        }
    }
    let mut whole = Vec::new();
    let mut file = dashboard.log_file(&node, "job-file").await.unwrap();
    while let Some(bytes) = file.next().await.unwrap() {
        whole.extend(bytes);
    }
    assert_eq!(whole.len(), 3_000_004);
    assert!(whole == read && whole[..3_000_000].iter().all(|&byte| byte == 255));
    dashboard.wait_for_job(&id, OFTEN).await.unwrap();
}

#[tokio::test]
async fn a_port_that_is_no_dashboard_is_told() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let address: Address = format!("http://{place}").parse().unwrap();
    let answering = async {
        let (mut socket, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut socket, b"SSH-2.0-x\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
    };
    let dashboard = Dashboard::with(&address, ConnectOptions::default()).unwrap();
    let (error, ()) = tokio::join!(dashboard.version(), answering);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("is it the port of the dashboard?"), "{error}");
    drop(listener);
    let error = dashboard.version().await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}
