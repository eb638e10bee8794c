//! Every mistake is told in one go.
use synapse_sdk::prelude::*;

#[action(nam = "train", category = "fruit!", input = "yolo_dataset", exclusive, exclusive)]
unsafe fn train<T>(params: &T, ctx: &mut Context) {}

#[params]
struct TestParams {
    #[param(defualt = 3, length(mim = 1, max = 2, max = 3))]
    rows: u32,
    #[param(ge)]
    columns: u32,
}

#[action]
fn test(params: TestParams, _ctx: &Context) -> Result<u32> {
    Ok(params.rows * params.columns)
}

synapse_sdk::export_plugin!(train, test);

fn main() {}
