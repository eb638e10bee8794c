//! What can be wrong with an item whatever format it came from.

use crate::error::Error;
use crate::geometry;
use crate::model::{Annotation, Header, Item, Kind, Shape, Size};
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;

/// How far outside the picture a coordinate may be before it counts, as a part
/// of its side: what rounding to six decimals leaves.
const TOLERANCE: f64 = 1e-6;

/// How far outside a side of a picture a coordinate may be, in pixels.
pub(crate) fn tolerance(side: f64) -> f64 {
    TOLERANCE * side.max(1.0)
}

/// A place for a message: of the image, or of one of its annotations.
type At<'a> = &'a dyn Fn(&Item, Option<usize>) -> Place;

/// Looks at an item and leaves out the annotations that are not to be kept.
pub(crate) fn item(header: &Header, item: &mut Item, at: At<'_>, notes: &mut Notes) -> Result<(), Error> {
    let mut keep = Vec::new();
    for index in 0..item.annotations.len() {
        if let Some((kind, message)) = wrong(header, item, &item.annotations[index])
            && !notes.problem(kind, || at(item, Some(index)), message)?
        {
            keep.resize(item.annotations.len(), true);
            keep[index] = false;
        }
    }
    if !keep.is_empty() {
        let mut kept = keep.iter();
        item.annotations.retain(|_| *kept.next().unwrap_or(&true));
    }
    Ok(())
}

/// The first thing that is wrong with an annotation.
fn wrong(header: &Header, item: &Item, annotation: &Annotation) -> Option<(ProblemKind, String)> {
    if let Some(class) = annotation.class
        && class as usize >= header.classes.len()
    {
        let message = format!("class {class} of {}", header.classes.len());
        return Some((ProblemKind::UnknownClass, message));
    }
    if !is_finite(item, annotation) {
        return Some((ProblemKind::NotFinite, "a coordinate is NaN or infinite".to_owned()));
    }
    if !matches!(annotation.kind, Kind::Object) {
        return None;
    }
    if let Some([_, _, width, height]) = annotation.bbox
        && (width <= 0.0 || height <= 0.0)
    {
        return Some((ProblemKind::EmptyBox, format!("the box is {width} × {height}")));
    }
    let [left, top, width, height] = extent(item, annotation)?;
    let size = item.image.size?;
    let inside = is_inside([left, top, left + width, top + height], size);
    (!inside).then(|| {
        let message = format!(
            "reaches from ({left}, {top}) to ({}, {}) on a picture of {} × {}",
            left + width,
            top + height,
            size.width,
            size.height
        );
        (ProblemKind::Outside, message)
    })
}

fn is_finite(item: &Item, annotation: &Annotation) -> bool {
    let numbers = annotation.bbox.iter().flatten().chain(&annotation.rotation);
    numbers.chain(&annotation.area).chain(&annotation.score).all(|number| number.is_finite())
        && item.rings(annotation.shape).flatten().flatten().all(|number| number.is_finite())
        && item.joints(annotation).iter().all(|joint| joint.x.is_finite() && joint.y.is_finite())
}

/// The box around everything of an annotation.
fn extent(item: &Item, annotation: &Annotation) -> Option<[f64; 4]> {
    let own = annotation.bbox.filter(|_| annotation.rotation.is_none_or(|angle| angle == 0.0));
    let shape = match annotation.shape {
        Shape::Rings(_) => geometry::shape_bounds(item, annotation),
        _ => None,
    };
    match (own, shape) {
        (Some(a), Some(b)) => {
            let (right, bottom) = ((a[0] + a[2]).max(b[0] + b[2]), (a[1] + a[3]).max(b[1] + b[3]));
            let (left, top) = (a[0].min(b[0]), a[1].min(b[1]));
            Some([left, top, right - left, bottom - top])
        }
        (one, other) => one.or(other),
    }
}

fn is_inside([left, top, right, bottom]: [f64; 4], size: Size) -> bool {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    let (beside, below) = (tolerance(width), tolerance(height));
    left >= -beside && top >= -below && right <= width + beside && bottom <= height + below
}
