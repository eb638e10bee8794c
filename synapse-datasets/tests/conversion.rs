//! What each format becomes as another, on examples one can check by eye.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Work, all_seen, items};
use serde_json::{Value, json};
use synapse_datasets::{ConvertOptions, Dataset, ErrorKind, Format, Images, LossKind, Task};

/// Two images, a box with two polygons, a crowd and a person with joints.
fn coco(work: &Work) {
    let document = json!({
        "info": {"description": "small"},
        "licenses": [{"id": 1, "name": "free", "url": ""}],
        "images": [
            {"id": 10, "file_name": "a.bmp", "width": 200, "height": 100, "license": 1},
            {"id": 20, "file_name": "sub/ü b.bmp", "width": 20, "height": 10}
        ],
        "categories": [
            {"id": 3, "name": "cat", "supercategory": "animal"},
            {"id": 7, "name": "person", "keypoints": ["left_eye", "right_eye"], "skeleton": [[1, 2]]}
        ],
        "annotations": [
            {"id": 5, "image_id": 10, "category_id": 3, "bbox": [10, 20, 40, 30], "area": 500.5, "iscrowd": 0,
             "segmentation": [[10, 20, 50, 20, 50, 50], [10, 40, 20, 40, 20, 50, 10, 50]], "colour": "red"},
            {"id": 4, "image_id": 20, "category_id": 3, "bbox": [2, 2, 6, 6], "area": 36, "iscrowd": 1,
             "segmentation": {"size": [10, 20], "counts": "f064000000000f3"}},
            {"id": 9, "image_id": 10, "category_id": 7, "bbox": [100, 10, 20, 40], "area": 800, "iscrowd": 0,
             "segmentation": [], "keypoints": [105, 15, 2, 0, 0, 0], "num_keypoints": 1}
        ]
    });
    work.write("coco/annotations.json", document.to_string());
    work.picture("coco/a.bmp", 200, 100);
    work.picture("coco/sub/ü b.bmp", 20, 10);
}

fn with(task: Task) -> ConvertOptions {
    ConvertOptions { task: Some(task), ..ConvertOptions::default() }
}

fn convert(
    work: &Work,
    from: &str,
    format: Format,
    to: &str,
    options: &ConvertOptions,
) -> synapse_datasets::Report {
    Dataset::open(work.path(from)).unwrap().convert(format, work.path(to), options).unwrap()
}

#[test]
fn coco_becomes_boxes_for_yolo() {
    let work = Work::new();
    coco(&work);
    let report = convert(&work, "coco", Format::Yolo, "out", &with(Task::Detect));
    assert_eq!((report.images, report.annotations), (2, 3));
    assert_eq!(
        work.read("out/labels/a.txt"),
        "0 0.150000 0.350000 0.200000 0.300000\n1 0.550000 0.300000 0.100000 0.400000\n"
    );
    assert_eq!(work.read("out/labels/sub/ü b.txt"), "0 0.250000 0.500000 0.300000 0.600000\n");
    assert_eq!(
        work.read("out/data.yaml"),
        "train: images\nval: images\nnc: 2\nnames: [\"cat\", \"person\"]\n"
    );
    assert_eq!(work.read("out/classes.txt"), "cat\nperson\n");
    let files = [
        "classes.txt",
        "data.yaml",
        "images/a.bmp",
        "images/sub/ü b.bmp",
        "labels/a.txt",
        "labels/sub/ü b.txt",
    ];
    assert_eq!(work.files("out"), files);
    let lost: Vec<(LossKind, u64)> = report.losses.iter().map(|tally| (tally.kind, tally.count)).collect();
    assert_eq!(
        lost,
        [
            (LossKind::ImageId, 2),
            (LossKind::ImageFields, 1),
            (LossKind::AnnotationId, 3),
            (LossKind::Polygon, 1),
            (LossKind::Mask, 1),
            (LossKind::Joints, 1),
            (LossKind::Area, 3),
            (LossKind::Crowd, 1),
            (LossKind::Fields, 1),
            (LossKind::ClassId, 2),
            (LossKind::ClassFields, 2),
            (LossKind::DatasetFields, 2),
        ]
    );
}

