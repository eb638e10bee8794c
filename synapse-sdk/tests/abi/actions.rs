//! The actions of the plugin that this test binary is.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use synapse_sdk::events::Level;
use synapse_sdk::prelude::*;

/// What `add` adds.
#[params]
pub(crate) struct AddParams {
    #[param(ge = 0)]
    left: i64,
    #[param(ge = 0)]
    right: i64,
}

/// Adds two numbers.
#[action(category = Custom, input = synapse_sdk::data_type::YoloDataset)]
pub(crate) fn add(params: AddParams, _ctx: &Context) -> Result<i64> {
    Ok(params.left + params.right)
}

/// Fails with all an error can carry.
#[action]
pub(crate) fn fail(_params: (), _ctx: &Context) -> Result<()> {
    Err(PluginError::new(ErrorKind::NotFound, "no such row")
        .context("reading rows")
        .details(json!({ "row": 7 }))
        .hint("start at row 0"))
}

/// Panics.
#[action]
pub(crate) fn panic(_params: (), _ctx: &Context) -> Result<()> {
    panic!("out of rows")
}

/// Reports in every way there is.
#[action]
pub(crate) fn report(_params: (), ctx: &Context) -> Result<()> {
    ctx.log_message("ünïcode \0 and all", "warning");
    ctx.log_message("", Level::Critical);
    ctx.log("checkpoint", json!({ "epoch": 1 }), Path::new("/tmp/best.pt"));
    ctx.log("bare", json!([]), None);
    ctx.set_progress(1, 4, "train")?;
    ctx.set_progress(2, 4, None)?;
    ctx.set_metrics(json!({ "loss": 0.5 }), "train")
}

/// Makes the host panic, and goes on.
#[action]
pub(crate) fn provoke(_params: (), ctx: &Context) -> Result<String> {
    ctx.log_message("make the host panic", ());
    Ok(ctx.work_dir().map_or_else(|error| error.to_string(), |_| "a folder".to_owned()))
}

/// Uses everything a host serves.
#[action]
pub(crate) fn use_services(_params: (), ctx: &Context) -> Result<Value> {
    let before = ctx.load_state("weights")?;
    ctx.save_state("weights", [0, 159, 255])?;
    let full = ctx.save_state("full", b"x").err();
    Ok(json!({
        "before": before,
        "after": ctx.load_state("weights")?,
        "full": full.map(|error| json!([error.kind(), error.to_string(), error.details_json()])),
        "work_dir": ctx.work_dir()?,
        "job_id": ctx.job_id(),
        "attempt": ctx.attempt(),
        "env": ctx.env().get("MODE"),
        "checkpoint": ctx.checkpoint().map(|checkpoint| checkpoint.path.clone()),
    }))
}

/// Asks backend and agent.
#[action]
pub(crate) fn ask(_params: (), ctx: &Context) -> Result<Value> {
    let (client, agent) = (ctx.client()?, ctx.agent_client()?);
    let refused = client.request("refuse", &Value::Null).err();
    Ok(json!([
        client.request("dataset.get", &json!({ "id": 1 }))?,
        agent.request("nodes", &Value::Null)?,
        refused.map(|error| json!([error.kind(), error.message(), error.details_json()])),
    ]))
}

/// Runs until it is cancelled.
#[action]
pub(crate) fn until_cancelled(_params: (), ctx: &Context) -> Result<()> {
    ctx.log_message("started", ());
    loop {
        ctx.check_cancelled()?;
        std::thread::yield_now();
    }
}

/// How many `Counted` there are.
pub(crate) static ALIVE: AtomicU32 = AtomicU32::new(0);

/// Counts its calls; panics when dropped after `grumpy`.
#[derive(Action)]
pub(crate) struct Counted {
    calls: AtomicU32,
    grumpy: bool,
}

impl Counted {
    fn setup(ctx: &Context) -> Result<Self> {
        if ctx.env().contains("NO_SETUP") {
            return Err(ValidationError::new("nothing to count"));
        }
        ALIVE.fetch_add(1, Ordering::Relaxed);
        Ok(Self { calls: AtomicU32::new(0), grumpy: ctx.env().contains("GRUMPY") })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
        assert!(!self.grumpy, "panics when dropped");
    }
}

impl Action for Counted {
    type Params = ();
    type Output = u32;

    fn execute(&self, _params: (), _ctx: &Context) -> Result<u32> {
        Ok(self.calls.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
