use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Barrier, Mutex};

use super::Pipeline;
use crate::data_type::Dataset;
use crate::prelude::*;
use crate::testing::LocalExecutor;

#[params]
struct FetchParams {
    url: String,
    #[param(default = 0)]
    failures: u32,
}

#[result]
struct Fetched {
    path: String,
    rows: u32,
}

/// How often a step has run, by what was fetched: tests run at the same time.
static RAN: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn note(what: &str, of: &str) {
    RAN.lock().unwrap().push(format!("{what} {of}"));
}

fn ran(what: &str, of: &str) -> usize {
    let wanted = format!("{what} {of}");
    RAN.lock().unwrap().iter().filter(|ran| **ran == wanted).count()
}

#[action(output = CocoDataset)]
fn fetch(params: FetchParams, ctx: &Context) -> Result<Fetched> {
    note("fetch", &params.url);
    ctx.set_progress(1, 2, "rows")?;
    ctx.set_metrics(json!({ "rows": 7 }), ())?;
    ctx.save_state("mark", params.url.as_bytes())?;
    Ok(Fetched { path: params.url, rows: 7 })
}

#[params]
struct ConvertParams {
    path: String,
    /// Counts down from what the pipeline was started with.
    #[param(default = 0)]
    failures: u32,
}

#[result]
struct Converted {
    path: String,
    mark: Option<String>,
}

#[action(input = CocoDataset, output = YoloDataset)]
fn convert(params: ConvertParams, ctx: &Context) -> Result<Converted> {
    note("convert", &params.path);
    if ctx.attempt() <= params.failures {
        return Err(ExecutionError::new("the disk is full").hint("make room"));
    }
    // State of one step is not that of another.
    let mark = ctx.load_state("mark")?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    Ok(Converted { path: format!("{}.yolo", params.path), mark })
}

#[params]
struct TrainParams {
    dataset: String,
    rows: u32,
    #[param(default = 3, ge = 1)]
    epochs: u32,
}

#[result]
struct Trained {
    text: String,
}

#[action(input = YoloDataset, output = ModelWeights)]
fn train(params: TrainParams, _ctx: &Context) -> Result<Trained> {
    note("train", &params.dataset);
    Ok(Trained { text: format!("{} {} {}", params.dataset, params.rows, params.epochs) })
}

#[action(input = DmDataset, output = Dataset)]
fn mix(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

/// Says nothing of data: what flows stays what it was.
#[action]
fn pass(_params: (), _ctx: &Context) -> Result<()> {
    Ok(())
}

fn given(url: &str) -> FetchParams {
    FetchParams { url: url.to_owned(), failures: 0 }
}

#[test]
fn params_come_from_closures_and_by_name_and_earlier_results_are_in_reach() {
    let pipeline =
        Pipeline::start::<fetch>().then::<convert>().then::<pass>().then_with::<train>(|results| {
            TrainParams {
                epochs: 5,
                ..TrainParams::required(results.get::<convert>().path.clone(), results.get::<fetch>().rows)
            }
        });
    let run = pipeline.run(given("a"), &LocalExecutor::new().context()).unwrap();
    assert_eq!(run.output().text, "a.yolo 7 5");
    assert_eq!(run.results().get::<convert>().mark, None);
    let names: Vec<&str> = run.steps().iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["fetch", "convert", "pass", "train"]);
}

#[test]
fn a_general_kind_of_data_flows_on_once_the_author_says_what_it_is() {
    let pipeline =
        Pipeline::start::<mix>().narrow().then_with::<train>(|_| TrainParams::required("d".into(), 1));
    let run = pipeline.run((), &LocalExecutor::new().context()).unwrap();
    assert_eq!(run.output().text, "d 1 3");
}