#[test]
fn coco_becomes_a_line_for_each_polygon_for_yolo() {
    let work = Work::new();
    coco(&work);
    let report = convert(&work, "coco", Format::Yolo, "out", &with(Task::Segment));
    let lines = work.read("out/labels/a.txt");
    let lines: Vec<&str> = lines.lines().collect();
    assert_eq!(lines[0], "0 0.050000 0.200000 0.250000 0.200000 0.250000 0.500000");
    assert_eq!(lines[1].split(' ').count(), 9);
    // An object without an outline is its box.
    assert_eq!(lines[2], "1 0.500000 0.100000 0.600000 0.100000 0.600000 0.500000 0.500000 0.500000");
    assert_eq!((report.lost(LossKind::Parts), report.lost(LossKind::BoxAsPolygon)), (1, 1));
    // A mask is the outline of its pixels.
    assert_eq!(
        work.read("out/labels/sub/ü b.txt"),
        "0 0.100000 0.200000 0.400000 0.200000 0.400000 0.800000 0.100000 0.800000\n"
    );
    assert_eq!((report.lost(LossKind::MaskAsPolygon), report.lost(LossKind::Holes)), (1, 0));
}

#[test]
fn coco_becomes_joints_for_yolo() {
    let work = Work::new();
    coco(&work);
    convert(&work, "coco", Format::Yolo, "out", &ConvertOptions::default());
    let label = work.read("out/labels/a.txt");
    assert_eq!(
        label.lines().last(),
        Some("1 0.550000 0.300000 0.100000 0.400000 0.525000 0.150000 2 0.000000 0.000000 0")
    );
    let yaml = work.read("out/data.yaml");
    assert!(yaml.contains("kpt_shape: [2, 3]\nflip_idx: [1, 0]\n"), "{yaml}");
}

#[test]
fn coco_comes_back_whole_from_coco_and_dm() {
    let work = Work::new();
    coco(&work);
    for format in [Format::Coco, Format::DmV2, Format::DmV1] {
        let name = &format!("as_{format}");
        let report = work.convert("coco", format, name);
        assert_eq!(report.losses, [], "{name}");
        let back = format!("back_{name}");
        let report = work.convert(name, Format::Coco, &back);
        assert_eq!(report.losses, [], "{name}");
        let sorted = |path: &str| {
            let mut document: Value = serde_json::from_str(&work.read(path)).unwrap();
            for list in ["annotations", "images"] {
                document[list].as_array_mut().unwrap().sort_by_key(|entry| entry["id"].as_i64());
            }
            // Three and three point nought are the same number.
            serde_json::from_str::<Value>(&document.to_string().replace(".0,", ",").replace(".0]", "]"))
                .unwrap()
        };
        assert_eq!(sorted(&format!("{back}/annotations.json")), sorted("coco/annotations.json"), "{name}");
    }
}

#[test]
fn coco_becomes_whole_pixels_for_voc() {
    let work = Work::new();
    coco(&work);
    let report = work.convert("coco", Format::Voc, "out");
    let xml = work.read("out/Annotations/a.xml");
    assert!(xml.contains("<filename>a.bmp</filename>"), "{xml}");
    assert!(
        xml.contains("<xmin>11</xmin>\n      <ymin>21</ymin>\n      <xmax>50</xmax>\n      <ymax>50</ymax>"),
        "{xml}"
    );
    assert!(work.path("out/JPEGImages/sub_ü b.bmp").is_file());
    assert_eq!(report.lost(LossKind::ImagePath), 1);
    assert_eq!(report.lost(LossKind::BoxRounded), 0);
}

