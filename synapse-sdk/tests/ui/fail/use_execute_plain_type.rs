use synapse_sdk::prelude::*;

struct Greet;

fn main() {
    let _ = LocalExecutor::new().execute::<Greet>(json!({}));
}
