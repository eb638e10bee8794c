use synapse_sdk::prelude::*;

fn main() {
    let _ = LocalExecutor::new().client("mock");
    let _ = LocalExecutor::new().agent_client("mock");
}
