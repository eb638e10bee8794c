//! Masks that formats keep in pictures: COCO's panoptic records and the planes
//! of Pascal VOC.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Seen, Work, all_seen, items};
use serde_json::{Value, json};
use synapse_datasets::{
    ConvertOptions, Dataset, ErrorKind, Format, LossKind, OnError, ProblemKind, ReadOptions, Shape, Task,
};

/// A PNG file of red, green and blue, or of numbers of a palette.
fn png(work: &Work, path: &str, width: u32, kind: png::ColorType, pixels: &[u8]) {
    let channels = if kind == png::ColorType::Rgb { 3 } else { 1 };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, pixels.len() as u32 / width / channels);
    encoder.set_color(kind);
    if kind == png::ColorType::Indexed {
        encoder.set_palette(vec![0; 768]);
    }
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels).unwrap();
    writer.finish().unwrap();
    work.write(path, bytes);
}

/// An image of 3 × 2 with two segments: the first column, and the last of the
/// first row. The colour of the second is 1 + 2 × 256 + 3 × 65536.
fn panoptic(work: &Work) -> Value {
    let document = json!({
        "images": [{"id": 4, "file_name": "p.bmp", "width": 3, "height": 2}],
        "categories": [{"id": 1, "name": "sky", "isthing": 0}, {"id": 5, "name": "cat", "isthing": 1}],
        "annotations": [{"image_id": 4, "file_name": "p.png", "segments_info": [
            {"id": 7, "category_id": 1, "area": 2, "bbox": [0, 0, 1, 2], "iscrowd": 0},
            {"id": 197_121, "category_id": 5, "area": 1, "bbox": [2, 0, 1, 1], "iscrowd": 1}
        ]}]
    });
    work.write("in/annotations/panoptic_val.json", document.to_string());
    let pixels = [[7, 0, 0], [0; 3], [1, 2, 3], [7, 0, 0], [9; 3], [0; 3]];
    png(work, "in/annotations/panoptic_val/p.png", 3, png::ColorType::Rgb, pixels.as_flattened());
    work.picture("in/val/p.bmp", 3, 2);
    document
}

