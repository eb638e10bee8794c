use synapse_sdk::prelude::*;

#[action]
fn by_text(_params: (), _ctx: &Context) -> Result<u32> {
    let rows: u32 = read_rows()?;
    Ok(rows)
}

fn read_rows() -> std::result::Result<u32, String> {
    Err("no rows".to_owned())
}

#[action]
fn by_option(_params: (), ctx: &Context) -> Result<u32> {
    let job = ctx.job_id()?;
    Ok(job.len() as u32)
}

fn main() {}
