use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::errors::{ErrorKind, ExecutionError, PluginError, RemoteError, ValidationError};
use crate::testing::LocalExecutor;

/// What happened, in order.
type Log = Vec<String>;

/// A step that notes what is asked of it.
fn noting(name: &'static str) -> FnStep<Log> {
    step(name, move |log: &mut Log, _: &StepContext<'_>| {
        log.push(format!("+{name}"));
        Ok(StepResult::with(json!({ "by": name })).rollback_data(name))
    })
    .on_rollback(|log, result, _| {
        log.push(format!("-{}", result.undo::<String>()?));
        Ok(())
    })
}

/// A step that notes that it ran and then fails as told.
fn failing(name: &'static str, error: impl Fn() -> PluginError + 'static) -> FnStep<Log> {
    step(name, move |log: &mut Log, ctx: &StepContext<'_>| {
        log.push(format!("+{name}"));
        ctx.keep_for_rollback(name);
        Err(error())
    })
    .on_rollback(|log, result, _| {
        log.push(format!("-{}", result.undo::<String>()?));
        Ok(())
    })
}

fn run(workflow: &Workflow<Log>) -> (Log, std::result::Result<WorkflowReport, WorkflowFailure>) {
    let mut log = Log::new();
    let result = workflow.run(&mut log, &LocalExecutor::new().context());
    (log, result)
}

#[test]
fn a_failure_rolls_back_in_reverse_the_failed_step_included() {
    let workflow = Workflow::new()
        .then(noting("a"))
        .then(noting("b").skip_if(|_| true))
        .then(noting("c"))
        .then(failing("d", || {
            ExecutionError::new("no room").hint("free some").details(json!({ "bytes": 3 }))
        }))
        .then(noting("e"));
    let (log, result) = run(&workflow);
    assert_eq!(log, ["+a", "+c", "+d", "-d", "-c", "-a"]);
    let failure = result.unwrap_err();
    assert_eq!((failure.step.as_deref(), failure.steps.len()), (Some("d"), 4));
    let error = PluginError::from(failure);
    assert_eq!(error.to_string(), "Step 'd' failed: no room");
    assert_eq!((error.kind(), error.hint_text()), (ErrorKind::Execution, Some("free some")));
    assert_eq!(error.details_json(), &json!({ "bytes": 3, "step": "d", "rolled_back": ["d", "c", "a"] }));
}

#[test]
fn rollbacks_that_fail_stop_no_others_and_are_all_told() {
    let bad = |name: &'static str| {
        noting(name).on_rollback(move |_, _, _| match name {
            "b" => panic!("in the rollback"),
            _ => Err(ExecutionError::new("still locked")),
        })
    };
    let workflow = Workflow::new()
        .then(noting("a"))
        .then(bad("b"))
        .then(bad("c"))
        .then(failing("d", PluginError::cancelled));
    let (log, result) = run(&workflow);
    assert_eq!(log, ["+a", "+b", "+c", "+d", "-d", "-a"]);
    let error = PluginError::from(result.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    let failed = &error.details_json()["rollback_errors"];
    assert_eq!((&failed[0]["step"], &failed[0]["error"]["message"]), (&json!("c"), &json!("still locked")));
    assert_eq!((&failed[1]["step"], &failed[1]["error"]["kind"]), (&json!("b"), &json!("panic")));
    let hint = error.hint_text().unwrap();
    assert!(hint.contains("'c' (still locked), 'b' (") && hint.contains("left something behind"), "{hint}");
}

#[test]
fn a_panic_rolls_back_too_wherever_it_is() {
    let panicking = step("p", |log: &mut Log, _: &StepContext<'_>| {
        log.push("+p".to_owned());
        panic!("index out of bounds")
    });
    let (log, result) = run(&Workflow::new().then(noting("a")).then(panicking));
    assert_eq!(log, ["+a", "+p", "-a"]);
    assert_eq!(result.unwrap_err().error.kind(), ErrorKind::Panic);

    let in_condition = noting("b").skip_if(|_| panic!("in a condition"));
    let (log, result) = run(&Workflow::new().then(noting("a")).then(in_condition));
    assert_eq!(log, ["+a", "-a"], "a step that did not begin is not rolled back");
    assert_eq!(result.unwrap_err().step.as_deref(), Some("b"));

    let hooked = Workflow::new().then(noting("a")).after_each(|_, _, _| panic!("in a hook"));
    assert_eq!(run(&hooked).0, ["+a", "-a"]);
}

