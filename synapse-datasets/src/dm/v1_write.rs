//! Writes DM v1.

use super::v1::DEFAULTS;
use super::v2_write::{write_carried, write_image_members};
use super::write::{Data, Piece, pieces};
use crate::json::{Cursor, write_text};
use crate::model::{Annotation, Header, Item, Joint};
use crate::number::write_shortest;
use crate::rle;
use serde_json::Value;

const MEDIA: &str = "image_1";

/// Writes a document.
pub(super) fn write(header: &Header, item: &Item, name: &str, out: &mut Vec<u8>) {
    let (mut metas, mut rows) = (Vec::new(), Vec::new());
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for (number, annotation) in item.annotations.iter().enumerate() {
        pieces(header, item, number, &mut |piece| {
            for text in [&mut metas, &mut rows] {
                text.extend_from_slice(if text.is_empty() { b"\n" } else { b",\n" });
            }
            write_meta(piece, item, annotation, &mut metas);
            write_row(piece, &mut rows);
            if let Data::Point(_, Some(group)) = piece.data
                && piece.object.is_none()
            {
                let member = piece.id.to_owned();
                match groups.iter_mut().find(|known| known.0 == group) {
                    Some((_, members)) => members.push(member),
                    None => groups.push((group.to_owned(), vec![member])),
                }
            }
        });
    }
    let mut rest = rest_members(item);
    let mut member = |key: &str, mine: Vec<u8>, out: &mut Vec<u8>| {
        out.extend_from_slice(format!("\"{key}\": {{\"{MEDIA}\": ").as_bytes());
        out.extend_from_slice(&mine);
        // What other media of the document have.
        if let Some(at) = rest.iter().position(|(known, _)| known == key) {
            let (_, others) = rest.remove(at);
            let others = others.trim_start_matches('{').trim_end().trim_end_matches('}').trim();
            if !others.is_empty() {
                out.extend_from_slice(b", ");
                out.extend_from_slice(others.as_bytes());
            }
        }
        out.push(b'}');
    };
    out.push(b'{');
    let listed = |text: Vec<u8>| [b"[".as_slice(), &text, b"]"].concat();
    let mut extra = b"{".to_vec();
    write_extra(item, name, &mut extra);
    extra.push(b'}');
    member("extra", extra, out);
    out.extend_from_slice(b",\n");
    member("annotations", listed(metas), out);
    out.extend_from_slice(b",\n");
    member("annotationsData", listed(rows), out);
    if !groups.is_empty() {
        out.extend_from_slice(b",\n");
        member("annotationGroups", group_list(&groups), out);
    }
    if rest.iter().all(|(key, _)| key != "assignmentId") {
        rest.push(("assignmentId".to_owned(), "null".to_owned()));
    }
    for (key, text) in rest {
        out.extend_from_slice(format!(",\n\"{key}\": {text}").as_bytes());
    }
    out.extend_from_slice(b"}\n");
}

fn rest_members(item: &Item) -> Vec<(String, String)> {
    let mut members = Vec::new();
    let whole = format!("{{{}}}", item.text(item.document));
    let _ = Cursor::new(whole.as_bytes()).object(|key, value| {
        members.push((String::from_utf8_lossy(key).into_owned(), value.raw()?.to_owned()));
        Ok(())
    });
    members
}

fn write_extra(item: &Item, name: &str, out: &mut Vec<u8>) {
    let image = &item.image;
    if image.id.is_some() || !image.extra.is_empty() || image.path != name {
        write_image_members(item, out);
    } else if let Some(size) = image.size {
        out.extend_from_slice(format!("\"width\": {}, \"height\": {}", size.width, size.height).as_bytes());
    }
}

fn group_list(groups: &[(String, Vec<String>)]) -> Vec<u8> {
    let list: Vec<Value> =
        groups.iter().map(|(id, members)| serde_json::json!({"id": id, "annotationIds": members})).collect();
    Value::from(list).to_string().into_bytes()
}

fn write_meta(piece: &Piece<'_>, item: &Item, annotation: &Annotation, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\": ");
    write_text(piece.id, out);
    out.extend_from_slice(b", \"tool\": ");
    write_text(piece.tool, out);
    let extra = if piece.is_first { item.text(annotation.extra) } else { "" };
    for (key, value) in DEFAULTS {
        if !extra.contains(&format!("\"{key}\":")) {
            out.extend_from_slice(format!(", \"{key}\": {value}").as_bytes());
        }
    }
    out.extend_from_slice(b", \"classification\": {\"class\": ");
    write_text(piece.class, out);
    if let Data::Point(Joint { seen: Some(seen), .. }, _) = piece.data {
        let word = ["missing", "occluded", "visible"][usize::from(seen.min(2))];
        out.extend_from_slice(format!(", \"visibility\": \"{word}\"").as_bytes());
    }
    if piece.is_first && !annotation.attributes.is_empty() {
        out.extend_from_slice(b", ");
        out.extend_from_slice(item.text(annotation.attributes).as_bytes());
    }
    out.push(b'}');
    if let Some(object) = piece.object {
        out.extend_from_slice(b", \"object\": ");
        write_text(object, out);
    }
    if piece.is_first {
        write_carried(item, annotation, piece.is_derived, out);
    }
    out.push(b'}');
}

fn write_row(piece: &Piece<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"id\": ");
    write_text(piece.id, out);
    match &piece.data {
        Data::Box(numbers) => {
            out.extend_from_slice(b", \"coordinate\": {");
            for (index, (name, number)) in ["x", "y", "width", "height"].iter().zip(numbers).enumerate() {
                write_member(index, name, *number, out);
            }
            if let Some(rotation) = piece.rotation {
                write_member(1, "rotation", rotation, out);
            }
            out.push(b'}');
        }
        Data::Ring(ring) => {
            out.extend_from_slice(b", \"coordinate\": [");
            for (index, point) in ring.iter().enumerate() {
                out.extend_from_slice(if index == 0 { b"" } else { b", " });
                write_point(*point, Some(&format!("{}-p{index}", piece.id)), out);
            }
            out.push(b']');
        }
        Data::Point(joint, _) => {
            out.extend_from_slice(b", \"coordinate\": ");
            write_point([joint.x, joint.y], None, out);
        }
        Data::Mask(runs, mask) => {
            let pairs: Vec<[u64; 2]> =
                rle::to_rows(runs, mask.size).into_iter().map(|(at, count)| [at, count]).collect();
            out.extend_from_slice(b", \"pixel_indices\": ");
            out.extend_from_slice(
                Value::from(pairs.into_iter().map(|pair| Value::from(pair.to_vec())).collect::<Vec<_>>())
                    .to_string()
                    .as_bytes(),
            );
            out.extend_from_slice(b", \"isCompressed\": true, \"compressionFormat\": \"rle\"");
        }
        Data::Nothing => {}
        Data::Json(text) => {
            out.extend_from_slice(b", \"data\": ");
            out.extend_from_slice(text.as_bytes());
        }
    }
    out.push(b'}');
}

fn write_member(index: usize, name: &str, number: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(if index == 0 { b"\"" } else { b", \"" });
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\": ");
    write_shortest(number, out);
}

fn write_point([x, y]: [f64; 2], id: Option<&str>, out: &mut Vec<u8>) {
    out.push(b'{');
    write_member(0, "x", x, out);
    write_member(1, "y", y, out);
    if let Some(id) = id {
        out.extend_from_slice(b", \"id\": ");
        write_text(id, out);
    }
    out.push(b'}');
}