#[test]
fn panoptic_segments_become_masks() {
    let work = Work::new();
    panoptic(&work);
    let dataset = Dataset::open(work.path("in")).unwrap();
    assert_eq!((dataset.format(), &dataset.header().splits[..]), (Format::Coco, &["val".to_owned()][..]));
    let seen = &all_seen(&dataset)[0].1;
    let runs: Vec<_> = seen.iter().map(|seen| seen.runs.clone().unwrap()).collect();
    assert_eq!(runs, [vec![0, 2, 4], vec![4, 1, 1]]);
    let told = |seen: &Seen| (seen.class.clone().unwrap(), seen.bbox.clone().unwrap(), seen.area, seen.crowd);
    assert_eq!(told(&seen[0]), ("sky".into(), vec![0.0, 0.0, 1.0, 2.0], Some(2.0), false));
    assert_eq!(told(&seen[1]), ("cat".into(), vec![2.0, 0.0, 1.0, 1.0], Some(1.0), true));
    assert_eq!(seen[1].extra, r#"{"segment_id":197121}"#);
    let report = dataset.convert(Format::Coco, work.path("out"), &ConvertOptions::default()).unwrap();
    assert_eq!((report.annotations, &report.losses[..], &report.problems[..]), (2, &[][..], &[][..]));
    let written: Value = serde_json::from_str(&work.read("out/valid/annotations.json")).unwrap();
    assert_eq!(written["annotations"][1]["segmentation"]["size"], json!([2, 3]));
    let survey = dataset.survey(&synapse_datasets::SurveyOptions::default()).unwrap();
    assert_eq!((survey.kinds.masks, survey.kinds.boxes), (2, 2));
}

#[test]
fn segments_without_their_picture_are_told() {
    let work = Work::new();
    let mut document = panoptic(&work);
    png(&work, "in/annotations/panoptic_val/p.png", 2, png::ColorType::Rgb, &[0; 12]);
    let tell = |work: &Work| {
        let options = ReadOptions { on_error: OnError::Report, ..ReadOptions::default() };
        let dataset = Dataset::open_as(work.path("in"), Format::Coco, &options).unwrap();
        let _ = std::fs::remove_dir_all(work.path("out"));
        let report = dataset.convert(Format::DmV2, work.path("out"), &ConvertOptions::default()).unwrap();
        assert_eq!((report.annotations, report.wrong(ProblemKind::NoFile)), (0, 1));
        let example = &report.problems[0].examples[0];
        assert_eq!(example.place.pointer.as_deref(), Some("/annotations/0"));
        example.message.clone()
    };
    assert!(tell(&work).contains("another size"));
    work.write("in/annotations/panoptic_val/p.png", "no picture");
    assert!(tell(&work).contains("cannot be read"));
    document["annotations"][0]["file_name"] = json!("../../../p.png");
    work.write("in/annotations/panoptic_val.json", document.to_string());
    assert!(tell(&work).contains("no name of a picture"));
    let options = ReadOptions { on_error: OnError::Fail, ..ReadOptions::default() };
    let dataset = Dataset::open_as(work.path("in"), Format::Coco, &options).unwrap();
    let error = dataset.convert(Format::DmV2, work.path("fail"), &ConvertOptions::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data(ProblemKind::NoFile));
}

fn object(name: &str, bounds: [u32; 4]) -> String {
    let [a, b, c, d] = bounds;
    format!(
        "<object><name>{name}</name><bndbox><xmin>{a}</xmin><ymin>{b}</ymin><xmax>{c}</xmax><ymax>{d}</ymax></bndbox></object>"
    )
}

/// An image of 4 × 2 with a cat, a person and a sofa that has no box.
fn voc(work: &Work) {
    let text = format!(
        "<annotation><filename>p.bmp</filename><size><width>4</width><height>2</height></size>\
         <segmented>1</segmented>{}{}</annotation>",
        object("cat", [1, 1, 1, 2]),
        object("person", [2, 1, 2, 1])
    );
    work.write("voc/Annotations/p.xml", text);
    work.picture("voc/JPEGImages/p.bmp", 4, 2);
    work.write("voc/ImageSets/Segmentation/train.txt", "p\n");
    // The numbers of the challenge: cat 8, person 15, sofa 18; 255 is an edge.
    png(work, "voc/SegmentationObject/p.png", 4, png::ColorType::Indexed, &[1, 2, 255, 3, 1, 0, 3, 3]);
    png(work, "voc/SegmentationClass/p.png", 4, png::ColorType::Indexed, &[8, 15, 255, 18, 8, 0, 18, 18]);
}

#[test]
fn voc_planes_belong_to_the_objects_of_the_file() {
    let work = Work::new();
    voc(&work);
    let dataset = Dataset::open(work.path("voc")).unwrap();
    assert_eq!(dataset.header().splits, ["train"]);
    let seen = &all_seen(&dataset)[0].1;
    let told: Vec<_> =
        seen.iter().map(|seen| (seen.class.as_deref().unwrap(), seen.runs.clone().unwrap())).collect();
    assert_eq!(told, [("cat", vec![0, 2, 6]), ("person", vec![2, 1, 5]), ("sofa", vec![5, 3])]);
    assert_eq!((seen[2].bbox.clone(), &*seen[0].xml), (None, ""));
}

#[test]
fn voc_planes_come_back_from_every_format_that_has_masks() {
    let work = Work::new();
    voc(&work);
    for format in [Format::Voc, Format::Coco, Format::DmV1, Format::DmV2] {
        let (there, back) = (format!("as_{format}"), format!("back_{format}"));
        let report = work.convert("voc", format, &there);
        assert_eq!((report.annotations, report.lost(LossKind::Mask)), (3, 0), "{format}");
        work.convert(&there, Format::Voc, &back);
        let masks = |path: &str| -> Vec<_> {
            let seen = all_seen(&Dataset::open(work.path(path)).unwrap()).remove(0).1;
            seen.into_iter().map(|seen| (seen.class, seen.bbox, seen.runs)).collect()
        };
        assert_eq!(masks(&back), masks("voc"), "{format}");
        assert!(work.read(&format!("{back}/Annotations/p.xml")).contains("<segmented>1</segmented>"));
        assert_eq!(work.read(&format!("{back}/ImageSets/Segmentation/train.txt")), "p\n");
        assert!(work.read(&format!("{back}/labelmap.txt")).contains(":128,0,0::"));
    }
}

#[test]
fn colours_of_a_label_map_name_classes() {
    let work = Work::new();
    voc(&work);
    work.write(
        "voc/labelmap.txt",
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ncat:10,0,0::\nperson:20,0,0::\nroad:30,0,0::\n",
    );
    let classes = [10, 20, 0, 30, 10, 0, 30, 30].map(|red| [red, 0, 0]);
    // The first colours of the palette number objects.
    let objects =
        [[128, 0, 0], [0, 128, 0], [0; 3], [128, 128, 0], [128, 0, 0], [0; 3], [128, 128, 0], [128, 128, 0]];
    png(&work, "voc/SegmentationClass/p.png", 4, png::ColorType::Rgb, classes.as_flattened());
    png(&work, "voc/SegmentationObject/p.png", 4, png::ColorType::Rgb, objects.as_flattened());
    let seen = &all_seen(&Dataset::open(work.path("voc")).unwrap())[0].1;
    let told: Vec<_> =
        seen.iter().map(|seen| (seen.class.as_deref().unwrap(), seen.runs.clone().unwrap())).collect();
    assert_eq!(told, [("cat", vec![0, 2, 6]), ("person", vec![2, 1, 5]), ("road", vec![5, 3])]);
    // Without objects each class is one region.
    std::fs::remove_dir_all(work.path("voc/SegmentationObject")).unwrap();
    let seen = &all_seen(&Dataset::open(work.path("voc")).unwrap())[0].1;
    let told: Vec<_> =
        seen.iter().map(|seen| (seen.class.as_deref().unwrap(), seen.runs.is_some())).collect();
    assert_eq!(told, [("cat", false), ("person", false), ("cat", true), ("person", true), ("road", true)]);
}

#[test]
fn planes_that_do_not_fit_are_told() {
    let work = Work::new();
    voc(&work);
    let report = |work: &Work| {
        let _ = std::fs::remove_dir_all(work.path("out"));
        work.convert("voc", Format::Coco, "out")
    };
    png(&work, "voc/SegmentationObject/p.png", 2, png::ColorType::Indexed, &[1, 2]);
    let told = report(&work);
    assert_eq!(told.wrong(ProblemKind::Damaged), 1);
    assert!(told.problems[0].examples[0].place.file.ends_with("SegmentationObject/p.png"));
    work.write("voc/SegmentationObject/p.png", "none");
    assert_eq!(report(&work).wrong(ProblemKind::Damaged), 1);
    // An object that the file does not have and whose class has no name.
    png(&work, "voc/SegmentationObject/p.png", 4, png::ColorType::Indexed, &[1, 2, 0, 9, 1, 0, 9, 9]);
    png(&work, "voc/SegmentationClass/p.png", 4, png::ColorType::Indexed, &[8, 15, 0, 99, 8, 0, 99, 99]);
    let told = report(&work);
    assert_eq!((told.annotations, told.wrong(ProblemKind::UnknownClass)), (2, 1));
}

#[test]
fn polygons_become_pixels_for_voc_where_asked() {
    let work = Work::new();
    let document = json!({
        "images": [{"id": 1, "file_name": "p.bmp", "width": 4, "height": 2}],
        "categories": [{"id": 1, "name": "c"}, {"id": 2, "name": "d"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 2, 2], "segmentation": [[0, 0, 2, 0, 2, 2, 0, 2]]},
            {"id": 2, "image_id": 1, "category_id": 2, "bbox": [1, 0, 3, 1], "segmentation": [[1, 0, 4, 0, 4, 1, 1, 1]]},
            {"id": 3, "image_id": 1, "category_id": 2, "bbox": [3, 1, 1, 1], "segmentation": [[3, 1, 3.2, 1, 3.2, 1.2]]}
        ]
    });
    work.write("in/annotations.json", document.to_string());
    work.picture("in/p.bmp", 4, 2);
    let dataset = Dataset::open(work.path("in")).unwrap();
    let boxes = dataset.convert(Format::Voc, work.path("boxes"), &ConvertOptions::default()).unwrap();
    assert_eq!(boxes.lost(LossKind::Polygon), 3);
    assert!(!work.path("boxes/SegmentationObject").exists());
    let options = ConvertOptions { task: Some(Task::Segment), ..ConvertOptions::default() };
    let report = dataset.convert(Format::Voc, work.path("out"), &options).unwrap();
    assert_eq!(
        (
            report.lost(LossKind::PolygonAsMask),
            report.lost(LossKind::Overlap),
            report.lost(LossKind::Polygon)
        ),
        (2, 1, 1),
        "the third has the middle of no pixel"
    );
    let again = items(&Dataset::open(work.path("out")).unwrap()).remove(0);
    let runs: Vec<_> = again
        .annotations
        .iter()
        .filter_map(|annotation| match annotation.shape {
            Shape::Mask(mask) => Some(again.runs(mask).to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(runs, [vec![0, 2, 1, 1, 4], vec![2, 1, 1, 1, 1, 1, 1]]);
}
