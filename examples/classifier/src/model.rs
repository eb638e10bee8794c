//! A network with one hidden layer: scaling, scores, gradients, predictions.

use fastrand::Rng;
use ndarray::{Array2, ArrayView2, Axis};
use serde::Serialize;

use crate::{
    data::Dataset,
    error::{Error, Result},
    evaluation::{Evaluation, argmax, softmax},
};

/// What the model says of one row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The most likely class, an index into the class names.
    pub label: usize,
    /// Its name.
    pub class_name: String,
    /// The probability of every class; they sum to 1.
    pub probabilities: Vec<f32>,
}

/// A classifier: input scaling, weights and the names of the classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    pub(crate) scaler: Scaler,
    pub(crate) weights: Weights,
    pub(crate) class_names: Vec<String>,
}

impl Model {
    /// Number of values it takes per row.
    pub fn n_features(&self) -> usize {
        self.weights.hidden_weight.nrows()
    }

    /// The name of each class it knows.
    pub fn class_names(&self) -> &[String] {
        &self.class_names
    }

    /// Classifies rows given in the units of the training data.
    ///
    /// # Errors
    /// [`Error::Row`] names the first row that has another number of values
    /// than [`n_features`](Self::n_features), or a value it cannot compute with.
    pub fn predict(&self, rows: &[Vec<f32>]) -> Result<Vec<Prediction>> {
        let probabilities = softmax(self.logits(self.matrix(rows)?.view()));
        probabilities
            .rows()
            .into_iter()
            .enumerate()
            .map(|(row, probabilities)| self.prediction(row, probabilities.to_vec()))
            .collect()
    }

    /// Judges it on labelled rows, best ones it was not trained on.
    ///
    /// # Errors
    /// [`Error::Data`] if the rows have other features or classes than it.
    pub fn evaluate(&self, dataset: &Dataset) -> Result<Evaluation> {
        self.check_fits(dataset)?;
        let logits = self.logits(dataset.features().view());
        Ok(Evaluation::of(&logits, dataset.labels()))
    }

    pub(crate) fn check_fits(&self, dataset: &Dataset) -> Result<()> {
        if dataset.n_features() != self.n_features() {
            return Err(Error::Data(format!(
                "the model takes {} features, the rows have {}",
                self.n_features(),
                dataset.n_features()
            )));
        }
        if dataset.class_names() != self.class_names {
            return Err(Error::Data(format!(
                "the model knows the classes {:?}, the rows have {:?}",
                self.class_names,
                dataset.class_names()
            )));
        }
        Ok(())
    }

    fn logits(&self, rows: ArrayView2<'_, f32>) -> Array2<f32> {
        self.weights.forward(&self.scaler.apply(rows)).logits
    }

    fn matrix(&self, rows: &[Vec<f32>]) -> Result<Array2<f32>> {
        let mut matrix = Array2::zeros((rows.len(), self.n_features()));
        for (index, row) in rows.iter().enumerate() {
            if row.len() != self.n_features() {
                return Err(Error::Row {
                    row: index,
                    problem: format!(
                        "expected {} features, found {}",
                        self.n_features(),
                        row.len()
                    ),
                });
            }
            for (column, &value) in row.iter().enumerate() {
                matrix[(index, column)] = value;
            }
        }
        Ok(matrix)
    }

    fn prediction(&self, row: usize, probabilities: Vec<f32>) -> Result<Prediction> {
        // Infinite, huge and missing values all end here.
        if probabilities.iter().any(|p| !p.is_finite()) {
            return Err(Error::Row {
                row,
                problem: "a value is not a number, or too large to compute with".to_owned(),
            });
        }
        let label = argmax(probabilities.iter().copied());
        Ok(Prediction {
            label,
            class_name: self.class_names[label].clone(),
            probabilities,
        })
    }
}

/// Brings every feature to mean 0 and a range of 1, as seen in training. By
/// deviation, a pixel that is nearly always blank would outweigh the rest of a
/// row in which it is not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Scaler {
    /// One row: the mean of each feature.
    pub(crate) mean: Array2<f32>,
    /// One row: the largest less the smallest value of each feature, never 0.
    pub(crate) range: Array2<f32>,
}

