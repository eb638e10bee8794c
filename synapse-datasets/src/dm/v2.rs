//! Reads DM v2: by tools.

use super::media::{Piece, Pixels, id_of, is_array, join};
use super::read::{Glance, Reader};
use crate::error::Error;
use crate::json::{Cursor, Fault, Members};
use crate::model::{Annotation, Id, Item, Joint, Kind, Shape, Size, Span};
use crate::paths::{self, Checked};
use crate::picture;
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;

/// Calls `each` with the tool, number and place of every annotation of the
/// first image.
pub(super) fn tools(cursor: &mut Cursor<'_>, each: &mut dyn FnMut(&[u8], usize, usize)) -> Result<(), Fault> {
    cursor.object(|key, value| match key {
        b"annotation_data" => tools(value, each),
        b"images" => {
            let mut is_first = true;
            value.list(|media| {
                if !std::mem::take(&mut is_first) {
                    return media.skip();
                }
                media.object(|tool, list| {
                    let mut number = 0;
                    list.list(|entry| {
                        entry.peek()?;
                        each(tool, number, entry.at());
                        number += 1;
                        entry.skip()
                    })
                })
            })
        }
        _ => value.skip(),
    })
}

/// Looks at a document for its classes and ids.
pub(super) fn glance(bytes: &[u8]) -> Result<Glance, String> {
    let mut glance = Glance::default();
    let mut listed = Vec::new();
    glance_document(&mut Cursor::new(bytes), &mut glance, &mut listed).map_err(|fault| fault.to_string())?;
    for class in listed {
        if !glance.classes.contains(&class) {
            glance.classes.push(class);
        }
    }
    Ok(glance)
}

fn glance_document(
    cursor: &mut Cursor<'_>,
    glance: &mut Glance,
    listed: &mut Vec<String>,
) -> Result<(), Fault> {
    cursor.object(|key, value| match key {
        b"annotation_data" => glance_document(value, glance, listed),
        b"classification" if value.peek()? == b'{' => value.object(|_, names| {
            if names.peek()? != b'[' {
                return names.skip();
            }
            names.list(|name| {
                if name.peek()? == b'"' {
                    listed.push(name.text()?);
                    Ok(())
                } else {
                    name.skip()
                }
            })
        }),
        b"image" if value.peek()? == b'{' => value.object(|key, value| {
            match key {
                b"id" => {
                    glance.has_image_id = value.peek()? != b'"';
                    value.skip()?;
                }
                b"file_name" => {
                    if let Checked::Safe(path) = paths::check(&value.text()?) {
                        glance.path = Some(path);
                    }
                }
                _ => value.skip()?,
            }
            Ok(())
        }),
        b"images" => {
            let mut is_first = true;
            value.list(|media| {
                if !std::mem::take(&mut is_first) {
                    return media.skip();
                }
                media.object(|tool, list| list.list(|entry| glance_annotation(tool, entry, glance)))
            })
        }
        _ => value.skip(),
    })
}

fn glance_annotation(tool: &[u8], entry: &mut Cursor<'_>, glance: &mut Glance) -> Result<(), Fault> {
    let start = entry.at();
    let (mut class, mut is_piece, mut id) = (String::new(), false, None);
    let outcome = entry.object(|key, value| {
        match key {
            b"classification" if value.peek()? == b'"' => value.text_into(&mut class)?,
            b"object" => {
                is_piece = true;
                value.skip()?;
            }
            b"id" if value.peek()? == b'"' => id = value.whole()?,
            _ => value.skip()?,
        }
        Ok(())
    });
    match outcome {
        Err(Fault::Ends) => return Err(Fault::Ends),
        Err(_) => {
            entry.go_to(start);
            return entry.skip();
        }
        Ok(()) => {}
    }
    let contains = &mut glance.contains;
    match tool {
        b"bounding_box" => contains.boxes = true,
        b"polygon" => contains.polygons = true,
        b"segmentation" => contains.masks = true,
        b"keypoint" => contains.joints |= is_piece,
        _ => {}
    }
    // A joint of an object has the name of the joint for a class, and pieces
    // after the first have ids that were made for them.
    let is_joint = is_piece && tool == b"keypoint";
    if !is_joint && !class.is_empty() && !glance.classes.contains(&class) {
        glance.classes.push(class);
    }
    match id {
        Some(id) => glance.numbers.push(id),
        None if is_piece => {}
        None => glance.has_other_ids = true,
    }
    Ok(())
}

