//! Tables with a row for each file: the first column names the file.

use std::collections::HashMap;
use std::path::Path;

use serde_json::{Map, Value};

use crate::errors::{Result, ValidationError};

#[cfg(feature = "tables")]
const MAX_BYTES: u64 = 10 << 20;
#[cfg(feature = "tables")]
const MAX_ROWS: usize = 100_000;
#[cfg(feature = "tables")]
const MAX_COLUMNS: usize = 300;

type Rows = HashMap<String, Map<String, Value>>;

/// What the SDK is built without.
#[cfg(not(feature = "tables"))]
pub(super) fn read(path: &Path) -> Result<Rows> {
    Err(ValidationError::new(format!("tables such as {} are not read by this plugin", path.display()))
        .hint("its Cargo.toml has to say `synapse-sdk = { …, features = [\"tables\"] }`"))
}

/// The rows of a CSV or Excel file, by the file they are about.
#[cfg(feature = "tables")]
pub(super) fn read(path: &Path) -> Result<Rows> {
    use crate::client::folder::failed;

    let size = std::fs::metadata(path).map_err(|error| failed("reading", path, &error))?.len();
    if size > MAX_BYTES {
        return Err(ValidationError::new(format!("{} has {size} bytes", path.display()))
            .hint(format!("a table may have {MAX_BYTES}")));
    }
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let table = if extension == "csv" { of_csv(path)? } else { of_excel(path)? };
    rows(path, table)
}

#[cfg(feature = "tables")]
fn of_csv(path: &Path) -> Result<Vec<Vec<Value>>> {
    use crate::errors::ResultExt;

    let reading = || format!("reading {}", path.display());
    let reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_path(path);
    let mut table = Vec::new();
    for record in reader.with_context(reading)?.into_records().take(MAX_ROWS + 2) {
        let record = record.with_context(reading)?;
        let first = table.is_empty();
        // Programs that write for Excel begin with a byte order mark.
        let cell = |text: &str| Value::from(if first { text.trim_start_matches('\u{feff}') } else { text });
        table.push(record.iter().map(cell).collect());
    }
    Ok(table)
}

#[cfg(feature = "tables")]
fn of_excel(path: &Path) -> Result<Vec<Vec<Value>>> {
    use calamine::{Data, Reader, open_workbook_auto};

    use crate::errors::ResultExt;

    let reading = || format!("reading {}", path.display());
    let mut workbook = open_workbook_auto(path).with_context(reading)?;
    let sheet = workbook.worksheet_range_at(0).context("a workbook without sheets")?.with_context(reading)?;
    let cell = |data: &Data| match data {
        Data::Int(number) => Value::from(*number),
        Data::Float(number) => Value::from(*number),
        Data::Bool(truth) => Value::from(*truth),
        Data::Empty => Value::Null,
        other => Value::from(other.to_string()),
    };
    Ok(sheet.rows().take(MAX_ROWS + 2).map(|row| row.iter().map(cell).collect()).collect())
}

#[cfg(feature = "tables")]
fn rows(path: &Path, table: Vec<Vec<Value>>) -> Result<Rows> {
    let wrong = |why: String| {
        ValidationError::new(format!("{}: {why}", path.display()))
            .hint("the first row has the names of the columns, the first of them `filename`")
    };
    let mut table = table.into_iter();
    let text =
        |value: &Value| value.as_str().map_or_else(|| value.to_string(), |text| text.trim().to_owned());
    let header: Vec<String> = table.next().unwrap_or_default().iter().map(text).collect();
    match header.first().map(String::as_str) {
        Some("filename" | "file_name") => {}
        Some(other) => return Err(wrong(format!("the first column is `{other}`"))),
        None => return Err(wrong("it is empty".to_owned())),
    }
    if header.len() > MAX_COLUMNS || table.len() > MAX_ROWS {
        return Err(wrong(format!("it has more than {MAX_ROWS} rows or {MAX_COLUMNS} columns")));
    }
    let mut rows = Rows::new();
    for (number, row) in table.enumerate() {
        let name = row.first().map(text).unwrap_or_default();
        if name.is_empty() {
            continue;
        }
        let cells = header.iter().cloned().zip(row).skip(1).filter(|(_, value)| !value.is_null());
        if rows.insert(name.clone(), cells.collect()).is_some() {
            return Err(wrong(format!("row {} is the second of `{name}`", number + 2)));
        }
    }
    Ok(rows)
}
