//! What is learnt, and predicting with it.

use ndarray::{Array1, Array2, ArrayView1, Axis, concatenate};
use serde::Serialize;

use crate::{
    data::Dataset,
    error::{Error, Result},
    evaluation::Evaluation,
};

/// What the model says of one row.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Prediction {
    /// The most likely class, an index into the class names.
    pub label: usize,
    /// Its name.
    pub class_name: String,
    /// The probability of every class; they sum to 1.
    pub probabilities: Vec<f64>,
}

/// A softmax regression: weights, and the names of the classes.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// A row per feature and a last one for the bias, a column per class.
    pub(crate) weights: Array2<f64>,
    pub(crate) class_names: Vec<String>,
}

impl Model {
    /// One that finds every class equally likely, for rows like these.
    pub(crate) fn untrained(rows: &Dataset) -> Self {
        let (features, classes) = (rows.features().ncols(), rows.class_names().len());
        Self { weights: Array2::zeros((features + 1, classes)), class_names: rows.class_names().to_vec() }
    }

    /// Number of values it takes per row.
    pub fn n_features(&self) -> usize {
        self.weights.nrows() - 1
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
    pub fn predict(&self, rows: &[Vec<f64>]) -> Result<Vec<Prediction>> {
        let n_features = self.n_features();
        let mut matrix = Array2::zeros((rows.len(), n_features));
        for (row, values) in rows.iter().enumerate() {
            if values.len() != n_features {
                let problem = format!("expected {n_features} features, found {}", values.len());
                return Err(Error::Row { row, problem });
            }
            matrix.row_mut(row).assign(&ArrayView1::from(values));
        }
        let answers = self.log_probabilities(&matrix);
        let answers = answers.rows().into_iter().enumerate();
        answers.map(|(row, log)| self.prediction(row, log)).collect()
    }

    /// Judges it on labelled rows, best ones it was not trained on.
    ///
    /// # Errors
    /// [`Error::Data`] if the rows have other features or classes than it.
    pub fn evaluate(&self, dataset: &Dataset) -> Result<Evaluation> {
        self.check_fits(dataset)?;
        let answers = self.log_probabilities(dataset.features());
        Ok(Evaluation::of(&answers, dataset.labels()))
    }

    pub(crate) fn check_fits(&self, dataset: &Dataset) -> Result<()> {
        let (takes, given) = (self.n_features(), dataset.features().ncols());
        if takes != given {
            let problem = format!("the model takes {takes} features, the rows have {given}");
            return Err(Error::Data(problem));
        }
        let (knows, given) = (&self.class_names, dataset.class_names());
        if knows != given {
            let problem = format!("the model knows the classes {knows:?}, the rows have {given:?}");
            return Err(Error::Data(problem));
        }
        Ok(())
    }

    /// How the mean cross-entropy of these rows changes with each weight.
    pub(crate) fn gradient(&self, rows: &Array2<f64>, labels: &Array1<usize>) -> Array2<f64> {
        let mut errors = self.log_probabilities(rows).mapv_into(f64::exp);
        for (mut error, &label) in errors.rows_mut().into_iter().zip(labels) {
            error[label] -= 1.0;
        }
        errors /= rows.nrows() as f64;
        let bias = errors.sum_axis(Axis(0)).insert_axis(Axis(0));
        concatenate![Axis(0), rows.t().dot(&errors), bias]
    }

    /// Logarithms, since the probability of a very unlikely class is 0 in
    /// floating point, and its loss would be infinite.
    fn log_probabilities(&self, rows: &Array2<f64>) -> Array2<f64> {
        let (weights, bias) = self.weights.view().split_at(Axis(0), self.n_features());
        let mut scores = rows.dot(&weights) + bias;
        for mut row in scores.axis_iter_mut(Axis(0)) {
            // Keeps `exp` from overflowing.
            row -= row.fold(f64::NEG_INFINITY, |a, &b| a.max(b));
            row -= row.mapv(f64::exp).sum().ln();
        }
        scores
    }

    fn prediction(&self, row: usize, log_probabilities: ArrayView1<'_, f64>) -> Result<Prediction> {
        let probabilities = log_probabilities.mapv(f64::exp).to_vec();
        // Infinite, missing and much too large values all end here.
        if probabilities.iter().any(|p| !p.is_finite()) {
            let problem = "a value is not a number, or too large to compute with".to_owned();
            return Err(Error::Row { row, problem });
        }
        let label = most_likely(log_probabilities);
        Ok(Prediction { label, class_name: self.class_names[label].clone(), probabilities })
    }
}

/// Index of the largest score.
pub(crate) fn most_likely(scores: ArrayView1<'_, f64>) -> usize {
    let best = scores.indexed_iter().max_by(|a, b| a.1.total_cmp(b.1));
    best.map_or(0, |(class, _)| class)
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    /// Compares two features, leaning to the first.
    fn model() -> Model {
        Model {
            weights: array![[1.0, 0.0], [0.0, 1.0], [0.5, 0.0]],
            class_names: vec!["cat".to_owned(), "dog".to_owned()],
        }
    }

    fn dataset(features: Array2<f64>, labels: Vec<usize>, class_names: &[&str]) -> Dataset {
        Dataset {
            features,
            labels: labels.into(),
            class_names: class_names.iter().map(|&name| name.to_owned()).collect(),
        }
    }

    #[test]
    fn probabilities_follow_from_the_weights() {
        let rows = [vec![1.0, 0.5], vec![0.0, 2.5], vec![1e4, 0.0]];
        let predictions = model().predict(&rows).expect("predict");
        let names: Vec<&str> = predictions.iter().map(|p| p.class_name.as_str()).collect();
        assert_eq!(names, ["cat", "dog", "cat"]);
        // The scores differ by 1.5 - 0.5, by 0.5 - 2.5, and by very much.
        let logistic = |score: f64| 1.0 / (1.0 + (-score).exp());
        for (prediction, cat) in predictions.iter().zip([logistic(1.0), logistic(-2.0), 1.0]) {
            let [p, q] = prediction.probabilities[..] else { panic!("two classes") };
            assert!((p - cat).abs() < 1e-12 && (p + q - 1.0).abs() < 1e-12);
        }
        assert_eq!(model().predict(&[]).expect("no rows"), []);
    }

    #[test]
    fn an_untrained_model_finds_all_classes_equally_likely() {
        let rows = dataset(array![[3.0], [4.0]], vec![0, 2], &["a", "b", "c"]);
        let loss = Model::untrained(&rows).evaluate(&rows).expect("evaluate").loss;
        assert!((loss - 3f64.ln()).abs() < 1e-12, "{loss}");
    }

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let features = array![[1.0, 0.5], [0.0, 2.5], [3.0, -1.0]];
        let rows = dataset(features, vec![1, 1, 0], &["cat", "dog"]);
        let gradient = model().gradient(rows.features(), rows.labels());
        let loss_beside = |place, step| {
            let mut moved = model();
            moved.weights[place] += step;
            moved.evaluate(&rows).expect("evaluate").loss
        };
        let step = 1e-6;
        for (place, found) in gradient.indexed_iter() {
            let slope = (loss_beside(place, step) - loss_beside(place, -step)) / (2.0 * step);
            assert!((found - slope).abs() < 1e-8, "{place:?}: {found}, not {slope}");
        }
    }

