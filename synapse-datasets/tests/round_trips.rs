//! A → B → A for every pair of formats: what both hold comes back, as exactly
//! as B writes numbers.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::{Seen, Work, all_seen};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use synapse_datasets::{ConvertOptions, Dataset, Format, Task};

/// Width and height of all images.
const SIZE: (u32, u32) = (640, 427);

/// What the objects of a dataset have. YOLO has one task for all of them.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Flavour {
    Boxes,
    Polygons,
    Joints,
    /// Boxes that are turned.
    Turned,
    /// Masks that do not overlap.
    Masks,
    /// One label for each image, and nothing else.
    Labels,
    /// Everything at once, for formats that hold that.
    Mixed,
}

/// What a format holds of each flavour.
struct Holds {
    boxes: bool,
    shapes: bool,
    joints: bool,
    /// Ids, areas, crowds, scores, attributes, unknown fields.
    details: bool,
    /// VOC's flags and pose.
    flags: bool,
    image_folders: bool,
}

fn holds(format: Format, flavour: Flavour) -> Holds {
    let all =
        Holds { boxes: true, shapes: true, joints: true, details: true, flags: true, image_folders: true };
    match format {
        Format::Yolo => Holds {
            boxes: flavour != Flavour::Polygons,
            shapes: flavour == Flavour::Polygons,
            joints: flavour == Flavour::Joints,
            details: false,
            flags: false,
            image_folders: true,
        },
        Format::ImageFolder => Holds { details: false, flags: false, ..all },
        Format::Voc => Holds {
            shapes: flavour == Flavour::Masks,
            joints: false,
            details: false,
            image_folders: false,
            ..all
        },
        _ => all,
    }
}

/// How far off a coordinate may be after it was written.
fn tolerance(format: Format) -> f64 {
    match format {
        // Six decimals of the longer side; a box has two such numbers.
        Format::Yolo => 0.5e-6 * f64::from(SIZE.0) * 1.5 + 1e-9,
        // Whole pixels, both edges.
        Format::Voc => 1.0,
        _ => 0.0,
    }
}

fn coordinate(side: u32) -> impl Strategy<Value = f64> {
    prop_oneof![(0..=side * 100).prop_map(|cents| f64::from(cents) / 100.0), 0.0..f64::from(side)]
}

fn rectangle() -> impl Strategy<Value = [f64; 4]> {
    let (width, height) = (f64::from(SIZE.0), f64::from(SIZE.1));
    (coordinate(SIZE.0 - 8), coordinate(SIZE.1 - 8), 0.01..1.0f64, 0.01..1.0f64).prop_map(
        move |(x, y, w, h)| {
            [x, y, (2.0 + w * (width - x - 2.0)).floor(), (2.0 + h * (height - y - 2.0)).floor()]
        },
    )
}

fn ring() -> impl Strategy<Value = Vec<f64>> {
    let point = (coordinate(SIZE.0), coordinate(SIZE.1));
    prop::collection::vec(point, 3..9)
        .prop_map(|points| points.into_iter().flat_map(|(x, y)| [x, y]).collect())
}

/// Runs down the columns of the picture, in the band of an object.
fn band(runs: &[u32], number: usize) -> Value {
    let (height, start) = (SIZE.1, SIZE.0 / 4 * SIZE.1 * number as u32);
    let mut all = vec![start];
    all.extend(runs);
    if all.len() % 2 == 1 {
        all.push(1);
    }
    all.push(SIZE.0 * height - all.iter().sum::<u32>());
    json!({"size": [SIZE.1, SIZE.0], "counts": all})
}

/// Runs down the columns of the picture.
fn mask() -> impl Strategy<Value = Value> {
    prop::collection::vec(1u32..2000, 1..20).prop_map(|mut runs| {
        runs.push(SIZE.0 * SIZE.1 - runs.iter().sum::<u32>());
        json!({"size": [SIZE.1, SIZE.0], "counts": runs})
    })
}

