//! Reads DM v1: by events. Meta and geometry stand in two maps and are joined by id.

use super::media::{Piece, Pixels, id_of, join};
use super::read::{Glance, Reader, without_mark};
use crate::error::Error;
use crate::json::{Cursor, Fault, Members};
use crate::model::{Annotation, Id, Item, Joint, Kind, Shape, Size, Span};
use crate::paths::{self, Checked};
use crate::picture;
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use serde_json::{Map, Value};

type Object = Map<String, Value>;

/// What is written of an annotation when nothing else is known, and read as
/// nothing.
pub(super) const DEFAULTS: [(&str, &str); 5] = [
    ("isLocked", "false"),
    ("isVisible", "true"),
    ("isValid", "false"),
    ("isDrawCompleted", "true"),
    ("label", "[]"),
];

fn parse(bytes: &[u8]) -> Result<Object, String> {
    let value: Value = serde_json::from_slice(without_mark(bytes)).map_err(|error| error.to_string())?;
    let Value::Object(mut document) = value else { return Err("not an object".to_owned()) };
    match document.get_mut("annotation_data").map(Value::take) {
        Some(Value::Object(inner)) => Ok(inner),
        _ => Ok(document),
    }
}

/// The first image of a document.
fn image_of(document: &Object) -> Option<String> {
    ["annotations", "annotationsData", "extra"]
        .iter()
        .filter_map(|key| document.get(*key)?.as_object())
        .flat_map(|map| map.keys())
        .find(|media| media.starts_with("image"))
        .cloned()
}

fn list<'d>(document: &'d Object, key: &str, media: &str) -> &'d [Value] {
    let found = document.get(key).and_then(|map| map.get(media)).and_then(Value::as_array);
    found.map_or(&[], Vec::as_slice)
}

/// The tool of an annotation, in DM's words.
fn tool(meta: &Value) -> Option<&str> {
    match meta.get("tool")?.as_str()? {
        "boundingBox" => Some("bounding_box"),
        tool => Some(tool),
    }
}

fn class_name(meta: &Value) -> Option<&str> {
    meta.get("classification")?.get("class")?.as_str().filter(|name| !name.is_empty())
}

/// Looks at a document for its classes and ids.
pub(super) fn glance(bytes: &[u8]) -> Result<Glance, String> {
    let document = parse(bytes)?;
    let mut glance = Glance::default();
    let Some(media) = image_of(&document) else { return Ok(glance) };
    if let Some(extra) = document.get("extra").and_then(|extra| extra.get(&media)) {
        glance.has_image_id = extra.get("id").is_some_and(Value::is_i64);
        if let Some(Checked::Safe(path)) = extra.get("file_name").and_then(Value::as_str).map(paths::check) {
            glance.path = Some(path);
        }
    }
    for meta in list(&document, "annotations", &media) {
        let is_piece = meta.get("object").is_some();
        let tool = tool(meta).unwrap_or_default();
        glance.contains.boxes |= tool == "bounding_box";
        glance.contains.polygons |= tool == "polygon";
        glance.contains.masks |= tool == "segmentation";
        glance.contains.joints |= tool == "keypoint" && is_piece;
        let class = class_name(meta).filter(|_| !(is_piece && tool == "keypoint"));
        if let Some(class) = class.filter(|class| glance.classes.iter().all(|known| known != class)) {
            glance.classes.push(class.to_owned());
        }
        match meta.get("id").and_then(Value::as_str).and_then(|id| id.parse().ok()) {
            Some(id) => glance.numbers.push(id),
            None if is_piece => {}
            None => glance.has_other_ids = true,
        }
    }
    Ok(glance)
}

/// Reads a document.
pub(super) fn read(
    bytes: &[u8],
    reader: &Reader<'_>,
    item: &mut Item,
    notes: &mut Notes,
) -> Result<Result<(), Fault>, Error> {
    let Ok(document) = parse(bytes) else { return Ok(Err(Fault::Expected("a JSON object"))) };
    let media = image_of(&document).unwrap_or_else(|| "image_1".to_owned());
    image(&document, &media, item);
    let groups = groups(&document, &media);
    let data = list(&document, "annotationsData", &media);
    let mut found = Vec::new();
    for (number, meta) in list(&document, "annotations", &media).iter().enumerate() {
        let id = meta.get("id");
        let row = data.get(number).filter(|row| row.get("id") == id);
        let row = row.or_else(|| data.iter().find(|row| row.get("id") == id)).unwrap_or(meta);
        match piece(meta, row, reader, &groups, item) {
            Ok(mut piece) => {
                piece.annotation.at = number as u64;
                found.push(piece);
            }
            Err((kind, what)) => {
                let place = || Place::pointer(reader.path, format!("/annotations/{media}/{number}"));
                notes.unusable(kind, place, what)?;
            }
        }
    }
    let rest = rest(&document, &media, &groups);
    item.document = item.add_text(&rest);
    join(found, item);
    Ok(Ok(()))
}

