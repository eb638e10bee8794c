//! What DM's two versions have in common.

use crate::json::{Cursor, Fault};
use crate::model::{Annotation, Id, Item, Kind, Shape, Size, Span};
use crate::rle;
use std::collections::HashMap;

/// The arrays of media in a v2 document.
const ARRAYS: [&[u8]; 7] = [b"images", b"videos", b"pcds", b"texts", b"audios", b"prompts", b"datas"];

pub(super) fn is_array(key: &[u8]) -> bool {
    ARRAYS.contains(&key)
}

/// The largest side of a picture a mask may have.
const MAX_SIDE: u32 = 1 << 20;

/// An id of DM. Numbers are written as texts, so a text that is one is one.
pub(super) fn id_of(text: &str, item: &mut Item) -> Id {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => Id::Number(number),
        _ => Id::Text(item.add_text(text)),
    }
}

/// Classes by name, growing in the first pass and fixed in the second.
pub(super) type Classes = HashMap<String, u32>;

/// A mask in one of DM's two encodings.
#[derive(Default)]
pub(super) struct Pixels {
    /// Pairs of start and length, along the rows.
    pub(super) pairs: Vec<(u64, u64)>,
}

impl Pixels {
    /// Reads `[start, length]` pairs or single positions, whichever stand
    /// there.
    pub(super) fn read(value: &mut Cursor<'_>) -> Result<Self, Fault> {
        let mut pixels = Self::default();
        value.list(|entry| {
            let pair = if entry.peek()? == b'[' {
                let mut numbers = [0; 2];
                let mut count = 0;
                entry.list(|number| {
                    let value = whole(number)?;
                    if let Some(slot) = numbers.get_mut(count) {
                        *slot = value;
                    }
                    count += 1;
                    Ok(())
                })?;
                (numbers[0], numbers[1])
            } else {
                (whole(entry)?, 1)
            };
            pixels.pairs.push(pair);
            Ok(())
        })?;
        Ok(pixels)
    }

    /// The mask on a picture of `size`, or what is wrong with it.
    pub(super) fn shape(mut self, size: Size, item: &mut Item) -> Result<Shape, &'static str> {
        if size.width == 0 || size.height == 0 || size.width > MAX_SIDE || size.height > MAX_SIDE {
            return Err("the picture of the mask has an impossible size");
        }
        self.pairs.sort_unstable();
        let total = u64::from(size.width) * u64::from(size.height);
        let mut end = 0;
        for &(start, length) in &self.pairs {
            if start < end || length > total || start + length > total {
                return Err("runs of the mask overlap or leave the picture");
            }
            end = start + length;
        }
        let start = item.runs.len() as u32;
        let mut runs = Vec::new();
        rle::from_rows(&self.pairs, size, &mut runs);
        item.runs.append(&mut runs);
        let runs = Span { start, end: item.runs.len() as u32 };
        Ok(Shape::Mask(crate::Mask { runs, size, compressed: true }))
    }
}

fn whole(value: &mut Cursor<'_>) -> Result<u64, Fault> {
    let number = value.whole()?.and_then(|number| u64::try_from(number).ok());
    number.filter(|number| *number <= u64::from(u32::MAX)).ok_or(Fault::Expected("a pixel of the picture"))
}

/// A piece of an object that was written as several annotations.
pub(super) struct Piece {
    pub(super) annotation: Annotation,
    /// The object it belongs to.
    pub(super) object: Option<String>,
}

/// Makes one annotation of the pieces of each object, in the place of the
/// first.
pub(super) fn join(pieces: Vec<Piece>, item: &mut Item) {
    let mut objects: HashMap<String, usize> = HashMap::new();
    let mut joints: HashMap<usize, Vec<crate::Joint>> = HashMap::new();
    let mut rings: HashMap<usize, Vec<Span>> = HashMap::new();
    for Piece { annotation, object } in pieces {
        let Some(object) = object else {
            item.annotations.push(annotation);
            continue;
        };
        let next = item.annotations.len();
        let at = *objects.entry(object).or_insert(next);
        if at == next {
            let empty =
                Annotation { joints: Span::default(), shape: Shape::None, kind: Kind::Object, ..annotation };
            item.annotations.push(empty);
        }
        let whole = &mut item.annotations[at];
        whole.bbox = whole.bbox.or(annotation.bbox);
        match annotation.shape {
            Shape::Rings(span) => rings.entry(at).or_default().extend(&item.rings[span.range()]),
            Shape::None => {}
            shape => whole.shape = shape,
        }
        joints.entry(at).or_default().extend(&item.joints[annotation.joints.range()]);
    }
    let mut rings: Vec<(usize, Vec<Span>)> = rings.into_iter().collect();
    rings.sort_unstable_by_key(|(at, _)| *at);
    for (at, rings) in rings {
        let start = item.rings.len() as u32;
        item.rings.extend(rings);
        item.annotations[at].shape = Shape::Rings(Span { start, end: item.rings.len() as u32 });
    }
    let mut joints: Vec<(usize, Vec<crate::Joint>)> = joints.into_iter().collect();
    joints.sort_unstable_by_key(|(at, _)| *at);
    for (at, joints) in joints.into_iter().filter(|(_, joints)| !joints.is_empty()) {
        let start = item.joints.len() as u32;
        item.joints.extend(joints);
        item.annotations[at].joints = Span { start, end: item.joints.len() as u32 };
    }
}