/// Reads a document.
pub(super) fn read(
    bytes: &[u8],
    reader: &Reader<'_>,
    item: &mut Item,
    notes: &mut Notes,
) -> Result<Result<(), Fault>, Error> {
    let mut document =
        Document { reader, notes, pieces: Vec::new(), masks: Vec::new(), rest: String::new(), stop: None };
    let outcome = document.top(&mut Cursor::new(bytes), item);
    if let Some(error) = document.stop {
        return Err(error);
    }
    if outcome.is_ok() {
        document.masks(item)?;
        let Document { pieces, rest, .. } = document;
        item.document = item.add_text(&rest);
        join(pieces, item);
    }
    Ok(outcome)
}

struct Document<'d> {
    reader: &'d Reader<'d>,
    notes: &'d mut Notes,
    pieces: Vec<Piece>,
    /// Masks, whose size may come after them: the piece, and where it stands.
    masks: Vec<(usize, Pixels)>,
    /// Members that are kept as they are.
    rest: String,
    /// The problem to stop at.
    stop: Option<Error>,
}

impl Document<'_> {
    fn top(&mut self, cursor: &mut Cursor<'_>, item: &mut Item) -> Result<(), Fault> {
        cursor.object(|key, value| match key {
            b"annotation_data" => self.top(value, item),
            b"classification" => value.skip(),
            b"image" if value.peek()? == b'{' => image(value, item),
            b"images" => self.images(value, item),
            _ => {
                let text = value.raw()?;
                // Empty arrays of other media say nothing.
                if !(is_array(key) && text.trim_start_matches('[').trim() == "]") {
                    Members::after(&mut self.rest).add(&String::from_utf8_lossy(key), text);
                }
                Ok(())
            }
        })
    }

    fn images(&mut self, value: &mut Cursor<'_>, item: &mut Item) -> Result<(), Fault> {
        let mut is_first = true;
        let mut further = String::new();
        value.list(|media| {
            if std::mem::take(&mut is_first) {
                return media.object(|tool, list| self.tool(tool, list, item));
            }
            if !further.is_empty() {
                further.push_str(", ");
            }
            further.push_str(media.raw()?);
            Ok(())
        })?;
        if !further.is_empty() {
            Members::after(&mut self.rest).add("images", &format!("[{further}]"));
        }
        Ok(())
    }

    fn tool(&mut self, tool: &[u8], list: &mut Cursor<'_>, item: &mut Item) -> Result<(), Fault> {
        let mut number = 0;
        list.list(|entry| {
            entry.peek()?;
            let start = entry.at();
            match self.annotation(tool, entry, item) {
                Ok(()) => {}
                Err(Fault::Ends) => return Err(Fault::Ends),
                Err(fault) => {
                    entry.go_to(start);
                    entry.skip()?;
                    self.tell(tool, number, fault)?;
                }
            }
            number += 1;
            Ok(())
        })
    }

    fn tell(&mut self, tool: &[u8], number: usize, fault: Fault) -> Result<(), Fault> {
        let kind = match fault {
            Fault::TooManyVertices => ProblemKind::TooManyVertices,
            Fault::TooDeep => ProblemKind::Refused,
            _ => ProblemKind::Malformed,
        };
        let pointer = format!("/images/0/{}/{number}", String::from_utf8_lossy(tool));
        let told = self.notes.unusable(kind, || Place::pointer(self.reader.path, pointer), fault.to_string());
        told.map_err(|error| {
            self.stop = Some(error);
            Fault::Ends
        })
    }

    fn annotation(&mut self, tool: &[u8], entry: &mut Cursor<'_>, item: &mut Item) -> Result<(), Fault> {
        let at = entry.at() as u64;
        let mut fields = Fields::default();
        let mut annotation = Annotation { at, ..Annotation::default() };
        let mut data = None;
        let mut extra = String::new();
        entry.object(|key, value| {
            match key {
                b"data" => {
                    data = Some(value.clone());
                    value.skip()?;
                }
                b"encoding" | b"isCompressed" | b"compressionFormat" if tool == b"segmentation" => {
                    value.skip()?
                }
                _ => fields.member(key, value, &mut annotation, item, &mut extra)?,
            }
            Ok(())
        })?;
        annotation.class = match fields.class.as_str() {
            "" => None,
            name => Some(self.reader.classes.get(name).copied().unwrap_or(u32::MAX)),
        };
        let mut data = data.ok_or(Fault::Expected("data"))?;
        self.geometry(tool, &mut data, &mut annotation, &fields, item)?;
        if fields.is_derived {
            annotation.bbox = None;
        }
        annotation.attributes = item.add_text(&fields.attributes);
        annotation.extra = item.add_text(&extra);
        self.pieces.push(Piece { annotation, object: fields.object });
        Ok(())
    }

    /// Reads `data`, whose meaning is the tool's.
    fn geometry(
        &mut self,
        tool: &[u8],
        data: &mut Cursor<'_>,
        annotation: &mut Annotation,
        fields: &Fields,
        item: &mut Item,
    ) -> Result<(), Fault> {
        match tool {
            b"bounding_box" => {
                annotation.bbox = Some(numbers(data)?);
                annotation.rotation = fields.rotation;
            }
            b"polygon" | b"polyline" => {
                let start = item.points.len() as u32;
                data.pairs_into(&mut item.points, self.reader.max_vertices)?;
                item.rings.push(Span { start, end: item.points.len() as u32 });
                let end = item.rings.len() as u32;
                annotation.shape = Shape::Rings(Span { start: end - 1, end });
                if tool == b"polyline" {
                    annotation.kind = Kind::Polyline;
                }
            }
            b"keypoint" => {
                let [x, y] = numbers(data)?;
                let start = item.joints.len() as u32;
                item.joints.push(Joint { x, y, seen: fields.visibility });
                annotation.joints = Span { start, end: start + 1 };
                annotation.kind =
                    Kind::Point { group: fields.group.as_ref().map(|group| item.add_text(group)) };
            }
            b"segmentation" => self.masks.push((self.pieces.len(), Pixels::read(data)?)),
            b"classification" => annotation.kind = Kind::Label,
            _ => {
                let tool = std::str::from_utf8(tool).map_err(|_| Fault::NotUtf8)?;
                let tool = item.add_text(tool);
                let data = item.add_text(data.raw()?);
                annotation.kind = Kind::Other { tool, data };
            }
        }
        Ok(())
    }

    /// Makes masks of pixels, now that the size of the picture is known if
    /// anything says it.
    fn masks(&mut self, item: &mut Item) -> Result<(), Error> {
        if self.masks.is_empty() {
            return Ok(());
        }
        if item.image.size.is_none() {
            item.image.size = picture::size(self.reader.file);
        }
        let mut wrong = Vec::new();
        for (piece, pixels) in std::mem::take(&mut self.masks) {
            let outcome = match item.image.size {
                Some(size) => pixels.shape(size, item).map_err(|what| (ProblemKind::Malformed, what)),
                None => Err((ProblemKind::NoSize, "a mask on a picture whose size nothing says")),
            };
            match outcome {
                Ok(shape) => self.pieces[piece].annotation.shape = shape,
                Err((kind, what)) => {
                    self.notes.unusable(kind, || Place::file(self.reader.path), what)?;
                    wrong.push(piece);
                }
            }
        }
        for piece in wrong.into_iter().rev() {
            self.pieces.remove(piece);
        }
        Ok(())
    }
}

