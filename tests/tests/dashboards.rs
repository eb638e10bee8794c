//! Dashboards of Ray that stand behind TLS, or want a token. What answers here is none of Ray's, so that no cluster is
//! needed; `ray_serve` and `ray_heads` have the same with real ones.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::Value;
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
        assert_eq!(listed.run().code(0).document()[list], serde_json::json!([]));
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
