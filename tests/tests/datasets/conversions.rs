//! The plugin that converts, alone and between the nodes of a pipeline.

use serde_json::json;
use synapse_tests::library;

use crate::Bench;

#[test]
fn an_action_converts_whatever_it_is_given_and_finds_it_again() {
    let bench = Bench::new();
    let run = |action: &str, path: &str| {
        let params = json!({ "path": path }).to_string();
        let call = bench.synapse.act("conversions", action).arg("--params").arg(params).arg("--json");
        call.within(bench.path(".")).run().code(0).document()["result"].clone()
    };
    let yolo = run("to_yolo", "coco");
    assert_eq!(
        (&yolo["format"], &yolo["count"], &yolo["cached"]),
        (&json!("yolo"), &json!(2), &json!(false))
    );
    assert!(yolo["config_path"].as_str().is_some_and(|path| path.ends_with("data.yaml")), "{yolo}");
    assert_eq!(run("to_yolo", "coco")["cached"], json!(true));
    let mut path = yolo["path"].as_str().expect("a folder").to_owned();
    for (action, format) in
        [("to_voc", "voc"), ("to_dm_v1", "dm_v1"), ("to_dm_v2", "dm_v2"), ("to_coco", "coco")]
    {
        path = run(action, &path)["path"].as_str().expect("a folder").to_owned();
        let info = bench.call("info").arg(&path).arg("--json").run().code(0).document();
        assert_eq!(
            (&info["dataset"]["format"], &info["dataset"]["annotations"]),
            (&json!(format), &json!(3))
        );
    }
}

#[test]
fn a_pipeline_converts_between_two_formats() {
    let bench = Bench::new();
    let (piped, conversions) = (library("piped"), library("conversions"));
    let pipeline = |middle: &str, data: &str| {
        format!(
            "inputs: {{dataset: {}}}\nplugins: {{piped: {}, conversions: {}}}\nnodes:\n{middle}\
             \x20 train: {{plugin: piped, action: takes_yolo, params: {{data: \"${{{data}}}\"}}}}\noutput: ${{train}}\n",
            bench.path("coco").display(),
            piped.display(),
            conversions.display()
        )
    };
    let coco = "  start: {plugin: conversions, action: to_coco, params: {path: \"${inputs.dataset}\"}}\n";
    bench.write("mismatch.yaml", &pipeline(coco, "start.path"));
    let call = |words: &str| bench.synapse.call("pipeline").words(words).within(bench.path("."));
    call("check mismatch.yaml")
        .run()
        .code(3)
        .says("expects `yolo_dataset`")
        .says("`to_yolo` of `conversions` converts it");
    let converted = format!(
        "{coco}  convert: {{plugin: conversions, action: to_yolo, params: {{path: \"${{start.path}}\"}}}}\n"
    );
    bench.write("whole.yaml", &pipeline(&converted, "convert.path"));
    call("check whole.yaml").run().code(0);
    let ended = call("run whole.yaml --json").run().code(0);
    let made = ended.stdout.split('"').find(|text| text.contains("/converted/yolo-"));
    let made = made.unwrap_or_else(|| panic!("the path of a dataset in {ended}"));
    assert!(std::path::Path::new(made).join("data.yaml").is_file());
}
