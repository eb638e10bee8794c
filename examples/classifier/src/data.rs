//! Labelled rows: the digits data set, and its split into parts.

use fastrand::Rng;
use ndarray::{Array1, Array2, Axis};

use crate::error::{Error, Result};

/// Share of each class that is held back twice: once for watching the
/// training, once for the final verdict.
const HELD_BACK: f64 = 0.15;

/// Labelled rows, with a name for each class.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    pub(crate) features: Array2<f64>,
    pub(crate) labels: Array1<usize>,
    pub(crate) class_names: Vec<String>,
}

/// Three parts of a data set that share no row.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// What the model learns from.
    pub train: Dataset,
    /// What progress is measured on while it learns.
    pub validation: Dataset,
    /// What the finished model is judged by, once.
    pub test: Dataset,
}

impl Dataset {
    /// 1797 handwritten digits of 8 × 8 pixels from 0 (blank) to 1 (full ink),
    /// with the digit each one shows. They are part of the binary.
    ///
    /// # Errors
    /// [`Error::Data`] if the library ships something else.
    pub fn digits() -> Result<Self> {
        let raw = smartcore::dataset::digits::load_dataset();
        // Gradient descent works best on values of about 1; these go up to 16.
        let pixels = raw.data.iter().map(|&ink| f64::from(ink) / 16.0).collect();
        let features = Array2::from_shape_vec((raw.num_samples, raw.num_features), pixels)
            .map_err(|error| Error::Data(format!("digits: {error}")))?;
        let labels: Array1<usize> = raw.target.iter().map(|&digit| digit as usize).collect();
        Ok(Self {
            features,
            labels,
            // The names the library gives for this set belong to another one.
            class_names: (0..10).map(|digit| digit.to_string()).collect(),
        })
    }

    /// One row of values for each label.
    pub fn features(&self) -> &Array2<f64> {
        &self.features
    }

    /// The class of each row, an index into [`class_names`](Self::class_names).
    pub fn labels(&self) -> &Array1<usize> {
        &self.labels
    }

    /// The name of each class.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Splits into 70 % training, 15 % validation and 15 % test rows with the
    /// shares of the classes kept. The same seed gives the same parts, so a
    /// model must be judged on the split of the seed it was trained with.
    pub fn split(&self, seed: u64) -> Splits {
        let [train, validation, test] = self.partition(seed).map(|rows| self.select(&rows));
        Splits { train, validation, test }
    }

    /// Row numbers for training, validation and test.
    fn partition(&self, seed: u64) -> [Vec<usize>; 3] {
        let mut rng = Rng::with_seed(seed);
        let [mut train, mut validation, mut test] = [vec![], vec![], vec![]];
        for class in 0..self.class_names.len() {
            let mut rows: Vec<usize> =
                (0..self.labels().len()).filter(|&row| self.labels()[row] == class).collect();
            rng.shuffle(&mut rows);
            let held_back = (rows.len() as f64 * HELD_BACK).round() as usize;
            validation.extend(rows.drain(..held_back));
            test.extend(rows.drain(..held_back));
            train.extend(rows);
        }
        [train, validation, test]
    }

    /// These rows, in this order.
    pub(crate) fn select(&self, rows: &[usize]) -> Self {
        let features = self.features.select(Axis(0), rows);
        let labels = self.labels.select(Axis(0), rows);
        Self { features, labels, class_names: self.class_names.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn counts(dataset: &Dataset) -> Vec<usize> {
        let count = |class| dataset.labels().iter().filter(|&&l| l == class).count();
        (0..10).map(count).collect()
    }

    #[test]
    fn digits_are_what_the_documentation_says() {
        let digits = Dataset::digits().expect("digits");
        assert_eq!(digits.features().dim(), (1797, 64));
        assert_eq!(digits.class_names()[7], "7");
        assert!(digits.features().iter().all(|v| (0.0..=1.0).contains(v)));
        assert!(digits.features().iter().any(|&v| v == 1.0));
        let expected = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180];
        assert_eq!(counts(&digits), expected);
    }

    #[test]
    fn parts_share_no_row_and_lose_none() {
        let digits = Dataset::digits().expect("digits");
        let rows = digits.partition(7).concat();
        assert_eq!(rows.len(), 1797);
        let distinct: BTreeSet<usize> = rows.into_iter().collect();
        assert_eq!(distinct, (0..1797).collect());
    }

    #[test]
    fn every_part_keeps_the_shares_of_the_classes() {
        let digits = Dataset::digits().expect("digits");
        let totals = counts(&digits);
        let splits = digits.split(7);
        for held_back in [&splits.validation, &splits.test] {
            for (rows, &total) in counts(held_back).into_iter().zip(&totals) {
                let share = rows as f64 / total as f64;
                assert!((share - 0.15).abs() < 0.01, "{share}");
            }
        }
    }

    #[test]
    fn the_seed_alone_decides_the_split() {
        let digits = Dataset::digits().expect("digits");
        assert_eq!(digits.split(7), digits.split(7));
        assert_ne!(digits.split(7), digits.split(8));
    }
}