#[test]
fn yolo_becomes_pixels_and_comes_back_the_same_text() {
    let work = Work::new();
    let label = "1 0.500000 0.500000 0.250000 0.333333\n0 0.100001 0.200000 0.100000 0.123457\n";
    work.write("yolo/labels/train/a.txt", label);
    work.write("yolo/labels/val/b.txt", "");
    work.picture("yolo/images/train/a.bmp", 640, 427);
    work.picture("yolo/images/val/b.bmp", 3, 3);
    work.write(
        "yolo/data.yaml",
        "path: ../datasets/x\ntrain: images/train\nval: images/val\nnames:\n  0: no\n  1: yes\n",
    );
    for format in common::annotated().filter(|format| *format != Format::Voc) {
        let name = &format!("as_{format}");
        assert_eq!(work.convert("yolo", format, name).losses, [], "{name}");
        let back = format!("back_{name}");
        work.convert(name, Format::Yolo, &back);
        assert_eq!(work.read(&format!("{back}/train/labels/a.txt")), label, "{name}");
        assert_eq!(work.read(&format!("{back}/valid/labels/b.txt")), "", "{name}");
        assert!(work.read(&format!("{back}/data.yaml")).ends_with("names: [\"no\", \"yes\"]\n"), "{name}");
    }
}