#[test]
fn cancelling_rolls_back_and_rollbacks_are_not_cancelled() {
    let executor = LocalExecutor::new();
    let cancelling = {
        let executor = executor.clone();
        noting("b").layer(Cancels(executor))
    };
    let patient = noting("a").on_rollback(|log, _, ctx| {
        ctx.progress(1, 2)?;
        log.push("-a, in peace".to_owned());
        Ok(())
    });
    let workflow = Workflow::new().then(patient).then(cancelling).then(noting("c"));
    let mut log = Log::new();
    let failure = workflow.run(&mut log, &executor.context()).unwrap_err();
    assert_eq!(log, ["+a", "+b", "-b", "-a, in peace"]);
    assert_eq!((failure.step.as_deref(), failure.error.kind()), (None, ErrorKind::Cancelled));
    assert_eq!(PluginError::from(failure).details_json()["rolled_back"], json!(["b", "a"]));
}

struct Cancels(LocalExecutor);

impl Middleware<Log> for Cancels {
    fn execute(&self, next: Next<'_, Log>, state: &mut Log, ctx: &StepContext<'_>) -> Result<StepResult> {
        let result = next.execute(state, ctx);
        self.0.cancel();
        result
    }
}

#[test]
fn a_step_is_tried_again_after_errors_that_are_worth_it() {
    let flaky = |fails: u32, error: fn() -> PluginError| {
        step("flaky", move |log: &mut Log, ctx: &StepContext<'_>| {
            log.push(format!("try {}", ctx.step_attempt()));
            if ctx.step_attempt() <= fails { Err(error()) } else { Ok(StepResult::done()) }
        })
        .retry(Retry::attempts(3))
    };
    let remote = || RemoteError::new("away");
    let (log, result) = run(&Workflow::new().then(flaky(2, remote)));
    assert_eq!(log, ["try 1", "try 2", "try 3"]);
    assert_eq!(result.unwrap().steps[0].attempts, 3);
    assert_eq!(run(&Workflow::new().then(flaky(9, remote))).1.unwrap_err().steps[0].attempts, 3);
    let refused = || ValidationError::new("epochs");
    assert_eq!(run(&Workflow::new().then(flaky(9, refused))).0, ["try 1"]);
    let only = flaky(9, remote).retry(Retry::attempts(9).only([ErrorKind::Panic]));
    assert_eq!(run(&Workflow::new().then(only)).0, ["try 1"]);
    assert_eq!(run(&Workflow::new().then(flaky(9, PluginError::cancelled))).0, ["try 1"]);
}

#[test]
fn a_step_whose_time_is_over_is_told_fails_and_is_rolled_back() {
    let loops = step("loops", |log: &mut Log, ctx: &StepContext<'_>| {
        log.push("+loops".to_owned());
        loop {
            ctx.progress(1, 2)?;
            std::thread::yield_now();
        }
    })
    .on_rollback(|log, _, _| {
        log.push("-loops".to_owned());
        Ok(())
    });
    let (log, result) = run(&Workflow::new().then(loops.timeout(Duration::from_millis(20))));
    assert_eq!(log, ["+loops", "-loops"]);
    let error = PluginError::from(result.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::TimedOut);

    let deaf = step("deaf", |_: &mut Log, _: &StepContext<'_>| {
        std::thread::sleep(Duration::from_millis(30));
        Ok(StepResult::done())
    });
    let (_, result) = run(&Workflow::new().then(deaf.timeout(Duration::from_millis(5))));
    let error = PluginError::from(result.unwrap_err());
    assert_eq!(
        (error.kind(), error.to_string().as_str()),
        (ErrorKind::TimedOut, "Step 'deaf' failed: it took longer than 5ms")
    );

    let after = Workflow::new()
        .then(noting("quick").timeout(Duration::from_secs(60)))
        .then(step("next", |_: &mut Log, ctx: &StepContext<'_>| {
            ctx.progress(1, 1).map(|()| StepResult::done())
        }));
    run(&after).1.unwrap();
}

#[test]
fn shares_add_up_to_100_and_the_whole_never_falls() {
    let half = |name: &'static str| {
        step(name, move |_: &mut Log, ctx: &StepContext<'_>| {
            ctx.progress(1, 2)?;
            Ok(StepResult::done())
        })
    };
    let workflow = Workflow::new()
        .then(half("dataset").with_share(2.0))
        .then(half("convert").with_share(0.0))
        .then(half("train").with_share(7.5).skip_if(|_| true))
        .then(half("upload").with_share(0.5).retry(Retry::attempts(2)));
    assert_eq!(workflow.shares(), [("dataset", 20.0), ("convert", 0.0), ("train", 75.0), ("upload", 5.0)]);
    let executor = LocalExecutor::new();
    let ctx = executor.context();
    workflow.run(&mut Log::new(), &ctx).unwrap();
    let run = executor.execute::<crate::steps::tests::action::Halves>(json!({ "parts": 4 })).unwrap();
    let overall: Vec<f64> = run
        .events()
        .iter()
        .filter_map(|event| match event.body {
            crate::events::EventBody::Progress(progress) => Some(progress.overall),
            _ => None,
        })
        .collect();
    assert_eq!(overall, [12.5, 25.0, 37.5, 50.0, 62.5, 75.0, 87.5, 100.0]);
}

