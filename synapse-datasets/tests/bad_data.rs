//! What becomes of data that is wrong, one behaviour a test.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Work, all_seen, open};
use serde_json::{Value, json};
use std::path::Path;
use synapse_datasets::{
    ConvertOptions, Dataset, ErrorKind, Format, OnError, ProblemKind, ReadOptions, Report,
};

/// A COCO file of one image of 100 × 100, with the given annotations.
fn coco_with(work: &Work, annotations: &str) {
    let text = format!(
        r#"{{"images": [{{"id": 1, "file_name": "a.bmp", "width": 100, "height": 100}}],
            "categories": [{{"id": 1, "name": "c"}}], "annotations": [{annotations}]}}"#
    );
    work.write("in/annotations.json", text);
    work.picture("in/a.bmp", 100, 100);
}

fn annotation(id: u32, changed: Value) -> String {
    let mut whole =
        json!({"id": id, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12, "iscrowd": 0});
    whole.as_object_mut().unwrap().extend(changed.as_object().unwrap().clone());
    whole.to_string()
}

const GOOD: &str = r#"{"id": 90, "image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "area": 12}"#;

fn convert(work: &Work, on_error: OnError, to: &str) -> Result<Report, synapse_datasets::Error> {
    open(&work.path("in"), on_error)?.convert(Format::Coco, work.path(to), &ConvertOptions::default())
}

/// Runs all three behaviours over a dataset of which one annotation has a
/// problem and one has none.
fn expect(work: &Work, kind: ProblemKind, pointer: &str, kept_by_report: bool) {
    let error = convert(work, OnError::Fail, "fail").map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data(kind), "{error}");
    assert_eq!(error.place().unwrap().pointer.as_deref(), Some(pointer), "{error}");
    assert!(error.advice().is_some());
    assert!(!work.path("fail").exists());
    let skipped = convert(work, OnError::Skip, "skip").unwrap();
    assert_eq!((skipped.annotations, skipped.wrong(kind)), (1, 1), "{skipped:?}");
    let reported = convert(work, OnError::Report, "report").unwrap();
    assert_eq!(reported.annotations, if kept_by_report { 2 } else { 1 }, "{reported:?}");
    let tally = &reported.problems[0];
    assert_eq!((tally.kind, tally.count, tally.left_out), (kind, 1, u64::from(!kept_by_report)));
    assert_eq!(tally.examples[0].place.pointer.as_deref(), Some(pointer));
}

#[test]
fn records_that_cannot_be_used_are_left_out() {
    let cases = [
        (annotation(1, json!({"image_id": 7})), ProblemKind::NoImage),
        (annotation(1, json!({"category_id": 7})), ProblemKind::UnknownClass),
        (annotation(1, json!({"bbox": [1, 2, 3]})), ProblemKind::Malformed),
        (annotation(1, json!({"bbox": [1, 2, "x", 4]})), ProblemKind::Malformed),
        (annotation(1, json!({"segmentation": [[1, 2, 3]]})), ProblemKind::Malformed),
        (annotation(1, json!({"segmentation": {"size": [2, 2], "counts": [3]}})), ProblemKind::Malformed),
        (annotation(1, json!({"segmentation": {"size": [9, 9], "counts": "\u{1}"}})), ProblemKind::Malformed),
        (annotation(1, json!({"keypoints": [1, 2]})), ProblemKind::Malformed),
        (annotation(1, json!({})).replace("[1,2,3,4]", "[NaN, 2, 3, 4]"), ProblemKind::NotFinite),
        (annotation(1, json!({})).replace("[1,2,3,4]", "[1, 2, 1e999, 4]"), ProblemKind::NotFinite),
        ("7".to_owned(), ProblemKind::Malformed),
        (
            format!(r#"{{"id": 1, "image_id": 1, "x": {}{}}}"#, "[".repeat(900), "]".repeat(900)),
            ProblemKind::Refused,
        ),
    ];
    for (bad, kind) in cases {
        let work = Work::new();
        coco_with(&work, &format!("{GOOD}, {bad}"));
        expect(&work, kind, "/annotations/1", false);
    }
}

#[test]
fn doubtful_records_are_kept_and_told() {
    let cases = [
        (annotation(1, json!({"bbox": [-5, 2, 8, 4]})), ProblemKind::Outside),
        (annotation(1, json!({"bbox": [90, 2, 80, 4]})), ProblemKind::Outside),
        (annotation(1, json!({"segmentation": [[1, 1, 200, 1, 1, 9]]})), ProblemKind::Outside),
        (annotation(1, json!({"bbox": [1, 2, 0, 4]})), ProblemKind::EmptyBox),
        (annotation(1, json!({"bbox": [9, 9, -3, 4]})), ProblemKind::EmptyBox),
        (annotation(90, json!({})), ProblemKind::DuplicateId),
    ];
    for (bad, kind) in cases {
        let work = Work::new();
        coco_with(&work, &format!("{GOOD}, {bad}"));
        expect(&work, kind, "/annotations/1", true);
    }
}

#[test]
fn annotations_with_one_id_get_new_ids() {
    let work = Work::new();
    coco_with(&work, &format!("{GOOD}, {GOOD}"));
    convert(&work, OnError::Report, "out").unwrap();
    let document: Value = serde_json::from_str(&work.read("out/annotations.json")).unwrap();
    assert_eq!(
        (&document["annotations"][0]["id"], &document["annotations"][1]["id"]),
        (&json!(1), &json!(2))
    );
}

#[test]
fn a_cut_file_is_read_as_far_as_it_goes() {
    let work = Work::new();
    coco_with(&work, &format!("{GOOD}, {GOOD}"));
    let whole = work.read("in/annotations.json");
    for end in (0..whole.len() - 2).step_by(3) {
        work.write("in/annotations.json", &whole[..end]);
        let out = format!("out{end}");
        match convert(&work, OnError::Report, &out) {
            Ok(report) => assert_eq!(report.wrong(ProblemKind::Damaged), 1, "{end}"),
            Err(_) => assert!(!work.path(&out).exists()),
        }
        let error = convert(&work, OnError::Fail, "fail").map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Data(_) | ErrorKind::UnknownFormat), "{end}: {error}");
    }
}

