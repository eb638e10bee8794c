use synapse_sdk::prelude::*;

struct Plain;

#[params]
struct SaveParams {
    path: String,
}

/// Its result cannot be read again.
#[derive(serde::Serialize, schemars::JsonSchema)]
struct Saved {
    size: u64,
}

#[action]
fn save(params: SaveParams, _ctx: &Context) -> Result<Saved> {
    Ok(Saved { size: params.path.len() as u64 })
}

fn main() {
    let _ = Pipeline::start::<Plain>();
    let _ = Pipeline::start::<save>();
}
