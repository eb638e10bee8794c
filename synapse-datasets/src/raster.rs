//! Polygons as pixels.

use crate::model::Size;
use std::ops::Range;

/// Calls `each` with the rows of a picture and the columns of it whose pixels
/// have their middle inside of a ring.
pub(crate) fn fill(ring: &[[f64; 2]], size: Size, mut each: impl FnMut(usize, Range<usize>)) {
    let (width, height) = (f64::from(size.width), f64::from(size.height));
    // The first pixel whose middle is not before a place.
    let pixel = |place: f64, end: f64| (place - 0.5).ceil().clamp(0.0, end) as usize;
    let mut crossings: Vec<Vec<f64>> = vec![Vec::new(); size.height as usize];
    let Some(mut before) = ring.last() else { return };
    for point in ring {
        let (high, low) = if before[1] <= point[1] { (before, point) } else { (point, before) };
        let rows = pixel(high[1], height)..pixel(low[1], height).max(pixel(high[1], height));
        for (row, crossings) in rows.clone().zip(&mut crossings[rows]) {
            let part = (row as f64 + 0.5 - high[1]) / (low[1] - high[1]);
            crossings.push(high[0] + part * (low[0] - high[0]));
        }
        before = point;
    }
    for (row, crossings) in crossings.iter_mut().enumerate() {
        crossings.sort_unstable_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            let columns = pixel(pair[0], width)..pixel(pair[1], width);
            if !columns.is_empty() {
                each(row, columns);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outline;
    use proptest::prelude::*;

    fn pixels(rings: &[Vec<[f64; 2]>], size: Size) -> Vec<bool> {
        let mut pixels = vec![false; (size.width * size.height) as usize];
        for ring in rings {
            fill(ring, size, |row, columns| {
                pixels[row * size.width as usize..][columns].fill(true);
            });
        }
        pixels
    }

    #[test]
    fn a_pixel_is_inside_if_its_middle_is() {
        let size = Size { width: 4, height: 2 };
        let ring = vec![[0.6, -3.0], [2.5, -3.0], [2.5, 1.4], [0.6, 1.4]];
        assert_eq!(pixels(&[ring], size), [false, true, false, false, false, false, false, false]);
        let beyond = vec![[-9.0, -9.0], [99.0, -9.0], [99.0, 99.0], [-9.0, 99.0]];
        assert_eq!(pixels(&[beyond], size), [true; 8]);
    }

    proptest! {
        #[test]
        fn an_outline_is_filled_with_its_pixels(height in 1u32..9, seed in any::<u64>()) {
            let size = Size { width: 8, height };
            let inside = |at: u32| seed >> (at % 64) & 1 == 1;
            let mut runs = vec![0];
            for at in 0..8 * height {
                if inside(at) != (runs.len() % 2 == 0) {
                    runs.push(0);
                }
                *runs.last_mut().expect("there is one") += 1;
            }
            let outlines = outline::of(&runs, size);
            prop_assume!(outlines.holes == 0);
            let filled = pixels(&outlines.rings, size);
            for (x, y) in (0..8).flat_map(|x| (0..height).map(move |y| (x, y))) {
                prop_assert_eq!(filled[(y * 8 + x) as usize], inside(x * height + y));
            }
        }
    }
}