#[test]
fn outlines_have_a_limit() {
    let work = Work::new();
    let points = "1,2,".repeat(1000);
    coco_with(
        &work,
        &format!(r#"{GOOD}, {{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[{points}3,4]]}}"#),
    );
    let options = ReadOptions { max_vertices: 1000, ..ReadOptions::default() };
    let dataset = Dataset::open_as(work.path("in"), Format::Coco, &options).unwrap();
    let report = dataset.convert(Format::Coco, work.path("out"), &ConvertOptions::default()).unwrap();
    assert_eq!((report.annotations, report.wrong(ProblemKind::TooManyVertices)), (1, 1));
}

/// No file may appear outside the output, whatever a dataset calls its images.
#[test]
fn no_path_leads_out_of_the_output() {
    let names = [
        "../../x.bmp",
        "a/../../x.bmp",
        "..\\..\\x.bmp",
        "/tmp/x.bmp",
        "C:\\x\\x.bmp",
        "",
        ".",
        "x\u{0}y.bmp",
    ];
    for format in Format::ALL {
        let work = Work::new();
        let images: Vec<Value> = names
            .iter()
            .enumerate()
            .map(|(id, name)| json!({"id": id, "file_name": name, "width": 9, "height": 9}))
            .collect();
        let document =
            json!({"images": images, "annotations": [], "categories": [{"id": 1, "name": "../../c"}]});
        work.write("in/annotations.json", document.to_string());
        work.picture("in/x.bmp", 9, 9);
        let dataset = open(&work.path("in"), OnError::Report).unwrap();
        let report = dataset.convert(format, work.path("deep/down/out"), &ConvertOptions::default()).unwrap();
        assert_eq!(report.wrong(ProblemKind::UnsafePath), 6, "{format}");
        assert_eq!(report.wrong(ProblemKind::AbsolutePath), 2, "{format}");
        let outside: Vec<String> = work
            .files("")
            .into_iter()
            .filter(|file| !file.starts_with("in/") && !file.starts_with("deep/down/out/"))
            .collect();
        assert_eq!(outside, [""; 0], "{format}");
    }
}

/// An image may not take the place of what the target writes itself.
#[test]
fn names_of_the_targets_own_files_are_refused() {
    let work = Work::new();
    let names = ["annotations.json", ".images.partial", "a.bmp"];
    let images: Vec<Value> = names
        .iter()
        .enumerate()
        .map(|(id, name)| json!({"id": id, "file_name": name, "width": 9, "height": 9}))
        .collect();
    let annotations: Vec<Value> = (0..names.len())
        .map(|id| json!({"id": id, "image_id": id, "category_id": 1, "bbox": [1, 1, 2, 2]}))
        .collect();
    let document = json!({"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "classes.txt"}]});
    work.write("in/instances.json", document.to_string());
    for name in names {
        work.picture(&format!("in/{name}"), 9, 9);
    }
    for format in common::annotated() {
        let dataset = open(&work.path("in/instances.json"), OnError::Report).unwrap();
        let report = dataset.convert(format, work.path(format.name()), &ConvertOptions::default()).unwrap();
        let refused = if format == Format::Coco { 2 } else { 0 };
        assert_eq!(report.wrong(ProblemKind::UnsafePath), refused, "{format}");
        assert_eq!((report.images, work.path(format.name()).is_dir()), (3 - refused, true), "{format}");
    }
    work.picture("pets/classes.txt/a.bmp", 9, 9);
    work.convert("pets", Format::ImageFolder, "sorted");
    assert_eq!(work.files("sorted"), ["classes.txt", "classes.txt-2/classes.txt/a.bmp"]);
}

#[test]
fn names_that_differ_in_case_alone_become_different() {
    let work = Work::new();
    let image = |id: u32, name: &str| json!({"id": id, "file_name": name, "width": 9, "height": 9});
    let images = [image(1, "a.bmp"), image(2, "A.bmp"), image(3, "a.png"), image(4, "a.bmp")];
    let document = json!({"images": images, "annotations": [], "categories": [{"id": 1, "name": "c"}]});
    work.write("in/annotations.json", document.to_string());
    for name in ["a.bmp", "A.bmp", "a.png"] {
        work.picture(&format!("in/{name}"), 9, 9);
    }
    let report = open(&work.path("in"), OnError::Report)
        .unwrap()
        .convert(Format::Yolo, work.path("out"), &ConvertOptions::default())
        .unwrap();
    assert_eq!((report.images, report.wrong(ProblemKind::DuplicateName)), (4, 3));
    let labels = work.files("out/labels");
    assert_eq!(labels, ["A-2.txt", "a-3.txt", "a-4.txt", "a.txt"]);
    let dataset = open(&work.path("in"), OnError::Skip).unwrap();
    let report = dataset.convert(Format::Yolo, work.path("one"), &ConvertOptions::default()).unwrap();
    assert_eq!((report.images, work.files("one/labels").len()), (1, 1));
}

#[test]
fn names_may_be_long_and_of_any_language() {
    let work = Work::new();
    let long = format!("{}.bmp", "長".repeat(300));
    let images = [
        json!({"id": 1, "file_name": long, "width": 9, "height": 9}),
        json!({"id": 2, "file_name": "a b/ñ 'q\".bmp", "width": 9, "height": 9}),
    ];
    let document = json!({"images": images, "annotations": [], "categories": [{"id": 1, "name": "c"}]});
    work.write("in/annotations.json", document.to_string());
    for format in common::annotated() {
        let dataset = open(&work.path("in"), OnError::Report).unwrap();
        let report = dataset.convert(format, work.path(format.name()), &ConvertOptions::default()).unwrap();
        assert_eq!((report.images, report.wrong(ProblemKind::NoFile)), (2, 2), "{format}");
    }
}

#[test]
fn images_without_size_get_it_from_their_file() {
    let work = Work::new();
    let image = |id: u32, name: &str| json!({"id": id, "file_name": name});
    let document = json!({
        "images": [image(1, "a.bmp"), image(2, "gone.bmp")],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 10, 10]}],
        "categories": [{"id": 1, "name": "c"}]
    });
    work.write("in/annotations.json", document.to_string());
    work.picture("in/a.bmp", 40, 20);
    let dataset = open(&work.path("in"), OnError::Report).unwrap();
    let report = dataset.convert(Format::Yolo, work.path("out"), &ConvertOptions::default()).unwrap();
    assert_eq!((report.images, report.wrong(ProblemKind::NoSize)), (1, 1));
    assert_eq!(work.read("out/labels/a.txt"), "0 0.125000 0.250000 0.250000 0.500000\n");
}