fn image(document: &Object, media: &str, item: &mut Item) {
    let extra = document.get("extra").and_then(|extra| extra.get(media)).and_then(Value::as_object);
    let mut members = String::new();
    let mut sides = [None; 2];
    for (key, value) in extra.into_iter().flatten() {
        let side = value.as_u64().and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0);
        match (key.as_str(), value) {
            ("width", _) => sides[0] = side,
            ("height", _) => sides[1] = side,
            ("file_name", _) => {}
            ("id", Value::Number(id)) if id.is_i64() => item.image.id = id.as_i64().map(Id::Number),
            ("id", Value::String(id)) => item.image.id = Some(Id::Text(item.add_text(id))),
            _ => Members::after(&mut members).add(key, &value.to_string()),
        }
    }
    item.image.size = sides[0].zip(sides[1]).map(|(width, height)| Size { width, height });
    item.image.extra = item.add_text(&members);
}

/// The groups of a document: id and members.
fn groups(document: &Object, media: &str) -> Vec<(String, Vec<String>)> {
    let members = |group: &Value| -> Vec<String> {
        let canonical = group.get("annotationIds").and_then(Value::as_array);
        let nested = group.get("annotationList").and_then(Value::as_array);
        let id = |member: &Value| {
            member.as_str().or_else(|| member.get("annotationId")?.as_str()).map(str::to_owned)
        };
        canonical.or(nested).into_iter().flatten().filter_map(id).collect()
    };
    let groups = list(document, "annotationGroups", media).iter();
    groups.filter_map(|group| Some((group.get("id")?.as_str()?.to_owned(), members(group)))).collect()
}

/// Everything of a document that is not of its first image, and of that
/// what no annotation holds.
fn rest(document: &Object, media: &str, groups: &[(String, Vec<String>)]) -> String {
    let mut rest = String::new();
    for (key, value) in document {
        let mut value = value.clone();
        if let (Value::Object(map), true) = (&mut value, key != "assignmentId") {
            let is_known = matches!(key.as_str(), "annotations" | "annotationsData" | "extra")
                || key == "annotationGroups" && !groups.is_empty();
            if is_known {
                map.remove(media);
            }
            map.retain(|_, value| !value.as_array().is_some_and(Vec::is_empty));
            if map.is_empty() {
                continue;
            }
        }
        if !value.is_null() {
            Members::after(&mut rest).add(key, &value.to_string());
        }
    }
    rest
}