/// Members of an annotation that are not its geometry.
#[derive(Default)]
pub(super) struct Fields {
    pub(super) class: String,
    pub(super) attributes: String,
    rotation: Option<f64>,
    visibility: Option<u8>,
    group: Option<String>,
    pub(super) object: Option<String>,
    pub(super) is_derived: bool,
}

impl Fields {
    fn member(
        &mut self,
        key: &[u8],
        value: &mut Cursor<'_>,
        annotation: &mut Annotation,
        item: &mut Item,
        extra: &mut String,
    ) -> Result<(), Fault> {
        if value.take_null()? {
            return Ok(());
        }
        match key {
            b"id" if value.peek()? == b'"' => {
                let text = value.text()?;
                annotation.id = Some(id_of(&text, item));
            }
            b"id" => annotation.id = value.whole()?.map(Id::Number),
            b"classification" if value.peek()? == b'"' => self.class = value.text()?,
            b"attrs" => self.attributes(value)?,
            b"visibility" => self.visibility = Some(value.number()?.clamp(0.0, 2.0) as u8),
            b"group_id" if value.peek()? == b'"' => self.group = Some(value.text()?),
            b"object" => self.object = Some(value.text()?),
            b"derived" => {
                self.is_derived = true;
                value.skip()?;
            }
            b"area" => annotation.area = Some(value.number()?),
            b"iscrowd" => annotation.crowd = Some(value.truth()?),
            b"score" => annotation.score = Some(value.number()?),
            b"difficult" => annotation.voc.difficult = Some(value.truth()?),
            b"truncated" => annotation.voc.truncated = Some(value.truth()?),
            b"occluded" => annotation.voc.occluded = Some(value.truth()?),
            b"pose" if value.peek()? == b'"' => {
                let pose = value.text()?;
                annotation.voc.pose = Some(item.add_text(&pose));
            }
            _ => {
                Members::after(extra).add(std::str::from_utf8(key).map_err(|_| Fault::NotUtf8)?, value.raw()?)
            }
        }
        Ok(())
    }

