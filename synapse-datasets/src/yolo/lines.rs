//! The lines of a label file.

use crate::bridge;
use crate::check::tolerance;
use crate::convert::Task;
use crate::fields::{self, lose};
use crate::geometry;
use crate::loss::LossKind;
use crate::model::{Annotation, Item, Joint, Shape, Size};
use crate::number::{write_fixed, write_whole};
use crate::outline::{self, Outlines};
use crate::problem::Place;
use crate::report::Notes;

/// Writes the lines of one task.
pub(super) struct Lines {
    pub(super) task: Task,
    pub(super) join_parts: bool,
    pub(super) decimals: u8,
    /// How many joints an object has.
    pub(super) joints: usize,
}

/// An object that becomes a line, or several.
#[derive(Clone, Copy)]
pub(super) struct Object<'a> {
    pub(super) frame: &'a Frame,
    pub(super) class: u32,
    pub(super) item: &'a Item,
    pub(super) annotation: &'a Annotation,
    /// Where it stands, for what is told of it.
    pub(super) at: &'a dyn Fn() -> Place,
}

/// A box, shape or point in parts of the picture.
pub(super) struct Frame {
    width: f64,
    height: f64,
    decimals: u8,
}

impl Frame {
    pub(super) fn new(size: Size, decimals: u8) -> Self {
        Self { width: f64::from(size.width), height: f64::from(size.height), decimals }
    }

    fn point(&self, [x, y]: [f64; 2], out: &mut Vec<u8>) {
        self.number(x.clamp(0.0, self.width) / self.width, out);
        self.number(y.clamp(0.0, self.height) / self.height, out);
    }

    fn number(&self, value: f64, out: &mut Vec<u8>) {
        out.push(b' ');
        write_fixed(value, self.decimals, out);
    }

    /// The part of a box inside the picture.
    fn clipped(&self, [x, y, width, height]: [f64; 4]) -> [f64; 4] {
        let inside = x >= 0.0 && y >= 0.0 && x + width <= self.width && y + height <= self.height;
        if inside {
            return [x, y, width, height];
        }
        let (left, top) = (x.clamp(0.0, self.width), y.clamp(0.0, self.height));
        let (right, bottom) = ((x + width).clamp(0.0, self.width), (y + height).clamp(0.0, self.height));
        [left, top, right - left, bottom - top]
    }

    fn holds(&self, [x, y]: [f64; 2]) -> bool {
        let (beside, below) = (tolerance(self.width), tolerance(self.height));
        (-beside..=self.width + beside).contains(&x) && (-below..=self.height + below).contains(&y)
    }

    fn write_box(&self, [x, y, width, height]: [f64; 4], out: &mut Vec<u8>) {
        self.number((x + width / 2.0) / self.width, out);
        self.number((y + height / 2.0) / self.height, out);
        self.number(width / self.width, out);
        self.number(height / self.height, out);
    }
}

impl Lines {
    /// Whether an annotation has what the task is for.
    pub(super) fn is_for(&self, annotation: &Annotation) -> bool {
        match self.task {
            Task::Detect | Task::Oriented => annotation.bbox.is_some(),
            Task::Segment => annotation.shape != Shape::None,
            Task::Keypoints => !annotation.joints.is_empty(),
        }
    }

    /// Writes the line or lines of an object, and notes what of its geometry
    /// is lost. `false` if there is nothing to write.
    pub(super) fn object(&self, object: Object<'_>, out: &mut Vec<u8>, notes: &mut Notes) -> bool {
        let Object { frame, item, annotation, at, .. } = object;
        let start = out.len();
        match self.task {
            Task::Segment => self.segment(object, out, notes),
            Task::Oriented => oriented(object, out, notes),
            Task::Detect => {
                self.object_box(object, out, notes);
                lose_shape(annotation, at, notes);
                lose(notes, LossKind::Joints, !annotation.joints.is_empty(), at);
            }
            Task::Keypoints => {
                if self.object_box(object, out, notes) {
                    self.write_joints(frame, item.joints(annotation), out);
                }
                lose_shape(annotation, at, notes);
            }
        }
        out.len() > start
    }

    /// Writes class and box and, unless joints follow, ends the line.
    fn object_box(&self, object: Object<'_>, out: &mut Vec<u8>, notes: &mut Notes) -> bool {
        let Object { frame, class, item, annotation, at } = object;
        let Some(whole) = geometry::upright_box(item, annotation) else { return false };
        let clipped = frame.clipped(whole);
        // A box wholly outside has nothing left; one without area had none.
        let lost = |side: usize| clipped[side] <= 0.0 && whole[side] > 0.0 || clipped[side] < 0.0;
        if lost(2) || lost(3) {
            return false;
        }
        let [x, y, width, height] = whole;
        lose(notes, LossKind::Clipped, !frame.holds([x, y]) || !frame.holds([x + width, y + height]), at);
        lose(notes, LossKind::Rotation, fields::rotation(annotation).is_some(), at);
        write_whole(u64::from(class), out);
        frame.write_box(clipped, out);
        if self.task == Task::Detect {
            out.push(b'\n');
        }
        true
    }