#[test]
fn yolo_is_found_however_it_is_laid_out() {
    let line = "0 0.5 0.5 0.5 0.5\n";
    type Files<'f> = &'f [(&'f str, &'f str)];
    let layouts: [(&str, Files<'_>, &str); 6] = [
        (
            "split above",
            &[("data.yaml", "train: ../train/images\nval: ../valid/images\nnames: ['x']\n")],
            "train/images",
        ),
        ("split below", &[("dataset.yaml", "path: .\ntrain: images/train\nnames: {0: x}\n")], "images/train"),
        ("no yaml", &[("classes.txt", "x\r\n")], "images"),
        (
            "list of images",
            &[("a.yml", "train: train.txt\nnames: [x]\n"), ("train.txt", "\u{feff}./images/sub/p.bmp\n")],
            "images/sub",
        ),
        (
            "lists in yaml",
            &[("data.yaml", "train: [one/images, two/images]\nval: one/images\nnames: [x]\n")],
            "one/images",
        ),
        (
            "absent test split",
            &[("data.yaml", "train: images\nval: images\ntest: images/test\nnames: [x]\n")],
            "images",
        ),
    ];
    for (what, files, images) in layouts {
        let work = Work::new();
        for (path, text) in files {
            work.write(path, text);
        }
        work.picture(&format!("{images}/p.bmp"), 8, 8);
        work.write(&format!("{}/p.txt", images.replace("images", "labels")), line);
        let dataset = Dataset::open(work.path("")).unwrap();
        assert_eq!(dataset.format(), Format::Yolo, "{what}");
        let found = all_seen(&dataset);
        assert_eq!(found.len(), 1, "{what}");
        assert_eq!(found[0].1[0].bbox, Some(vec![2.0, 2.0, 4.0, 4.0]), "{what}");
        assert_eq!(found[0].1[0].class.as_deref(), Some("x"), "{what}");
    }
}

#[test]
fn voc_keeps_what_it_says_and_its_splits() {
    let work = Work::new();
    let object = "<object><name>a &amp; b</name><pose>Left</pose><truncated>1</truncated><difficult>1</difficult>\
        <occluded>1</occluded><bndbox><xmin>1</xmin><ymin>1.5</ymin><xmax>4</xmax><ymax>3</ymax></bndbox>\
        <part><name>head</name></part></object>";
    let document = |size: &str| {
        format!("<annotation><filename>x.bmp</filename>{size}{object}<owner>me</owner></annotation>")
    };
    work.write(
        "voc/Annotations/x.xml",
        document("<size><width>6</width><height>4</height><depth>1</depth></size>"),
    );
    work.picture("voc/JPEGImages/x.bmp", 6, 4);
    work.write("voc/ImageSets/Main/val.txt", "x\n");
    work.write("voc/ImageSets/Main/cat_val.txt", "x -1\n");
    let dataset = Dataset::open(work.path("voc")).unwrap();
    assert_eq!((dataset.format(), &dataset.header().splits[..]), (Format::Voc, &["val".to_owned()][..]));
    let options = ConvertOptions { voc_floats: true, ..ConvertOptions::default() };
    dataset.convert(Format::Voc, work.path("out"), &options).unwrap();
    let again = Dataset::open(work.path("out")).unwrap();
    assert_eq!(all_seen(&again), all_seen(&dataset));
    let seen = &all_seen(&dataset)[0].1[0];
    assert_eq!(seen.bbox, Some(vec![0.0, 0.5, 4.0, 2.5]));
    assert_eq!(
        (seen.class.as_deref(), seen.pose.as_deref(), seen.flags),
        (Some("a & b"), Some("Left"), [true; 3])
    );
    assert_eq!(seen.xml, "<part><name>head</name></part>");
    assert_eq!(items(&again)[0].image.channels, Some(1));
    assert_eq!(work.read("out/ImageSets/Main/val.txt"), "x\n");
}

/// Every tool that images have.
fn dm(work: &Work) {
    let document = json!({
        "classification": {"bounding_box": ["car", "never"]},
        "images": [{
            "bounding_box": [{"id": "b7Kq0ZpW2a", "classification": "car", "data": [12.5, 30, 80, 41.25],
                "attrs": [{"name": "rotation", "value": 0.35}, {"name": "colour", "value": "red"}]}],
            "polygon": [{"id": "pG3", "classification": "road", "attrs": [], "data": [[0, 30], [64, 29.5], [64, 48]]}],
            "polyline": [{"id": "ln1", "classification": "lane", "attrs": [], "data": [[10, 47], [20, 32]]}],
            "keypoint": [{"id": "kp1", "classification": "left_eye", "attrs": [], "data": [21.5, 8],
                "visibility": 1, "group_id": "person_1"}],
            "relation": [{"id": "rl1", "classification": "holds", "attrs": [], "data": ["pG3", "b7Kq0ZpW2a"]}],
            "segmentation": [{"id": "sg1", "classification": "sky", "attrs": [], "data": [[0, 3], [100, 7], [201, 2]],
                "encoding": "dm_rle", "isCompressed": true, "compressionFormat": "rle"}],
            "classification": [{"id": "cl1", "classification": "night", "data": {},
                "attrs": [{"name": "weather", "value": ["rain", "fog"]}]}]
        }, {"bounding_box": []}],
        "videos": []
    });
    work.write("dm/json/p.json", document.to_string());
    work.picture("dm/original_files/p.bmp", 100, 80);
}

#[test]
fn dm_keeps_every_tool_in_both_versions() {
    let work = Work::new();
    dm(&work);
    let original = all_seen(&Dataset::open(work.path("dm")).unwrap());
    assert_eq!(original[0].1.len(), 7);
    work.convert("dm", Format::DmV2, "same");
    work.convert("dm", Format::DmV1, "v1");
    work.convert("v1", Format::DmV2, "v2");
    for path in ["same", "v1", "v2"] {
        let dataset = Dataset::open(work.path(path)).unwrap();
        let mut found = all_seen(&dataset);
        let mut expected = original.clone();
        for list in [&mut found, &mut expected] {
            list[0].1.sort_by(|a, b| a.id.cmp(&b.id));
        }
        assert_eq!(found, expected, "{path}");
        let names: Vec<&str> = dataset.header().classes.iter().map(|class| &*class.name).collect();
        assert!(names.contains(&"never"), "{path}: {names:?}");
    }
    let v1: Value = serde_json::from_str(&work.read("v1/json/p.json")).unwrap();
    assert_eq!(v1["annotationsData"]["image_1"][0]["coordinate"]["rotation"], json!(0.35));
    assert_eq!(v1["annotationGroups"]["image_1"][0]["annotationIds"], json!(["kp1"]));
}

#[test]
fn what_yolo_cannot_hold_of_dm_is_told() {
    let work = Work::new();
    dm(&work);
    let report = convert(&work, "dm", Format::Yolo, "out", &with(Task::Detect));
    for kind in [
        LossKind::Rotation,
        LossKind::Polyline,
        LossKind::Point,
        LossKind::Label,
        LossKind::Tool,
        LossKind::Document,
    ] {
        assert_eq!(report.lost(kind), 1, "{kind}");
    }
    let example = &report.losses.iter().find(|tally| tally.kind == LossKind::Polyline).unwrap().examples[0];
    assert_eq!(example.place.pointer.as_deref(), Some("/images/0/polyline/0"));
}

#[test]
fn dm_v1_is_read_as_its_converter_writes_it() {
    let work = Work::new();
    let document = json!({
        "assignmentId": 12, "extra": {"image_7": {"width": 64, "height": 48}},
        "annotations": {"image_7": [
            {"id": "A1", "tool": "bounding_box", "isLocked": true, "isVisible": true, "isValid": false,
             "isDrawCompleted": true, "label": ["car"], "classification": {"class": "car", "colour": "red"}},
            {"id": "A2", "tool": "polygon", "classification": null}
        ]},
        "annotationsData": {"image_7": [
            {"id": "A2", "coordinate": [{"x": 1, "y": 2, "id": "q"}, {"x": 3, "y": 4}, {"x": 5, "y": 0}]},
            {"id": "A1", "coordinate": {"x": 12.5, "y": 30, "width": 40, "height": 10.25, "rotation": 0.5}}
        ]}
    });
    work.write("dm/json/p.json", document.to_string());
    let dataset = Dataset::open(work.path("dm")).unwrap();
    assert_eq!(dataset.format(), Format::DmV1);
    let seen = &all_seen(&dataset)[0].1;
    assert_eq!(seen[0].bbox, Some(vec![12.5, 30.0, 40.0, 10.25]));
    assert_eq!((seen[0].rotation, &*seen[0].attributes), (Some(0.5), r#"{"colour":"red"}"#));
    assert_eq!(seen[0].extra, r#"{"isLocked":true,"label":["car"]}"#);
    assert_eq!(seen[1].rings, [vec![[1.0, 2.0], [3.0, 4.0], [5.0, 0.0]]]);
}

#[test]
fn the_number_of_threads_does_not_show() {
    let work = Work::new();
    let images: Vec<Value> = (0..500)
        .map(|id| json!({"id": id, "file_name": format!("{id}.bmp"), "width": 9, "height": 9}))
        .collect();
    // Shuffled, and text ids, so that all get new numbers.
    let annotations: Vec<Value> = (0..2000)
        .map(|id| json!({"id": format!("x{id}"), "image_id": id * 7 % 500, "category_id": 1, "bbox": [1, 1, 2, 2]}))
        .collect();
    let document =
        json!({"annotations": annotations, "images": images, "categories": [{"id": 1, "name": "c"}]});
    work.write("in/annotations.json", document.to_string());
    for format in common::annotated() {
        let run = |jobs: usize| {
            let out = format!("{format}{jobs}");
            let options = ConvertOptions { jobs, images: Images::Without, ..ConvertOptions::default() };
            convert(&work, "in", format, &out, &options);
            work.files(&out)
                .iter()
                .map(|file| (file.clone(), work.read(&format!("{out}/{file}"))))
                .collect::<Vec<_>>()
        };
        assert_eq!(run(1), run(4), "{format}");
    }
}

#[test]
fn loss_is_refused_when_asked_and_nothing_is_left() {
    let work = Work::new();
    coco(&work);
    let options = ConvertOptions { strict: true, ..ConvertOptions::default() };
    let dataset = Dataset::open(work.path("coco")).unwrap();
    let error = dataset.convert(Format::Yolo, work.path("out"), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Loss);
    assert!(dataset.convert(Format::Coco, work.path("whole"), &options).is_ok());
    let mut left: Vec<String> = std::fs::read_dir(work.path(""))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["coco", "whole"]);
}

#[test]
fn what_is_there_is_not_overwritten() {
    let work = Work::new();
    coco(&work);
    work.write("out/mine.txt", "mine");
    let dataset = Dataset::open(work.path("coco")).unwrap();
    let error = dataset.convert(Format::Yolo, work.path("out"), &ConvertOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutputExists);
    assert_eq!(work.files("out"), ["mine.txt"]);
}

#[test]
fn images_are_linked_copied_or_left() {
    use std::os::unix::fs::MetadataExt;
    let work = Work::new();
    coco(&work);
    let number = |path: &str| std::fs::metadata(work.path(path)).unwrap().ino();
    let own = number("coco/a.bmp");
    for (images, is_same, is_link) in
        [(Images::Link, true, false), (Images::Copy, false, false), (Images::Symlink, true, true)]
    {
        let out = format!("{images:?}");
        convert(&work, "coco", Format::Yolo, &out, &ConvertOptions { images, ..ConvertOptions::default() });
        let path = format!("{out}/images/a.bmp");
        assert_eq!(number(&path) == own, is_same, "{images:?}");
        assert_eq!(work.path(&path).is_symlink(), is_link, "{images:?}");
    }
    convert(
        &work,
        "coco",
        Format::Yolo,
        "none",
        &ConvertOptions { images: Images::Without, ..ConvertOptions::default() },
    );
    assert!(!work.path("none/images/a.bmp").exists());
}

#[test]
fn splits_are_kept_whatever_they_are_called() {
    let work = Work::new();
    for (folder, name) in [("train2017", "a"), ("valid", "b"), ("", "c"), ("test", "d")] {
        let document = json!({
            "images": [{"id": 1, "file_name": format!("{name}.bmp"), "width": 9, "height": 9}],
            "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [1, 1, 3, 3], "area": 9}],
            "categories": [{"id": 1, "name": "c"}]
        });
        work.write(&format!("coco/{folder}/annotations.json"), document.to_string());
        work.picture(&format!("coco/{folder}/{name}.bmp"), 9, 9);
    }
    let splits = |path: &str| {
        let dataset = Dataset::open(work.path(path)).unwrap();
        let name =
            |split: Option<u16>| split.map(|split| dataset.header().splits[usize::from(split)].clone());
        let mut splits: Vec<_> = items(&dataset)
            .into_iter()
            .map(|item| (item.image.path, name(item.split), item.annotations.len()))
            .collect();
        splits.sort();
        splits
    };
    let expected =
        [("a.bmp", Some("train2017")), ("b.bmp", Some("val")), ("c.bmp", None), ("d.bmp", Some("test"))]
            .map(|(path, split)| (path.to_owned(), split.map(str::to_owned), 1));
    assert_eq!(splits("coco"), expected);
    for format in [Format::Coco, Format::Yolo, Format::Voc] {
        let name = format!("as_{format}");
        work.convert("coco", format, &name);
        assert_eq!(splits(&name), expected, "{format}");
    }
    let report = work.convert("coco", Format::DmV2, "dm");
    assert_eq!(report.lost(LossKind::Splits), 2);
    assert_eq!(work.files("dm/train/json"), ["a.json", "c.json"]);
}

#[test]
fn image_folders_are_sorted_by_label() {
    let work = Work::new();
    let annotations = json!([
        {"id": 1, "image_id": 1, "category_id": 2}, {"id": 2, "image_id": 1, "category_id": 1},
        {"id": 3, "image_id": 2, "category_id": 1}, {"id": 4, "image_id": 3, "category_id": 1, "bbox": [1, 1, 2, 2]},
    ]);
    let images: Vec<Value> = ["a.bmp", "sub/a.bmp", "b.bmp"]
        .iter()
        .enumerate()
        .map(|(index, name)| {
            work.picture(&format!("in/{name}"), 10, 10);
            json!({"id": index + 1, "file_name": name, "width": 10, "height": 10})
        })
        .collect();
    let categories = json!([{"id": 1, "name": "../up"}, {"id": 2, "name": "cat/dog"}]);
    let document = json!({"images": images, "annotations": annotations, "categories": categories});
    work.write("in/annotations.json", document.to_string());
    let report = work.convert("in", Format::ImageFolder, "out");
    assert_eq!(work.files("out"), ["_up/sub/a.bmp", "cat_dog/a.bmp", "classes.txt"]);
    assert_eq!(report.images, 2);
    assert_eq!((report.lost(LossKind::FurtherLabel), report.lost(LossKind::Unlabelled)), (1, 1));
    assert_eq!(report.lost(LossKind::Object), 1);
    assert_eq!(Dataset::detect(work.path("out")).unwrap(), Format::ImageFolder);
    let again = work.convert("out", Format::ImageFolder, "again");
    assert_eq!(again.losses, []);
    assert_eq!(work.files("again"), work.files("out"));
    assert_eq!(work.read("again/classes.txt"), "../up\ncat/dog\n");
}
