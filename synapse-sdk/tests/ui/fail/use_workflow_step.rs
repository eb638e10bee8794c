use synapse_sdk::steps::Workflow;

struct State;
struct Fetch;

fn main() {
    let _ = Workflow::<State>::new().then(Fetch);
}
