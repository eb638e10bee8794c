//! Conversions that an interruption leaves to be gone on with.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::Work;
use serde_json::json;
use std::os::unix::fs::MetadataExt;
use synapse_datasets::{ConvertOptions, Dataset, Error, ErrorKind, Format, Images, OnError};

const PARTIAL: &str = ".synapse-out.partial";

fn coco(work: &Work, images: u32) {
    let records: Vec<_> = (0..images)
        .map(|id| json!({"id": id, "file_name": format!("{id:03}.bmp"), "width": 9, "height": 9}))
        .collect();
    let annotations: Vec<_> = (0..images)
        .map(|id| json!({"id": id, "image_id": id, "category_id": 1, "bbox": [1, 1, 2, 2]}))
        .collect();
    let document =
        json!({"images": records, "annotations": annotations, "categories": [{"id": 1, "name": "c"}]});
    work.write("in/annotations.json", document.to_string());
    for id in 0..images {
        work.picture(&format!("in/{id:03}.bmp"), 9, 9);
    }
}

fn options(images: Images) -> ConvertOptions {
    ConvertOptions { images, resume: true, jobs: 1, ..ConvertOptions::default() }
}

fn convert(work: &Work, format: Format, images: Images) -> Result<(), Error> {
    let dataset = common::open(&work.path("in"), OnError::Fail)?;
    dataset.convert(format, work.path("out"), &options(images)).map(drop)
}

/// A box without area late in the file stops a conversion in its middle.
fn break_off(work: &Work, format: Format, images: Images) {
    let whole = work.read("in/annotations.json");
    let broken = whole.replacen(
        r#""image_id":190,"category_id":1,"bbox":[1,1,2,2]"#,
        r#""image_id":190,"category_id":1,"bbox":[1,1,0,2]"#,
        1,
    );
    let broken = broken.replacen(
        r#""bbox":[1,1,2,2],"category_id":1,"id":190"#,
        r#""bbox":[1,1,0,2],"category_id":1,"id":190"#,
        1,
    );
    assert_ne!(broken, whole);
    work.write("in/annotations.json", broken);
    assert!(matches!(convert(work, format, images).unwrap_err().kind(), ErrorKind::Data(_)));
    work.write("in/annotations.json", whole);
    assert!(!work.path("out").exists() && work.path(PARTIAL).is_dir());
}

#[test]
fn images_that_are_there_are_not_copied_again() {
    for format in [Format::Yolo, Format::Coco, Format::Voc, Format::DmV2] {
        let work = Work::new();
        coco(&work, 200);
        break_off(&work, format, Images::Copy);
        let image = |root: &str| {
            let files = work.files(root);
            format!("{root}/{}", files.iter().find(|file| file.ends_with("000.bmp")).unwrap())
        };
        let node = |path: &str| std::fs::metadata(work.path(path)).unwrap().ino();
        let before = node(&image(PARTIAL));
        convert(&work, format, Images::Copy).unwrap();
        assert_eq!(node(&image("out")), before, "{format}");
        assert!(!work.path(PARTIAL).exists());
        // The same as without an interruption.
        let dataset = Dataset::open(work.path("in")).unwrap();
        dataset.convert(format, work.path("fresh"), &ConvertOptions::default()).unwrap();
        let all = |root: &str| -> Vec<_> {
            let files = work.files(root);
            files
                .iter()
                .map(|file| (file.clone(), std::fs::read(work.path(root).join(file)).unwrap()))
                .collect()
        };
        assert_eq!(all("out"), all("fresh"), "{format}");
    }
}

#[test]
fn what_the_source_no_longer_has_does_not_stay() {
    let work = Work::new();
    coco(&work, 200);
    break_off(&work, Format::Yolo, Images::Copy);
    // Of another size, cut short, and younger than its copy.
    work.write("in/001.bmp", [std::fs::read(work.path("in/001.bmp")).unwrap(), vec![0]].concat());
    work.write(&format!("{PARTIAL}/images/002.bmp"), "BM");
    let old = std::time::SystemTime::UNIX_EPOCH;
    let copy =
        std::fs::File::options().write(true).open(work.path(&format!("{PARTIAL}/images/003.bmp"))).unwrap();
    copy.set_modified(old).unwrap();
    work.write(&format!("{PARTIAL}/labels/gone.txt"), "0 0.5 0.5 0.1 0.1\n");
    work.write(&format!("{PARTIAL}/extra/deep/gone.bmp"), "x");
    convert(&work, Format::Yolo, Images::Copy).unwrap();
    for name in ["001", "002", "003"] {
        let read = |root: &str| std::fs::read(work.path(&format!("{root}/{name}.bmp"))).unwrap();
        assert_eq!(read("out/images"), read("in"), "{name}");
    }
    assert!(std::fs::metadata(work.path("out/images/003.bmp")).unwrap().modified().unwrap() > old);
    assert!(!work.path("out/labels/gone.txt").exists() && !work.path("out/extra").exists());
}

#[test]
fn a_link_left_behind_is_never_written_through() {
    let work = Work::new();
    coco(&work, 200);
    let own = std::fs::read(work.path("in/000.bmp")).unwrap();
    std::fs::create_dir_all(work.path(&format!("{PARTIAL}/labels"))).unwrap();
    for name in ["labels/000.txt", "data.yaml"] {
        std::fs::hard_link(work.path("in/000.bmp"), work.path(&format!("{PARTIAL}/{name}"))).unwrap();
    }
    for images in [Images::Link, Images::Symlink, Images::Copy] {
        let _ = std::fs::remove_dir_all(work.path("out"));
        convert(&work, Format::Yolo, images).unwrap();
        assert_eq!(std::fs::read(work.path("in/000.bmp")).unwrap(), own, "{images:?}");
        let path = work.path("out/images/000.bmp");
        let is_one = std::fs::metadata(&path).unwrap().ino()
            == std::fs::metadata(work.path("in/000.bmp")).unwrap().ino();
        assert_eq!((path.is_symlink(), is_one), (images == Images::Symlink, images != Images::Copy));
        // What one way has left another does not take for its own.
        std::fs::rename(work.path("out"), work.path(PARTIAL)).unwrap();
    }
}

#[test]
fn two_do_not_write_to_one_folder() {
    let work = Work::new();
    coco(&work, 200);
    std::fs::create_dir_all(work.path(PARTIAL)).unwrap();
    let lock = std::fs::File::open(work.path(PARTIAL)).unwrap();
    lock.lock().unwrap();
    let error = convert(&work, Format::Yolo, Images::Link).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::OutputExists);
    assert!(error.to_string().contains("is being written"), "{error}");
    drop(lock);
    convert(&work, Format::Yolo, Images::Link).unwrap();
}
