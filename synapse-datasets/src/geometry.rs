//! Boxes and rings.

use crate::model::{Annotation, Item, Mask, Shape};
use crate::rle;

/// The box around points: left, top, width, height. `None` without points.
pub(crate) fn bounds<'p>(points: impl IntoIterator<Item = &'p [f64; 2]>) -> Option<[f64; 4]> {
    let mut points = points.into_iter();
    let first = points.next()?;
    let (mut low, mut high) = (*first, *first);
    for point in points {
        low = [low[0].min(point[0]), low[1].min(point[1])];
        high = [high[0].max(point[0]), high[1].max(point[1])];
    }
    Some([low[0], low[1], high[0] - low[0], high[1] - low[1]])
}

/// The area inside a ring, whichever way round it goes.
pub(crate) fn area(ring: &[[f64; 2]]) -> f64 {
    let Some(last) = ring.last() else { return 0.0 };
    let mut sum = 0.0;
    let mut before = last;
    for point in ring {
        sum += before[0] * point[1] - point[0] * before[1];
        before = point;
    }
    sum.abs() / 2.0
}

/// The corners of a box turned about its middle, from the top left clockwise.
pub(crate) fn corners([x, y, width, height]: [f64; 4], rotation: Option<f64>) -> [[f64; 2]; 4] {
    let upright = [[x, y], [x + width, y], [x + width, y + height], [x, y + height]];
    let Some(angle) = rotation.filter(|angle| *angle != 0.0) else { return upright };
    let (sin, cos) = angle.sin_cos();
    let (middle_x, middle_y) = (x + width / 2.0, y + height / 2.0);
    upright.map(|[x, y]| {
        let (dx, dy) = (x - middle_x, y - middle_y);
        [middle_x + dx * cos - dy * sin, middle_y + dx * sin + dy * cos]
    })
}

/// The box whose [`corners`] these are, and how far it is turned if that is
/// more than `off` pixels. `None` if they are not those of a box by more.
pub(crate) fn turned_box(corners: [[f64; 2]; 4], off: f64) -> Option<([f64; 4], Option<f64>)> {
    let [first, second, third, fourth] = corners;
    let along = [second[0] - first[0], second[1] - first[1]];
    let down = [fourth[0] - first[0], fourth[1] - first[1]];
    let (width, height) = (along[0].hypot(along[1]), down[0].hypot(down[1]));
    let closes = [0, 1].map(|axis| first[axis] + along[axis] + down[axis] - third[axis]);
    let lean = (along[0] * down[0] + along[1] * down[1]).abs() / width.max(height);
    let turn = along[0] * down[1] - along[1] * down[0];
    let is_box = width > off && height > off && turn > 0.0;
    if !is_box || closes[0].hypot(closes[1]) > 2.0 * off || lean > off {
        return None;
    }
    let middle = [0, 1].map(|axis| corners.iter().map(|corner| corner[axis]).sum::<f64>() / 4.0);
    let angle = along[1].atan2(along[0]);
    let is_turned = angle.abs() * width.max(height) > off;
    Some(([middle[0] - width / 2.0, middle[1] - height / 2.0, width, height], is_turned.then_some(angle)))
}

/// The upright box of an annotation: its own, the one around its turned one,
/// or the one around its shape or joints.
pub(crate) fn upright_box(item: &Item, annotation: &Annotation) -> Option<[f64; 4]> {
    match annotation.bbox {
        Some(own) if annotation.rotation.is_some_and(|angle| angle != 0.0) => {
            bounds(&corners(own, annotation.rotation))
        }
        Some(own) => Some(own),
        None => shape_bounds(item, annotation),
    }
}

/// The box around the shape, or the joints that are there.
pub(crate) fn shape_bounds(item: &Item, annotation: &Annotation) -> Option<[f64; 4]> {
    match annotation.shape {
        Shape::Mask(Mask { size, .. }) => rle::bounds(mask_runs(item, annotation)?, size),
        Shape::Rings(_) => bounds(item.rings(annotation.shape).flatten()),
        Shape::None | Shape::Unread { .. } => {
            let seen: Vec<[f64; 2]> = item
                .joints(annotation)
                .iter()
                .filter(|joint| joint.seen != Some(0))
                .map(|joint| [joint.x, joint.y])
                .collect();
            bounds(&seen)
        }
    }
}

fn mask_runs<'i>(item: &'i Item, annotation: &Annotation) -> Option<&'i [u32]> {
    match annotation.shape {
        Shape::Mask(mask) => Some(item.runs(mask)),
        _ => None,
    }
}

/// The area of the shape, or else of the box.
pub(crate) fn shape_area(item: &Item, annotation: &Annotation) -> f64 {
    if let Some(runs) = mask_runs(item, annotation) {
        return rle::area(runs) as f64;
    }
    if matches!(annotation.shape, Shape::Rings(_)) {
        return item.rings(annotation.shape).map(area).sum();
    }
    upright_box(item, annotation).map_or(0.0, |[_, _, width, height]| width * height)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_area_of_a_ring_does_not_depend_on_its_direction() {
        let ring = [[0.0, 0.0], [4.0, 0.0], [4.0, 3.0]];
        let back = [ring[2], ring[1], ring[0]];
        assert_eq!((area(&ring), area(&back), area(&[])), (6.0, 6.0, 0.0));
    }

    #[test]
    fn corners_are_a_box_if_they_are_those_of_one() {
        let own = [10.0, 20.0, 40.0, 8.0];
        for angle in [0.3, -2.9, 1.6, 3.1] {
            let (found, rotation) = turned_box(corners(own, Some(angle)), 1e-9).unwrap_or_default();
            assert!((rotation.unwrap_or_default() - angle).abs() < 1e-12);
            assert!(found.iter().zip(own).all(|(found, own)| (found - own).abs() < 1e-12), "{found:?}");
        }
        assert_eq!(turned_box(corners(own, None), 1e-9), Some((own, None)));
        let mut bent = corners(own, Some(0.3));
        bent[2][0] += 0.1;
        assert_eq!(turned_box(bent, 1e-3), None);
        let back = corners(own, None).map(|[x, y]| [-x, y]);
        assert_eq!(turned_box(back, 1e-3), None, "the corners go round the other way");
    }

    #[test]
    fn a_quarter_turn_swaps_the_sides_of_the_box_around() {
        let turned = corners([0.0, 0.0, 4.0, 2.0], Some(std::f64::consts::FRAC_PI_2));
        let around = bounds(&turned).unwrap_or_default();
        let expected = [1.0, -1.0, 2.0, 4.0];
        assert!(around.iter().zip(expected).all(|(got, want)| (got - want).abs() < 1e-12), "{around:?}");
    }
}