fn object(flavour: Flavour) -> impl Strategy<Value = Value> {
    let joints = prop::collection::vec((coordinate(SIZE.0), coordinate(SIZE.1), 0u8..3), 3);
    let rings = prop::collection::vec(ring(), 1..if flavour == Flavour::Mixed { 4 } else { 2 });
    let details = (any::<bool>(), 0u32..9, "[a-zé\"\\\\ ]{0,8}", any::<[bool; 3]>());
    (rectangle(), 0i64..3, rings, mask(), joints, 0..4, details).prop_map(
        move |(bbox, class, rings, mask, joints, choice, (is_crowd, number, text, flags))| {
            if flavour == Flavour::Labels {
                return json!({"category_id": class * 2 + 1});
            }
            let mut object = json!({"category_id": class * 2 + 1, "bbox": bbox, "area": 1.5, "iscrowd": u8::from(is_crowd)});
            let joints: Vec<f64> = joints.into_iter().flat_map(|(x, y, seen)| [x, y, f64::from(seen)]).collect();
            if flavour == Flavour::Turned {
                // Well inside, so that its corners are, too.
                let middle = [f64::from(SIZE.0) / 2.0, f64::from(SIZE.1) / 2.0];
                let sides = [20.0 + bbox[0] / 6.0, 20.0 + bbox[1] / 6.0];
                object["bbox"] = json!([middle[0] - sides[0] / 2.0, middle[1] - sides[1] / 2.0, sides[0], sides[1]]);
                object["rotation"] = json!(f64::from(number) / 1.5 - 2.9);
            }
            match (flavour, choice) {
                (Flavour::Masks, _) => object["segmentation"] = mask,
                (Flavour::Polygons, _) | (Flavour::Mixed, 0) => object["segmentation"] = json!(rings),
                (Flavour::Mixed, 1) => object["segmentation"] = mask,
                (Flavour::Joints, _) | (Flavour::Mixed, 2) => object["keypoints"] = json!(joints),
                _ => {}
            }
            for (name, flag) in ["difficult", "truncated", "occluded"].into_iter().zip(flags) {
                if flag {
                    object[name] = json!(1);
                }
            }
            if choice == 3 {
                object["attributes"] = json!({"colour": text, "n": number});
                object["score"] = json!(f64::from(number) / 7.0);
                object["unknown"] = json!({"deep": [text, null]});
                object["pose"] = json!(if text.trim() == text { text } else { "Left".to_owned() });
            }
            object
        },
    )
}

/// Images with their objects and their splits.
fn dataset(flavour: Flavour) -> impl Strategy<Value = Vec<(bool, bool, Vec<Value>)>> {
    let count = if flavour == Flavour::Labels { 1..2 } else { 0..4 };
    let image = (any::<bool>(), any::<bool>(), prop::collection::vec(object(flavour), count));
    prop::collection::vec(image, 1..4)
}