type Wrong = (ProblemKind, &'static str);

const MALFORMED: ProblemKind = ProblemKind::Malformed;

fn piece(
    meta: &Value,
    row: &Value,
    reader: &Reader<'_>,
    groups: &[(String, Vec<String>)],
    item: &mut Item,
) -> Result<Piece, Wrong> {
    let tool = tool(meta).ok_or((MALFORMED, "an annotation without a tool"))?;
    let class = class_name(meta);
    let class = class.map(|name| reader.classes.get(name).copied().unwrap_or(u32::MAX));
    let id = meta.get("id").and_then(Value::as_str);
    let mut annotation = Annotation { class, ..Annotation::default() };
    annotation.id = id.map(|id| id_of(id, item));
    geometry(tool, meta, row, reader, &mut annotation, item)?;
    if tool == "keypoint" {
        let group =
            groups.iter().find(|(_, members)| id.is_some_and(|id| members.iter().any(|member| member == id)));
        annotation.kind = Kind::Point { group: group.map(|(group, _)| item.add_text(group)) };
    }
    let mut attributes = String::new();
    for (key, value) in meta.get("classification").and_then(Value::as_object).into_iter().flatten() {
        if key != "class" && !(key == "visibility" && tool == "keypoint") {
            Members::after(&mut attributes).add(&quoted(key), &value.to_string());
        }
    }
    annotation.attributes = item.add_text(&attributes);
    let mut object = None;
    carried(meta, &mut annotation, &mut object, item);
    Ok(Piece { annotation, object })
}

/// A key as it stands between quotes.
fn quoted(key: &str) -> String {
    let text = Value::from(key).to_string();
    text[1..text.len() - 1].to_owned()
}

fn carried(meta: &Value, annotation: &mut Annotation, object: &mut Option<String>, item: &mut Item) {
    let mut extra = String::new();
    for (key, value) in meta.as_object().into_iter().flatten() {
        let text = value.to_string();
        let truth = || value.as_bool().or_else(|| value.as_f64().map(|value| value != 0.0));
        match key.as_str() {
            "id" | "tool" | "classification" | "data" => {}
            "object" => *object = value.as_str().map(str::to_owned),
            "derived" => annotation.bbox = None,
            "area" => annotation.area = value.as_f64(),
            "iscrowd" => annotation.crowd = truth(),
            "score" => annotation.score = value.as_f64(),
            "difficult" => annotation.voc.difficult = truth(),
            "truncated" => annotation.voc.truncated = truth(),
            "occluded" => annotation.voc.occluded = truth(),
            "pose" => annotation.voc.pose = value.as_str().map(|pose| item.add_text(pose)),
            _ if DEFAULTS.contains(&(key, &text)) => {}
            _ => Members::after(&mut extra).add(&quoted(key), &text),
        }
    }
    annotation.extra = item.add_text(&extra);
}

fn number(value: &Value, key: &str) -> Result<f64, Wrong> {
    value.get(key).and_then(Value::as_f64).ok_or((MALFORMED, "a coordinate is missing or not a number"))
}

fn point(value: &Value) -> Result<[f64; 2], Wrong> {
    Ok([number(value, "x")?, number(value, "y")?])
}

fn geometry(
    tool: &str,
    meta: &Value,
    row: &Value,
    reader: &Reader<'_>,
    annotation: &mut Annotation,
    item: &mut Item,
) -> Result<(), Wrong> {
    let coordinate = || row.get("coordinate").ok_or((MALFORMED, "no geometry belongs to the annotation"));
    match tool {
        "bounding_box" => {
            if let Some(numbers) = row.get("data").and_then(Value::as_array) {
                let numbers: Vec<f64> = numbers.iter().filter_map(Value::as_f64).collect();
                let numbers = <[f64; 4]>::try_from(numbers);
                annotation.bbox = Some(numbers.map_err(|_| (MALFORMED, "a box needs four numbers"))?);
                return Ok(());
            }
            let box_ = coordinate()?;
            let [x, y] = point(box_)?;
            annotation.bbox = Some([x, y, number(box_, "width")?, number(box_, "height")?]);
            annotation.rotation = box_.get("rotation").and_then(Value::as_f64);
        }
        "polygon" | "polyline" => {
            let points = coordinate()?.as_array().ok_or((MALFORMED, "the points are not a list"))?;
            if points.len() > reader.max_vertices {
                return Err((ProblemKind::TooManyVertices, "more vertices than allowed"));
            }
            let points = points.iter().map(point).collect::<Result<Vec<_>, Wrong>>()?;
            annotation.shape = Shape::Rings(item.add_ring(points));
            if tool == "polyline" {
                annotation.kind = Kind::Polyline;
            }
        }
        "keypoint" => {
            let [x, y] = point(coordinate()?)?;
            let start = item.joints.len() as u32;
            item.joints.push(Joint { x, y, seen: visibility(meta) });
            annotation.joints = Span { start, end: start + 1 };
        }
        "segmentation" => annotation.shape = mask(row, reader, item)?,
        "classification" => annotation.kind = Kind::Label,
        _ => {
            let mut data = row.as_object().cloned().unwrap_or_default();
            data.remove("id");
            let whole = Value::Object(data);
            let data = whole.get("data").unwrap_or(&whole).to_string();
            annotation.kind = Kind::Other { tool: item.add_text(tool), data: item.add_text(&data) };
        }
    }
    Ok(())
}

fn visibility(meta: &Value) -> Option<u8> {
    let value = meta.get("classification")?.get("visibility")?;
    match value.as_str() {
        Some("missing") => Some(0),
        Some("occluded") => Some(1),
        Some("visible") => Some(2),
        Some(_) => None,
        None => value.as_u64().map(|seen| seen.min(2) as u8),
    }
}

fn mask(row: &Value, reader: &Reader<'_>, item: &mut Item) -> Result<Shape, Wrong> {
    let text = row.get("pixel_indices").ok_or((MALFORMED, "a mask without pixel_indices"))?.to_string();
    let pixels = Pixels::read(&mut Cursor::new(text.as_bytes()))
        .map_err(|_| (MALFORMED, "pixels that are no numbers"))?;
    if item.image.size.is_none() {
        item.image.size = picture::size(reader.file);
    }
    let size = item.image.size.ok_or((ProblemKind::NoSize, "a mask on a picture whose size nothing says"))?;
    pixels.shape(size, item).map_err(|what| (MALFORMED, what))
}
