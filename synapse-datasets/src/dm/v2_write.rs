//! Writes DM v2.

use super::write::{Data, Piece, pieces};
use crate::coco::write_union_fields;
use crate::fields::own_area;
use crate::json::{Cursor, Members, write_members, write_text};
use crate::model::{Annotation, Header, Id, Item};
use crate::number::{write_shortest, write_whole};
use crate::rle;
use std::borrow::Cow;

/// The order of tools in a document.
const TOOLS: [&str; 6] =
    ["bounding_box", "polygon", "polyline", "keypoint", "segmentation", "classification"];

/// The annotations of one tool, as text.
struct Bucket {
    tool: Cow<'static, str>,
    text: Vec<u8>,
}

/// Writes a document.
pub(super) fn write(header: &Header, item: &Item, name: &str, has_images: bool, out: &mut Vec<u8>) {
    let mut buckets: Vec<Bucket> =
        TOOLS.iter().map(|tool| Bucket { tool: Cow::Borrowed(*tool), text: Vec::new() }).collect();
    // Most of a document is points, of which one is about so long.
    buckets[1].text.reserve(18 * item.points.len());
    let mut used: Vec<(usize, u32)> = Vec::new();
    for (number, annotation) in item.annotations.iter().enumerate() {
        pieces(header, item, number, &mut |piece| {
            let known = buckets.iter().position(|bucket| bucket.tool == piece.tool);
            let at = known.unwrap_or_else(|| {
                buckets.push(Bucket { tool: Cow::Owned(piece.tool.to_owned()), text: Vec::new() });
                buckets.len() - 1
            });
            if let Some(class) = annotation.class {
                used.push((at, class));
            }
            let text = &mut buckets[at].text;
            text.extend_from_slice(if text.is_empty() { b"\n" } else { b",\n" });
            write_piece(piece, item, annotation, text);
        });
    }
    out.extend_from_slice(b"{\"classification\": {");
    write_used(header, &buckets, used, out);
    out.extend_from_slice(b"},\n\"images\": [{");
    let mut is_first = true;
    for bucket in buckets.iter().filter(|bucket| !bucket.text.is_empty()) {
        out.extend_from_slice(if std::mem::take(&mut is_first) { b"" } else { b",\n" });
        write_text(&bucket.tool, out);
        out.extend_from_slice(b": [");
        out.extend_from_slice(&bucket.text);
        out.push(b']');
    }
    out.push(b'}');
    let rest = write_further(item.text(item.document), out);
    out.push(b']');
    write_image(item, name, has_images, out);
    write_members(&rest, out);
    out.extend_from_slice(b"}\n");
}

/// Writes the further images of a document, and gives its other members.
fn write_further(document: &str, out: &mut Vec<u8>) -> String {
    let mut rest = String::new();
    if document.is_empty() {
        return rest;
    }
    let whole = format!("{{{document}}}");
    let _ = Cursor::new(whole.as_bytes()).object(|key, value| {
        let text = value.raw()?;
        if key == b"images" {
            let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or_default();
            out.extend_from_slice(if inner.is_empty() { b"" } else { b", " });
            out.extend_from_slice(inner.as_bytes());
        } else {
            Members::after(&mut rest).add(&String::from_utf8_lossy(key), text);
        }
        Ok(())
    });
    rest
}

/// The classes used with each tool.
fn write_used(header: &Header, buckets: &[Bucket], mut used: Vec<(usize, u32)>, out: &mut Vec<u8>) {
    used.sort_unstable();
    used.dedup();
    let mut is_first = true;
    for of_tool in used.chunk_by(|a, b| a.0 == b.0) {
        out.extend_from_slice(if std::mem::take(&mut is_first) { b"" } else { b", " });
        write_text(&buckets[of_tool[0].0].tool, out);
        let mut names: Vec<&str> = of_tool
            .iter()
            .filter_map(|(_, class)| header.classes.get(*class as usize))
            .map(|class| &*class.name)
            .collect();
        names.sort_unstable();
        out.extend_from_slice(b": [");
        for (index, name) in names.into_iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"" } else { b", " });
            write_text(name, out);
        }
        out.push(b']');
    }
}

