//! What several of the programs do.

use std::fs;
use std::path::Path;

use synapse_datasets::{ConvertOptions, Dataset, Format, Images, ReadOptions, SurveyOptions};

/// Reads bytes as one file of a dataset, looks at all of it and converts it:
/// every outcome but a panic is a good one. Nothing may be written beside the
/// output.
pub fn dataset(format: Format, file: &str, beside: &[(&str, &[u8])], bytes: &[u8]) {
    let Ok(folder) = tempfile::tempdir() else { return };
    let root = folder.path().join("in");
    for (name, bytes) in beside.iter().copied().chain([(file, bytes)]) {
        let path = root.join(name);
        let above = path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(above).and_then(|()| fs::write(&path, bytes)).expect("a file can be written");
    }
    let _ = Dataset::detect(&root);
    let options = ReadOptions { max_vertices: 10_000, ..ReadOptions::default() };
    let Ok(dataset) = Dataset::open_as(&root, format, &options) else { return };
    let _ = dataset.survey(&SurveyOptions { shapes: true, files: true, ..SurveyOptions::default() });
    for target in [Format::Coco, Format::Yolo, Format::Voc, Format::DmV1, Format::DmV2] {
        let out = folder.path().join("out").join(target.name());
        let options = ConvertOptions { images: Images::Without, jobs: 1, ..ConvertOptions::default() };
        if dataset.convert(target, &out, &options).is_ok_and(|report| report.images > 0) {
            // What was written can be read, if it is anything.
            let again = Dataset::open_as(&out, target, &ReadOptions::default());
            assert!(again.is_ok() || target == Format::Yolo, "{target}: {:?}", again.err());
        }
    }
    let names = fs::read_dir(folder.path()).expect("the folder is there").flatten();
    assert!(names.map(|entry| entry.file_name()).all(|name| name == "in" || name == "out"));
}

/// A picture of 64 × 48, as far as its size goes.
pub const PICTURE: &[u8] = &{
    let mut bmp = [0; 54];
    bmp[0] = b'B';
    bmp[1] = b'M';
    bmp[14] = 40;
    bmp[18] = 64;
    bmp[22] = 48;
    bmp
};
