//! Dashboards of Ray that stand behind TLS, want a token, or begin with what is then taken back. What answers here is none of Ray's, so that no cluster is
//! needed; `ray_serve` and `ray_heads` have the same with real ones.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value, json};
use synapse_tests::{Invocation, Synapse, TlsFront, library};

/// Answers as a dashboard without applications and jobs to whoever has the token; gives host and port.
fn dashboard(token: Option<&'static str>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let place = listener.local_addr().expect("it listens").to_string();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let lines = BufReader::new(&client).lines().map_while(Result::ok);
            let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
            let authorization = token.map(|token| format!("authorization: bearer {token}"));
            let is_let_in = authorization
                .is_none_or(|wanted| head.iter().any(|line| line.to_ascii_lowercase() == wanted));
            let (status, body) = match head.first().map_or("", String::as_str) {
                _ if !is_let_in => ("401 Unauthorized", "Unauthorized: Missing authentication token"),
                line if line.contains("/api/serve/") => ("200 OK", "{\"applications\": {}}"),
                line if line.contains("/api/v0/nodes") => ("200 OK", NODES),
                _ => ("200 OK", "[]"),
            };
            let length = body.len();
            let _ = write!(&client, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}");
        }
    });
    place
}

const NODES: &str = r#"{"data": {"result": {"result": [{"node_id": "a", "node_ip": "127.0.0.1", "state": "ALIVE",
    "resources_total": {"CPU": 4.0}}]}}}"#;

fn call(synapse: &Synapse, words: &str, url: &str) -> Invocation {
    synapse.call(words).words("--json --ray-address").arg(url)
}

fn has(error: &Value, field: &str, text: &str) {
    assert!(error[field].as_str().is_some_and(|said| said.contains(text)), "no `{text}` in {error}");
}

#[test]
fn a_dashboard_behind_tls_is_spoken_to_when_its_authority_is_known() {
    let (synapse, front) = (Synapse::new(), TlsFront::before(&dashboard(None)));
    for (words, list) in [("serve status", "endpoints"), ("job list", "jobs")] {
        let listed = call(&synapse, words, &front.url()).env("SSL_CERT_FILE", front.authority());
        assert_eq!(listed.run().code(0).document()[list], json!([]));
        let refused = call(&synapse, words, &front.url()).env("SSL_CERT_FILE", front.stranger());
        let error = refused.run().code(6).error();
        has(&error, "message", "https cannot be spoken with 127.0.0.1:");
        has(&error, "hint", "SSL_CERT_FILE");
    }
    let nowhere = call(&synapse, "serve status", &front.url()).env("SSL_CERT_FILE", "/no/such/file");
    has(&nowhere.run().code(6).error(), "message", "SSL_CERT_FILE, /no/such/file: No such file");
    let plain = dashboard(None);
    let error = call(&synapse, "serve status", &format!("https://{plain}"));
    let error = error.env("SSL_CERT_FILE", front.authority()).run().code(6).error();
    has(&error, "message", "does not speak TLS");
}

#[test]
fn a_dashboard_that_wants_a_token_lets_in_who_has_it() {
    let (synapse, url) = (Synapse::new(), format!("http://{}", dashboard(Some("right"))));
    let with = |words: &str, token: &str| call(&synapse, words, &url).env("RAY_AUTH_TOKEN", token);
    with("serve status", "right").run().code(0);
    let greet = library("misbehave").display().to_string();
    for words in ["serve status", "serve delete greet", &format!("serve deploy {greet} served")] {
        for refused in [with(words, "wrong"), call(&synapse, words, &url)] {
            let error = refused.run().code(6).error();
            has(&error, "message", "Ray refused the token: Unauthorized");
            has(&error, "hint", "RAY_AUTH_TOKEN");
        }
    }
}

#[test]
fn where_there_is_no_dashboard_nothing_is_deployed() {
    let synapse = Synapse::new();
    let greet = library("misbehave").display().to_string();
    for words in ["serve status", "serve delete greet", &format!("serve deploy {greet} served")] {
        let error = call(&synapse, words, "http://127.0.0.1:9").run().code(6).error();
        has(&error, "message", "Ray cannot be reached at 127.0.0.1:9");
    }
}

/// All that a client asked a dashboard for, of which none ever gets healthy but `there`.
struct Serving {
    place: String,
    put: Arc<Mutex<Vec<Value>>>,
}

impl Serving {
    fn start(there: Value) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let place = listener.local_addr().expect("it listens").to_string();
        let put = Arc::new(Mutex::new(vec![json!({ "applications": [there] })]));
        let wanted = Arc::clone(&put);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // One that is interrupted does not stay for its answer.
                let _ = Self::answer(&client, &mut wanted.lock().expect("nobody panics"));
            }
        });
        Self { place, put }
    }

    fn answer(mut client: &TcpStream, put: &mut Vec<Value>) -> std::io::Result<()> {
        let mut reader = BufReader::new(client);
        let head: Vec<String> =
            reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
        let first = head.first().map_or("", String::as_str);
        let length = head
            .iter()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body)?;
        let answer = match first {
            line if line.contains("/api/v0/nodes") => NODES.to_owned(),
            line if line.starts_with("PUT /api/serve/") => {
                put.push(serde_json::from_slice(&body)?);
                String::new()
            }
            line if line.contains("/api/serve/") => Self::told(&put[put.len() - 1]).to_string(),
            _ => "{}".to_owned(),
        };
        write!(client, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{answer}", answer.len())
    }

    /// What Ray would tell of it.
    fn told(wanted: &Value) -> Value {
        let mut told = json!({ "applications": {} });
        for config in wanted["applications"].as_array().into_iter().flatten() {
            let status = if config["args"]["healthy"] == true { "RUNNING" } else { "DEPLOYING" };
            let name = config["name"].as_str().unwrap_or_default();
            told["applications"][name] = json!({
                "route_prefix": config["route_prefix"], "status": status, "deployed_app_config": config,
            });
        }
        told
    }

    /// The names of the applications of each request that changed something.
    fn asked_for(&self) -> Vec<Vec<String>> {
        let put = self.put.lock().expect("nobody panics");
        let names = |wanted: &Value| {
            let all = wanted["applications"].as_array().into_iter().flatten();
            all.map(|it| it["name"].as_str().unwrap_or_default().to_owned()).collect()
        };
        put.iter().map(names).collect()
    }
}

#[test]
fn a_deploy_that_is_interrupted_is_taken_back() {
    let args = json!({ "healthy": true, "synapse": { "name": "asked" } });
    let cluster = Serving::start(json!({ "name": "asked-before", "route_prefix": "/asked", "args": args }));
    let synapse = Synapse::new();
    let deploy = format!("serve deploy {} served --name asked", library("misbehave").display());
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143)] {
        let mut running = call(&synapse, &deploy, &format!("http://{}", cluster.place)).start();
        running.until_it_says("starting replicas beside");
        running.signal(signal);
        let ended = running.wait().code(code);
        ended.says("what was begun is taken back").says("`asked` answers as before");
        let asked = cluster.asked_for();
        assert_eq!(asked[asked.len() - 2].len(), 2, "it was begun with: {asked:?}");
        assert_eq!(asked[asked.len() - 1], ["asked-before"], "{asked:?}");
    }
}
