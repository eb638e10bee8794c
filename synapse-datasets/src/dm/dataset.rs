//! `dataset.json`: what belongs to the dataset rather than to an image, in
//! the words of COCO.

use crate::coco::{class_fields, write_class};
use crate::error::Error;
use crate::json::{Cursor, Members};
use crate::model::Header;
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use std::path::Path;

pub(super) const NAME: &str = "dataset.json";

/// The file for a header, if there is anything to say. The order of classes
/// always is: other formats number them by it.
pub(super) fn write(header: &Header) -> Option<Vec<u8>> {
    let nothing = header.info.is_empty() && header.licenses.is_empty() && header.extra.is_empty();
    if nothing && header.classes.is_empty() {
        return None;
    }
    let mut out = b"{\"categories\": [".to_vec();
    for (index, class) in header.classes.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
        write_class(class, class.id, &mut out);
    }
    out.push(b']');
    for (name, text) in [("info", &header.info), ("licenses", &header.licenses)] {
        if !text.is_empty() {
            out.extend_from_slice(format!(",\n\"{name}\": {text}").as_bytes());
        }
    }
    if !header.extra.is_empty() {
        out.extend_from_slice(b",\n");
        out.extend_from_slice(header.extra.as_bytes());
    }
    out.extend_from_slice(b"}\n");
    Some(out)
}

/// Reads the file at `root` into the header, if it is there.
pub(super) fn read(root: &Path, header: &mut Header, notes: &mut Notes) -> Result<(), Error> {
    let path = root.join(NAME);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(Error::io("read", &path, error)),
    };
    let mut extra = String::new();
    let mut members = Members::new(&mut extra);
    let outcome = Cursor::new(super::read::without_mark(&bytes)).object(|key, value| {
        match key {
            b"categories" => value.list(|class| {
                header.classes.push(class_fields(class)?);
                Ok(())
            })?,
            b"info" => header.info = value.raw()?.to_owned(),
            b"licenses" => header.licenses = value.raw()?.to_owned(),
            _ => members.add(&String::from_utf8_lossy(key), value.raw()?),
        }
        Ok(())
    });
    header.extra = extra;
    if let Err(fault) = outcome {
        notes.unusable(ProblemKind::Damaged, || Place::file(&path), fault.to_string())?;
    }
    Ok(())
}
