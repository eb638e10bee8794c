//! Learning from rows, an epoch at a time, by Adam.

use ndarray::{Array2, Axis, Zip};
use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::Checkpoint,
    data::{Dataset, Purpose},
    error::{Error, Result},
    evaluation::cross_entropy,
    model::{Model, Scaler, Weights},
};

/// What decides the outcome of a training, besides its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Number of units between features and classes, at least 1.
    pub hidden: usize,
    /// Length of Adam's steps, above 0.
    pub learning_rate: f32,
    /// Rows per step, at least 1.
    pub batch_size: usize,
    /// Start of every random draw: split, first weights, order of rows.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            hidden: 32,
            learning_rate: 0.005,
            batch_size: 32,
            seed: 42,
        }
    }
}

impl Settings {
    /// # Errors
    /// [`Error::Setting`] names the first field outside its range.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |field, problem| Err(Error::Setting { field, problem });
        if self.hidden == 0 {
            return refuse("hidden", "0 units cannot learn; give at least 1".to_owned());
        }
        if self.batch_size == 0 {
            return refuse(
                "batch_size",
                "0 rows are no batch; give at least 1".to_owned(),
            );
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let problem = format!("{} is not above 0", self.learning_rate);
            return refuse("learning_rate", problem);
        }
        Ok(())
    }
}

/// A training under way. The same settings and rows give the same numbers,
/// whether or not it was interrupted and resumed in between.
#[derive(Debug)]
pub struct Trainer {
    state: Checkpoint,
    /// Scaled already.
    rows: Array2<f32>,
    labels: Vec<usize>,
}

impl Trainer {
    /// Begins with random weights; the scaling is taken from `train`.
    ///
    /// # Errors
    /// [`Error::Setting`] if a setting is outside its range.
    pub fn new(train: &Dataset, settings: Settings) -> Result<Self> {
        settings.check()?;
        let weights = Weights::random(
            train.n_features(),
            settings.hidden,
            train.class_names().len(),
            &mut Purpose::Weights.rng(settings.seed),
        );
        let state = Checkpoint {
            adam: Adam::new(&weights),
            model: Model {
                scaler: Scaler::fit(train.features()),
                weights,
                class_names: train.class_names().to_vec(),
            },
            settings,
            epochs: 0,
        };
        Self::resume(state, train)
    }

    /// Goes on where `state` was saved, with its settings. `train` must be the
    /// part it was trained on: the split of the seed in those settings.
    ///
    /// # Errors
    /// [`Error::Data`] if `train` has other features or classes.
    pub fn resume(state: Checkpoint, train: &Dataset) -> Result<Self> {
        state.model.check_fits(train)?;
        Ok(Self {
            rows: state.model.scaler.apply(train.features().view()),
            labels: train.labels().to_vec(),
            state,
        })
    }

    /// Everything learnt so far, to save, predict or evaluate with.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.state
    }

    /// Goes through all rows once, in an order of its own, and returns their
    /// mean cross-entropy in nats, taken as each batch came by.
    ///
    /// # Errors
    /// [`Error::Diverged`] if that is not finite. The weights are of no use
    /// then; what was saved before still is.
    pub fn epoch(&mut self) -> Result<f64> {
        let epoch = self.state.epochs + 1;
        let mut total = 0.0;
        for batch in self.order(epoch).chunks(self.state.settings.batch_size) {
            total += self.step(batch) * batch.len() as f64;
        }
        let loss = total / self.labels.len() as f64;
        if !(loss.is_finite() && self.state.model.weights.are_finite()) {
            return Err(Error::Diverged {
                epoch,
                learning_rate: self.state.settings.learning_rate,
            });
        }
        self.state.epochs = epoch;
        Ok(loss)
    }

    /// All rows, in the order this epoch takes them.
    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.labels.len()).collect();
        let mut rng = Purpose::Shuffle { epoch }.rng(self.state.settings.seed);
        rng.shuffle(&mut order);
        order
    }

    fn step(&mut self, batch: &[usize]) -> f64 {
        let rows = self.rows.select(Axis(0), batch);
        let labels: Vec<usize> = batch.iter().map(|&row| self.labels[row]).collect();
        let weights = &mut self.state.model.weights;
        let answer = weights.forward(&rows);
        let loss = cross_entropy(&answer.logits, &labels);
        let gradients = weights.gradients(&rows, answer, &labels);
        let learning_rate = self.state.settings.learning_rate;
        self.state.adam.step(weights, &gradients, learning_rate);
        loss
    }
}