#[test]
fn other_coco_files_are_refused_by_name() {
    let work = Work::new();
    work.write("results.json", r#"[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]"#);
    let caption = r#"{"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": [{"id": 1, "image_id": 1, "caption": "x"}]}"#;
    work.write("captions.json", caption);
    for (name, word) in [("results", "results"), ("captions", "captions")] {
        let path = work.path(&format!("{name}.json"));
        let error = Dataset::open_as(&path, Format::Coco, &ReadOptions::default()).map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Unsupported | ErrorKind::UnknownFormat), "{name}: {error}");
        assert!(error.kind() != ErrorKind::Unsupported || error.to_string().contains(word), "{error}");
    }
}

/// A YOLO dataset with one image of 100 × 50 and these label bytes.
fn yolo_with(work: &Work, label: &[u8]) {
    work.write("in/data.yaml", "train: images\nval: images\nnames: [a, b]\n");
    work.write("in/labels/p.txt", label);
    work.picture("in/images/p.bmp", 100, 50);
}

#[test]
fn lines_of_labels_are_looked_at_one_by_one() {
    let cases: [(&[u8], ProblemKind, bool); 9] = [
        (b"x 0.5 0.5 0.1 0.1", ProblemKind::Malformed, false),
        (b"0 0.5 0.5 0.1", ProblemKind::Malformed, false),
        (b"0 0.5 0.5 0.1 y", ProblemKind::Malformed, false),
        (b"-1 0.5 0.5 0.1 0.1", ProblemKind::Malformed, false),
        (b"0 0.5 0.5 0.1 \xff", ProblemKind::Malformed, false),
        (b"2 0.5 0.5 0.1 0.1", ProblemKind::UnknownClass, false),
        (b"0 nan 0.5 0.1 0.1", ProblemKind::NotFinite, false),
        (b"0 50 25 10 10", ProblemKind::Outside, true),
        (b"0 0.5 0.5 0 0.1", ProblemKind::EmptyBox, true),
    ];
    for (line, kind, kept) in cases {
        let work = Work::new();
        yolo_with(&work, &[b"1 0.5 0.5 0.2 0.2\r\n", line, b"\r\n"].concat());
        let error = convert(&work, OnError::Fail, "fail").map(drop).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data(kind));
        assert_eq!(error.place().unwrap().line, Some(2), "{error}");
        assert!(error.to_string().contains("p.txt:2: "), "{error}");
        assert_eq!(convert(&work, OnError::Skip, "skip").unwrap().annotations, 1);
        assert_eq!(convert(&work, OnError::Report, "report").unwrap().annotations, if kept { 2 } else { 1 });
    }
}