#[test]
fn middleware_stands_around_steps_which_stay_what_they_are() {
    struct Around(&'static str);
    impl Middleware<Log> for Around {
        fn execute(&self, next: Next<'_, Log>, state: &mut Log, ctx: &StepContext<'_>) -> Result<StepResult> {
            state.push(format!("{}(", self.0));
            let result = next.execute(state, ctx);
            state.push(format!("){}", self.0));
            result
        }
    }
    let workflow = Workflow::new()
        .layer(Around("outer"))
        .layer(Around("middle"))
        .then(noting("a").with_share(3.0).layer(Around("inner")))
        .insert_after("a", noting("c"))
        .insert_before("c", noting("b"));
    assert_eq!(workflow.names().collect::<Vec<_>>(), ["a", "b", "c"]);
    assert_eq!(workflow.shares()[0], ("a", 60.0));
    let (log, _) = run(&workflow.remove("b").remove("c"));
    assert_eq!(log, ["outer(", "middle(", "inner(", "+a", ")inner", ")middle", ")outer"]);
}

#[test]
fn the_ready_made_middleware_logs_times_and_checks() {
    let executor = LocalExecutor::new();
    let few = Validated::by(|log: &Log| match log.len() {
        0..2 => Ok(()),
        more => Err(ValidationError::new(format!("{more} entries"))),
    });
    let workflow = Workflow::new().layer(Logged).layer(Timed).layer(few).then(noting("a")).then(noting("b"));
    let failure = workflow.run(&mut Log::new(), &executor.context()).unwrap_err();
    assert_eq!((failure.step.as_deref(), failure.error.to_string()), (Some("b"), "2 entries".to_owned()));
    let StepOutcome::Done(result) = &failure.steps[0].outcome else { panic!("a succeeded") };
    assert_eq!(result.data["by"], "a");
    assert!(result.data["duration_seconds"].is_f64(), "{result:?}");
}

#[test]
fn later_steps_read_what_earlier_ones_gave() {
    let reads = step("reads", |log: &mut Log, ctx: &StepContext<'_>| {
        log.push(format!("{}", ctx.result_of("a").map_or(&Value::Null, |result| &result.data["by"])));
        assert!(ctx.result_of("skipped").is_none() && ctx.result_of("reads").is_none());
        Ok(StepResult::done())
    });
    let workflow = Workflow::new().then(noting("a")).then(noting("skipped").skip_if(|_| true)).then(reads);
    let (log, result) = run(&workflow);
    assert_eq!(log, ["+a", "\"a\""]);
    assert_eq!(result.unwrap().executed(), 2);
}

#[test]
fn mistakes_in_a_workflow_are_told_at_once_before_any_step() {
    let workflow = Workflow::new()
        .then(noting("fetch"))
        .then(noting("fetch"))
        .insert_before("fecth", noting("b"))
        .remove("unheard");
    let (log, result) = run(&workflow);
    assert_eq!(log, Log::new());
    let error = PluginError::from(result.unwrap_err());
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert_eq!(
        error.to_string(),
        "this workflow is wrong: two steps are called 'fetch'; there is no step 'fecth' \
         (did you mean 'fetch'?); there is no step 'unheard'"
    );
}

mod action {
    use crate::prelude::*;
    use crate::steps::{StepContext, StepResult, Workflow, WorkflowAction, WorkflowState, step};

    #[params]
    pub(super) struct Parts {
        parts: u32,
    }

    pub(super) struct State(u32);

    impl WorkflowState for State {
        type Params = Parts;
        type Output = u32;

        fn begin(params: Parts, _ctx: &Context) -> Result<Self> {
            Ok(Self(params.parts))
        }

        fn finish(self, _ctx: &Context) -> Result<u32> {
            Ok(self.0)
        }
    }

    /// Steps that each report half of themselves.
    #[derive(Action, Default)]
    #[action(name = "halves", workflow)]
    pub(super) struct Halves;

    impl WorkflowAction for Halves {
        type State = State;

        fn workflow(&self) -> Workflow<State> {
            let half = |name: &str| {
                step(name, |_: &mut State, ctx: &StepContext<'_>| {
                    ctx.progress(1, 2)?;
                    Ok(StepResult::done())
                })
            };
            Workflow::new().then(half("a")).then(half("b")).then(half("c")).then(half("d"))
        }
    }
}
