#![expect(clippy::unwrap_used, reason = "tests")]

use std::sync::{Arc, Mutex};

use super::*;
use crate::events::EventBody;
use crate::prelude::{ErrorKind, LocalExecutor};
use crate::testing::LocalRun;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Uploads pictures with labels.
#[derive(crate::action::Action, Default)]
#[action(name = "pictures")]
struct Pictures;

impl UploadAction for Pictures {
    fn check_unit(&self, unit: DataUnit, _: &UploadParams) -> Result<DataUnit> {
        if unit.key == "odd" { Err(ValidationError::new("odd")) } else { Ok(unit) }
    }
}

impl Action for Pictures {
    type Params = UploadParams;
    type Output = UploadResult;

    fn execute(&self, params: UploadParams, ctx: &Context) -> Result<UploadResult> {
        self.upload(&params, ctx)
    }
}

struct Place {
    folder: tempfile::TempDir,
    units: Arc<Mutex<Vec<Value>>>,
}

impl Place {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        Self { folder, units: Arc::default() }
    }

    fn upload(&self, more: Value) -> Result<LocalRun> {
        let units = Arc::clone(&self.units);
        let client = move |operation: &str, body: &Value| match operation {
            "data_collection.get" => Ok(json!({ "file_specifications": [
                { "name": "image_1", "is_required": true, "extensions": ["png"] },
                { "name": "label_1", "extensions": ["json"] },
            ] })),
            _ => {
                units.lock().unwrap().push(body.clone());
                Ok(json!({ "id": 1 }))
            }
        };
        let mut params = json!({ "name": "up", "path": self.folder.path(), "data_collection": 3 });
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        LocalExecutor::new().client(client).execute::<Pictures>(params)
    }
}

fn png(more: &str) -> Vec<u8> {
    [PNG, more.as_bytes()].concat()
}

#[test]
fn files_of_a_stem_make_a_unit() {
    let place = Place::new(&[
        ("image_1/a.png", &png("a")),
        ("image_1/deep/b.png", &png("b")),
        ("label_1/a.json", b"{}"),
    ]);
    let run = place.upload(json!({})).unwrap();
    assert_eq!((&run["uploaded_files"], &run["data_units"]), (&json!(3), &json!(2)));
    let units = place.units.lock().unwrap().clone();
    assert_eq!((&units[0]["key"], units[0]["files"].as_object().unwrap().len()), (&json!("a"), 2));
    assert_eq!(units[1]["meta"]["origin_file_stem"], "b");
    assert_eq!(run.progress("cleanup").last().unwrap().overall, 100.0);
    let flat = place.upload(json!({ "is_recursive": false })).unwrap();
    assert_eq!(flat["data_units"], 1);
}

#[test]
fn each_file_that_is_not_taken_is_told_with_its_reason() {
    let place = Place::new(&[
        ("image_1/a.png", &png("a")),
        ("image_1/same.png", &png("a")),
        ("image_1/b.bmp", b"BM"),
        ("image_1/empty.png", b""),
        ("image_1/text.png", b"text"),
        ("image_1/program.png", b"\x7fELF"),
        ("image_1/odd.png", &png("odd")),
        ("image_1/large.png", &png(&"x".repeat(2 << 20))),
        ("label_1/alone.json", b"{}"),
    ]);
    let run = place.upload(json!({ "max_file_size_mb": 1 })).unwrap();
    let mut codes: Vec<String> = run["rejected"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let name = PathBuf::from(one["file"].as_str().unwrap());
            format!("{} {}", stem(&name), one["code"].as_str().unwrap())
        })
        .collect();
    codes.sort();
    let expected = [
        "alone MISSING_REQUIRED_DATA",
        "b UNSUPPORTED_EXTENSION",
        "empty FILE_CORRUPTED",
        "large FILE_TOO_LARGE",
        "odd UPLOAD_FAILED",
        "program UNSAFE_CONTENT",
        "same DUPLICATE_FILE",
        "text UNSAFE_CONTENT",
    ];
    assert_eq!(codes, expected);
    assert_eq!((&run["data_units"], &run["partial_failure"]), (&json!(1), &json!(true)));
    let logged = run.events().iter().find_map(|event| match &event.body {
        EventBody::Log { name, data, .. } if name == "import_result" => serde_json::from_str(data).ok(),
        _ => None,
    });
    let logged: Value = logged.unwrap();
    assert_eq!((&logged["data_units"], &logged["rejected"]), (&json!(1), &run["rejected"]));
}

#[test]
fn what_makes_an_upload_impossible_is_named() {
    let error = |place: &Place, more: Value| {
        let error = place.upload(more).unwrap_err();
        (error.kind(), error.message().to_owned())
    };
    let none = Place::new(&[("label_1/a.json", b"{}")]);
    let (kind, text) = error(&none, json!({}));
    assert_eq!(kind, ErrorKind::Validation);
    assert!(text.ends_with("image_1 for `image_1`, which every unit needs"), "{text}");
    let refused = Place::new(&[("image_1/a.bmp", b"BM")]);
    assert_eq!(
        error(&refused, json!({})),
        (ErrorKind::Execution, "nothing was uploaded; 1 files were not taken".to_owned())
    );
    let (_, text) = error(&refused, json!({ "path": null }));
    assert_eq!(text, "the params name no files");
    let (_, text) = error(&refused, json!({ "data_collection": null }));
    assert_eq!(text, "the params name no data collection");
}