#[test]
fn labels_of_other_programs_are_read() {
    let work = Work::new();
    yolo_with(&work, b"\xef\xbb\xbf0.0\t0.5  0.5 0.2 0.4 0.75\r\n\r\n1 0 0 1 0 1 1 0.5\n  ");
    let seen = &all_seen(&open(&work.path("in"), OnError::Fail).unwrap())[0].1;
    assert_eq!((seen[0].bbox.clone(), seen[0].score), (Some(vec![40.0, 15.0, 20.0, 20.0]), Some(0.75)));
    assert_eq!(
        (&seen[1].rings, seen[1].score),
        (&vec![vec![[0.0, 0.0], [100.0, 0.0], [100.0, 50.0]]], Some(0.5))
    );
}

#[test]
fn clipped_boxes_stay_in_the_picture() {
    let work = Work::new();
    coco_with(
        &work,
        &[
            annotation(1, json!({"bbox": [-10, 90, 30, 40]})),
            annotation(2, json!({"bbox": [200, 200, 5, 5]})),
        ]
        .join(","),
    );
    let dataset = open(&work.path("in"), OnError::Report).unwrap();
    dataset.convert(Format::Yolo, work.path("yolo"), &ConvertOptions::default()).unwrap();
    assert_eq!(work.read("yolo/labels/a.txt").lines().next(), Some("0 0.100000 0.950000 0.200000 0.100000"));
    dataset.convert(Format::Voc, work.path("voc"), &ConvertOptions::default()).unwrap();
    let xml = work.read("voc/Annotations/a.xml");
    assert!(
        xml.contains("<xmin>1</xmin>\n      <ymin>91</ymin>\n      <xmax>20</xmax>\n      <ymax>100</ymax>"),
        "{xml}"
    );
    for text in [work.read("yolo/labels/a.txt"), xml] {
        assert!(!text.contains("1.000000 1.000000 0.000000") && !text.contains("<xmin>101"), "{text}");
    }
}

#[test]
fn images_or_labels_that_are_absent_are_told() {
    let work = Work::new();
    yolo_with(&work, b"0 0.5 0.5 0.2 0.2\n");
    work.picture("in/images/unlabelled.bmp", 9, 9);
    work.write("in/labels/lone.txt", "0 0.5 0.5 0.1 0.1\n");
    let report = convert(&work, OnError::Report, "out").unwrap();
    assert_eq!((report.images, report.wrong(ProblemKind::NoFile)), (2, 1));
}

