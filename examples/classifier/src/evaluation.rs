//! How good predictions are on rows whose classes are known.

use ndarray::Array2;
use serde::Serialize;

/// The verdict over a set of labelled rows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Mean cross-entropy, in nats; 0 is perfect.
    pub loss: f64,
    /// Share of rows whose class was found, from 0 to 1.
    pub accuracy: f64,
    /// The same share within each true class; `None` for a class without rows.
    pub class_accuracy: Vec<Option<f64>>,
    /// Row counts as `confusion[true class][predicted class]`.
    pub confusion: Vec<Vec<usize>>,
}

impl Evaluation {
    /// Compares class scores, one row of them per label, with the labels.
    pub(crate) fn of(logits: &Array2<f32>, labels: &[usize]) -> Self {
        let mut confusion = vec![vec![0; logits.ncols()]; logits.ncols()];
        for (scores, &label) in logits.rows().into_iter().zip(labels) {
            confusion[label][argmax(scores.iter().copied())] += 1;
        }
        let hits: usize = (0..confusion.len())
            .map(|class| confusion[class][class])
            .sum();
        Self {
            loss: cross_entropy(logits, labels),
            accuracy: hits as f64 / labels.len() as f64,
            class_accuracy: (0..confusion.len())
                .map(|class| class_accuracy(&confusion, class))
                .collect(),
            confusion,
        }
    }
}

fn class_accuracy(confusion: &[Vec<usize>], class: usize) -> Option<f64> {
    let rows: usize = confusion[class].iter().sum();
    (rows > 0).then(|| confusion[class][class] as f64 / rows as f64)
}

/// Index of the largest score; the first one among equals.
pub(crate) fn argmax(scores: impl Iterator<Item = f32>) -> usize {
    let mut best = (0, f32::NEG_INFINITY);
    for (index, score) in scores.enumerate() {
        if score > best.1 {
            best = (index, score);
        }
    }
    best.0
}

/// Mean cross-entropy of class scores, in nats.
pub(crate) fn cross_entropy(logits: &Array2<f32>, labels: &[usize]) -> f64 {
    let mut total = 0.0;
    for (scores, &label) in logits.rows().into_iter().zip(labels) {
        let top = scores.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        let sum: f64 = scores.iter().map(|&s| f64::from(s - top).exp()).sum();
        total += sum.ln() - f64::from(scores[label] - top);
    }
    total / labels.len() as f64
}

/// Class scores as probabilities that sum to 1 in each row.
pub(crate) fn softmax(mut logits: Array2<f32>) -> Array2<f32> {
    for mut scores in logits.rows_mut() {
        let top = scores.fold(f32::NEG_INFINITY, |a, &b| a.max(b));
        scores.mapv_inplace(|s| (s - top).exp());
        let sum = scores.sum();
        scores /= sum;
    }
    logits
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn counts_by_true_and_predicted_class() {
        let logits = array![[2.0, 1.0, 0.0], [0.0, 3.0, 1.0], [0.0, 3.0, 1.0]];
        let evaluation = Evaluation::of(&logits, &[0, 1, 0]);
        assert_eq!(
            evaluation.confusion,
            [vec![1, 1, 0], vec![0, 1, 0], vec![0, 0, 0]]
        );
        assert_eq!(evaluation.class_accuracy, [Some(0.5), Some(1.0), None]);
        assert_eq!(evaluation.accuracy, 2.0 / 3.0);
    }

    #[test]
    fn loss_is_ln_of_the_class_count_when_nothing_is_known() {
        let loss = cross_entropy(&Array2::zeros((5, 4)), &[0, 1, 2, 3, 0]);
        assert!((loss - 4f64.ln()).abs() < 1e-9, "{loss}");
    }

    #[test]
    fn large_scores_do_not_overflow() {
        let logits = array![[1000.0, -1000.0]];
        assert_eq!(softmax(logits.clone()), array![[1.0, 0.0]]);
        assert_eq!(cross_entropy(&logits, &[1]), 2000.0);
    }
}
