//! One annotation of a COCO file.

use crate::json::{Cursor, Fault, Members};
use crate::model::{Annotation, Id, Item, Joint, Kind, Mask, Shape, Size, Span};
use crate::rle;
use std::collections::HashMap;

/// The largest side of a picture a mask may claim.
const MAX_SIDE: u32 = 1 << 20;

/// What is needed to read an annotation.
pub(super) struct Rules<'r> {
    /// Whether outlines are read.
    pub(super) shapes: bool,
    pub(super) max_vertices: usize,
    /// Classes by their number in the file.
    pub(super) classes: &'r HashMap<i64, u32>,
}

/// Why an annotation cannot be used.
pub(super) enum Unusable {
    Fault(Fault),
    Mask(rle::NotAMask),
    Short,
    /// The picture of its segments.
    Picture(String),
}

impl From<Fault> for Unusable {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl std::fmt::Display for Unusable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Fault(fault) => write!(f, "{fault}"),
            Self::Mask(mask) => write!(f, "{mask}"),
            Self::Picture(what) => f.write_str(what),
            Self::Short => f.write_str("a box needs four numbers, joints need three each"),
        }
    }
}

/// Lengths of the arenas, to go back to when an annotation is given up.
pub(super) struct Lengths([usize; 5]);

impl Lengths {
    pub(super) fn of(item: &Item) -> Self {
        Self([item.points.len(), item.rings.len(), item.joints.len(), item.runs.len(), item.text.len()])
    }

    pub(super) fn restore(&self, item: &mut Item) {
        item.points.truncate(self.0[0]);
        item.rings.truncate(self.0[1]);
        item.joints.truncate(self.0[2]);
        item.runs.truncate(self.0[3]);
        item.text.truncate(self.0[4]);
    }
}

/// Reads the annotation at the cursor into the arenas of `item`. The texts of
/// unknown members are collected in `extra`.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    rules: &Rules<'_>,
    item: &mut Item,
    extra: &mut String,
) -> Result<Annotation, Unusable> {
    let mut annotation = Annotation::default();
    let mut mask = None;
    let mut box_is_derived = false;
    extra.clear();
    let mut unknown = Members::new(extra);
    let mut is_short = false;
    cursor.object(|name, value| {
        // A null says as much as a field that is not there.
        if value.take_null()? {
            return Ok(());
        }
        match name {
            b"image_id" | b"num_keypoints" => value.skip()?,
            b"id" | b"source_id" => annotation.id = id(value, item)?.or(annotation.id),
            b"category_id" => annotation.class = Some(class(value, rules)?),
            b"bbox" => match numbers::<4>(value)? {
                (4, numbers) => annotation.bbox = Some(numbers),
                (count, _) => is_short |= count > 0,
            },
            b"segmentation" if !rules.shapes => annotation.shape = unread(value)?,
            b"segmentation" if value.peek()? == b'{' => mask = Some(counts(value, item)?),
            b"segmentation" => annotation.shape = rings(value, rules.max_vertices, item)?,
            b"keypoints" => match joints(value, item)? {
                Some(joints) => annotation.joints = joints,
                None => is_short = true,
            },
            b"area" => annotation.area = Some(value.number()?),
            b"iscrowd" => annotation.crowd = Some(value.truth()?),
            b"score" => annotation.score = Some(value.number()?),
            b"rotation" => annotation.rotation = Some(value.number()?),
            b"difficult" => annotation.voc.difficult = Some(value.truth()?),
            b"truncated" => annotation.voc.truncated = Some(value.truth()?),
            b"occluded" => annotation.voc.occluded = Some(value.truth()?),
            b"pose" if value.peek()? == b'"' => annotation.voc.pose = Some(text(value, item)?),
            b"attributes" if value.peek()? == b'{' => annotation.attributes = inside(value, item)?,
            b"derived" => {
                box_is_derived = true;
                value.skip()?;
            }
            _ => unknown.add(std::str::from_utf8(name).map_err(|_| Fault::NotUtf8)?, value.raw()?),
        }
        Ok(())
    })?;
    if is_short {
        return Err(Unusable::Short);
    }
    if let Some(counts) = mask {
        annotation.shape = Shape::Mask(finished(counts, item).map_err(Unusable::Mask)?);
    }
    if !extra.is_empty() {
        annotation.extra = item.add_text(extra);
    }
    if box_is_derived {
        annotation.bbox = None;
    } else if annotation.bbox.is_none() && annotation.shape == Shape::None && annotation.joints.is_empty() {
        annotation.kind = Kind::Label;
    }
    Ok(annotation)
}

fn id(value: &mut Cursor<'_>, item: &mut Item) -> Result<Option<Id>, Fault> {
    if value.peek()? == b'"' {
        return text(value, item).map(|span| Some(Id::Text(span)));
    }
    Ok(value.whole()?.map(Id::Number))
}