#[test]
fn xml_that_could_do_harm_is_refused() {
    let work = Work::new();
    let good =
        "<annotation><filename>g.bmp</filename><size><width>9</width><height>9</height></size></annotation>";
    work.write("in/Annotations/g.xml", good);
    let entity = |definition: &str| {
        format!("<!DOCTYPE a [{definition}]><annotation><filename>&e;</filename></annotation>")
    };
    work.write("in/Annotations/bomb.xml", entity("<!ENTITY e \"&f;&f;\"><!ENTITY f \"lol\">"));
    work.write("in/Annotations/external.xml", entity("<!ENTITY e SYSTEM \"file:///etc/passwd\">"));
    work.write("in/Annotations/deep.xml", "<a>".repeat(10_000));
    work.write("in/Annotations/cut.xml", &good[..40]);
    work.write("in/Annotations/latin.xml", b"<annotation><filename>\xe9.jpg</filename></annotation>");
    work.picture("in/JPEGImages/g.bmp", 9, 9);
    let report = convert(&work, OnError::Report, "out").unwrap();
    assert_eq!(
        (report.images, report.wrong(ProblemKind::Refused), report.wrong(ProblemKind::Damaged)),
        (1, 3, 2)
    );
    let error = convert(&work, OnError::Fail, "fail").map(drop).unwrap_err();
    assert!(matches!(error.kind(), ErrorKind::Data(_)));
}

#[test]
fn voc_objects_are_looked_at_one_by_one() {
    let work = Work::new();
    let object = |bounds: &str| format!("<object><name>c</name><bndbox>{bounds}</bndbox></object>\n");
    let bounds = |a, b, c, d| format!("<xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax>");
    let objects = [
        object(&bounds("45.70000076293945", "1", "60", "7")),
        object("<xmin>1</xmin>"),
        object(&bounds("a", "1", "3", "4")),
        object(&bounds("9", "9", "3", "4")),
    ];
    let text = format!(
        "<annotation>\n<size><width>99</width><height>9</height></size>\n{}</annotation>",
        objects.concat()
    );
    work.write("in/Annotations/x.xml", text);
    work.picture("in/JPEGImages/x.bmp", 99, 9);
    let report = convert(&work, OnError::Report, "out").unwrap();
    assert_eq!(
        (report.annotations, report.wrong(ProblemKind::Malformed), report.wrong(ProblemKind::EmptyBox)),
        (2, 2, 1)
    );
    let malformed = &report.problems[0].examples;
    assert_eq!((malformed[0].place.line, malformed[1].place.line), (Some(4), Some(5)));
    let bbox = all_seen(&Dataset::open(work.path("out")).unwrap())[0].1[0].bbox.clone().unwrap();
    assert_eq!(bbox[0], 44.70000076293945);
}