fn write_piece(piece: &Piece<'_>, item: &Item, annotation: &Annotation, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\": ");
    write_text(piece.id, out);
    out.extend_from_slice(b", \"classification\": ");
    write_text(piece.class, out);
    out.extend_from_slice(b", \"attrs\": [");
    if piece.is_first {
        write_attributes(item, annotation, out);
    }
    out.extend_from_slice(b"], \"data\": ");
    match &piece.data {
        Data::Box(numbers) => write_numbers(numbers, out),
        Data::Ring(ring) => write_ring(ring, out),
        Data::Point(joint, group) => {
            write_numbers(&[joint.x, joint.y], out);
            if let Some(seen) = joint.seen {
                out.extend_from_slice(format!(", \"visibility\": {seen}").as_bytes());
            }
            if let Some(group) = group {
                out.extend_from_slice(b", \"group_id\": ");
                write_text(group, out);
            }
        }
        Data::Mask(runs, mask) => write_pixels(&rle::to_rows(runs, mask.size), out),
        Data::Nothing => out.extend_from_slice(b"{}"),
        Data::Json(text) => out.extend_from_slice(text.as_bytes()),
    }
    if let Some(object) = piece.object {
        out.extend_from_slice(b", \"object\": ");
        write_text(object, out);
    }
    if piece.is_first {
        write_carried(item, annotation, piece.is_derived, out);
    }
    out.push(b'}');
}

fn write_attributes(item: &Item, annotation: &Annotation, out: &mut Vec<u8>) {
    let mut is_first = true;
    if let Some(rotation) = annotation.rotation {
        out.extend_from_slice(b"{\"name\": \"rotation\", \"value\": ");
        write_shortest(rotation, out);
        out.push(b'}');
        is_first = false;
    }
    if annotation.attributes.is_empty() {
        return;
    }
    let members = format!("{{{}}}", item.text(annotation.attributes));
    let _ = Cursor::new(members.as_bytes()).object(|name, value| {
        out.extend_from_slice(if std::mem::take(&mut is_first) {
            b"{\"name\": \""
        } else {
            b", {\"name\": \""
        });
        out.extend_from_slice(name);
        out.extend_from_slice(b"\", \"value\": ");
        out.extend_from_slice(value.raw()?.as_bytes());
        out.push(b'}');
        Ok(())
    });
}

/// The fields that DM has no name for.
pub(super) fn write_carried(item: &Item, annotation: &Annotation, is_derived: bool, out: &mut Vec<u8>) {
    if is_derived {
        out.extend_from_slice(b", \"derived\": true");
    }
    if let Some(area) = own_area(item, annotation) {
        out.extend_from_slice(b", \"area\": ");
        write_shortest(area, out);
    }
    if annotation.crowd == Some(true) {
        out.extend_from_slice(b", \"iscrowd\": 1");
    }
    let without_rotation = Annotation { rotation: None, ..*annotation };
    write_union_fields(item, &without_rotation, out);
    write_members(item.text(annotation.extra), out);
}

pub(super) fn write_numbers(numbers: &[f64], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, number) in numbers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b", " });
        write_shortest(*number, out);
    }
    out.push(b']');
}

fn write_ring(ring: &[[f64; 2]], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, point) in ring.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b", " });
        write_numbers(point, out);
    }
    out.push(b']');
}

fn write_pixels(pairs: &[(u64, u64)], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, (start, length)) in pairs.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"[" } else { b", [" });
        write_whole(*start, out);
        out.extend_from_slice(b", ");
        write_whole(*length, out);
        out.push(b']');
    }
    out.extend_from_slice(
        b"], \"encoding\": \"dm_rle\", \"isCompressed\": true, \"compressionFormat\": \"rle\"",
    );
}

/// What is known of the image and cannot be found in its file or name.
fn write_image(item: &Item, name: &str, has_images: bool, out: &mut Vec<u8>) {
    let image = &item.image;
    let is_plain = image.id.is_none() && image.extra.is_empty() && image.path == name;
    if is_plain && (has_images || image.size.is_none()) {
        return;
    }
    out.extend_from_slice(b",\n\"image\": {");
    write_image_members(item, out);
    out.push(b'}');
}

/// The members of the record of an image.
pub(super) fn write_image_members(item: &Item, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\"file_name\": ");
    write_text(&item.image.path, out);
    match item.image.id {
        Some(Id::Number(id)) => out.extend_from_slice(format!(", \"id\": {id}").as_bytes()),
        Some(Id::Text(id)) => {
            out.extend_from_slice(b", \"id\": ");
            write_text(item.text(id), out);
        }
        None => {}
    }
    if let Some(size) = item.image.size {
        out.extend_from_slice(format!(", \"width\": {}, \"height\": {}", size.width, size.height).as_bytes());
    }
    write_members(item.text(item.image.extra), out);
}