/// The class by its number; one beyond all if the file does not name it.
pub(super) fn class(value: &mut Cursor<'_>, rules: &Rules<'_>) -> Result<u32, Fault> {
    Ok(value.whole()?.and_then(|number| rules.classes.get(&number).copied()).unwrap_or(u32::MAX))
}

/// Up to `N` numbers, and how many there were.
pub(super) fn numbers<const N: usize>(value: &mut Cursor<'_>) -> Result<(usize, [f64; N]), Fault> {
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
    Ok((count, numbers))
}

fn unread(value: &mut Cursor<'_>) -> Result<Shape, Fault> {
    let mask = value.peek()? == b'{';
    let mut inside = value.clone();
    let is_empty = !mask && inside.take(b'[')? && inside.peek()? == b']';
    value.skip()?;
    Ok(if is_empty { Shape::None } else { Shape::Unread { mask } })
}

/// A list of rings, or a single ring without the list around it.
fn rings(value: &mut Cursor<'_>, max_vertices: usize, item: &mut Item) -> Result<Shape, Fault> {
    let start = item.rings.len() as u32;
    let first_point = item.points.len();
    let mut inside = value.clone();
    inside.expect(b'[', "a list of polygons")?;
    if !matches!(inside.peek()?, b'[' | b']') {
        ring(value, max_vertices, item)?;
    } else {
        value.list(|entry| {
            let left = max_vertices.saturating_sub(item.points.len() - first_point);
            ring(entry, left, item)
        })?;
    }
    let span = Span { start, end: item.rings.len() as u32 };
    Ok(if span.is_empty() { Shape::None } else { Shape::Rings(span) })
}

fn ring(value: &mut Cursor<'_>, max_vertices: usize, item: &mut Item) -> Result<(), Fault> {
    let start = item.points.len() as u32;
    value.points_into(&mut item.points, max_vertices)?;
    item.rings.push(Span { start, end: item.points.len() as u32 });
    Ok(())
}

fn joints(value: &mut Cursor<'_>, item: &mut Item) -> Result<Option<Span>, Fault> {
    let start = item.joints.len() as u32;
    let mut three = [0.0; 3];
    let mut count = 0;
    value.list(|entry| {
        three[count % 3] = entry.number()?;
        count += 1;
        if count % 3 == 0 {
            let [x, y, seen] = three;
            item.joints.push(Joint { x, y, seen: Some(seen.clamp(0.0, 2.0) as u8) });
        }
        Ok(())
    })?;
    Ok((count % 3 == 0).then_some(Span { start, end: item.joints.len() as u32 }))
}

/// A mask as written.
struct Counts {
    runs: Span,
    text: Option<Span>,
    size: (usize, [f64; 2]),
}

fn counts(value: &mut Cursor<'_>, item: &mut Item) -> Result<Counts, Fault> {
    let start = item.runs.len() as u32;
    let mut counts = Counts { runs: Span { start, end: start }, text: None, size: (0, [0.0; 2]) };
    value.object(|name, value| {
        match name {
            b"size" => counts.size = numbers::<2>(value)?,
            b"counts" if value.peek()? == b'"' => counts.text = Some(text(value, item)?),
            b"counts" => value.list(|entry| {
                let run = entry.number()?;
                item.runs.push(if (0.0..4e9).contains(&run) { run as u32 } else { u32::MAX });
                Ok(())
            })?,
            _ => value.skip()?,
        }
        Ok(())
    })?;
    counts.runs.end = item.runs.len() as u32;
    Ok(counts)
}

fn finished(counts: Counts, item: &mut Item) -> Result<Mask, rle::NotAMask> {
    let (2, [height, width]) = counts.size else { return Err(rle::NotAMask::Sum) };
    let sides = [width, height];
    if !sides.iter().all(|side| (0.0..=f64::from(MAX_SIDE)).contains(side)) {
        return Err(rle::NotAMask::Sum);
    }
    let size = Size { width: width as u32, height: height as u32 };
    let mut runs = counts.runs;
    if let Some(text) = counts.text {
        let Item { text: texts, runs: arena, .. } = item;
        rle::decode(&texts.as_bytes()[text.range()], arena)?;
        runs.end = arena.len() as u32;
    }
    rle::check(&item.runs[runs.range()], size)?;
    Ok(Mask { runs, size, compressed: counts.text.is_some() })
}

fn text(value: &mut Cursor<'_>, item: &mut Item) -> Result<Span, Fault> {
    let start = item.text.len() as u32;
    value.text_into(&mut item.text)?;
    Ok(Span { start, end: item.text.len() as u32 })
}

/// The members of an object without its braces.
fn inside(value: &mut Cursor<'_>, item: &mut Item) -> Result<Span, Fault> {
    let raw = value.raw()?;
    Ok(item.add_text(raw[1..raw.len() - 1].trim()))
}