#[test]
fn dm_documents_are_looked_at_one_by_one() {
    let work = Work::new();
    let good = r#"{"id": "g", "classification": "c", "attrs": [], "data": [1, 2, 3, 4]}"#;
    let document = |annotations: &str| format!(r#"{{"images": [{{"bounding_box": [{annotations}]}}]}}"#);
    work.write("in/json/a.json", document(good));
    work.write("in/json/b.json", document(&format!(r#"{good}, {{"id": "x", "data": [1, 2]}}"#)));
    work.write("in/json/c.json", &document(good)[..30]);
    let mask =
        r#"{"images": [{"segmentation": [{"id": "m", "classification": "c", "data": [[0, 5], [3, 9]]}]}]}"#;
    work.write("in/json/d.json", mask);
    for name in ["a", "b", "c", "d"] {
        work.picture(&format!("in/original_files/{name}.bmp"), 9, 9);
    }
    let report = convert(&work, OnError::Report, "out").unwrap();
    assert_eq!((report.images, report.annotations), (3, 2));
    assert_eq!((report.wrong(ProblemKind::Malformed), report.wrong(ProblemKind::Damaged)), (2, 1));
    let malformed = report.problems.iter().find(|tally| tally.kind == ProblemKind::Malformed).unwrap();
    assert_eq!(malformed.examples[0].place.pointer.as_deref(), Some("/images/0/bounding_box/1"));
}

#[cfg(unix)]
#[test]
fn links_that_lead_back_end() {
    let work = Work::new();
    yolo_with(&work, b"0 0.5 0.5 0.2 0.2\n");
    for folder in ["in/images", "in/labels"] {
        std::os::unix::fs::symlink(work.path(folder), work.path(folder).join("again")).unwrap();
        std::os::unix::fs::symlink(work.path("in"), work.path(folder).join("up")).unwrap();
    }
    assert_eq!(convert(&work, OnError::Report, "out").unwrap().images, 1);
}

#[test]
fn what_is_not_a_dataset_is_said_to_be_none() {
    let work = Work::new();
    work.write("in/readme.txt", "hello");
    let kind = |path: &Path| Dataset::open(path).map(drop).unwrap_err().kind();
    assert_eq!(kind(&work.path("in")), ErrorKind::UnknownFormat);
    assert_eq!(kind(&work.path("in/readme.txt")), ErrorKind::UnknownFormat);
    assert_eq!(kind(&work.path("nowhere")), ErrorKind::NotFound);
}

#[test]
fn text_that_is_not_utf_8_is_told_and_marks_are_passed() {
    let work = Work::new();
    coco_with(&work, GOOD);
    let whole = work.read("in/annotations.json").replace('\n', "\r\n");
    work.write("in/annotations.json", ["\u{feff}", &whole].concat());
    assert_eq!(convert(&work, OnError::Fail, "marked").unwrap().annotations, 1);
    let mut bytes = whole.into_bytes();
    let at = bytes.windows(5).position(|window| window == b"a.bmp").unwrap();
    bytes[at] = 0xff;
    work.write("in/annotations.json", bytes);
    let report = convert(&work, OnError::Report, "out").unwrap();
    assert_eq!(
        (report.images, report.wrong(ProblemKind::Malformed), report.wrong(ProblemKind::NoImage)),
        (0, 1, 1)
    );
}

#[test]
fn a_yaml_file_that_is_none_is_told_with_its_line() {
    let work = Work::new();
    yolo_with(&work, b"");
    work.write("in/data.yaml", "train: images\nnames: [a\nval: }");
    let error = Dataset::open(work.path("in")).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data(ProblemKind::Malformed));
    assert!(error.place().unwrap().line.is_some(), "{error}");
}

/// `../../x` is refused wherever a dataset names its images.
#[test]
fn paths_that_leave_are_refused_in_every_format() {
    let voc = Work::new();
    voc.write("in/Annotations/a.xml", "<annotation><filename>../../x.bmp</filename></annotation>");
    voc.picture("x.bmp", 9, 9);
    let listed = Work::new();
    listed.write("in/data.yaml", "train: train.txt\nnames: [a]\n");
    listed.write("in/train.txt", "../../x.bmp\n./images/p.bmp\n");
    listed.picture("in/images/p.bmp", 9, 9);
    for work in [voc, listed] {
        let report = convert(&work, OnError::Report, "deep/out").unwrap();
        assert_eq!(report.wrong(ProblemKind::UnsafePath), 1, "{report:?}");
        assert!(convert(&work, OnError::Fail, "fail").is_err());
        assert!(work.files("deep/out").iter().all(|file| !file.contains("x.bmp")));
    }
    // DM carries the path as a note, which is not followed.
    let dm = Work::new();
    dm.write(
        "in/json/a.json",
        r#"{"images": [{"bounding_box": []}], "image": {"file_name": "../../x.bmp"}}"#,
    );
    dm.picture("in/original_files/a.bmp", 9, 9);
    convert(&dm, OnError::Report, "out").unwrap();
    assert_eq!(dm.files("out"), ["a.bmp", "annotations.json"]);
}

/// A split is a key of data.yaml, and becomes a folder of the output.
#[test]
fn splits_that_are_paths_become_names() {
    let work = Work::new();
    work.write(
        "in/data.yaml",
        "train: images\n\"../../../evil\": more/images\n\"..\": third/images\nnames: [a]\n",
    );
    for folder in ["images", "more/images", "third/images"] {
        work.picture(&format!("in/{folder}/{}.bmp", folder.len()), 9, 9);
    }
    for format in common::annotated() {
        let out = format!("deep/er/{format}");
        let dataset = open(&work.path("in"), OnError::Report).unwrap();
        let report = dataset.convert(format, work.path(&out), &ConvertOptions::default()).unwrap();
        assert_eq!(report.images, 3, "{format}");
        let outside: Vec<String> = work
            .files("")
            .into_iter()
            .filter(|file| !file.starts_with("in/") && !file.starts_with("deep/er/"))
            .collect();
        assert_eq!(outside, [""; 0], "{format}");
        assert_eq!(open(&work.path(&out), OnError::Report).unwrap().len(), 3, "{format}");
    }
}

#[test]
fn marks_and_line_ends_of_windows_are_passed_in_every_format() {
    let work = Work::new();
    coco_with(&work, GOOD);
    for format in common::annotated() {
        let name = format.name();
        work.convert("in", format, name);
        for file in work.files(name).iter().filter(|file| !file.ends_with(".bmp")) {
            let text = work.read(&format!("{name}/{file}")).replace('\n', "\r\n");
            work.write(&format!("{name}/{file}"), ["\u{feff}", &text].concat());
        }
        let dataset = open(&work.path(name), OnError::Fail).unwrap();
        let seen = all_seen(&dataset);
        assert_eq!(seen[0].1[0].class.as_deref(), Some("c"), "{format}");
        let bbox = seen[0].1[0].bbox.clone().unwrap();
        assert!(
            bbox.iter().zip([1.0, 2.0, 3.0, 4.0]).all(|(a, b)| (a - b).abs() < 1e-3),
            "{format}: {bbox:?}"
        );
    }
}

#[test]
fn text_of_another_encoding_is_told_in_every_format() {
    let work = Work::new();
    coco_with(&work, GOOD);
    for (format, file) in [
        (Format::DmV1, "json/a.json"),
        (Format::DmV2, "json/a.json"),
        (Format::Voc, "Annotations/a.xml"),
        (Format::Yolo, "data.yaml"),
        (Format::Yolo, "labels/a.txt"),
    ] {
        let name = format!("{format}{}", file.len());
        work.convert("in", format, &name);
        let path = format!("{name}/{file}");
        let mut bytes = std::fs::read(work.path(&path)).unwrap();
        // The name of the class, or what stands for its number.
        let at = match format {
            Format::Yolo if file.ends_with("txt") => 0,
            _ => bytes.windows(2).rposition(|pair| pair == b"c\"" || pair == b"c<").unwrap(),
        };
        bytes[at] = 0xff;
        work.write(&path, bytes);
        let told = |on_error| -> Result<Report, synapse_datasets::Error> {
            let options = ReadOptions { on_error, ..ReadOptions::default() };
            let out = work.path(&format!("{name}-{on_error:?}"));
            Dataset::open_as(work.path(&name), format, &options)?.convert(
                Format::Coco,
                out,
                &ConvertOptions::default(),
            )
        };
        let error = told(OnError::Fail).map(drop).unwrap_err();
        assert!(matches!(error.kind(), ErrorKind::Data(_)), "{path}: {error}");
        assert!(error.place().unwrap().file.ends_with(file), "{path}: {error}");
        // Without its data.yaml nothing of YOLO can be read.
        if file != "data.yaml" {
            let report = told(OnError::Report).unwrap();
            assert_eq!(
                report.problems.iter().map(|tally| tally.left_out).sum::<u64>(),
                1,
                "{path}: {report:?}"
            );
        }
    }
}

#[test]
fn a_polygon_of_a_million_vertices_is_converted() {
    let work = Work::new();
    let ring: String = (0..1_000_000).map(|at| format!("{},{},", at % 100, at / 10_000)).collect();
    coco_with(
        &work,
        &format!(
            r#"{GOOD}, {{"id": 1, "image_id": 1, "category_id": 1, "segmentation": [[{}]]}}"#,
            ring.trim_end_matches(',')
        ),
    );
    let report = convert(&work, OnError::Fail, "out").unwrap();
    assert_eq!(report.annotations, 2);
    let seen = all_seen(&Dataset::open(work.path("out")).unwrap());
    assert_eq!(seen[0].1[1].rings[0].len(), 1_000_000);
}

#[test]
fn images_with_one_id_are_told_and_kept_apart() {
    let work = Work::new();
    let image = |name: &str| json!({"id": 1, "file_name": name, "width": 9, "height": 9});
    let document = json!({
        "images": [image("a.bmp"), image("b.bmp")],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 2, 2]}],
        "categories": [{"id": 1, "name": "c"}]
    });
    work.write("in/annotations.json", document.to_string());
    work.picture("in/a.bmp", 9, 9);
    work.picture("in/b.bmp", 9, 9);
    let report = convert(&work, OnError::Report, "out").unwrap();
    assert_eq!((report.images, report.wrong(ProblemKind::DuplicateId)), (2, 1));
    let written: Value = serde_json::from_str(&work.read("out/annotations.json")).unwrap();
    assert_ne!(written["images"][0]["id"], written["images"][1]["id"]);
    assert_eq!(convert(&work, OnError::Skip, "skip").unwrap().images, 1);
    let error = convert(&work, OnError::Fail, "fail").map(drop).unwrap_err();
    assert_eq!(error.place().unwrap().pointer.as_deref(), Some("/images/1"));
}

