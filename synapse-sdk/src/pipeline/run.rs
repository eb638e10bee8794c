//! Runs the steps of a pipeline, their types erased.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::check::{self, Checked};
use super::flow::StepAction;
use super::report::StepReport;
use super::results::{Finished, Slots, Typed};
use super::services::StepServices;
use crate::action::{ActionDef, Check};
use crate::context::Context;
use crate::errors::{PluginError, Result, ResultExt};
use crate::events::Level;
use crate::guard::guarded;

/// Makes the params of a step of what came before.
type Make = dyn Fn(&Slots) -> Result<Value> + Send + Sync;

/// Where the params of a step come from.
pub(super) enum ParamsOf {
    /// The pipeline is started with them.
    Start,
    /// Each is found by its name.
    ByName,
    /// They are made by the author.
    Made(Box<Make>),
}

impl ParamsOf {
    pub(super) fn made<P: Serialize>(make: impl Fn(&Slots) -> P + Send + Sync + 'static) -> Self {
        Self::Made(Box::new(move |slots| params_json(&make(slots))))
    }
}

/// A step.
pub(super) struct Stage {
    pub(super) name: String,
    pub(super) def: &'static ActionDef,
    /// The steps it stands behind.
    pub(super) before: Vec<usize>,
    pub(super) params: ParamsOf,
    read: fn(&Value) -> Result<Typed>,
}

/// Steps, each behind those it needs.
pub(super) struct Core {
    pub(super) stages: Vec<Stage>,
    pub(super) mistakes: Vec<String>,
    pub(super) name: String,
    pub(super) keep: bool,
}

impl Default for Core {
    fn default() -> Self {
        Self { stages: Vec::new(), mistakes: Vec::new(), name: "pipeline".to_owned(), keep: true }
    }
}

/// How all of it ended.
pub(super) struct Ended {
    pub(super) slots: Vec<OnceLock<Finished>>,
    pub(super) steps: Vec<StepReport>,
}

impl Core {
    pub(super) fn push<A: StepAction>(&mut self, before: Vec<usize>, params: ParamsOf) -> usize {
        let action = A::FACTS.name;
        let same = self.stages.iter().filter(|stage| stage.def.facts().name == action).count();
        let name = if same == 0 { action.to_owned() } else { format!("{action}-{}", same + 1) };
        self.stages.push(Stage { name, def: A::def(), before, params, read: read::<A> });
        self.stages.len() - 1
    }

    pub(super) fn len(&self) -> usize {
        self.stages.len()
    }

    pub(super) fn names(&self) -> Vec<&str> {
        self.stages.iter().map(|stage| stage.name.as_str()).collect()
    }

    pub(super) fn check(&self) -> Result<Checked> {
        check::check(&self.stages, &self.mistakes)
    }

    pub(super) fn run(&self, params: &impl Serialize, jobs: usize, ctx: &Context) -> Result<Ended> {
        let checked = self.check()?;
        for warning in &checked.warnings {
            ctx.log_message(warning, Level::Warning);
        }
        let shares: Vec<(&str, f64)> = self.names().into_iter().map(|name| (name, 1.0)).collect();
        ctx.plan_steps(&shares);
        let run = Run::new(self, checked, params_json(params)?, ctx);
        let helpers = jobs.min(self.stages.len()).saturating_sub(1);
        // One of them is this thread.
        thread::scope(|scope| {
            for number in 0..helpers {
                let helper = thread::Builder::new().name(format!("step {}", number + 2));
                // Without a further thread the others do the work.
                let _ = helper.spawn_scoped(scope, || run.work());
            }
            run.work();
        });
        run.end()
    }
}

/// The result of a step as its type.
fn read<A: StepAction>(value: &Value) -> Result<Typed> {
    let output = A::Output::deserialize(value).with_context(|| {
        format!("the result of `{}` cannot be read as what it was written from", A::FACTS.name)
    })?;
    Ok(Box::new(output))
}

/// Params as JSON; those of type `()` are an object without fields.
fn params_json(params: &impl Serialize) -> Result<Value> {
    let value = serde_json::to_value(params).context("params as JSON")?;
    Ok(if value.is_null() { json!({}) } else { value })
}

/// What the threads of a run share.
struct Run<'r> {
    core: &'r Core,
    checked: Checked,
    start: Value,
    ctx: &'r Context,
    slots: Vec<OnceLock<Finished>>,
    state: Mutex<State>,
    changed: Condvar,
    halted: Arc<AtomicBool>,
}

struct State {
    /// For how many others each step waits.
    waits: Vec<usize>,
    ready: VecDeque<usize>,
    running: usize,
    steps: Vec<Option<StepReport>>,
    error: Option<PluginError>,
}

