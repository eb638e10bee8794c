//! Conversion of datasets for plugins, which do not carry it themselves.

use std::path::PathBuf;

use serde_json::{Value, json};
use synapse_datasets::{ConvertOptions, Dataset, Format, ReadOptions};
use synapse_sdk::errors::{Result, ValidationError};

use crate::dataset_error::told;

/// Writes the dataset at `path` as `to` to the folder `output`, which appears
/// whole or not at all.
pub(super) fn run(body: &Value) -> Result<Value> {
    let text = |name: &str| {
        let text = body[name].as_str().filter(|text| !text.is_empty());
        text.ok_or_else(|| ValidationError::new(format!("a conversion needs `{name}`")))
    };
    let (path, output) = (PathBuf::from(text("path")?), PathBuf::from(text("output")?));
    let to: Format = text("to")?.parse().map_err(told)?;
    let dataset = match text("from") {
        Ok(from) => Dataset::open_as(&path, from.parse().map_err(told)?, &ReadOptions::default()),
        Err(_) => Dataset::open(&path),
    };
    let report = dataset.map_err(told)?.convert(to, &output, &ConvertOptions::default()).map_err(told)?;
    Ok(json!({ "path": output, "images": report.images, "annotations": report.annotations }))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use synapse_sdk::ErrorKind;

    use super::*;

    #[test]
    fn a_dataset_is_written_in_another_format_and_what_is_wrong_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let (path, output) = (folder.path().join("in"), folder.path().join("out"));
        std::fs::create_dir(&path).unwrap();
        let coco = json!({
            "images": [{ "id": 1, "file_name": "a.jpg", "width": 10, "height": 10 }],
            "categories": [{ "id": 7, "name": "cat" }],
            "annotations": [{ "id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 3, 4] }],
        });
        std::fs::write(path.join("annotations.json"), coco.to_string()).unwrap();
        let asked = |to: &str| json!({ "path": path, "to": to, "output": output });
        let answer = run(&asked("yolo")).unwrap();
        assert_eq!(answer, json!({ "path": output, "images": 1, "annotations": 1 }));
        assert!(output.join("data.yaml").is_file());
        for types in synapse_sdk::data_type::BUILT_IN
            .iter()
            .filter(|types| types.parent.is_some_and(|parent| parent.id.contains("dataset")))
        {
            assert!(types.format.unwrap().parse::<Format>().is_ok(), "{}", types.id);
        }
        let unknown = run(&asked("ylo")).unwrap_err();
        assert_eq!((unknown.kind(), unknown.message()), (ErrorKind::Validation, "there is no format `ylo`"));
        let missing = run(&json!({ "path": "/nowhere/at/all", "to": "yolo", "output": output })).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
    }
}
