//! Boxes around what was found, and how good they are.

/// A box in shares of the picture's width and height, by its centre.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Box2 {
    /// Centre, from the left.
    pub x: f32,
    /// Centre, from the top.
    pub y: f32,
    /// Width.
    pub width: f32,
    /// Height.
    pub height: f32,
}

impl Box2 {
    /// Intersection over union: 1 for the same box, 0 for boxes apart.
    pub fn iou(&self, other: &Self) -> f32 {
        let overlap = |a: f32, a_size: f32, b: f32, b_size: f32| {
            let (low, high) =
                ((a - a_size / 2.0).max(b - b_size / 2.0), (a + a_size / 2.0).min(b + b_size / 2.0));
            (high - low).max(0.0)
        };
        let both = overlap(self.x, self.width, other.x, other.width)
            * overlap(self.y, self.height, other.y, other.height);
        let either = self.width * self.height + other.width * other.height - both;
        if either > 0.0 { both / either } else { 0.0 }
    }
}

/// A box that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// Where.
    pub place: Box2,
    /// How sure, from 0 to 1.
    pub score: f32,
}

/// Keeps the surest of boxes that are around the same thing.
pub fn suppress(mut found: Vec<Found>) -> Vec<Found> {
    found.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut kept: Vec<Found> = Vec::new();
    for one in found {
        if kept.iter().all(|other| other.place.iou(&one.place) < 0.3) {
            kept.push(one);
        }
    }
    kept
}

/// Counts of right and wrong boxes over many pictures.
#[derive(Clone, Copy, Debug, Default)]
pub struct Score {
    right: u32,
    found: u32,
    there: u32,
}

impl Score {
    /// A found box is right when it overlaps one that is there by half.
    pub fn add(&mut self, found: &[Found], there: &[Box2]) {
        let mut open = there.to_vec();
        for one in found {
            if let Some(hit) = open.iter().position(|truth| truth.iou(&one.place) >= 0.5) {
                open.swap_remove(hit);
                self.right += 1;
            }
        }
        self.found += found.len() as u32;
        self.there += there.len() as u32;
    }

    /// The harmonic mean of precision and recall.
    pub fn f1(&self) -> f64 {
        let all = f64::from(self.found + self.there);
        if all > 0.0 { 2.0 * f64::from(self.right) / all } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn square(x: f32, y: f32) -> Box2 {
        Box2 { x, y, width: 0.2, height: 0.2 }
    }

    #[test]
    fn overlap_is_a_share_of_both() {
        assert!((square(0.5, 0.5).iou(&square(0.5, 0.5)) - 1.0).abs() < 1e-5);
        assert_eq!(square(0.2, 0.5).iou(&square(0.8, 0.5)), 0.0);
        assert!((square(0.5, 0.5).iou(&square(0.6, 0.5)) - 1.0 / 3.0).abs() < 1e-5);
    }

    #[test]
    fn of_boxes_around_the_same_the_surest_stays() {
        let found = |x, score| Found { place: square(x, 0.5), score };
        let kept = suppress(vec![found(0.5, 0.6), found(0.51, 0.9), found(0.8, 0.7)]);
        assert_eq!(kept, [found(0.51, 0.9), found(0.8, 0.7)]);
    }

    #[test]
    fn a_truth_is_found_once() {
        let mut score = Score::default();
        let twice = [0.9, 0.8].map(|score| Found { place: square(0.5, 0.5), score });
        score.add(&twice, &[square(0.5, 0.5)]);
        assert!((score.f1() - 2.0 / 3.0).abs() < 1e-9);
    }
}
