//! Boxes, outlines, masks, joints and points.

use super::legend::color;
use crate::geometry;
use crate::model::{Annotation, Header, Item, Joint, Kind, Mask, Shape};
use crate::rle;
use tiny_skia::{FillRule, Paint, Path, PathBuilder, Pixmap, Rect, Stroke, Transform};

/// How much of the picture an inside covers.
const INSIDE: f32 = 0.3;

/// Of lines, in pixels of the page.
const LINE: f32 = 2.0;

/// Of joints and points, in pixels of the page.
const DOT: f32 = 3.5;

/// Draws one annotation on a picture that is `scale` times as large as its
/// coordinates say.
pub(super) fn draw(header: &Header, item: &Item, annotation: &Annotation, scale: f32, page: &mut Pixmap) {
    let pen = Pen { class: annotation.class, scale };
    match annotation.kind {
        Kind::Label | Kind::Other { .. } => return,
        Kind::Polyline => {
            for line in item.rings(annotation.shape) {
                pen.line(line, false, page);
            }
            return;
        }
        Kind::Object | Kind::Point { .. } => {}
    }
    match annotation.shape {
        Shape::Mask(mask) => pen.mask(item.runs(mask), mask, page),
        Shape::Rings(_) => pen.rings(item, annotation, page),
        Shape::None | Shape::Unread { .. } => {}
    }
    if let Some(own) = annotation.bbox {
        pen.line(&geometry::corners(own, annotation.rotation), true, page);
    }
    let joints = item.joints(annotation);
    let class = annotation.class.and_then(|class| header.classes.get(class as usize));
    for [from, to] in class.map(|class| bones(&class.extra)).unwrap_or_default() {
        let seen = |index: usize| joints.get(index).filter(|joint| joint.seen != Some(0));
        if let (Some(from), Some(to)) = (seen(from), seen(to)) {
            pen.line(&[[from.x, from.y], [to.x, to.y]], false, page);
        }
    }
    for joint in joints {
        pen.joint(joint, page);
    }
}

/// The pairs of joints a class ties together, counted from 0.
fn bones(extra: &str) -> Vec<[usize; 2]> {
    if !extra.contains("\"skeleton\"") {
        return Vec::new();
    }
    let members: serde_json::Value = serde_json::from_str(&format!("{{{extra}}}")).unwrap_or_default();
    let pair = |pair: &serde_json::Value| {
        let end = |index: usize| usize::try_from(pair.get(index)?.as_u64()?).ok()?.checked_sub(1);
        Some([end(0)?, end(1)?])
    };
    members["skeleton"].as_array().into_iter().flatten().filter_map(pair).collect()
}

struct Pen {
    class: Option<u32>,
    scale: f32,
}

impl Pen {
    fn paint(&self, alpha: f32) -> Paint<'static> {
        let mut paint = Paint { anti_alias: true, ..Paint::default() };
        paint.set_color(color(self.class, alpha));
        paint
    }

    fn path<'p>(&self, rings: impl Iterator<Item = &'p [[f64; 2]]>, closed: bool) -> Option<Path> {
        let mut path = PathBuilder::new();
        for ring in rings {
            for (index, [x, y]) in ring.iter().enumerate() {
                // What is far outside is not drawn where it is, but there.
                let place = |number: f64| (number as f32 * self.scale).clamp(-1e5, 1e5);
                let (x, y) = (place(*x), place(*y));
                if !(x.is_finite() && y.is_finite()) {
                    return None;
                }
                if index == 0 { path.move_to(x, y) } else { path.line_to(x, y) }
            }
            if closed && !ring.is_empty() {
                path.close();
            }
        }
        path.finish()
    }

    fn line(&self, points: &[[f64; 2]], closed: bool, page: &mut Pixmap) {
        if let Some(path) = self.path(std::iter::once(points), closed) {
            self.stroke(&path, page);
        }
    }

    fn stroke(&self, path: &Path, page: &mut Pixmap) {
        let stroke = Stroke { width: LINE, ..Stroke::default() };
        page.stroke_path(path, &self.paint(1.0), &stroke, Transform::identity(), None);
    }

    fn rings(&self, item: &Item, annotation: &Annotation, page: &mut Pixmap) {
        let Some(path) = self.path(item.rings(annotation.shape), true) else { return };
        page.fill_path(&path, &self.paint(INSIDE), FillRule::Winding, Transform::identity(), None);
        self.stroke(&path, page);
    }

    fn mask(&self, runs: &[u32], mask: Mask, page: &mut Pixmap) {
        let paint = Paint { anti_alias: false, ..self.paint(INSIDE * 1.5) };
        for (column, top, bottom) in rle::stretches(runs, mask.size.height) {
            let edge = |pixel: u32| (pixel as f32 * self.scale).round();
            let (left, right) = (edge(column), edge(column + 1));
            // Columns that fall between pixels of the page are part of others.
            if left == right {
                continue;
            }
            if let Some(stretch) = Rect::from_ltrb(left, edge(top), right, edge(bottom)) {
                page.fill_rect(stretch, &paint, Transform::identity(), None);
            }
        }
    }

    /// Full where it is seen, open where it is hidden.
    fn joint(&self, joint: &Joint, page: &mut Pixmap) {
        let (x, y) = (joint.x as f32 * self.scale, joint.y as f32 * self.scale);
        if joint.seen == Some(0) || !(x.is_finite() && y.is_finite()) {
            return;
        }
        let Some(path) = PathBuilder::from_circle(x, y, DOT) else { return };
        if joint.seen != Some(1) {
            page.fill_path(&path, &self.paint(1.0), FillRule::Winding, Transform::identity(), None);
        }
        self.stroke(&path, page);
    }
}
