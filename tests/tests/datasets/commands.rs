//! Converting, counting and checking.

use serde_json::json;

use crate::Bench;

#[test]
fn a_dataset_becomes_yolo_and_what_is_lost_is_told() {
    let bench = Bench::new();
    let ended = bench.call("convert coco --to yolo --task detect --out yolo").run().code(0);
    assert!(ended.stdout.starts_with("yolo: 2 images and 3 annotations from coco to yolo in "), "{ended}");
    assert!(ended.stdout.contains("LOST OR CHANGED"), "{ended}");
    assert_eq!(
        bench.read("yolo/labels/a.txt"),
        "1 0.200000 0.400000 0.200000 0.400000\n0 0.025000 0.050000 0.050000 0.100000\n"
    );
    assert!(bench.read("yolo/data.yaml").contains("names: [\"cat\", \"dog\"]"));
    assert_eq!(bench.names("yolo/images"), ["a.bmp", "b c.bmp"]);
    let document =
        bench.call("convert coco --to yolo --task detect --out again --json").run().code(0).document();
    let losses = document["conversion"]["losses"].as_array().expect("losses");
    let polygons = losses.iter().find(|loss| loss["kind"] == "polygon").expect("the polygon is lost");
    assert_eq!(polygons["count"], 1);
    assert_eq!(polygons["examples"][0]["place"]["pointer"], "/annotations/0");
}

#[test]
fn loss_is_refused_where_that_is_asked_for() {
    let bench = Bench::new();
    let error = bench.call("convert coco --to voc --out voc --strict --json").run().code(3).error();
    assert_eq!(error["kind"], "validation");
    assert_eq!(error["details"][0]["rule"], "loss");
    assert!(error["hint"].as_str().is_some_and(|hint| hint.contains("strict")), "{error}");
    assert_eq!(bench.names("."), ["coco"], "nothing is left");
}

#[test]
fn formats_are_named_and_refused_by_name() {
    let bench = Bench::new();
    bench.call("convert coco --to pascal --out voc").run().code(0);
    bench.call("convert voc --from pascal --to dm --out dm").run().code(0);
    bench.call("convert dm --from dm --to dm_v1 --out dm1").run().code(0);
    assert_eq!(bench.call("info dm1 --json").run().code(0).document()["dataset"]["format"], "dm_v1");
    bench.call("convert coco --to tfrecord --out x").run().code(2).says("tfrecord").says("imagefolder");
    bench.call("convert nowhere --to yolo --out x").run().code(4).says("nowhere");
    bench.call("convert coco --to yolo --out dm").run().code(2).says("already there");
    bench.write("empty/readme.txt", "nothing");
    bench.call("info empty").run().code(3).says("of no known format").says("annotations.json");
}

#[test]
fn splits_are_made_chosen_and_merged() {
    let bench = Bench::new();
    bench.call("convert coco --to yolo --out new --splits train=1,val=0").run().code(0);
    assert_eq!(bench.names("new/train/images"), ["a.bmp", "b c.bmp"]);
    bench.call("convert new --to coco --out val --splits val").run().code(0);
    let document = bench.call("info val --json").run().code(0).document();
    assert_eq!(document["dataset"]["images"], 0);
    bench.call("convert new --to yolo --out merged --splits none").run().code(0);
    assert_eq!(bench.names("merged/labels"), ["a.txt", "b c.txt"]);
    bench
        .call("convert coco --to yolo --out x --splits train")
        .run()
        .code(2)
        .says("the dataset has no splits");
    bench.call("convert new --to yolo --out x --splits tset").run().code(2).says("the splits are train");
    bench.call("convert coco --to yolo --out x --splits train=some").run().code(2).says("not a number");
}

