//! Learning from rows, an epoch at a time, with linfa's logistic regression.

use linfa::traits::Fit;
use linfa_logistic::MultiLogisticRegression;
use ndarray::{Axis, concatenate};
use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::Checkpoint,
    data::Dataset,
    error::{Error, Result},
    model::Model,
};

/// What decides the outcome of a training, besides its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Penalty on large weights (L2), above 0. More of it learns less by heart.
    pub alpha: f64,
    /// Solver iterations in one epoch, at least 1.
    pub iterations: u64,
    /// Decides the split of the data, and nothing else is random.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { alpha: 0.1, iterations: 3, seed: 42 }
    }
}

impl Settings {
    /// # Errors
    /// [`Error::Setting`] names the first field outside its range.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |field, problem| Err(Error::Setting { field, problem });
        if !(self.alpha.is_finite() && self.alpha > 0.0) {
            return refuse("alpha", format!("{} is not above 0", self.alpha));
        }
        if self.iterations == 0 {
            let problem = "0 iterations learn nothing; give at least 1".to_owned();
            return refuse("iterations", problem);
        }
        Ok(())
    }
}

/// A training under way. The same settings and rows give the same numbers,
/// whether or not it was interrupted and resumed in between.
#[derive(Debug)]
pub struct Trainer {
    state: Checkpoint,
    train: Dataset,
}

impl Trainer {
    /// Begins with a model that knows nothing.
    ///
    /// # Errors
    /// [`Error::Setting`] if a setting is outside its range.
    pub fn new(train: &Dataset, settings: Settings) -> Result<Self> {
        let state = Checkpoint { model: Model::untrained(train), settings, epochs: 0 };
        Self::resume(state, train)
    }

    /// Goes on where `state` was saved, with its settings. `train` must be the
    /// part it was trained on: the split of the seed in those settings.
    ///
    /// # Errors
    /// [`Error::Data`] if `train` has other features or classes,
    /// [`Error::Setting`] if a setting is outside its range.
    pub fn resume(state: Checkpoint, train: &Dataset) -> Result<Self> {
        state.settings.check()?;
        state.model.check_fits(train)?;
        Ok(Self { state, train: train.clone() })
    }

    /// Everything learnt so far, to save, predict or evaluate with.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.state
    }

    /// Runs a few iterations of the L-BFGS solver from the weights so far, and
    /// returns the mean cross-entropy of the training rows after them, in nats.
    ///
    /// # Errors
    /// [`Error::Training`] if the solver finds no way on.
    pub fn epoch(&mut self) -> Result<f64> {
        let epoch = self.state.epochs.saturating_add(1);
        let Settings { alpha, iterations, .. } = self.state.settings;
        let fitted = MultiLogisticRegression::default()
            .alpha(alpha)
            .max_iterations(iterations)
            .initial_params(self.state.model.weights.clone())
            .fit(&self.train.rows)
            .map_err(|source| Error::Training { epoch, source })?;
        let intercept = fitted.intercept().view().insert_axis(Axis(0));
        self.state.model.weights = concatenate![Axis(0), fitted.params().view(), intercept];
        self.state.epochs = epoch;
        Ok(self.state.model.evaluate(&self.train)?.loss)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Splits;

    fn splits() -> Splits {
        let digits = Dataset::digits().expect("digits");
        digits.split(Settings::default().seed)
    }

    fn trained(train: &Dataset, epochs: u64) -> Trainer {
        let mut trainer = Trainer::new(train, Settings::default()).expect("trainer");
        for _ in 0..epochs {
            trainer.epoch().expect("epoch");
        }
        trainer
    }

    #[test]
    fn it_learns_digits_it_has_not_seen_over_some_epochs() {
        let Splits { train, test, .. } = splits();
        let mut trainer = Trainer::new(&train, Settings::default()).expect("trainer");
        let losses: Vec<f64> = (0..10).map(|_| trainer.epoch().expect("epoch")).collect();
        assert!(losses[9] < losses[0] / 2.0, "{losses:?}");

        let verdict = trainer.checkpoint().model.evaluate(&test).expect("evaluate");
        assert!(verdict.accuracy > 0.9, "{verdict:?}");
        let worst = verdict.class_accuracy.iter().flatten().copied().fold(1.0, f64::min);
        assert!(worst > 0.75, "{verdict:?}");
    }

    #[test]
    fn resumed_after_two_epochs_equals_four_straight_ones() {
        let train = splits().train;
        let bytes = trained(&train, 2).checkpoint().to_bytes().expect("bytes");
        let state = Checkpoint::from_bytes(&bytes).expect("state");
        let mut resumed = Trainer::resume(state, &train).expect("resume");
        resumed.epoch().expect("epoch");
        resumed.epoch().expect("epoch");
        assert_eq!(resumed.checkpoint().epochs, 4);
        assert_eq!(resumed.checkpoint(), trained(&train, 4).checkpoint());
    }

    #[test]
    fn a_model_that_cannot_get_better_stays_as_good() {
        let train = splits().train;
        let settings = Settings { alpha: 1000.0, iterations: 200, ..Settings::default() };
        let mut trainer = Trainer::new(&train, settings).expect("trainer");
        let losses: Vec<f64> = (0..5).map(|_| trainer.epoch().expect("epoch")).collect();
        assert!((losses[4] - losses[0]).abs() < 1e-6, "{losses:?}");
    }

    #[test]
    fn a_larger_penalty_gives_smaller_weights() {
        let train = splits().train;
        let size = |alpha| {
            let settings = Settings { alpha, ..Settings::default() };
            let mut trainer = Trainer::new(&train, settings).expect("trainer");
            trainer.epoch().expect("epoch");
            trainer.state.model.weights.mapv(f64::abs).sum()
        };
        assert!(size(100.0) < size(0.1) / 2.0);
    }

    #[test]
    fn rows_of_another_kind_cannot_go_on() {
        let train = splits().train;
        let state = trained(&train, 0).checkpoint().clone();
        let mut other = train;
        other.class_names[3] = "three".to_owned();
        let error = Trainer::resume(state, &other).expect_err("other classes");
        assert!(error.to_string().contains("\"three\""), "{error}");
    }

    #[test]
    fn settings_outside_their_range_are_named() {
        let train = splits().train;
        for alpha in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let settings = Settings { alpha, ..Settings::default() };
            let error = Trainer::new(&train, settings).expect_err("alpha");
            assert!(error.to_string().contains("`alpha`"), "{error}");
        }
        let settings = Settings { iterations: 0, ..Settings::default() };
        let error = Trainer::new(&train, settings).expect_err("iterations");
        assert!(error.to_string().contains("`iterations`"), "{error}");
    }
}
