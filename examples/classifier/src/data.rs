//! Labelled rows: the digits data set, and its split into parts.

use fastrand::Rng;
use ndarray::{Array2, Axis};

use crate::error::{Error, Result};

/// Share of each class held back for watching the training.
const VALIDATION_SHARE: f64 = 0.15;
/// Share of each class held back for the final verdict.
const TEST_SHARE: f64 = 0.15;

/// Labelled rows, checked: at least one row, one label per row, every label a
/// class, every value finite.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    features: Array2<f32>,
    labels: Vec<usize>,
    class_names: Vec<String>,
}

/// Three parts of a data set that share no row.
#[derive(Debug, Clone, PartialEq)]
pub struct Splits {
    /// What the model learns from, and its scaling.
    pub train: Dataset,
    /// What progress is measured on while it learns.
    pub validation: Dataset,
    /// What the finished model is judged by, once.
    pub test: Dataset,
}

/// Row numbers of the three parts.
#[derive(Debug, Default)]
struct Partition {
    train: Vec<usize>,
    validation: Vec<usize>,
    test: Vec<usize>,
}

impl Dataset {
    /// Joins rows with their labels; a label is an index into `class_names`.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no row, counts differ, a label names no
    /// class or a value is not finite.
    pub fn new(
        features: Array2<f32>,
        labels: Vec<usize>,
        class_names: Vec<String>,
    ) -> Result<Self> {
        if labels.is_empty() || labels.len() != features.nrows() {
            return Err(Error::Data(format!(
                "{} rows with {} labels; give at least one row and one label for each",
                features.nrows(),
                labels.len()
            )));
        }
        if let Some(row) = labels.iter().position(|&l| l >= class_names.len()) {
            return Err(Error::Data(format!(
                "row {row} has label {}, there are {} classes",
                labels[row],
                class_names.len()
            )));
        }
        if let Some(((row, column), value)) = features.indexed_iter().find(|(_, v)| !v.is_finite())
        {
            return Err(Error::Data(format!(
                "row {row}, column {column}: {value} is not a finite number"
            )));
        }
        Ok(Self {
            features,
            labels,
            class_names,
        })
    }

    /// 1797 handwritten digits of 8 × 8 pixels from 0 to 16, with the digit
    /// each one shows. They are part of the binary.
    ///
    /// # Errors
    /// [`Error::Data`] if the library ships something else.
    pub fn digits() -> Result<Self> {
        let raw = smartcore::dataset::digits::load_dataset();
        let features = Array2::from_shape_vec((raw.num_samples, raw.num_features), raw.data)
            .map_err(|error| Error::Data(format!("digits: {error}")))?;
        let labels = raw.target.iter().map(|&digit| digit as usize).collect();
        // The names the library gives for this set belong to another one.
        let class_names = (0..10).map(|digit| digit.to_string()).collect();
        Self::new(features, labels, class_names)
    }

    /// One row of values for each label.
    pub fn features(&self) -> &Array2<f32> {
        &self.features
    }

    /// The class of each row, an index into [`class_names`](Self::class_names).
    pub fn labels(&self) -> &[usize] {
        &self.labels
    }

    /// The name of each class.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Number of values in a row.
    pub fn n_features(&self) -> usize {
        self.features.ncols()
    }

    /// Splits into 70 % training, 15 % validation and 15 % test rows with the
    /// shares of the classes kept. The same seed gives the same parts, so a
    /// model must be judged on the split of the seed it was trained with.
    ///
    /// # Errors
    /// [`Error::Data`] if there are too few rows for three parts.
    pub fn split(&self, seed: u64) -> Result<Splits> {
        let partition = self.partition(seed);
        Ok(Splits {
            train: self.select("training", &partition.train)?,
            validation: self.select("validation", &partition.validation)?,
            test: self.select("test", &partition.test)?,
        })
    }

    fn partition(&self, seed: u64) -> Partition {
        let mut rng = Purpose::Split.rng(seed);
        let mut partition = Partition::default();
        for class in 0..self.class_names.len() {
            let mut rows: Vec<usize> = (0..self.labels.len())
                .filter(|&row| self.labels[row] == class)
                .collect();
            rng.shuffle(&mut rows);
            let (validation, rest) = rows.split_at(share(rows.len(), VALIDATION_SHARE));
            let (test, train) = rest.split_at(share(rows.len(), TEST_SHARE));
            partition.validation.extend(validation);
            partition.test.extend(test);
            partition.train.extend(train);
        }
        partition
    }