#[cfg(not(feature = "tables"))]
#[test]
fn tables_need_a_feature_and_the_error_says_which() {
    let place = Place::new(&[("image_1/a.png", &png("a")), ("meta.csv", b"filename\n")]);
    let error = place.upload(json!({ "metadata_path": place.folder.path().join("meta.csv") })).unwrap_err();
    assert!(error.hint_text().unwrap().contains("features = [\"tables\"]"));
}

#[cfg(feature = "tables")]
#[test]
fn rows_of_a_table_belong_to_their_files() {
    let table = "\u{feff}filename,weather\na.png,rough\nc,calm\n";
    let place = Place::new(&[
        ("image_1/a.png", &png("a")),
        ("image_1/c.png", &png("c")),
        ("meta.csv", table.as_bytes()),
    ]);
    let path = place.folder.path().join("meta.csv");
    place.upload(json!({ "metadata_path": path })).unwrap();
    let units = place.units.lock().unwrap().clone();
    assert_eq!(
        (&units[0]["meta"]["weather"], &units[1]["meta"]["weather"]),
        (&json!("rough"), &json!("calm"))
    );
    fs::write(&path, "name,weather\n").unwrap();
    let error = place.upload(json!({ "metadata_path": path })).unwrap_err();
    assert!(error.message().ends_with("the first column is `name`"), "{error}");
    fs::write(&path, "filename\na\na\n").unwrap();
    let error = place.upload(json!({ "metadata_path": path })).unwrap_err();
    assert!(error.message().ends_with("row 3 is the second of `a`"), "{error}");
    fs::write(path.with_extension("xlsx"), "no workbook").unwrap();
    let error = place.upload(json!({ "metadata_path": path.with_extension("xlsx") })).unwrap_err();
    assert!(error.message().starts_with("reading "), "{error}");
}

/// A workbook of one sheet, as a spreadsheet program writes it.
#[cfg(feature = "tables")]
fn workbook(rows: &str) -> Vec<u8> {
    use std::io::Write;

    const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8" standalone="yes"?>"#;
    const FORMATS: &str = "http://schemas.openxmlformats.org";
    let of_document = format!("{FORMATS}/officeDocument/2006/relationships");
    let relation = |kind: &str, target: &str| {
        format!(
            r#"{HEAD}<Relationships xmlns="{FORMATS}/package/2006/relationships"><Relationship Id="rId1"
            Type="{of_document}/{kind}" Target="{target}"/></Relationships>"#
        )
    };
    let main = format!("{FORMATS}/spreadsheetml/2006/main");
    let files = [
        ("[Content_Types].xml", format!(r#"{HEAD}<Types xmlns="{FORMATS}/package/2006/content-types"/>"#)),
        ("_rels/.rels", relation("officeDocument", "xl/workbook.xml")),
        ("xl/_rels/workbook.xml.rels", relation("worksheet", "worksheets/sheet1.xml")),
        (
            "xl/workbook.xml",
            format!(
                r#"{HEAD}<workbook xmlns="{main}" xmlns:r="{of_document}"><sheets>
                <sheet name="meta" sheetId="1" r:id="rId1"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"{HEAD}<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#),
        ),
    ];
    let mut archive = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in files {
        archive.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        archive.write_all(text.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[cfg(feature = "tables")]
#[test]
fn a_table_may_be_a_workbook_of_excel() {
    let text = |cell: &str, text: &str| format!(r#"<c r="{cell}" t="inlineStr"><is><t>{text}</t></is></c>"#);
    let rows = format!(
        r#"<row r="1">{}{}{}</row><row r="2">{}<c r="B2"><v>3.5</v></c><c r="C2" t="b"><v>1</v></c></row>
        <row r="3">{}<c r="B3"><v>4</v></c></row>"#,
        text("A1", "file_name"),
        text("B1", "waves"),
        text("C1", "night"),
        text("A2", "a.png"),
        text("A3", "c"),
    );
    let place = Place::new(&[
        ("image_1/a.png", &png("a")),
        ("image_1/c.png", &png("c")),
        ("meta.xlsx", &workbook(&rows)),
    ]);
    place.upload(json!({ "metadata_path": place.folder.path().join("meta.xlsx") })).unwrap();
    let units = place.units.lock().unwrap().clone();
    let meta = |index: usize| units[index]["meta"].clone();
    assert_eq!((&meta(0)["waves"], &meta(0)["night"]), (&json!(3.5), &json!(true)));
    assert_eq!((meta(1)["waves"].as_f64(), &meta(1)["night"]), (Some(4.0), &Value::Null));
}