#[test]
fn all_gaps_are_told_at_once_and_nothing_runs() {
    #[params]
    struct CountParams {
        rows: String,
        missing: u32,
        #[param(default = 1)]
        optional: u32,
    }

    #[action]
    fn count(_params: CountParams, _ctx: &Context) -> Result<()> {
        Ok(())
    }

    let pipeline = Pipeline::start::<fetch>().then::<count>().then::<convert>().then::<train>();
    let error = pipeline.check().unwrap_err();
    let text = error.to_string();
    for gap in [
        "3 gaps",
        "`rows` of step `count` takes string, but step `fetch` gives integer",
        "step `count` needs `missing` (integer), which no step before it gives",
        "step `train` needs `dataset` (string), which no step before it gives",
        "hint: give it: `.then_with::<train>(|results| …)`",
    ] {
        assert!(text.contains(gap), "{gap} is not in\n{text}");
    }
    assert_eq!(error.details_json()[1]["pointer"], "/count/missing");
    let refused = pipeline.run(given("gaps"), &LocalExecutor::new().context()).unwrap_err();
    assert_eq!((refused.kind(), ran("fetch", "gaps")), (ErrorKind::Validation, 0));
}

#[test]
fn a_result_in_place_of_what_the_run_was_started_with_is_warned_about() {
    #[params]
    struct StartParams {
        path: String,
    }

    #[action(output = CocoDataset)]
    fn begin(params: StartParams, _ctx: &Context) -> Result<Fetched> {
        Ok(Fetched { path: format!("{}/new", params.path), rows: 0 })
    }

    let pipeline = Pipeline::start::<begin>().then::<convert>();
    let warnings = pipeline.check().unwrap();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("`path` of step `convert` comes from the result of step `begin`"));
    let run = pipeline.run(StartParams { path: "p".into() }, &LocalExecutor::new().context()).unwrap();
    assert_eq!(run.output().path, "p/new.yolo");
}

#[test]
fn rules_of_params_hold_for_those_made_by_closures() {
    let pipeline = Pipeline::start::<fetch>().then_with::<train_any>(|results| TrainParams {
        epochs: 0,
        ..TrainParams::required(results.path.clone(), 1)
    });
    let error = pipeline.run(given("rules"), &LocalExecutor::new().context()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Validation);
    assert!(error.to_string().starts_with("Step 'train_any' failed: params of `train_any`"), "{error}");
    assert_eq!(error.details_json()[0]["pointer"], "/epochs");
}

#[action(output = ModelWeights)]
fn train_any(params: TrainParams, _ctx: &Context) -> Result<Trained> {
    Ok(Trained { text: params.dataset })
}

#[test]
fn a_later_attempt_runs_only_what_had_not_ended() {
    let folder = tempfile::tempdir().unwrap();
    let attempt = |number| LocalExecutor::new().state_dir(folder.path()).attempt(number).context();
    let pipeline = || {
        Pipeline::start::<fetch>()
            .then::<convert>()
            .then_with::<train>(|results| TrainParams::required(results.path.clone(), 1))
    };
    let params = || FetchParams { url: "again".into(), failures: 1 };
    let error = pipeline().run(params(), &attempt(1)).unwrap_err();
    assert_eq!(error.to_string(), "Step 'convert' failed: the disk is full");
    assert_eq!(error.hint_text(), Some("make room"));
    let run = pipeline().run(params(), &attempt(2)).unwrap();
    let kept: Vec<bool> = run.steps().iter().map(|step| step.kept).collect();
    assert_eq!(kept, [true, false, false]);
    assert_eq!((ran("fetch", "again"), ran("convert", "again"), ran("train", "again.yolo")), (1, 2, 1));
    // Another start is another run: nothing of the first counts.
    let other = FetchParams { url: "other".into(), failures: 0 };
    let run = pipeline().run(other, &attempt(3)).unwrap();
    assert!(run.steps().iter().all(|step| !step.kept));
    assert_eq!(run.output().text, "other.yolo 1 3");
}