/// Writes the dataset as COCO, one file a split.
fn write(work: &Work, images: &[(bool, bool, Vec<Value>)], flavour: Flavour) {
    let joints = if !matches!(flavour, Flavour::Joints | Flavour::Mixed) {
        json!(null)
    } else {
        json!(["left_a", "b", "c"])
    };
    let categories: Vec<Value> = ["a", "b & c", "é\""]
        .iter()
        .enumerate()
        .map(|(index, name)| json!({"id": index * 2 + 1, "name": name, "keypoints": joints, "supercategory": "x"}))
        .collect();
    let mut id = 1000;
    for (split, is_val) in [("train", false), ("valid", true)] {
        let (mut records, mut annotations) = (Vec::new(), Vec::new());
        for (number, (_, in_folder, objects)) in
            images.iter().enumerate().filter(|(_, image)| image.0 == is_val)
        {
            let name = format!("{}{number}.bmp", if *in_folder { "folder/" } else { "" });
            work.picture(&format!("coco/{split}/{name}"), SIZE.0, SIZE.1);
            records.push(
                json!({"id": number + 7, "file_name": name, "width": SIZE.0, "height": SIZE.1, "license": 2}),
            );
            for object in objects {
                id -= 1;
                let mut object = object.clone();
                if flavour == Flavour::Masks {
                    // Made disjoint: short runs in a band of its own.
                    let runs: Vec<u32> = object["segmentation"]["counts"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .take(10)
                        .map(|run| 1 + run.as_u64().unwrap() as u32 % 900)
                        .collect();
                    object["segmentation"] = band(&runs, id as usize % 4);
                }
                object["id"] = json!(id);
                object["image_id"] = json!(number + 7);
                annotations.push(object);
            }
        }
        let document = json!({"images": records, "annotations": annotations, "categories": categories});
        work.write(&format!("coco/{split}/annotations.json"), document.to_string());
    }
}

fn task(flavour: Flavour) -> Option<Task> {
    match flavour {
        Flavour::Boxes => Some(Task::Detect),
        Flavour::Polygons => Some(Task::Segment),
        Flavour::Joints => Some(Task::Keypoints),
        Flavour::Turned => Some(Task::Oriented),
        Flavour::Masks | Flavour::Mixed | Flavour::Labels => None,
    }
}

fn convert(work: &Work, from: &str, format: Format, to: &str, flavour: Flavour) {
    let dataset = Dataset::open(work.path(from)).unwrap();
    // After VOC there are no joints, so that this is no longer the task.
    let has_joints = dataset.header().classes.iter().any(|class| !class.joints.is_empty());
    let task = task(flavour).filter(|task| *task != Task::Keypoints || has_joints);
    let task = task.filter(|_| format == Format::Yolo);
    let options = ConvertOptions { task, ..ConvertOptions::default() };
    dataset.convert(format, work.path(to), &options).unwrap();
}

/// What is left of an annotation if only what `formats` hold is looked at.
fn reduced(mut seen: Seen, formats: [Format; 2], flavour: Flavour) -> Seen {
    for format in formats {
        let holds = holds(format, flavour);
        if !holds.boxes {
            seen.bbox = None;
        }
        if !holds.shapes {
            seen.rings.clear();
            seen.runs = None;
        }
        if !holds.joints {
            seen.joints.clear();
        }
        if !holds.details {
            let Seen { kind, class, bbox, rings, runs, joints, rotation, flags, pose, .. } = seen;
            seen = Seen { kind, class, bbox, rings, runs, joints, rotation, flags, pose, ..Seen::default() };
        }

        if !holds.flags {
            seen.flags = [false; 3];
            seen.pose = None;
        }
    }
    // Said by nobody and said by default is the same.
    seen.pose = seen.pose.filter(|pose| !pose.is_empty());
    seen
}

fn images(work: &Work, path: &str, formats: [Format; 2], flavour: Flavour) -> Vec<(String, Vec<Seen>)> {
    let dataset = Dataset::open(work.path(path)).unwrap();
    let mut images = all_seen(&dataset);
    for (name, annotations) in &mut images {
        let is_flat = formats.iter().any(|format| !holds(*format, flavour).image_folders);
        if is_flat || formats.contains(&Format::DmV1) || formats.contains(&Format::DmV2) {
            *name = name.replace('/', "_");
        }
        if formats.contains(&Format::ImageFolder) {
            // The folder is the label there; the numbers of the pictures differ.
            *name = name.rsplit(['/', '_']).next().unwrap_or_default().to_owned();
        }
        let all = std::mem::take(annotations);
        *annotations = all.into_iter().map(|seen| reduced(seen, formats, flavour)).collect();
    }
    images.sort_by(|a, b| a.0.cmp(&b.0));
    images
}

fn numbers(seen: &Seen) -> Vec<f64> {
    let rings = seen.rings.iter().flatten().flatten();
    let joints = seen.joints.iter().flat_map(|joint| [joint.0, joint.1]);
    // A box is compared by its edges, which is what formats write.
    let edges = seen.bbox.iter().flat_map(|bbox| [bbox[0], bbox[1], bbox[0] + bbox[2], bbox[1] + bbox[3]]);
    edges.chain(rings.copied()).chain(joints).chain(seen.rotation).collect()
}

fn without_numbers(seen: &Seen) -> Seen {
    let rings = seen.rings.iter().map(|ring| vec![[0.0; 2]; ring.len()]).collect();
    let joints = seen.joints.iter().map(|joint| (0.0, 0.0, joint.2)).collect();
    let rotation = seen.rotation.map(|_| 0.0);
    Seen { bbox: seen.bbox.as_ref().map(|_| Vec::new()), rings, joints, rotation, ..seen.clone() }
}

fn round_trip(first: Format, second: Format, flavour: Flavour, made: &[(bool, bool, Vec<Value>)]) {
    let work = Work::new();
    write(&work, made, flavour);
    convert(&work, "coco", first, "first", flavour);
    convert(&work, "first", second, "second", flavour);
    convert(&work, "second", first, "back", flavour);
    let formats = [first, second];
    let (before, after) = (images(&work, "first", formats, flavour), images(&work, "back", formats, flavour));
    let what = format!("{first} → {second} → {first}, {flavour:?}");
    assert_eq!(before.len(), after.len(), "{what}");
    // A number that both formats can write comes back as it was.
    let off = if first == Format::Voc { 0.0 } else { tolerance(second) }
        + if first == Format::Yolo {
            1e-9 + if second == Format::Voc { tolerance(first) } else { 0.0 }
        } else {
            0.0
        };
    // Corners that six decimals moved are made those of a rectangle.
    let is_straightened = flavour == Flavour::Turned && formats.contains(&Format::Yolo);
    let off = off + if is_straightened { 8e-6 * f64::from(SIZE.0) } else { 0.0 };
    for ((name, before), (other, after)) in before.iter().zip(&after) {
        assert_eq!(name, other, "{what}");
        assert_eq!(
            before.iter().map(without_numbers).collect::<Vec<_>>(),
            after.iter().map(without_numbers).collect::<Vec<_>>(),
            "{what}"
        );
        for (before, after) in before.iter().zip(after) {
            for (one, two) in numbers(before).into_iter().zip(numbers(after)) {
                assert!((one - two).abs() <= off, "{what}: {one} became {two}");
            }
        }
    }
}

fn every_pair(flavour: Flavour) {
    let formats = Format::ALL.into_iter().filter(|format| match flavour {
        Flavour::Mixed => !matches!(format, Format::Yolo | Format::ImageFolder),
        // COCO's annotations have a box: a label alone is told as lost.
        // Outlines are what YOLO has of masks.
        Flavour::Masks => !matches!(format, Format::Yolo | Format::ImageFolder),
        // VOC has the upright box around a turned one.
        Flavour::Turned => !matches!(format, Format::Voc | Format::ImageFolder),
        Flavour::Labels => !matches!(format, Format::Coco | Format::Yolo | Format::Voc),
        _ => *format != Format::ImageFolder,
    });
    for first in formats.clone() {
        for second in formats.clone() {
            let mut runner =
                TestRunner::new(Config { cases: 4, failure_persistence: None, ..Config::default() });
            let outcome = runner.run(&dataset(flavour), |made| {
                round_trip(first, second, flavour, &made);
                Ok(())
            });
            outcome.unwrap_or_else(|error| panic!("{first} → {second}, {flavour:?}: {error}"));
        }
    }
}

#[test]
fn boxes_come_back() {
    every_pair(Flavour::Boxes);
}

#[test]
fn polygons_come_back() {
    every_pair(Flavour::Polygons);
}

#[test]
fn joints_come_back() {
    every_pair(Flavour::Joints);
}

#[test]
fn turned_boxes_come_back() {
    every_pair(Flavour::Turned);
}

#[test]
fn masks_come_back() {
    every_pair(Flavour::Masks);
}

#[test]
fn labels_come_back() {
    every_pair(Flavour::Labels);
}

#[test]
fn everything_comes_back_from_formats_that_hold_it() {
    every_pair(Flavour::Mixed);
}
