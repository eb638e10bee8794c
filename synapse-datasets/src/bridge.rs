//! Rings joined to one.

/// Joins rings to one ring by bridges without width, each between the nearest
/// points of a ring and the next: the way leads over the bridges to the last
/// ring, round it, and back.
pub(crate) fn join(rings: &[&[[f64; 2]]]) -> Vec<[f64; 2]> {
    let rings: Vec<&[[f64; 2]]> = rings.iter().copied().filter(|ring| !ring.is_empty()).collect();
    let Some((last, others)) = rings.split_last() else { return Vec::new() };
    let bridges: Vec<(usize, usize)> = rings.windows(2).map(|pair| nearest(pair[0], pair[1])).collect();
    let count = rings.iter().map(|ring| ring.len() + 1).sum::<usize>() + rings.len();
    let mut joined = Vec::with_capacity(count);
    for (index, ring) in others.iter().enumerate() {
        let leaves = bridges[index].0;
        match index.checked_sub(1) {
            None => walk(ring, leaves, ring.len(), &mut joined),
            Some(before) => {
                walk(ring, bridges[before].1, ahead(ring, bridges[before].1, leaves), &mut joined)
            }
        }
    }
    let comes = bridges.last().map_or(0, |bridge| bridge.1);
    walk(last, comes, if others.is_empty() { last.len() - 1 } else { last.len() }, &mut joined);
    for (index, ring) in others.iter().enumerate().skip(1).rev() {
        let (comes, leaves) = (bridges[index - 1].1, bridges[index].0);
        // What the way there has left out of the ring: all of it if it came
        // and left at one point.
        let steps = ahead(ring, leaves, comes);
        walk(ring, leaves, if steps == 0 { ring.len() } else { steps }, &mut joined);
    }
    joined
}

fn ahead(ring: &[[f64; 2]], from: usize, to: usize) -> usize {
    (to + ring.len() - from) % ring.len()
}

/// Appends a point and so many after it.
fn walk(ring: &[[f64; 2]], from: usize, steps: usize, out: &mut Vec<[f64; 2]>) {
    out.extend((0..=steps).map(|step| ring[(from + step) % ring.len()]));
}

/// The two points of two rings that are nearest to each other. From each point
/// of one the other is searched outwards from its column, until the columns
/// alone are farther away than what was found.
fn nearest(one: &[[f64; 2]], other: &[[f64; 2]]) -> (usize, usize) {
    let mut by_column: Vec<usize> = (0..other.len()).collect();
    by_column.sort_by(|a, b| other[*a][0].total_cmp(&other[*b][0]));
    let mut best = (f64::INFINITY, 0, 0);
    for (index, point) in one.iter().enumerate() {
        let middle = by_column.partition_point(|at| other[*at][0] < point[0]);
        let (before, after) = by_column.split_at(middle);
        let mut look = |at: usize| {
            let (dx, dy) = (other[at][0] - point[0], other[at][1] - point[1]);
            let found = (dx * dx + dy * dy, index, at);
            if found.0 < best.0 || found.0 == best.0 && (found.1, found.2) < (best.1, best.2) {
                best = found;
            }
            dx * dx <= best.0
        };
        let _ = before.iter().rev().all(|at| look(*at));
        let _ = after.iter().all(|at| look(*at));
    }
    (best.1, best.2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::area;
    use proptest::prelude::*;

    fn square(x: f64, y: f64, side: f64) -> Vec<[f64; 2]> {
        vec![[x, y], [x + side, y], [x + side, y + side], [x, y + side]]
    }

    #[test]
    fn two_parts_are_joined_at_their_nearest_points() {
        let (one, two) = (square(0.0, 0.0, 2.0), square(5.0, 2.0, 1.0));
        let joined = join(&[&one, &two]);
        let expected = [
            [2.0, 2.0],
            [0.0, 2.0],
            [0.0, 0.0],
            [2.0, 0.0],
            [2.0, 2.0],
            [5.0, 2.0],
            [6.0, 2.0],
            [6.0, 3.0],
            [5.0, 3.0],
            [5.0, 2.0],
        ];
        assert_eq!(joined, expected);
        assert_eq!(join(&[&one]), one);
        assert_eq!(join(&[]), [[0.0; 2]; 0]);
    }

    proptest! {
        #[test]
        fn bridges_have_no_area_and_no_point_is_lost(parts in prop::collection::vec((0.0..50.0f64, 0.5..5.0f64), 1..6)) {
            let rings: Vec<Vec<[f64; 2]>> = parts
                .iter()
                .enumerate()
                .map(|(index, (y, side))| square(index as f64 * 10.0, *y, *side))
                .collect();
            let joined = join(&rings.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let whole: f64 = rings.iter().map(|ring| area(ring)).sum();
            prop_assert!((area(&joined) - whole).abs() < 1e-6, "{} and {whole}", area(&joined));
            prop_assert!(rings.iter().flatten().all(|point| joined.contains(point)));
        }
    }
}