#[test]
fn results_that_are_not_to_be_kept_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let ctx = || LocalExecutor::new().state_dir(folder.path()).context();
    for _ in 0..2 {
        Pipeline::start::<fetch>().keep_results(false).run(given("not kept"), &ctx()).unwrap();
    }
    assert_eq!(ran("fetch", "not kept"), 2);
}

#[test]
fn reports_carry_the_name_of_the_step_and_progress_never_falls() {
    #[action]
    fn whole(_params: (), ctx: &Context) -> Result<String> {
        let pipeline = Pipeline::start::<fetch>().then::<convert>();
        Ok(pipeline.run(given("events"), ctx)?.output().path.clone())
    }

    let run = LocalExecutor::new().execute::<whole>(json!({})).unwrap();
    assert_eq!(run.value(), "events.yolo");
    assert_eq!(run.metrics("fetch"), json!({ "rows": 7 }).as_object().unwrap().clone());
    let overall: Vec<f64> = ["fetch.rows", "fetch", "convert"]
        .iter()
        .flat_map(|step| run.progress(step))
        .map(|progress| progress.overall)
        .collect();
    assert!(overall.is_sorted(), "{overall:?}");
    assert_eq!((overall[0], overall.last()), (12.5, Some(&100.0)));
}

#[test]
fn a_cancelled_run_starts_no_further_step_and_a_panic_is_an_error() {
    #[action]
    fn panics(_params: (), _ctx: &Context) -> Result<()> {
        panic!("no such layer")
    }

    let executor = LocalExecutor::new();
    executor.cancel();
    let error = Pipeline::start::<fetch>().run(given("cancelled"), &executor.context()).unwrap_err();
    assert_eq!((error.kind(), ran("fetch", "cancelled")), (ErrorKind::Cancelled, 0));
    let error = Pipeline::start::<panics>().run((), &LocalExecutor::new().context()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Panic);
    let in_closure = Pipeline::start::<fetch>().then_with::<pass>(|_| panic!("no such field"));
    let error = in_closure.run(given("closure"), &LocalExecutor::new().context()).unwrap_err();
    assert!(error.to_string().contains("no such field"), "{error}");
}

#[params]
struct ScoreParams {
    name: String,
}

#[result]
struct Scored {
    name: String,
    score: usize,
}

#[action]
fn score(params: ScoreParams, _ctx: &Context) -> Result<Scored> {
    Ok(Scored { score: params.name.len(), name: params.name })
}

#[params]
struct ChooseParams {
    names: Vec<String>,
}

#[action]
fn choose(params: ChooseParams, _ctx: &Context) -> Result<String> {
    Ok(params.names.concat())
}

#[test]
fn ways_lead_on_from_a_step_and_meet_again() {
    let (mut graph, fetched) = Pipeline::branching::<fetch>();
    let boxes = graph.after(fetched).then::<convert>();
    let one = graph.after(boxes).then_with::<score>(|boxes| ScoreParams { name: boxes.path.clone() });
    let two = graph.after(fetched).then_with::<score>(|_| ScoreParams { name: "two".into() });
    let best = graph.after((one, two, fetched)).then_with::<choose>(|(one, two, fetched)| ChooseParams {
        names: vec![one.name.clone(), two.name.clone(), fetched.rows.to_string()],
    });
    for jobs in [1, 3] {
        let (graph, ctx) = (graph_of(jobs), LocalExecutor::new().context());
        let run = graph.0.run(given("branch"), &ctx).unwrap();
        assert_eq!(run.get(graph.1), "branch.yolotwo7");
    }
    let run = graph.run(given("branch"), &LocalExecutor::new().context()).unwrap();
    assert_eq!((run.get(best).as_str(), run.get(two).score), ("branch.yolotwo7", 3));
    let names: Vec<&str> = run.steps().iter().map(|step| step.name.as_str()).collect();
    assert_eq!(names, ["fetch", "convert", "score", "score-2", "choose"]);
}

type Graph = (super::Branches<fetch>, super::Node<choose, crate::data_type::YoloDataset>);