/// The optimiser's memory of past gradients.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Adam {
    /// Running mean of the gradients.
    pub(crate) mean: Weights,
    /// Running mean of their squares.
    pub(crate) square: Weights,
    /// Steps taken.
    pub(crate) steps: u64,
}

impl Adam {
    const MEAN_DECAY: f32 = 0.9;
    const SQUARE_DECAY: f32 = 0.999;
    const EPSILON: f32 = 1e-8;

    fn new(weights: &Weights) -> Self {
        Self {
            mean: weights.zeros_like(),
            square: weights.zeros_like(),
            steps: 0,
        }
    }

    fn step(&mut self, weights: &mut Weights, gradients: &Weights, learning_rate: f32) {
        self.steps += 1;
        // Both means start at 0; this takes that bias out of them.
        let unbias = |decay: f32| 1.0 - (f64::from(decay)).powf(self.steps as f64) as f32;
        let (mean_scale, square_scale) = (unbias(Self::MEAN_DECAY), unbias(Self::SQUARE_DECAY));
        let targets = weights.arrays_mut().into_iter().zip(gradients.arrays());
        let memory = self
            .mean
            .arrays_mut()
            .into_iter()
            .zip(self.square.arrays_mut());
        for ((weight, gradient), (mean, square)) in targets.zip(memory) {
            Zip::from(weight)
                .and(gradient)
                .and(mean)
                .and(square)
                .for_each(|weight, &gradient, mean, square| {
                    *mean += (gradient - *mean) * (1.0 - Self::MEAN_DECAY);
                    *square += (gradient * gradient - *square) * (1.0 - Self::SQUARE_DECAY);
                    let spread = (*square / square_scale).sqrt() + Self::EPSILON;
                    *weight -= learning_rate * (*mean / mean_scale) / spread;
                });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Splits;

    fn splits() -> Splits {
        let digits = Dataset::digits().expect("digits");
        digits.split(Settings::default().seed).expect("split")
    }

    fn trained(train: &Dataset, epochs: u64) -> Trainer {
        let mut trainer = Trainer::new(train, Settings::default()).expect("trainer");
        for _ in 0..epochs {
            trainer.epoch().expect("epoch");
        }
        trainer
    }

    #[test]
    fn it_learns_digits_it_has_not_seen() {
        let splits = splits();
        let mut trainer = Trainer::new(&splits.train, Settings::default()).expect("trainer");
        let untrained = trainer
            .checkpoint()
            .model
            .evaluate(&splits.test)
            .expect("evaluate");
        assert!(untrained.accuracy < 0.3, "{}", untrained.accuracy);

        let losses: Vec<f64> = (0..10).map(|_| trainer.epoch().expect("epoch")).collect();
        assert!(losses[9] < losses[0] / 5.0, "{losses:?}");
        let test = trainer
            .checkpoint()
            .model
            .evaluate(&splits.test)
            .expect("evaluate");
        assert!(test.accuracy > 0.9, "{}", test.accuracy);
        assert!(
            test.class_accuracy.iter().all(|a| *a > Some(0.75)),
            "{test:?}"
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_numbers() {
        let train = splits().train;
        let (mut one, mut two) = (trained(&train, 1), trained(&train, 1));
        assert_eq!(one.epoch().expect("epoch"), two.epoch().expect("epoch"));
        assert_eq!(one.checkpoint(), two.checkpoint());
    }

    #[test]
    fn each_epoch_takes_all_rows_in_an_order_of_its_own() {
        let trainer = trained(&splits().train, 0);
        assert_eq!(trainer.order(1), trainer.order(1));
        assert_ne!(trainer.order(1), trainer.order(2));
        let mut rows = trainer.order(1);
        rows.sort_unstable();
        assert!(rows.into_iter().eq(0..trainer.labels.len()));
    }

    #[test]
    fn a_first_step_is_as_long_as_the_learning_rate_whatever_the_gradient() {
        let mut weights = Weights::random(2, 3, 2, &mut Purpose::Weights.rng(0));
        let before = weights.clone();
        let mut gradients = weights.zeros_like();
        gradients.hidden_weight[(0, 1)] = 1e-3;
        gradients.output_bias[(0, 0)] = -50.0;
        Adam::new(&weights).step(&mut weights, &gradients, 0.1);
        let moved = &weights.hidden_weight - &before.hidden_weight;
        assert!((moved[(0, 1)] + 0.1).abs() < 1e-4, "{moved}");
        assert_eq!(moved[(0, 0)], 0.0);
        let moved = &weights.output_bias - &before.output_bias;
        assert!((moved[(0, 0)] - 0.1).abs() < 1e-4, "{moved}");
    }

    #[test]
    fn another_seed_gives_other_weights() {
        let train = splits().train;
        let settings = Settings {
            seed: 43,
            ..Settings::default()
        };
        let other = Trainer::new(&train, settings).expect("trainer");
        let first = trained(&train, 0);
        assert_ne!(
            other.checkpoint().model.weights,
            first.checkpoint().model.weights
        );
    }

    #[test]
    fn scaling_is_taken_from_the_training_rows() {
        let train = splits().train;
        let scaler = Scaler::fit(train.features());
        assert_eq!(trained(&train, 1).checkpoint().model.scaler, scaler);
    }

    #[test]
    fn resumed_after_two_epochs_equals_four_straight_ones() {
        let train = splits().train;
        let bytes = trained(&train, 2).checkpoint().to_bytes().expect("bytes");
        let state = Checkpoint::from_bytes(&bytes).expect("state");
        let mut resumed = Trainer::resume(state, &train).expect("resume");
        resumed.epoch().expect("epoch");
        resumed.epoch().expect("epoch");
        let straight = trained(&train, 4);
        assert_eq!(resumed.checkpoint(), straight.checkpoint());
        assert_eq!(
            resumed.checkpoint().to_bytes().expect("bytes"),
            straight.checkpoint().to_bytes().expect("bytes")
        );
    }

    #[test]
    fn rows_of_another_kind_cannot_go_on() {
        let state = trained(&splits().train, 0).checkpoint().clone();
        let names = state.model.class_names().to_vec();
        let other = Dataset::new(Array2::zeros((1, 3)), vec![0], names).expect("rows");
        let error = Trainer::resume(state, &other).expect_err("3 features");
        assert!(error.to_string().contains("64 features"), "{error}");
    }

    #[test]
    fn settings_outside_their_range_are_named() {
        let train = splits().train;
        let settings = Settings::default;
        for (field, wrong) in [
            (
                "hidden",
                Settings {
                    hidden: 0,
                    ..settings()
                },
            ),
            (
                "batch_size",
                Settings {
                    batch_size: 0,
                    ..settings()
                },
            ),
            (
                "learning_rate",
                Settings {
                    learning_rate: f32::NAN,
                    ..settings()
                },
            ),
        ] {
            let error = Trainer::new(&train, wrong).expect_err(field).to_string();
            assert!(error.contains(field), "{error}");
        }
    }

    #[test]
    fn divergence_is_an_error_and_does_not_count_as_an_epoch() {
        let train = splits().train;
        let settings = Settings {
            learning_rate: 1e30,
            ..Settings::default()
        };
        let mut trainer = Trainer::new(&train, settings).expect("trainer");
        let error = trainer.epoch().expect_err("diverges").to_string();
        assert!(
            error.contains("epoch 1; lower the learning rate"),
            "{error}"
        );
        assert_eq!(trainer.checkpoint().epochs, 0);
    }
}