impl Scaler {
    pub(crate) fn fit(rows: &Array2<f32>) -> Self {
        let n = rows.nrows() as f32;
        let mean = rows.sum_axis(Axis(0)) / n;
        let high = rows.fold_axis(Axis(0), f32::NEG_INFINITY, |a, b| a.max(*b));
        let low = rows.fold_axis(Axis(0), f32::INFINITY, |a, b| a.min(*b));
        Self {
            mean: mean.insert_axis(Axis(0)),
            // A feature that never changes says nothing; 1 keeps it at 0.
            range: (high - low)
                .mapv_into(|range| if range > 0.0 { range } else { 1.0 })
                .insert_axis(Axis(0)),
        }
    }

    pub(crate) fn apply(&self, rows: ArrayView2<'_, f32>) -> Array2<f32> {
        (&rows - &self.mean) / &self.range
    }
}

/// The numbers that are learnt. Biases are matrices of one row, so that all
/// four can be treated alike by the optimiser and the file format.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weights {
    /// Features × hidden.
    pub(crate) hidden_weight: Array2<f32>,
    /// 1 × hidden.
    pub(crate) hidden_bias: Array2<f32>,
    /// Hidden × classes.
    pub(crate) output_weight: Array2<f32>,
    /// 1 × classes.
    pub(crate) output_bias: Array2<f32>,
}

/// What the layers answered to a batch.
pub(crate) struct Activations {
    hidden: Array2<f32>,
    /// The score of each class, before softmax.
    pub(crate) logits: Array2<f32>,
}

impl Weights {
    /// Uniform weights of a width that keeps the spread of activations (He's
    /// rule), and biases of 0.
    pub(crate) fn random(features: usize, hidden: usize, classes: usize, rng: &mut Rng) -> Self {
        let mut layer = |inputs: usize, outputs: usize| {
            let limit = (6.0 / inputs as f32).sqrt();
            Array2::from_shape_simple_fn((inputs, outputs), || (rng.f32() * 2.0 - 1.0) * limit)
        };
        Self {
            hidden_weight: layer(features, hidden),
            output_weight: layer(hidden, classes),
            hidden_bias: Array2::zeros((1, hidden)),
            output_bias: Array2::zeros((1, classes)),
        }
    }

    /// Zeros in the same shapes.
    pub(crate) fn zeros_like(&self) -> Self {
        let zeros = |a: &Array2<f32>| Array2::zeros(a.dim());
        Self {
            hidden_weight: zeros(&self.hidden_weight),
            hidden_bias: zeros(&self.hidden_bias),
            output_weight: zeros(&self.output_weight),
            output_bias: zeros(&self.output_bias),
        }
    }

    pub(crate) fn arrays(&self) -> [&Array2<f32>; 4] {
        [
            &self.hidden_weight,
            &self.hidden_bias,
            &self.output_weight,
            &self.output_bias,
        ]
    }

    pub(crate) fn arrays_mut(&mut self) -> [&mut Array2<f32>; 4] {
        [
            &mut self.hidden_weight,
            &mut self.hidden_bias,
            &mut self.output_weight,
            &mut self.output_bias,
        ]
    }

    /// Whether no number has overflowed.
    pub(crate) fn are_finite(&self) -> bool {
        self.arrays()
            .into_iter()
            .all(|array| array.iter().all(|value| value.is_finite()))
    }

    /// The answer to rows that are already scaled.
    pub(crate) fn forward(&self, rows: &Array2<f32>) -> Activations {
        let hidden = (rows.dot(&self.hidden_weight) + &self.hidden_bias).mapv_into(relu);
        let logits = hidden.dot(&self.output_weight) + &self.output_bias;
        Activations { hidden, logits }
    }

    /// How the mean cross-entropy of a batch changes with each weight.
    pub(crate) fn gradients(
        &self,
        rows: &Array2<f32>,
        answer: Activations,
        labels: &[usize],
    ) -> Self {
        let mut error = softmax(answer.logits);
        for (row, &label) in labels.iter().enumerate() {
            error[(row, label)] -= 1.0;
        }
        error /= labels.len() as f32;

        let mut hidden_error = error.dot(&self.output_weight.t());
        hidden_error.zip_mut_with(&answer.hidden, |error, &active| {
            if active <= 0.0 {
                *error = 0.0;
            }
        });
        Self {
            hidden_weight: rows.t().dot(&hidden_error),
            hidden_bias: hidden_error.sum_axis(Axis(0)).insert_axis(Axis(0)),
            output_weight: answer.hidden.t().dot(&error),
            output_bias: error.sum_axis(Axis(0)).insert_axis(Axis(0)),
        }
    }
}