#[test]
fn classes_are_chosen_and_put_in_order() {
    let bench = Bench::new();
    let ended = bench.call("convert coco --to yolo --task detect --out one --classes dog").run().code(0);
    assert!(ended.stdout.contains("1 annotation of other classes left out"), "{ended}");
    assert_eq!(bench.read("one/classes.txt"), "dog\n");
    assert!(bench.read("one/labels/a.txt").starts_with("0 0.2"));
    bench.write("names.txt", "dog\r\ncat\r\n");
    bench.call("convert coco --to yolo --task detect --out both --classes names.txt").run().code(0);
    assert_eq!(bench.read("both/classes.txt"), "dog\ncat\n");
    assert!(bench.read("both/labels/a.txt").starts_with("0 0.2"));
    bench
        .call("convert coco --to yolo --out x --classes bird")
        .run()
        .code(2)
        .says("the classes are cat, dog");
    // Labels that only number their classes.
    bench.write("bare/labels/a.txt", "1 0.5 0.5 0.1 0.1\n");
    bench.write("bare/images/readme.txt", "");
    bench.picture("bare/images/a.bmp", 10, 10);
    bench.call("info bare").run().code(2).says("does not name its classes");
    let document = bench.call("info bare --classes cat,dog --json").run().code(0).document();
    assert_eq!(document["dataset"]["classes"][1], json!({"name": "dog", "annotations": 1, "images": 1}));
}

#[test]
fn images_are_linked_copied_or_left() {
    use std::os::unix::fs::MetadataExt;
    let bench = Bench::new();
    let node = |path: &str| std::fs::symlink_metadata(bench.path(path)).expect("it is there");
    bench.call("convert coco --to voc --out linked").run().code(0);
    assert_eq!(node("linked/JPEGImages/a.bmp").ino(), node("coco/a.bmp").ino());
    bench.call("convert coco --to voc --out copied --copy").run().code(0);
    assert_ne!(node("copied/JPEGImages/a.bmp").ino(), node("coco/a.bmp").ino());
    bench.call("convert coco --to voc --out pointed --symlink").run().code(0);
    assert!(node("pointed/JPEGImages/a.bmp").is_symlink());
    bench.call("convert coco --to voc --out bare --no-images").run().code(0);
    assert!(bench.names("bare/JPEGImages").is_empty());
    bench.call("convert coco --to voc --out x --copy --no-images").run().code(2);
}

#[test]
fn the_layout_of_the_python_sdk_is_kept_where_asked() {
    let bench = Bench::new();
    let splits = "--splits train=1,val=0 --compat synapse-py";
    bench.call(&format!("convert coco --to yolo --out yolo {splits}")).run().code(0);
    assert_eq!(bench.names("yolo"), ["detect", "segment"]);
    assert_eq!(bench.names("yolo/segment"), ["classes.txt", "dataset.yaml", "train", "valid"]);
    assert!(bench.read("yolo/detect/dataset.yaml").contains("\"train\": \"train/images\""));
    assert_eq!(bench.read("yolo/detect/train/labels/a.txt").lines().count(), 2);
    assert_eq!(bench.read("yolo/segment/train/labels/a.txt").lines().count(), 1, "one has an outline");
    assert_eq!(bench.read("yolo/segment/train/labels/b c.txt"), "");
    let segments = bench.call("info yolo/segment --json").run().code(0).document();
    assert_eq!(
        (&segments["dataset"]["images"], &segments["dataset"]["kinds"]["polygons"]),
        (&json!(2), &json!(1))
    );
    bench.call("convert coco --to yolo --task detect --out one --compat synapse-py").run().code(0);
    assert_eq!(bench.names("one"), ["classes.txt", "dataset.yaml", "images", "labels"]);
    bench.call(&format!("convert coco --to voc --out voc {splits}")).run().code(0);
    assert_eq!(bench.names("voc"), ["classes.txt", "train", "valid"]);
    assert!(bench.read("voc/train/Annotations/a.xml").contains("<xmin>10</xmin>"), "pixels count from 0");
    bench.call("convert voc --to coco --out back --compat synapse-py").run().code(0);
    assert!(bench.read("back/train/annotations.json").contains("\"bbox\": [10, 10, 20, 20]"));
}

