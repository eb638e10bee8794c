//! What differs between two datasets, and what only looks as if it did.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::Work;
use serde_json::{Value, json};
use synapse_datasets::{Dataset, Diff, DiffOptions, DifferenceKind as D, Format};

fn coco() -> Value {
    json!({
        "images": [
            {"id": 1, "file_name": "sub/a.bmp", "width": 100, "height": 50},
            {"id": 2, "file_name": "b.bmp", "width": 100, "height": 50},
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 10, 20, 20],
             "segmentation": [[10, 10, 30, 10, 30, 30]]},
            {"id": 2, "image_id": 1, "category_id": 2, "bbox": [60, 10, 20, 20]},
            {"id": 3, "image_id": 2, "category_id": 2, "bbox": [1, 1, 9, 9], "attributes": {"age": 3}},
        ],
    })
}

fn work() -> Work {
    let work = Work::new();
    for folder in ["a", "b"] {
        work.picture(&format!("{folder}/sub/a.bmp"), 100, 50);
        work.picture(&format!("{folder}/b.bmp"), 100, 50);
        work.write(&format!("{folder}/annotations.json"), coco().to_string());
    }
    work
}

fn diff(work: &Work, a: &str, b: &str, tolerance: f64) -> Diff {
    let (a, b) = (Dataset::open(work.path(a)).unwrap(), Dataset::open(work.path(b)).unwrap());
    a.diff(&b, &DiffOptions { tolerance, ..DiffOptions::default() }).unwrap()
}

fn with(work: &Work, change: impl FnOnce(&mut Value)) -> Diff {
    let mut document = coco();
    change(&mut document);
    work.write("b/annotations.json", document.to_string());
    diff(work, "a", "b", 0.01)
}

fn kinds(diff: &Diff) -> Vec<(D, u64)> {
    diff.differences.iter().map(|difference| (difference.kind, difference.count)).collect()
}

#[test]
fn a_dataset_does_not_differ_from_itself_in_another_order() {
    let work = work();
    let same = with(&work, |document| document["annotations"].as_array_mut().unwrap().reverse());
    assert!(same.is_same(), "{same:?}");
    assert_eq!((same.images, same.annotations), (2, 3));
}

#[test]
fn every_change_is_named() {
    let work = work();
    let moved = with(&work, |d| d["annotations"][1]["bbox"] = json!([61, 10, 20, 20]));
    assert_eq!(kinds(&moved), [(D::Box, 1)]);
    assert_eq!(
        moved.differences[0].examples,
        ["sub/a.bmp: number 1, dog at 60, 10, 20 × 20 in A, dog at 61, 10, 20 × 20 in B"]
    );
    let far = with(&work, |d| d["annotations"][1]["bbox"] = json!([0, 30, 20, 20]));
    assert_eq!(kinds(&far), [(D::AnnotationGone, 1), (D::AnnotationNew, 1)]);
    let class = with(&work, |d| d["annotations"][1]["category_id"] = json!(1));
    assert_eq!(kinds(&class), [(D::Class, 1)]);
    let shape = with(&work, |d| d["annotations"][0]["segmentation"][0][0] = json!(11));
    assert_eq!(kinds(&shape), [(D::Shape, 1)]);
    let crowd = with(&work, |d| d["annotations"][2]["iscrowd"] = json!(1));
    assert_eq!(kinds(&crowd), [(D::Crowd, 1)]);
    let attributes = with(&work, |d| d["annotations"][2]["attributes"]["age"] = json!(4));
    assert_eq!(kinds(&attributes), [(D::Attributes, 1)]);
    let size = with(&work, |d| d["images"][0]["width"] = json!(99));
    assert_eq!(kinds(&size), [(D::Size, 1)]);
    let image = with(&work, |d| d["images"][1]["file_name"] = json!("c.bmp"));
    assert_eq!(kinds(&image), [(D::ImageGone, 1), (D::ImageNew, 1)]);
    let name = with(&work, |d| d["categories"][0]["name"] = json!("lynx"));
    assert_eq!(kinds(&name), [(D::ClassGone, 1), (D::ClassNew, 1), (D::Class, 1)]);
    let order = with(&work, |d| d["categories"].as_array_mut().unwrap().reverse());
    assert_eq!(kinds(&order), [(D::ClassOrder, 1)]);
}

#[test]
fn what_a_conversion_rounds_is_within_its_tolerance() {
    let work = work();
    let mut document = coco();
    document["annotations"][0]["bbox"] = json!([10.123_456_789, 10, 20, 20]);
    work.write("a/annotations.json", document.to_string());
    work.convert("a", Format::DmV2, "dm");
    let same = diff(&work, "a", "dm", 0.0);
    assert!(same.is_same(), "folders in paths become part of names: {same:?}");
    work.convert("a", Format::Voc, "voc");
    let rounded = diff(&work, "a", "voc", 0.01);
    assert_eq!(kinds(&rounded), [(D::Box, 1), (D::Shape, 1), (D::Attributes, 1)]);
    assert_eq!(kinds(&diff(&work, "a", "voc", 1.0)), [(D::Shape, 1), (D::Attributes, 1)]);
}
