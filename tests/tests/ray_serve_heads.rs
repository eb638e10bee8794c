//! Endpoints on clusters that the tests start: `RAY_NODES=0 .ci/ray` has to run them.

use synapse_tests::{Head, Invocation, Synapse, library};

#[test]
#[ignore = "needs a Ray cluster"]
fn a_token_lets_in_who_deploys_and_asks() {
    let token = [("RAY_AUTH_MODE", "token".to_owned()), ("RAY_AUTH_TOKEN", "t".repeat(40))];
    let variables: Vec<(&str, &str)> = token.iter().map(|(name, value)| (*name, &**value)).collect();
    let head = Head::start(&variables);
    let synapse = Synapse::new();
    let serve = |words: &str| {
        let call = synapse.call("serve").words(words).words("--json");
        call.env("RAY_ADDRESS", "http://127.0.0.1:8265").env("PATH", "")
    };
    let with = |call: Invocation, token: &str| call.env("RAY_AUTH_TOKEN", token);
    let deploy = format!("deploy {} served --name asked --cpus 0.01", library("misbehave").display());
    for words in ["status", "delete asked", &deploy] {
        for refused in [serve(words), with(serve(words), "wrong")] {
            let error = refused.run().code(6).error();
            let message = error["message"].as_str().unwrap_or_default();
            assert!(message.starts_with("Ray refused the token: "), "{error}");
        }
    }
    let right = |words: &str| with(serve(words), &token[1].1).run().code(0).document();
    right(&deploy);
    assert_eq!(right("call asked --params {}")["result"]["asked"], 1);
    right("delete asked");
    drop(head);
}
