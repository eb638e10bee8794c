//! Against a real cluster, whose Ray Client address stands in `SYNAPSE_TEST_RAY`.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use synapse_ray::pickle::Node;
use synapse_ray::{
    Actor, ActorOptions, Address, Client, Dashboard, Error, Package, Session, SessionOptions, Source, Value,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

const SOURCE: &str = "
class Test:
    def echo(self, data):
        return data
    def fail(self, text):
        raise KeyError(text)
    def end(self):
        import os
        os._exit(3)
    def sleep(self, seconds):
        import time
        time.sleep(seconds)
        return b'slept'
    def say(self, text):
        print(text)
        return b''
    def read(self, name):
        import os, stat
        with open(name, 'rb') as file:
            return file.read() + (b'x' if os.stat(name).st_mode & stat.S_IXUSR else b'-')
";

fn address() -> Address {
    let named = std::env::var("SYNAPSE_TEST_RAY").expect("SYNAPSE_TEST_RAY names a cluster");
    named.parse().unwrap()
}

/// Does what 2.40 does not: keeps the modes of a package's files, and ends as cancelled what ran when its call was
/// taken back. Releases between these two were not tried.
const NEWER: u32 = 60;

/// The cluster's release, which is 60 for Ray 2.60.0.
async fn release(session: &Session) -> u32 {
    let versions = session.versions().await.unwrap();
    versions.ray.split('.').nth(1).unwrap().parse().unwrap()
}

async fn session() -> Session {
    let client = Client::connect(&address()).await.unwrap();
    client.session(SessionOptions::default()).await.unwrap()
}

fn small() -> ActorOptions {
    ActorOptions::new().num_cpus(0.0)
}

async fn echo(session: &Session, actor: &Actor, data: Vec<u8>) -> bytes::Bytes {
    let object = actor.call("echo", &[Value::from(data)]).await.unwrap();
    let answer = session.get(&object, Some(Duration::from_secs(60))).await.unwrap();
    answer.into_bytes().unwrap()
}

/// Waits until something holds.
async fn soon(holds: impl AsyncFn() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it did not come to that");
}

#[tokio::test]
#[ignore = "needs a Ray cluster"]
async fn keys_are_set_listed_and_removed_without_a_session() {
    let client = Client::connect(&address()).await.unwrap();
    client.ping().await.unwrap();
    let key = format!("synapse-ray-test/{}", std::process::id());
    assert!(!client.kv_put(key.clone(), "one", false).await.unwrap());
    assert!(client.kv_put(key.clone(), "two", false).await.unwrap());
    assert_eq!(client.kv_get(key.clone()).await.unwrap().unwrap(), "one");
    client.kv_put(key.clone(), "two", true).await.unwrap();
    assert_eq!(client.kv_get(key.clone()).await.unwrap().unwrap(), "two");
    assert!(client.kv_list("synapse-ray-test/").await.unwrap().contains(&key.clone().into()));
    assert!(client.kv_exists(key.clone()).await.unwrap());
    client.kv_del(key.clone()).await.unwrap();
    assert_eq!(client.kv_get(key).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ray cluster"]
async fn an_actor_takes_and_gives_bytes_and_its_faults_are_told_apart() {
    let session = session().await;
    let versions = session.versions().await.unwrap();
    assert!(versions.ray.starts_with("2."), "{versions:?}");
    assert!(session.cluster_resources().await.unwrap()["CPU"] >= 1.0);
    assert!(session.available_resources().await.unwrap().contains_key("memory"));
    assert!(session.nodes().await.unwrap()[0]["Alive"].as_bool().unwrap());

    let actor = session.create_actor(SOURCE, "Test", &[], &small().max_concurrency(2)).await.unwrap();
    for size in [0, 1, 255, 256, 100_000, 70 << 20] {
        let data: Vec<u8> = (0..size).map(|at: u32| (at % 251) as u8).collect();
        assert!(echo(&session, &actor, data.clone()).await == data, "{size}");
    }

    // One after the other is asked before the first is answered.
    let mut objects = Vec::new();
    for number in 0..1000 {
        objects.push(actor.call("echo", &[Value::from(number)]).await.unwrap());
    }
    for (number, object) in (0..1000).zip(&objects) {
        let answer = session.get(object, None).await.unwrap();
        assert_eq!(answer.pickle().unwrap().root(), &Node::Int(number));
    }
    drop(objects);

    let put = session.put(&Value::from(vec![7; 3 << 20])).await.unwrap();
    assert!(session.get(&put, None).await.unwrap().into_bytes().unwrap() == vec![7; 3 << 20]);

    let failing = actor.call("fail", &[Value::from("this key")]).await.unwrap();
    let Err(Error::Exception(raised)) = session.get(&failing, None).await else { panic!() };
    assert!(raised.message().contains("this key"), "{raised:?}");
    assert!(!raised.actor_died());

    let slow = actor.call("sleep", &[Value::from(30)]).await.unwrap();
    let error = session.get(&slow, Some(Duration::from_millis(300))).await.unwrap_err();
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");

    let end = actor.call("end", &[]).await.unwrap();
    let Err(Error::Exception(raised)) = session.get(&end, None).await else { panic!() };
    assert!(raised.actor_died(), "{raised:?}");
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ray cluster"]
async fn a_call_that_is_cancelled_never_begins_or_ends_as_cancelled() {
    let session = session().await;
    let actor = session.create_actor(SOURCE, "Test", &[], &small()).await.unwrap();
    let running = actor.call("sleep", &[Value::from(3)]).await.unwrap();
    let queued = actor.call("end", &[]).await.unwrap();
    session.cancel(&queued).await.unwrap();
    let Err(Error::Exception(raised)) = session.get(&queued, None).await else { panic!() };
    assert_eq!(raised.class, "TaskCancelledError", "{raised:?}");
    // Had it begun, the actor's process would have ended.
    assert_eq!(session.get(&running, None).await.unwrap().into_bytes().unwrap(), "slept");

    if release(&session).await < NEWER {
        return session.close().await.unwrap();
    }
    // Ray leaves a gap in the order of an actor's calls where it took one back that was on its way, and may let
    // those behind it wait for long: another actor.
    let actor = session.create_actor(SOURCE, "Test", &[], &small()).await.unwrap();
    let running = actor.call("sleep", &[Value::from(3)]).await.unwrap();
    let waiting = actor.call("echo", &[Value::from("waiting")]).await.unwrap();
    // It runs once the cluster has started it.
    tokio::time::sleep(Duration::from_secs(1)).await;
    session.cancel(&running).await.unwrap();
    let Err(Error::Exception(raised)) = session.get(&running, None).await else { panic!() };
    assert_eq!(raised.class, "TaskCancelledError", "{raised:?}");
    assert_eq!(session.get(&waiting, None).await.unwrap().pickle().unwrap().root(), &Node::Str("waiting"));
    session.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ray cluster"]
async fn an_actor_that_may_restart_comes_back_as_often_as_it_may() {
    let session = session().await;
    let actor = session.create_actor(SOURCE, "Test", &[], &small().max_restarts(1)).await.unwrap();
    assert_eq!(echo(&session, &actor, b"first".to_vec()).await, "first");
    let end = actor.call("end", &[]).await.unwrap();
    session.get(&end, None).await.unwrap_err();
    let back = async {
        loop {
            let asked = actor.call("echo", &[Value::from(2)]).await.unwrap();
            match session.get(&asked, None).await {
                Ok(answer) => break assert_eq!(answer.pickle().unwrap().root(), &Node::Int(2)),
                Err(Error::Exception(raised)) => assert!(raised.actor_unavailable(), "{raised:?}"),
                Err(error) => panic!("{error}"),
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), back).await.unwrap();
    let end = actor.call("end", &[]).await.unwrap();
    session.get(&end, None).await.unwrap_err();
    let asked = actor.call("echo", &[Value::from(3)]).await.unwrap();
    let Err(Error::Exception(raised)) = session.get(&asked, None).await else { panic!() };
    assert!(raised.actor_died(), "{raised:?}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ray cluster"]
async fn what_nobody_holds_any_more_leaves_the_object_store() {
    let session = session().await;
    let free = async || session.available_resources().await.unwrap()["object_store_memory"];
    let begun = free().await;
    let put = session.put(&Value::from(vec![7; 60 << 20])).await.unwrap();
    soon(async || free().await < begun - f64::from(50 << 20)).await;
    drop(put);
    soon(async || free().await > begun - f64::from(10 << 20)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ray cluster"]
async fn a_name_stands_for_one_actor_whoever_asks_first() {
    let (one, other) = tokio::join!(session(), session());
    let name = format!("test-{}", std::process::id());
    let error = one.named_actor(&name).await.err().unwrap();
    assert!(matches!(error, Error::NoSuchActor { .. }), "{error}");
    let options = small().name(&name).detached(true).get_if_exists(true);
    let (first, second) = tokio::join!(
        one.create_actor(SOURCE, "Test", &[], &options),
        other.create_actor(SOURCE, "Test", &[], &options)
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.id(), second.id());
    one.close().await.unwrap();
    // Names are of a namespace.
    let client = Client::connect(&address()).await.unwrap();
    let options = SessionOptions { namespace: "elsewhere".to_owned(), ..SessionOptions::default() };
    let elsewhere = client.session(options).await.unwrap();
    let error = elsewhere.named_actor(&name).await.err().unwrap();
    assert!(matches!(error, Error::NoSuchActor { .. }), "{error}");
    // It outlives the session that made it.
    let found = other.named_actor(&name).await.unwrap();
    assert_eq!(found.id(), second.id());
    assert_eq!(echo(&other, &found, b"alive".to_vec()).await, "alive");
    found.kill().await.unwrap();
    let waiting = found.call("echo", &[Value::from("?")]).await.unwrap();
    assert!(other.get(&waiting, None).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ray cluster"]
async fn a_package_is_uploaded_once_and_unpacked_with_its_modes() {
    let client = Client::connect(&address()).await.unwrap();
    let uri = Package::uri(&format!("synapsetest{}", std::process::id()));
    let packed = AtomicUsize::new(0);
    let pack = || {
        packed.fetch_add(1, Ordering::Relaxed);
        let mut package = Package::new();
        package.add("run", b"content", 0o755)?;
        package.add("read", b"content", 0o644)?;
        package.finish()
    };
    client.ensure_package(&uri, pack).await.unwrap();
    client.ensure_package(&uri, pack).await.unwrap();
    assert_eq!(packed.into_inner(), 1);

    let session = session().await;
    let options = small().runtime_env(&serde_json::json!({ "working_dir": uri }));
    let actor = session.create_actor(SOURCE, "Test", &[], &options).await.unwrap();
    let run = if release(&session).await < NEWER { "content-" } else { "contentx" };
    for (name, content) in [("run", run), ("read", "content-")] {
        let read = actor.call("read", &[Value::from(name)]).await.unwrap();
        let read = session.get(&read, None).await.unwrap().into_bytes().unwrap();
        assert_eq!(read, content);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ray cluster"]
async fn a_package_that_went_through_the_dashboard_is_there_for_actors() {
    let uri = Package::uri(&format!("synapsedashboard{}", std::process::id()));
    let mut package = Package::new();
    package.add("read", b"content", 0o644).unwrap();
    let dashboard = Dashboard::new(&address()).unwrap();
    assert!(!dashboard.has_package(&uri).await.unwrap());
    dashboard.upload_package(&uri, package.finish().unwrap()).await.unwrap();
    let client = Client::connect(&address()).await.unwrap();
    let pack = || -> Result<Vec<u8>, Error> { panic!("it is there already") };
    client.ensure_package(&uri, pack).await.unwrap();
    let session = session().await;
    let options = small().runtime_env(&serde_json::json!({ "working_dir": uri }));
    let actor = session.create_actor(SOURCE, "Test", &[], &options).await.unwrap();
    let read = actor.call("read", &[Value::from("read")]).await.unwrap();
    assert_eq!(session.get(&read, None).await.unwrap().into_bytes().unwrap(), "content-");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ray cluster"]
async fn what_an_actor_prints_is_heard() {
    let session = session().await;
    let mut logs = session.logs().await.unwrap();
    let actor = session.create_actor(SOURCE, "Test", &[], &small()).await.unwrap();
    let said = actor.call("say", &[Value::from("a line of the actor")]).await.unwrap();
    session.get(&said, None).await.unwrap();
    let heard = async {
        loop {
            let line = logs.next().await.unwrap().unwrap();
            if line.text.contains("a line of the actor") {
                return line.source;
            }
        }
    };
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), heard).await.unwrap(), Source::Stdout);
}

#[tokio::test]
#[ignore = "needs a Ray cluster"]
async fn who_does_not_answer_is_named() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = Client::connect(&format!("ray://{nobody}").parse().unwrap()).await.err().unwrap();
    assert!(error.to_string().starts_with(&format!("Ray cannot be reached at {nobody}")), "{error}");
    // The dashboard speaks another protocol.
    let dashboard = address().client().replace("10001", "8265");
    let client = Client::connect(&format!("ray://{dashboard}").parse().unwrap()).await;
    let error = match client {
        Ok(client) => client.ping().await.unwrap_err(),
        Err(error) => error,
    };
    assert!(matches!(error, Error::Unreachable { .. } | Error::Closed { .. }), "{error}");
}

/// Passes bytes on until it is told to cut all connections.
async fn cutting_proxy(cut: Arc<Notify>, seen: Arc<AtomicUsize>) -> Address {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    let target = address().client().to_owned();
    tokio::spawn(async move {
        while let Ok((mut inward, _)) = listener.accept().await {
            seen.fetch_add(1, Ordering::Relaxed);
            let (cut, target) = (Arc::clone(&cut), target.clone());
            tokio::spawn(async move {
                let mut outward = TcpStream::connect(target).await.unwrap();
                tokio::select! {
                    _ = tokio::io::copy_bidirectional(&mut inward, &mut outward) => {}
                    () = cut.notified() => {}
                }
            });
        }
    });
    format!("ray://{place}").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ray cluster"]
async fn a_session_outlives_its_connection_and_nothing_is_done_twice() {
    let (cut, seen) = (Arc::<Notify>::default(), Arc::<AtomicUsize>::default());
    let proxy = cutting_proxy(Arc::clone(&cut), Arc::clone(&seen)).await;
    let client = Client::connect(&proxy).await.unwrap();
    let session = client.session(SessionOptions::default()).await.unwrap();
    let counting = "class Count:\n    n = 0\n    def up(self):\n        import time\n        time.sleep(0.01)\n        self.n += 1\n        return self.n\n";
    let actor = session.create_actor(counting, "Count", &[], &small()).await.unwrap();
    let first = actor.call("up", &[]).await.unwrap();
    session.get(&first, None).await.unwrap();
    let mut numbers = HashSet::new();
    for round in 0..3 {
        let mut objects = Vec::new();
        for _ in 0..40 {
            objects.push(actor.call("up", &[]).await.unwrap());
        }
        cut.notify_waiters();
        for object in &objects {
            let answer = session.get(object, Some(Duration::from_secs(60))).await.unwrap();
            let pickle = answer.pickle().unwrap();
            let Node::Int(number) = pickle.root() else { panic!("{pickle:?}") };
            assert!(numbers.insert(*number), "{number} came twice in round {round}");
        }
    }
    assert_eq!(numbers.iter().max(), Some(&121), "calls were made twice");
    assert!(seen.load(Ordering::Relaxed) >= 5, "the connection was never cut");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a Ray cluster"]
async fn opening_a_session_is_tried_again_when_the_cluster_fails_to() {
    let (cut, seen) = (Arc::<Notify>::default(), Arc::<AtomicUsize>::default());
    let proxy = cutting_proxy(Arc::clone(&cut), Arc::clone(&seen)).await;
    let client = Client::connect(&proxy).await.unwrap();
    let opening = tokio::spawn(async move { client.session(SessionOptions::default()).await });
    // The first is the client's own, and each try has another.
    for tries in [2, 3] {
        soon(async || seen.load(Ordering::Relaxed) >= tries).await;
        // Starting a driver takes the cluster longer.
        tokio::time::sleep(Duration::from_millis(50)).await;
        cut.notify_waiters();
    }
    let session = opening.await.unwrap().unwrap();
    assert!(seen.load(Ordering::Relaxed) >= 4, "it was never tried again");
    assert!(session.cluster_resources().await.unwrap().contains_key("CPU"));
}
