//! What programs read keeps its shape.

use serde_json::Value;
use synapse_tests::fits;

use crate::Bench;

#[test]
fn documents_fit_their_schemas() {
    let bench = Bench::new();
    bench.write("coco/annotations.json", &crate::coco().to_string().replace("[0,0,5,5]", "[0,0,0,500]"));
    let converted = bench.call("convert coco --to yolo --out yolo --report loss.json --json").run().code(0);
    fits(&converted.document(), "dataset-convert");
    let report: Value = serde_json::from_str(&bench.read("loss.json")).expect("it is JSON");
    assert_eq!(report, converted.document());
    fits(&bench.call("info coco --json").run().code(0).document(), "dataset-info");
    fits(&bench.call("validate coco --json").run().code(3).document(), "dataset-validate");
    fits(&bench.call("validate yolo --json").run().code(0).document(), "dataset-validate");
    fits(&bench.call("diff coco yolo --json").run().code(3).document(), "dataset-diff");
    fits(&bench.call("view coco --out page.png --json").run().code(0).document(), "dataset-view");
    let error = bench.call("info nowhere --json").run().code(4).error();
    fits(&serde_json::json!({ "error": error }), "error");
}