    /// `[{"name": …, "value": …}]` as members; a rotation is a field of its
    /// own.
    fn attributes(&mut self, value: &mut Cursor<'_>) -> Result<(), Fault> {
        value.list(|attribute| {
            let (mut name, mut text) = ("", "null");
            attribute.object(|key, value| {
                match key {
                    b"name" => name = std::str::from_utf8(value.raw_text()?).map_err(|_| Fault::NotUtf8)?,
                    b"value" => text = value.raw()?,
                    _ => value.skip()?,
                }
                Ok(())
            })?;
            match text.parse::<f64>() {
                Ok(rotation) if name == "rotation" && self.rotation.is_none() => {
                    self.rotation = Some(rotation)
                }
                _ => Members::after(&mut self.attributes).add(name, text),
            }
            Ok(())
        })
    }
}

/// Exactly `N` numbers.
fn numbers<const N: usize>(value: &mut Cursor<'_>) -> Result<[f64; N], Fault> {
    let mut numbers = [0.0; N];
    let mut count = 0;
    value.list(|entry| {
        let number = entry.number()?;
        if let Some(slot) = numbers.get_mut(count) {
            *slot = number;
        }
        count += 1;
        Ok(())
    })?;
    if count == N { Ok(numbers) } else { Err(Fault::Expected("as many numbers as the tool has")) }
}

/// What another format said of the image.
fn image(value: &mut Cursor<'_>, item: &mut Item) -> Result<(), Fault> {
    let mut extra = String::new();
    let (mut width, mut height) = (None, None);
    value.object(|key, value| {
        match key {
            b"id" if value.peek()? == b'"' => {
                let text = value.text()?;
                item.image.id = Some(Id::Text(item.add_text(&text)));
            }
            b"id" => item.image.id = value.whole()?.map(Id::Number),
            b"file_name" => value.skip()?,
            b"width" => width = value.whole()?,
            b"height" => height = value.whole()?,
            _ => Members::after(&mut extra).add(&String::from_utf8_lossy(key), value.raw()?),
        }
        Ok(())
    })?;
    let side = |side: Option<i64>| side.and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0);
    item.image.size = side(width).zip(side(height)).map(|(width, height)| Size { width, height });
    item.image.extra = item.add_text(&extra);
    Ok(())
}
