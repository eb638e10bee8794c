//! Points of two classes. Put your own dataset in their place.

/// A point, and whether it is of the first class.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    pub point: [f64; 2],
    pub label: bool,
}

/// Points of the unit square, labelled by the side of a line they lie on: the
/// same for the same seed. Seeds of training and test data have to differ.
pub fn samples(seed: u64, count: usize) -> Vec<Sample> {
    let mut state = seed;
    let mut sample = || {
        let point = [uniform(&mut state), uniform(&mut state)];
        Sample {
            point,
            label: point[0] + 2.0 * point[1] > 1.5,
        }
    };
    (0..count).map(|_| sample()).collect()
}

/// A number from 0 to 1 (SplitMix64).
fn uniform(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^= mixed >> 31;
    (mixed >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_the_same_points_of_both_classes() {
        let points = samples(1, 100);
        assert_eq!(points, samples(1, 100));
        assert_ne!(points, samples(2, 100));
        let of_first = points.iter().filter(|sample| sample.label).count();
        assert!((20..80).contains(&of_first), "{of_first}");
    }
}
