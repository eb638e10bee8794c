//! How good predictions are on rows whose classes are known.

use ndarray::{Array1, Array2};
use serde::Serialize;

use crate::model::most_likely;

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
    /// Compares the log-probabilities of the classes, one row of them per
    /// label, with the labels.
    pub(crate) fn of(log_probabilities: &Array2<f64>, labels: &Array1<usize>) -> Self {
        let classes = log_probabilities.ncols();
        let mut confusion = vec![vec![0; classes]; classes];
        let mut loss = 0.0;
        for (row, &label) in log_probabilities.rows().into_iter().zip(labels) {
            confusion[label][most_likely(row)] += 1;
            loss -= row[label];
        }
        let hits: usize = (0..classes).map(|class| confusion[class][class]).sum();
        let rows = labels.len() as f64;
        Self {
            loss: loss / rows,
            accuracy: hits as f64 / rows,
            class_accuracy: (0..classes).map(|c| hit_rate(&confusion[c], c)).collect(),
            confusion,
        }
    }
}

fn hit_rate(predicted: &[usize], class: usize) -> Option<f64> {
    let rows: usize = predicted.iter().sum();
    (rows > 0).then(|| predicted[class] as f64 / rows as f64)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    #[test]
    fn counts_by_true_and_predicted_class() {
        let answers = array![[-0.1, -3.0, -9.0], [-3.0, -0.1, -9.0], [-3.0, -0.1, -9.0]];
        let evaluation = Evaluation::of(&answers, &array![0, 1, 0]);
        let confusion = [vec![1, 1, 0], vec![0, 1, 0], vec![0, 0, 0]];
        assert_eq!(evaluation.confusion, confusion);
        assert_eq!(evaluation.class_accuracy, [Some(0.5), Some(1.0), None]);
        assert_eq!(evaluation.accuracy, 2.0 / 3.0);
        assert!((evaluation.loss - 3.2 / 3.0).abs() < 1e-12, "{evaluation:?}");
    }
}
