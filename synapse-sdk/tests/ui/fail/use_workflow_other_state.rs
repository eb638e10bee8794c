use synapse_sdk::prelude::*;
use synapse_sdk::steps::{Step, StepContext, StepResult, Workflow};

struct Training;
struct Export;
struct Fetch;

impl Step<Export> for Fetch {
    fn name(&self) -> &str {
        "fetch"
    }

    fn execute(&self, _state: &mut Export, _ctx: &StepContext<'_>) -> Result<StepResult> {
        Ok(StepResult::done())
    }
}

fn main() {
    let _ = Workflow::<Training>::new().then(Fetch);
}