    fn write_joints(&self, frame: &Frame, joints: &[Joint], out: &mut Vec<u8>) {
        for index in 0..self.joints {
            let joint = joints.get(index).copied().unwrap_or(Joint { x: 0.0, y: 0.0, seen: Some(0) });
            frame.point([joint.x, joint.y], out);
            out.push(b' ');
            write_whole(u64::from(joint.seen.unwrap_or(2)), out);
        }
        out.push(b'\n');
    }

    fn segment(&self, object: Object<'_>, out: &mut Vec<u8>, notes: &mut Notes) {
        let Object { frame, class, item, annotation, at } = object;
        let mut is_clipped = false;
        let outlines = match annotation.shape {
            Shape::Mask(mask) => outline::of(item.runs(mask), mask.size),
            _ => Outlines::default(),
        };
        lose(notes, LossKind::MaskAsPolygon, !outlines.rings.is_empty(), at);
        notes.loss(LossKind::Holes, outlines.holes, at);
        let own = item.rings(annotation.shape).filter(|ring| ring.len() >= 3);
        let parts: Vec<&[[f64; 2]]> = own.chain(outlines.rings.iter().map(Vec::as_slice)).collect();
        let joined = if self.join_parts && parts.len() > 1 { bridge::join(&parts) } else { Vec::new() };
        let lines = if joined.is_empty() { &parts[..] } else { &[&joined[..]] };
        for ring in lines {
            write_whole(u64::from(class), out);
            for point in *ring {
                is_clipped |= !frame.holds(*point);
                frame.point(*point, out);
            }
            out.push(b'\n');
        }
        let what = if joined.is_empty() { LossKind::Parts } else { LossKind::PartsJoined };
        lose(notes, what, parts.len() > 1, at);
        lose(notes, LossKind::Joints, !annotation.joints.is_empty(), at);
        if parts.is_empty() {
            let Some(own) = annotation.bbox.or_else(|| geometry::shape_bounds(item, annotation)) else {
                return;
            };
            let corners = geometry::corners(own, annotation.rotation);
            is_clipped |= corners.iter().any(|corner| !frame.holds(*corner));
            write_corners(frame, class, corners, out);
            lose(notes, LossKind::BoxAsPolygon, true, at);
        } else {
            let differs =
                annotation.bbox.is_some_and(|own| geometry::shape_bounds(item, annotation) != Some(own));
            lose(notes, LossKind::Box, differs, at);
        }
        lose(notes, LossKind::Clipped, is_clipped, at);
    }
}

fn oriented(object: Object<'_>, out: &mut Vec<u8>, notes: &mut Notes) {
    let Object { frame, class, item, annotation, at } = object;
    let mut rings = item.rings(annotation.shape);
    let corners = match (annotation.bbox, rings.next(), rings.next()) {
        (_, Some(&[a, b, c, d]), None) => [a, b, c, d],
        (Some(own), ..) => geometry::corners(own, annotation.rotation),
        (None, ..) => match geometry::shape_bounds(item, annotation) {
            Some(own) => geometry::corners(own, None),
            None => return,
        },
    };
    let is_quad = item.rings(annotation.shape).map(<[_]>::len).eq([4]);
    if !is_quad {
        lose_shape(annotation, at, notes);
    }
    lose(notes, LossKind::Joints, !annotation.joints.is_empty(), at);
    lose(notes, LossKind::Clipped, corners.iter().any(|corner| !frame.holds(*corner)), at);
    write_corners(frame, class, corners, out);
}

fn write_corners(frame: &Frame, class: u32, corners: [[f64; 2]; 4], out: &mut Vec<u8>) {
    write_whole(u64::from(class), out);
    for corner in corners {
        frame.point(corner, out);
    }
    out.push(b'\n');
}

fn lose_shape(annotation: &Annotation, at: &dyn Fn() -> Place, notes: &mut Notes) {
    match annotation.shape {
        Shape::None => {}
        Shape::Rings(_) | Shape::Unread { mask: false } => lose(notes, LossKind::Polygon, true, at),
        Shape::Mask(_) | Shape::Unread { mask: true } => lose(notes, LossKind::Mask, true, at),
    }
}