#[test]
fn dm_nested_deeper_than_any_format_is_refused() {
    let work = Work::new();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let good = r#"{"id": "g", "classification": "c", "attrs": [], "data": [1, 2, 3, 4]}"#;
    work.write("in/json/a.json", format!(r#"{{"images": [{{"bounding_box": [{good}]}}], "x": {deep}}}"#));
    work.write("in/json/b.json", format!(r#"{{"images": [{{"bounding_box": [{good}]}}]}}"#));
    for name in ["a", "b"] {
        work.picture(&format!("in/original_files/{name}.bmp"), 9, 9);
    }
    let report = convert(&work, OnError::Report, "out").unwrap();
    assert_eq!((report.images, report.wrong(ProblemKind::Damaged)), (1, 1));
}

#[cfg(unix)]
#[test]
fn image_folders_are_looked_at_file_by_file() {
    use std::os::unix::ffi::OsStrExt;
    let work = Work::new();
    work.picture("in/cat/1.bmp", 9, 9);
    work.write("in/cat/cut.png", b"\x89PNG\r\n\x1a\n\0\0");
    work.write("in/dog/empty.jpg", "");
    work.picture("in/ñ 猫/x y.bmp", 9, 9);
    std::os::unix::fs::symlink(work.path("in/cat"), work.path("in/cat/again")).unwrap();
    std::os::unix::fs::symlink(work.path("in"), work.path("in/dog/up")).unwrap();
    let nameless = work.path("in/dog").join(std::ffi::OsStr::from_bytes(b"\xff.bmp"));
    std::fs::write(nameless, "x").unwrap();
    let deep = format!("in/dog/{}", "d/".repeat(40));
    work.picture(&format!("{deep}far.bmp"), 9, 9);
    let dataset = open(&work.path("in"), OnError::Report).unwrap();
    assert_eq!(dataset.format(), Format::ImageFolder);
    let options = synapse_datasets::SurveyOptions { files: true, ..Default::default() };
    let survey = dataset.survey(&options).unwrap();
    let count = |kind| survey.problems.iter().find(|tally| tally.kind == kind).map_or(0, |tally| tally.count);
    assert_eq!((count(ProblemKind::UnsafePath), count(ProblemKind::NoSize)), (1, 3), "{:?}", survey.problems);
    assert!(count(ProblemKind::Refused) >= 1, "{:?}", survey.problems);
    let names: Vec<&str> = dataset.header().classes.iter().map(|class| &*class.name).collect();
    assert_eq!(names, ["cat", "dog", "ñ 猫"]);
    let error = open(&work.path("in"), OnError::Fail).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data(ProblemKind::UnsafePath));
    let report = dataset.convert(Format::ImageFolder, work.path("out"), &ConvertOptions::default()).unwrap();
    assert_eq!(report.images as usize, dataset.len());
}

/// Changes bytes of files of every format. Whatever comes of it is an error or
/// a report, and never a panic or a file beside the output.
#[test]
fn damage_never_panics() {
    let work = Work::new();
    let mask = json!({"size": [100, 100], "counts": [5, 10, 9985]});
    let annotations = [
        annotation(
            1,
            json!({"segmentation": [[1, 1, 9, 1.25, 5, 9]], "attributes": {"a": "b"}, "extra": [1, {"x": null}]}),
        ),
        annotation(
            2,
            json!({"segmentation": mask, "keypoints": [1, 2, 2, 3, 4, 0], "score": 0.5, "pose": "Left"}),
        ),
    ];
    coco_with(&work, &annotations.join(","));
    let text =
        work.read("in/annotations.json").replace(r#""name": "c""#, r#""name": "c", "keypoints": ["l", "r"]"#);
    work.write("in/annotations.json", text);
    for format in common::annotated() {
        let name = format!("as_{format}");
        work.convert("in", format, &name);
        let files: Vec<String> =
            work.files(&name).into_iter().filter(|file| !file.ends_with(".bmp")).collect();
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        for round in 0..120 {
            seed = seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1);
            let file = format!("{name}/{}", files[round % files.len()]);
            let whole = std::fs::read(work.path(&file)).unwrap();
            let mut bytes = whole.clone();
            let at = (seed >> 20) as usize % bytes.len().max(1);
            let new = b"[]{}\",:<>&;/\\.-9eN\n\xff\0"[(seed >> 50) as usize % 20];
            match seed >> 62 {
                0 => bytes.truncate(at),
                1 => bytes.insert(at.min(bytes.len()), new),
                2 => drop(bytes.splice(at..(at + 7).min(bytes.len()), [])),
                _ => bytes.iter_mut().skip(at).take(1).for_each(|byte| *byte = new),
            }
            std::fs::write(work.path(&file), &bytes).unwrap();
            for target in [Format::Coco, Format::Yolo, Format::DmV1] {
                let read = ReadOptions { on_error: OnError::Report, ..ReadOptions::default() };
                let Ok(dataset) = Dataset::open_as(work.path(&name), format, &read) else { continue };
                let options = ConvertOptions { jobs: 1, ..ConvertOptions::default() };
                let _ = dataset.convert(target, work.path("out"), &options);
                let _ = std::fs::remove_dir_all(work.path("out"));
            }
            std::fs::write(work.path(&file), &whole).unwrap();
        }
        let beside: Vec<String> = std::fs::read_dir(work.path(""))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert!(beside.iter().all(|entry| entry == "in" || entry.starts_with("as_")), "{beside:?}");
    }
}