    #[test]
    fn being_sure_of_the_wrong_class_costs_much_but_not_everything() {
        let rows = dataset(array![[1000.0, 0.0]], vec![1], &["cat", "dog"]);
        assert_eq!(model().evaluate(&rows).expect("evaluate").loss, 1000.5);
    }

    #[test]
    fn a_row_of_the_wrong_length_is_named() {
        let answer = model().predict(&[vec![1.0, 5.0], vec![1.0]]);
        let error = answer.expect_err("one value short").to_string();
        assert_eq!(error, "row 1: expected 2 features, found 1");
    }

    #[test]
    fn values_beyond_computing_are_named_instead_of_guessed_at() {
        for value in [f64::NAN, f64::INFINITY] {
            let answer = model().predict(&[vec![0.0, 0.0], vec![value, -value]]);
            let error = answer.expect_err("no probabilities").to_string();
            assert!(error.starts_with("row 1: a value is not"), "{error}");
        }
    }

    #[test]
    fn rows_of_another_kind_are_not_evaluated() {
        let wide = dataset(Array2::zeros((1, 3)), vec![0], &["cat", "dog"]);
        let error = model().evaluate(&wide).expect_err("width").to_string();
        assert!(error.contains("takes 2 features, the rows have 3"), "{error}");

        let others = dataset(Array2::zeros((1, 2)), vec![0], &["a", "b"]);
        let error = model().evaluate(&others).expect_err("names").to_string();
        assert!(error.contains("\"cat\""), "{error}");
    }
}
