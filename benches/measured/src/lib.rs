//! The plugin that benches measure. `greet` and `rows` do what the functions of
//! the crate `bare` do without the SDK.
#![forbid(unsafe_code)]

use synapse_sdk::kinds::TrainAction;
use synapse_sdk::prelude::*;

/// Who to greet, and how.
#[params]
pub struct GreetParams {
    name: String,
    #[param(default = false)]
    formal: bool,
}

/// What was said.
#[result]
pub struct Greeting {
    message: String,
}

fn greeting(params: &GreetParams) -> Greeting {
    let prefix = if params.formal { "Dear" } else { "Hello" };
    Greeting { message: format!("{prefix} {}!", params.name) }
}

/// Greets.
#[action]
pub fn greet(params: GreetParams, _ctx: &Context) -> Result<Greeting> {
    Ok(greeting(&params))
}

/// Greets, and logs one line.
#[action]
pub fn greet_and_log(params: GreetParams, ctx: &Context) -> Result<Greeting> {
    let greeting = greeting(&params);
    ctx.log_message(&greeting.message, "info");
    Ok(greeting)
}

/// A table.
#[params]
pub struct Rows {
    rows: Vec<Row>,
}

/// A row of a table.
#[params]
pub struct Row {
    id: u64,
    name: String,
    score: f64,
    tags: Vec<String>,
}

/// Gives back the table it is given.
#[action]
pub fn rows(params: Rows, _ctx: &Context) -> Result<Rows> {
    Ok(params)
}

/// How much to report.
#[params]
pub struct ReportParams {
    steps: u64,
}

/// Reports progress, metrics and a message for each step.
#[action]
pub fn report(params: ReportParams, ctx: &Context) -> Result<()> {
    for step in 1..=params.steps {
        ctx.log_message("a line of the length that log lines have", "info");
        ctx.set_metrics([("loss", 0.5)].into_iter().collect::<std::collections::BTreeMap<_, _>>(), "train")?;
        ctx.set_progress(step, params.steps, "train")?;
    }
    Ok(())
}

/// Does nothing.
#[action]
pub fn nothing(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

/// Reports progress each millisecond for a minute, or until it is told to stop.
#[action]
pub fn wait(_params: (), ctx: &Context) -> Result<()> {
    const STEPS: u32 = 60_000;
    for step in 0..STEPS {
        ctx.set_progress(step, STEPS, "wait")?;
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    Ok(())
}

/// What of a training is measured.
#[params]
pub struct TrainStepsParams {
    #[param(default = 1)]
    epochs: u64,
    /// Steps of each epoch
    steps: u64,
    /// Size of the model that is kept after each epoch
    #[param(default = 0)]
    bytes: usize,
    /// Ends at the first step of this epoch, as if it had been stopped
    stop_in: Option<u64>,
}

/// Trains nothing: what remains is what the helpers of the kind cost.
#[derive(Action, Default)]
#[action(name = "train_steps")]
pub struct TrainSteps;

impl TrainAction for TrainSteps {}

impl Action for TrainSteps {
    type Params = TrainStepsParams;
    type Output = u64;

    fn execute(&self, params: TrainStepsParams, ctx: &Context) -> Result<u64> {
        let mut epochs = self.epochs(params.epochs, ctx);
        let model = epochs.resume()?.unwrap_or_else(|| vec![7; params.bytes]);
        while let Some(epoch) = epochs.next_epoch()? {
            if params.stop_in == Some(epoch) {
                return Err(ExecutionError::new("stopped"));
            }
            for step in 1..=params.steps {
                epochs.step(step, params.steps, &[("loss", 0.5)])?;
            }
            epochs.end_epoch(json!({ "loss": 0.5 }), || Ok(model.clone()))?;
        }
        Ok(epochs.done())
    }
}

/// What goes from node to node of a pipeline.
#[params]
pub struct PassParams {
    value: i64,
    /// A file that counts by what it holds
    file: Option<String>,
}

/// What was given.
#[result]
pub struct Passed {
    value: i64,
}

/// Gives on what it is given.
#[action]
pub fn pass(params: PassParams, _ctx: &Context) -> Result<Passed> {
    Ok(Passed { value: params.value })
}

/// The same, and pipelines keep the result.
#[action(pure)]
pub fn keep(params: PassParams, _ctx: &Context) -> Result<Passed> {
    Ok(Passed { value: params.value })
}

/// Fails at the first attempt; later it tells when it began, in nanoseconds
/// since 1970-01-01 UTC.
#[action]
pub fn clock(_params: (), ctx: &Context) -> Result<u64> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    match ctx.attempt() {
        1 => Err(ExecutionError::new("not at the first attempt")),
        _ => Ok(u64::try_from(now.unwrap_or_default().as_nanos()).unwrap_or(u64::MAX)),
    }
}

synapse_sdk::export_plugin!(greet, greet_and_log, rows, report, nothing, wait, TrainSteps, pass, keep, clock);