    fn select(&self, part: &str, rows: &[usize]) -> Result<Self> {
        if rows.is_empty() {
            return Err(Error::Data(format!(
                "the {} rows leave none for the {part} part; give more",
                self.labels.len()
            )));
        }
        Self::new(
            self.features.select(Axis(0), rows),
            rows.iter().map(|&row| self.labels[row]).collect(),
            self.class_names.clone(),
        )
    }
}

fn share(rows: usize, share: f64) -> usize {
    (rows as f64 * share).round() as usize
}

/// What random numbers are for. Each purpose has a stream of its own, so a
/// resumed training draws what an uninterrupted one would have drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Purpose {
    Split,
    Weights,
    Shuffle { epoch: u64 },
}

impl Purpose {
    pub(crate) fn rng(self, seed: u64) -> Rng {
        let stream = match self {
            Self::Split => u64::MAX,
            Self::Weights => u64::MAX - 1,
            Self::Shuffle { epoch } => epoch,
        };
        // Scrambled before and after: neighbouring seeds of a generator like
        // this one can be the same sequence, shifted.
        let scrambled = |seed| Rng::with_seed(seed).u64(..);
        Rng::with_seed(scrambled(scrambled(seed) ^ stream))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn count(dataset: &Dataset, class: usize) -> usize {
        dataset.labels().iter().filter(|&&l| l == class).count()
    }

    #[test]
    fn digits_are_what_the_documentation_says() {
        let digits = Dataset::digits().expect("digits");
        assert_eq!(digits.features().dim(), (1797, 64));
        assert_eq!(digits.class_names()[7], "7");
        assert!(digits.features().iter().all(|v| (0.0..=16.0).contains(v)));
        let counts: Vec<usize> = (0..10).map(|class| count(&digits, class)).collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }

    #[test]
    fn parts_share_no_row_and_lose_none() {
        let digits = Dataset::digits().expect("digits");
        let parts = digits.partition(7);
        let rows: Vec<usize> = [parts.train, parts.validation, parts.test].concat();
        let distinct: BTreeSet<usize> = rows.iter().copied().collect();
        assert_eq!(rows.len(), 1797);
        assert_eq!(distinct, (0..1797).collect());
    }

    #[test]
    fn every_part_keeps_the_shares_of_the_classes() {
        let digits = Dataset::digits().expect("digits");
        let splits = digits.split(7).expect("split");
        for class in 0..10 {
            let total = count(&digits, class) as f64;
            for held_out in [&splits.validation, &splits.test] {
                let share = count(held_out, class) as f64 / total;
                assert!((share - 0.15).abs() < 0.01, "class {class}: {share}");
            }
        }
    }

    #[test]
    fn the_seed_alone_decides_the_split() {
        let digits = Dataset::digits().expect("digits");
        assert_eq!(
            digits.split(7).expect("split"),
            digits.split(7).expect("split")
        );
        assert_ne!(
            digits.split(7).expect("split"),
            digits.split(8).expect("split")
        );
    }

    #[test]
    fn every_purpose_and_epoch_draws_its_own_numbers() {
        let purposes = [
            Purpose::Split,
            Purpose::Weights,
            Purpose::Shuffle { epoch: 1 },
            Purpose::Shuffle { epoch: 2 },
        ];
        let draws: BTreeSet<u64> = [0, 1]
            .into_iter()
            .flat_map(|seed| purposes.map(|purpose| purpose.rng(seed).u64(..)))
            .collect();
        assert_eq!(draws.len(), 8);
    }

    #[test]
    fn rows_that_do_not_fit_are_refused() {
        let names = vec!["a".to_owned(), "b".to_owned()];
        let refused = |features, labels| {
            Dataset::new(features, labels, names.clone())
                .expect_err("must be refused")
                .to_string()
        };
        assert!(refused(Array2::zeros((2, 3)), vec![0]).contains("2 rows with 1 labels"));
        assert!(refused(Array2::zeros((0, 3)), vec![]).contains("at least one row"));
        assert!(refused(Array2::zeros((2, 3)), vec![0, 2]).contains("row 1 has label 2"));
        let mut broken = Array2::zeros((2, 3));
        broken[(1, 2)] = f32::NAN;
        assert!(refused(broken, vec![0, 1]).contains("row 1, column 2"));
    }

    #[test]
    fn too_few_rows_to_split_are_refused() {
        let one = Dataset::new(Array2::zeros((1, 1)), vec![0], vec!["a".to_owned()]);
        let error = one.expect("one row").split(0).expect_err("no split");
        assert!(error.to_string().contains("give more"), "{error}");
    }
}