impl<'r> Run<'r> {
    fn new(core: &'r Core, checked: Checked, start: Value, ctx: &'r Context) -> Self {
        let waits: Vec<usize> = core.stages.iter().map(|stage| stage.before.len()).collect();
        let ready = (0..waits.len()).filter(|index| waits[*index] == 0).collect();
        let steps = core.stages.iter().map(|_| None).collect();
        Self {
            core,
            checked,
            start,
            ctx,
            slots: core.stages.iter().map(|_| OnceLock::new()).collect(),
            state: Mutex::new(State { waits, ready, running: 0, steps, error: None }),
            changed: Condvar::new(),
            halted: Arc::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(index) = self.take() {
            let began = Instant::now();
            let outcome = self.ctx.check_cancelled().and_then(|()| guarded(|| self.perform(index)));
            self.settle(index, outcome, began.elapsed());
        }
    }

    /// The next step that can run; waits for one. None when all is over.
    fn take(&self) -> Option<usize> {
        let mut state = self.lock();
        loop {
            if state.error.is_some() {
                return None;
            }
            if let Some(index) = state.ready.pop_front() {
                state.running += 1;
                return Some(index);
            }
            if state.running == 0 {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Runs a step, or finds what it gave. Tells whether it was found.
    fn perform(&self, index: usize) -> Result<(Finished, bool)> {
        let stage = &self.core.stages[index];
        let params = self.params(index)?;
        let key = format!("{}-{}-{}", self.core.name, index + 1, stage.name);
        let kept = if self.core.keep { self.kept(&key, &params)? } else { None };
        let was_kept = kept.is_some();
        let value = match kept {
            Some(value) => value,
            None => self.call(stage, &key, &params)?,
        };
        let typed = (stage.read)(&value)?;
        if self.core.keep && !was_kept {
            let state = json!({ "params": params, "result": value });
            self.ctx.save_state(&key, state.to_string())?;
        }
        // All of it is done; that the run is to end is seen before the next.
        let _ = self.ctx.set_progress(1, 1, stage.name.as_str());
        Ok((Finished { value, typed }, was_kept))
    }

    fn call(&self, stage: &Stage, key: &str, params: &Value) -> Result<Value> {
        let services = StepServices::new(self.ctx, &stage.name, key, Arc::clone(&self.halted));
        let ctx = Context::new(Arc::new(services));
        let instance = stage.def.instantiate(&ctx)?;
        let result = stage.def.call(&instance, params.to_string().as_bytes(), Check::Needed, &ctx)?;
        Ok(serde_json::from_slice(&result)?)
    }

    /// What an earlier attempt has kept, if that was called with these params.
    fn kept(&self, key: &str, params: &Value) -> Result<Option<Value>> {
        let Some(bytes) = self.ctx.load_state(key)? else { return Ok(None) };
        // What cannot be read is as if it was not there: the step runs again.
        let Ok(mut kept) = serde_json::from_slice::<Value>(&bytes) else { return Ok(None) };
        let same = kept.get("params") == Some(params);
        Ok(kept.get_mut("result").filter(|_| same).map(Value::take))
    }

    fn params(&self, index: usize) -> Result<Value> {
        match &self.core.stages[index].params {
            ParamsOf::Start => Ok(self.start.clone()),
            ParamsOf::Made(make) => make(&self.slots),
            ParamsOf::ByName => Ok(Value::Object(self.by_name(index))),
        }
    }

    fn by_name(&self, index: usize) -> Map<String, Value> {
        let found = self.checked.by_name[index].iter().filter_map(|found| {
            let value = match found.step {
                Some(step) => self.slots[step].get()?.value.get(&found.field),
                None => self.start.get(&found.field),
            };
            Some((found.field.clone(), value?.clone()))
        });
        found.collect()
    }

    fn settle(&self, index: usize, outcome: Result<(Finished, bool)>, elapsed: Duration) {
        let name = &self.core.stages[index].name;
        let mut state = self.lock();
        state.running -= 1;
        match outcome {
            Ok((finished, kept)) => {
                // Each step is run once.
                let _ = self.slots[index].set(finished);
                state.steps[index] = Some(StepReport { name: name.clone(), kept, elapsed });
                for later in index + 1..self.core.len() {
                    let waits = self.core.stages[later].before.iter().filter(|before| **before == index);
                    let waits = waits.count();
                    state.waits[later] -= waits;
                    if waits > 0 && state.waits[later] == 0 {
                        state.ready.push_back(later);
                    }
                }
            }
            Err(error) => {
                self.halted.store(true, Ordering::Relaxed);
                state.error.get_or_insert_with(|| error.context(format!("Step '{name}' failed")));
            }
        }
        self.changed.notify_all();
    }

    fn end(self) -> Result<Ended> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        match state.error {
            Some(error) => Err(error),
            None => Ok(Ended { slots: self.slots, steps: state.steps.into_iter().flatten().collect() }),
        }
    }
}
