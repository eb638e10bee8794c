//! Panoptic records: one for each image, whose segments are the colours of a
//! picture. <https://cocodataset.org/#format-data>

use super::object::{self, Rules, Unusable};
use crate::json::{Cursor, Fault, Members};
use crate::model::{Annotation, Item, Mask, Shape, Span};
use crate::paths::{self, Checked};
use crate::plane::Plane;
use std::path::Path;

/// A segment and the number its colour is.
struct Segment {
    number: u32,
    annotation: Annotation,
}

/// Reads the record at the cursor into annotations of `item`. Its picture is
/// in `folder`.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    rules: &Rules<'_>,
    folder: &Path,
    item: &mut Item,
    at: u64,
) -> Result<(), Unusable> {
    let mut segments = Vec::new();
    let mut name = String::new();
    cursor.object(|key, value| {
        match key {
            b"file_name" => name = value.text()?,
            b"segments_info" => value.list(|entry| {
                segments.push(segment(entry, rules, item)?);
                Ok(())
            })?,
            _ => value.skip()?,
        }
        Ok(())
    })?;
    if rules.shapes {
        draw(&mut segments, &name, folder, item)?;
    }
    item.annotations.extend(segments.into_iter().map(|segment| Annotation { at, ..segment.annotation }));
    Ok(())
}

fn segment(entry: &mut Cursor<'_>, rules: &Rules<'_>, item: &mut Item) -> Result<Segment, Fault> {
    let mut number = None;
    let mut annotation = Annotation { shape: Shape::Unread { mask: true }, ..Annotation::default() };
    let mut extra = String::new();
    let mut unknown = Members::new(&mut extra);
    entry.object(|key, value| {
        match key {
            b"id" => number = value.whole()?.and_then(|number| u32::try_from(number).ok()),
            b"category_id" => annotation.class = Some(object::class(value, rules)?),
            b"bbox" => match object::numbers::<4>(value)? {
                (4, numbers) => annotation.bbox = Some(numbers),
                _ => return Err(Fault::Expected("four numbers")),
            },
            b"area" => annotation.area = Some(value.number()?),
            b"iscrowd" => annotation.crowd = Some(value.truth()?),
            _ => unknown.add(std::str::from_utf8(key).map_err(|_| Fault::NotUtf8)?, value.raw()?),
        }
        Ok(())
    })?;
    let number = number.ok_or(Fault::Expected("a segment with an id"))?;
    // It is a colour and not an id among all annotations.
    Members::after(&mut extra).add("segment_id", &number.to_string());
    annotation.extra = item.add_text(&extra);
    Ok(Segment { number, annotation })
}

/// Gives each segment the pixels of its colour.
fn draw(segments: &mut [Segment], name: &str, folder: &Path, item: &mut Item) -> Result<(), Unusable> {
    let Checked::Safe(safe) = paths::check(name) else {
        return Err(Unusable::Picture(format!("`{name}` is no name of a picture")));
    };
    let number = |[red, green, blue]: [u8; 3]| u32::from_le_bytes([red, green, blue, 0]);
    let path = folder.join(safe);
    let plane = Plane::read(&path, &number).map_err(|what| {
        Unusable::Picture(format!("the segments in {} cannot be read: {what}", path.display()))
    })?;
    if item.image.size.is_some_and(|size| size != plane.size) {
        return Err(Unusable::Picture(format!("{} is of another size than its image", path.display())));
    }
    let masks = plane.masks(&|number| segments.iter().any(|segment| segment.number == number));
    for segment in segments {
        let runs = masks.get(&segment.number).map_or(&[][..], Vec::as_slice);
        segment.annotation.shape = match runs {
            [] => Shape::None,
            runs => {
                let start = item.runs.len() as u32;
                item.runs.extend_from_slice(runs);
                let runs = Span { start, end: item.runs.len() as u32 };
                Shape::Mask(Mask { runs, size: plane.size, compressed: true })
            }
        };
    }
    Ok(())
}