#[test]
fn info_counts_and_draws() {
    let bench = Bench::new();
    let ended = bench.call("info coco --plot plot.svg").run().code(0);
    let text = &ended.stdout;
    assert!(
        text.starts_with("coco · coco · 2 images (0 without) · 3 annotations\nsizes all 100 × 50;"),
        "{ended}"
    );
    assert!(text.contains("boxes     3\n") && text.contains("polygons  1\n"), "{ended}");
    assert!(text.contains("dog    2            2       66.7 %"), "{ended}");
    let plot = bench.read("plot.svg");
    assert!(plot.starts_with("<svg ") && plot.contains("dog: 2") && plot.ends_with("</svg>\n"), "{plot}");
}

#[test]
fn validate_names_every_problem_with_its_place() {
    let bench = Bench::new();
    bench.call("validate coco").run().code(0).prints("coco · 2 images, 3 annotations: nothing is wrong\n");
    let bad = crate::coco().to_string().replace("[0,0,5,5]", "[0,0,0,5]").replace("b c.bmp", "gone.bmp");
    bench.write("coco/annotations.json", &bad);
    let ended = bench.call("validate coco").run().code(3).says("2 problems of 2 kinds in coco");
    assert!(ended.stdout.contains("1 × box without area"), "{ended}");
    assert!(ended.stdout.contains("  annotations.json#/annotations/1: the box is 0 × 5"), "{ended}");
    assert!(ended.stdout.contains("  annotations.json#/images/1: `gone.bmp` is not there"), "{ended}");
    bench.call("validate coco --no-images").run().code(3).says("1 problem of 1 kind");
    bench.picture("coco/a.bmp", 99, 50);
    let ended = bench.call("validate coco").run().code(3);
    assert!(ended.stdout.contains("is 99 × 50, the record says 100 × 50"), "{ended}");
    bench.call("convert coco --to yolo --out x --on-error fail").run().code(3).says("/annotations/1");
}

#[test]
fn an_interrupted_conversion_leaves_nothing() {
    let bench = Bench::new();
    let mut document = crate::coco();
    let images: Vec<_> = (0..60_000)
        .map(|id| json!({"id": id, "file_name": format!("{id}.jpg"), "width": 10, "height": 10}))
        .collect();
    document["images"] = json!(images);
    bench.write("big.json", &document.to_string());
    let running = bench.call("convert big.json --to voc --out out --jobs 1").start();
    let is_writing = || bench.names(".").iter().any(|name| name.ends_with(".partial"));
    while !is_writing() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    running.signal(libc::SIGINT);
    running.wait().code(130).says("cancelled");
    assert_eq!(bench.names("."), ["big.json", "coco"]);
}

