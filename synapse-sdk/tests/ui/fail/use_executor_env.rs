use synapse_sdk::prelude::*;

fn main() {
    let _ = LocalExecutor::new().env("EPOCHS=3");
}