/// Lets NaN through, which `max` would turn into a confident 0.
fn relu(value: f32) -> f32 {
    if value < 0.0 { 0.0 } else { value }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::evaluation::cross_entropy;

    fn model() -> Model {
        Model {
            scaler: Scaler::fit(&array![[0.0, 5.0], [2.0, 5.0]]),
            weights: Weights::random(2, 3, 2, &mut Rng::with_seed(1)),
            class_names: vec!["cat".to_owned(), "dog".to_owned()],
        }
    }

    #[test]
    fn scaling_gives_mean_0_and_range_1_and_survives_a_constant_feature() {
        let rows = array![[0.0, 5.0], [2.0, 5.0]];
        let scaled = Scaler::fit(&rows).apply(rows.view());
        assert_eq!(scaled, array![[-0.5, 0.0], [0.5, 0.0]]);
    }

    #[test]
    fn gradients_agree_with_the_slope_of_the_loss() {
        let rows = array![[0.5, -1.0], [1.5, 0.3], [-0.7, 0.9], [0.2, 0.4]];
        let labels = [0, 1, 1, 0];
        let weights = model().weights;
        let gradients = weights.gradients(&rows, weights.forward(&rows), &labels);
        let loss = |w: &Weights| cross_entropy(&w.forward(&rows).logits, &labels);
        let step = 1e-2;
        for (which, gradient) in gradients.arrays().into_iter().enumerate() {
            for (at, &slope) in gradient.indexed_iter() {
                let moved = |by: f32| {
                    let mut moved = weights.clone();
                    moved.arrays_mut()[which][at] += by;
                    loss(&moved)
                };
                let measured = (moved(step) - moved(-step)) / f64::from(2.0 * step);
                let difference = (measured - f64::from(slope)).abs();
                assert!(difference < 1e-3, "{which} {at:?}: {slope} {measured}");
            }
        }
    }

    #[test]
    fn a_prediction_is_consistent_in_itself() {
        let predictions = model()
            .predict(&[vec![1.0, 5.0], vec![0.0, 4.0]])
            .expect("predict");
        assert_eq!(predictions.len(), 2);
        for prediction in predictions {
            assert!((prediction.probabilities.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(prediction.probabilities[prediction.label] >= 0.5);
            assert_eq!(prediction.class_name, ["cat", "dog"][prediction.label]);
        }
        assert_eq!(model().predict(&[]).expect("no rows"), []);
    }

    #[test]
    fn a_row_of_the_wrong_length_is_named() {
        let error = model()
            .predict(&[vec![1.0, 5.0], vec![1.0]])
            .expect_err("one value short");
        assert_eq!(error.to_string(), "row 1: expected 2 features, found 1");
    }

    #[test]
    fn values_beyond_computing_are_named_instead_of_guessed_at() {
        for value in [f32::NAN, f32::INFINITY, f32::MAX] {
            let answer = model().predict(&[vec![value, -value]]);
            let error = answer.expect_err("no probabilities").to_string();
            assert!(error.starts_with("row 0: a value is not"), "{error}");
        }
    }

    #[test]
    fn rows_of_another_kind_are_not_evaluated() {
        let names = model().class_names;
        let wide = Dataset::new(Array2::zeros((1, 3)), vec![0], names).expect("rows");
        let error = model().evaluate(&wide).expect_err("3 features").to_string();
        assert!(
            error.contains("takes 2 features, the rows have 3"),
            "{error}"
        );

        let others = vec!["a".to_owned(), "b".to_owned()];
        let others = Dataset::new(Array2::zeros((1, 2)), vec![0], others).expect("rows");
        let error = model().evaluate(&others).expect_err("classes").to_string();
        assert!(error.contains("\"cat\""), "{error}");
    }
}