#[test]
fn a_killed_conversion_is_gone_on_with() {
    use std::os::unix::fs::MetadataExt;
    let bench = Bench::new();
    let mut document = crate::coco();
    let names: Vec<String> = (0..3000).map(|id| format!("{id:04}.bmp")).collect();
    for name in &names {
        bench.picture(&format!("coco/{name}"), 10, 10);
    }
    let images: Vec<_> = names
        .iter()
        .enumerate()
        .map(|(id, name)| json!({"id": id, "file_name": name, "width": 10, "height": 10}))
        .collect();
    document["images"] = json!(images);
    bench.write("coco/annotations.json", &document.to_string());
    let running = bench.call("convert coco --to dm --out out --copy --resume --jobs 1").start();
    let first = ".synapse-out.partial/original_files/0000.bmp";
    while !bench.path(first).exists() {
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    running.signal(libc::SIGKILL);
    running.wait();
    assert!(!bench.path("out").exists());
    let node = |path: &str| std::fs::metadata(bench.path(path)).expect("it is there").ino();
    let before = node(first);
    bench.call("convert coco --to dm --out out --copy --resume").run().code(0);
    assert_eq!(bench.names("."), ["coco", "out"]);
    assert_eq!(bench.names("out/original_files"), names);
    assert_eq!(node("out/original_files/0000.bmp"), before, "it was not copied again");
}

#[test]
fn parts_are_joined_where_asked() {
    let bench = Bench::new();
    let parts = "[[10,10,30,10,30,30,10,30],[40,10,50,10,50,20]]";
    let text = crate::coco().to_string().replace("[[10,10,30,10,30,30,10,30]]", parts);
    bench.write("coco/annotations.json", &text);
    bench.call("convert coco --to yolo --task segment --out parts").run().code(0);
    assert_eq!(bench.read("parts/labels/a.txt").lines().count(), 3);
    let ended = bench.call("convert coco --to yolo --task segment --join-parts --out joined").run().code(0);
    assert!(ended.stdout.contains("joined parts"), "{ended}");
    let label = bench.read("joined/labels/a.txt");
    assert_eq!(label.lines().count(), 2);
    assert_eq!(label.lines().next().map(|line| line.split(' ').count()), Some(1 + 2 * (5 + 4)), "{label}");
}

#[test]
fn diff_tells_what_a_conversion_changed() {
    let bench = Bench::new();
    bench.call("convert coco --to dm --out dm").run().code(0);
    let ended = bench.call("diff coco dm").run().code(0);
    assert!(ended.stdout.ends_with("both have 2 images and 3 annotations; nothing differs\n"), "{ended}");
    bench.call("convert coco --to yolo --task detect --out yolo").run().code(0);
    let ended = bench.call("diff coco yolo").run().code(3).says("1 difference between A and B");
    assert!(ended.stdout.contains("shape       1\n"), "{ended}");
    assert!(ended.stdout.contains("a.bmp: number 0, dog at 10, 10, 20 × 20, polygon of 4 in A"), "{ended}");
}

#[test]
fn view_draws_a_page() {
    let bench = Bench::new();
    bench.call("view coco --index 0 --out page.png --side 400").run().code(0).prints("page.png: 1 image\n");
    let page = std::fs::read(bench.path("page.png")).expect("a page");
    let side = |at: usize| u32::from_be_bytes([page[at], page[at + 1], page[at + 2], page[at + 3]]);
    assert_eq!(&page[1..4], b"PNG");
    assert_eq!((side(16), side(20) > 200), (424, true), "a gap on both sides of the picture");
    let again = bench.call("view coco --image a.bmp --out again.png --side 400").run().code(0);
    assert_eq!(std::fs::read(bench.path("again.png")).expect("a page"), page, "{again}");
    bench.call("view coco --out sheet.png").run().code(0).prints("sheet.png: 2 images\n");
    bench.call("view coco --index 7 --out x.png").run().code(2).says("has 2, counted from 0");
    bench.call("view coco --image z.bmp --out x.png").run().code(4).says("its first image is `a.bmp`");
    bench.call("view coco --index 0 --side 99999 --out x.png").run().code(0);
}

#[test]
fn image_folders_are_found_and_written() {
    let bench = Bench::new();
    for path in ["pets/cat/1.bmp", "pets/cat/2.bmp", "pets/dog/1.bmp"] {
        bench.write(path, "");
        bench.picture(path, 10, 10);
    }
    let document = bench.call("info pets --json").run().code(0).document();
    assert_eq!(document["dataset"]["format"], "imagefolder");
    assert_eq!(document["dataset"]["kinds"]["labels"], 3);
    bench.call("convert pets --to dm --out dm --splits train=1,val=0 --strict").run().code(0);
    bench.call("convert dm --to imagefolder --out back").run().code(0);
    assert_eq!(bench.names("back/train/cat"), ["1.bmp", "2.bmp"]);
    bench.call("diff pets back --json").run().code(3);
}
