//! The outline of a mask, along the edges of its pixels: drawn again it fills
//! exactly these pixels.

use crate::model::Size;
use crate::rle;
use std::collections::BTreeMap;

/// A corner of pixels.
type Corner = (u32, u32);

/// The outlines of the parts of a mask.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Outlines {
    /// One ring around each part. Pixels that touch at a corner alone are
    /// different parts.
    pub(crate) rings: Vec<Vec<[f64; 2]>>,
    /// Rings around what is not inside.
    pub(crate) holes: usize,
}

/// The outlines of a mask. The work goes with its runs, not its pixels.
pub(crate) fn of(runs: &[u32], size: Size) -> Outlines {
    let mut edges = edges(runs, size);
    let mut outlines = Outlines::default();
    while let Some((&start, _)) = edges.first_key_value() {
        let ring = ring(start, &mut edges);
        if is_hole(&ring) {
            outlines.holes += 1;
        } else {
            outlines.rings.push(ring.into_iter().map(|(x, y)| [f64::from(x), f64::from(y)]).collect());
        }
    }
    outlines
}

/// All edges between inside and outside, by their start. They go round the
/// inside clockwise, as seen on the screen.
fn edges(runs: &[u32], size: Size) -> BTreeMap<Corner, Vec<Corner>> {
    let mut edges: BTreeMap<Corner, Vec<Corner>> = BTreeMap::new();
    let mut add = |from: Corner, to: Corner| edges.entry(from).or_default().push(to);
    let stretches: Vec<_> = rle::stretches(runs, size.height).collect();
    let columns: Vec<&[(u32, u32, u32)]> = stretches.chunk_by(|a, b| a.0 == b.0).collect();
    for (index, column) in columns.iter().enumerate() {
        let x = column[0].0;
        let beside = |other: Option<&&'_ [(u32, u32, u32)]>, at: u32| match other {
            Some(other) if other[0].0 == at => other.to_vec(),
            _ => Vec::new(),
        };
        let left = beside(index.checked_sub(1).and_then(|before| columns.get(before)), x.wrapping_sub(1));
        let right = beside(columns.get(index + 1), x + 1);
        for &(_, top, bottom) in *column {
            add((x, top), (x + 1, top));
            add((x + 1, bottom), (x, bottom));
        }
        for (top, bottom) in uncovered(column, &left) {
            add((x, bottom), (x, top));
        }
        for (top, bottom) in uncovered(column, &right) {
            add((x + 1, top), (x + 1, bottom));
        }
    }
    edges
}

/// The parts of sorted stretches that others do not cover.
fn uncovered(stretches: &[(u32, u32, u32)], others: &[(u32, u32, u32)]) -> Vec<(u32, u32)> {
    let mut parts = Vec::new();
    for &(_, top, bottom) in stretches {
        let mut at = top;
        for &(_, from, to) in others.iter().filter(|other| other.2 > top && other.1 < bottom) {
            if from > at {
                parts.push((at, from));
            }
            at = at.max(to);
        }
        if at < bottom {
            parts.push((at, bottom));
        }
    }
    parts
}

/// Takes the ring that starts at a corner out of the edges. Corners in the
/// middle of a straight line are left out.
fn ring(start: Corner, edges: &mut BTreeMap<Corner, Vec<Corner>>) -> Vec<Corner> {
    let mut ring: Vec<Corner> = vec![start];
    let mut at = start;
    let mut came = None;
    while let Some(next) = take_next(at, came, edges) {
        let way = direction(at, next);
        if came == Some(way) {
            ring.pop();
        }
        ring.push(next);
        (at, came) = (next, Some(way));
        if at == start {
            break;
        }
    }
    ring.pop();
    ring
}

/// Where two rings cross, the way to the right stays on this one.
fn take_next(
    at: Corner,
    came: Option<(i8, i8)>,
    edges: &mut BTreeMap<Corner, Vec<Corner>>,
) -> Option<Corner> {
    let ways = edges.get_mut(&at)?;
    let to_the_right = came.map(|(x, y)| (-y, x));
    let index = ways.iter().position(|way| Some(direction(at, *way)) == to_the_right).unwrap_or(0);
    let next = ways.swap_remove(index);
    if ways.is_empty() {
        edges.remove(&at);
    }
    Some(next)
}

fn direction(from: Corner, to: Corner) -> (i8, i8) {
    let sign = |from: u32, to: u32| to.cmp(&from) as i8;
    (sign(from.0, to.0), sign(from.1, to.1))
}

/// Whether a ring goes the other way round.
fn is_hole(ring: &[Corner]) -> bool {
    let next = ring.iter().cycle().skip(1);
    let product =
        |(a, b): (&Corner, &Corner)| i64::from(a.0) * i64::from(b.1) - i64::from(b.0) * i64::from(a.1);
    ring.iter().zip(next).map(product).sum::<i64>() < 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Whether the middle of a pixel is inside an odd number of rings.
    fn is_inside(rings: &[Vec<[f64; 2]>], x: f64, y: f64) -> bool {
        let crosses = |ring: &Vec<[f64; 2]>| {
            let next = ring.iter().cycle().skip(1);
            ring.iter()
                .zip(next)
                .filter(|(a, b)| a[0] > x && a[0] == b[0] && (a[1] > y) != (b[1] > y))
                .count()
        };
        rings.iter().map(crosses).sum::<usize>() % 2 == 1
    }

    #[test]
    fn a_block_has_four_corners_and_its_hole_is_counted() {
        let size = Size { width: 5, height: 5 };
        let block = of(&[6, 3, 2, 3, 2, 3, 6], size);
        assert_eq!(
            block,
            Outlines { rings: vec![vec![[1.0, 1.0], [4.0, 1.0], [4.0, 4.0], [1.0, 4.0]]], holes: 0 }
        );
        let with_hole = of(&[6, 3, 2, 1, 1, 1, 2, 3, 6], size);
        assert_eq!(with_hole, Outlines { holes: 1, ..block });
        assert_eq!(of(&[25], size), Outlines::default());
    }

    proptest! {
        #[test]
        fn outlines_fill_the_pixels_they_are_made_of(pixels in any::<u64>(), height in 1u32..9) {
            let size = Size { width: 8, height };
            let inside = |x: u32, y: u32| pixels >> (x * height + y) & 1 == 1;
            let mut runs = vec![0u32];
            for at in 0..8 * height {
                if inside(at / height, at % height) != (runs.len() % 2 == 0) {
                    runs.push(0);
                }
                let last = runs.len() - 1;
                runs[last] += 1;
            }
            let outlines = of(&runs, size);
            prop_assume!(outlines.holes == 0);
            for (x, y) in (0..8).flat_map(|x| (0..height).map(move |y| (x, y))) {
                prop_assert_eq!(is_inside(&outlines.rings, f64::from(x) + 0.5, f64::from(y) + 0.5), inside(x, y));
            }
        }
    }
}
