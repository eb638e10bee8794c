use synapse_sdk::prelude::*;

fn main() {
    let _ = #[action]
    async {
        1
    };
}