fn graph_of(jobs: usize) -> Graph {
    let (mut graph, fetched) = Pipeline::branching::<fetch>();
    let boxes = graph.after(fetched).then::<convert>();
    let one = graph.after(boxes).then_with::<score>(|boxes| ScoreParams { name: boxes.path.clone() });
    let two = graph.after(fetched).then_with::<score>(|_| ScoreParams { name: "two".into() });
    let best = graph.after((one, two, fetched)).then_with::<choose>(|(one, two, fetched)| ChooseParams {
        names: vec![one.name.clone(), two.name.clone(), fetched.rows.to_string()],
    });
    (graph.jobs(jobs), best)
}

#[test]
fn a_field_that_two_ways_give_is_a_gap_and_so_is_a_step_of_another_pipeline() {
    let (mut graph, fetched) = Pipeline::branching::<fetch>();
    let one = graph.after(fetched).then_with::<score>(|_| ScoreParams { name: "one".into() });
    let two = graph.after(fetched).then_with::<score>(|_| ScoreParams { name: "two".into() });
    graph.after((one, two)).then::<score>();
    let (mut other, _) = Pipeline::branching::<fetch>();
    other.after(fetched).then::<pass>();
    let text = graph.check().unwrap_err().to_string();
    assert!(
        text.contains("`name` of step `score-3` is given by step `score` and by step `score-2`"),
        "{text}"
    );
    let text = other.check().unwrap_err().to_string();
    assert!(text.contains("a step is put behind one of another pipeline"), "{text}");
}

#[test]
fn ways_run_at_the_same_time_and_a_failure_stops_the_other() {
    static MET: AtomicU32 = AtomicU32::new(0);

    #[params]
    struct MeetParams {
        fails: bool,
    }

    fn barrier() -> &'static Barrier {
        static BARRIER: std::sync::OnceLock<Barrier> = std::sync::OnceLock::new();
        BARRIER.get_or_init(|| Barrier::new(2))
    }

    #[action]
    fn meet(params: MeetParams, ctx: &Context) -> Result<()> {
        // Neither gets further before both are here.
        barrier().wait();
        MET.fetch_add(1, Ordering::SeqCst);
        if params.fails {
            return Err(ExecutionError::new("on purpose"));
        }
        while !ctx.is_cancelled() {
            std::thread::yield_now();
        }
        ctx.check_cancelled()
    }

    let (mut graph, fetched) = Pipeline::branching::<fetch>();
    let one = graph.after(fetched).then_with::<meet>(|_| MeetParams { fails: true });
    let two = graph.after(fetched).then_with::<meet>(|_| MeetParams { fails: false });
    graph.after((one, two)).then::<pass>();
    let ctx = Arc::new(LocalExecutor::new()).context();
    let error = graph.jobs(2).run(given("meet"), &ctx).unwrap_err();
    assert_eq!(error.to_string(), "Step 'meet' failed: on purpose");
    assert_eq!(MET.load(Ordering::SeqCst), 2);
}

#[test]
fn steps_share_folders_and_have_work_folders_of_their_own() {
    #[action]
    fn first(_params: (), ctx: &Context) -> Result<Value> {
        std::fs::write(ctx.shared_dir("models")?.join("m"), "weights")?;
        Ok(json!({ "work": ctx.work_dir()? }))
    }

    #[action]
    fn second(_params: (), ctx: &Context) -> Result<Value> {
        let model = std::fs::read_to_string(ctx.shared_dir("models")?.join("m"))?;
        Ok(json!({ "work": ctx.work_dir()?, "model": model }))
    }

    let pipeline = Pipeline::start::<first>().then::<second>();
    let ctx = LocalExecutor::new().context();
    let run = pipeline.run((), &ctx).unwrap();
    assert_eq!(run.output()["model"], "weights");
    assert_ne!(run.output()["work"], run.results().get::<first>()["work"]);
    let error = ctx.shared_dir("../models").unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (ErrorKind::Validation, "`../models` is no name of a shared folder")
    );
}
