//! Learning from rows, an epoch at a time, by gradient descent in small batches.

use fastrand::Rng;
use ndarray::{Array2, Axis};
use serde::{Deserialize, Serialize};

use crate::{
    checkpoint::Checkpoint,
    data::Dataset,
    error::{Error, Result},
    model::Model,
    optimizer::{Memory, Optimizer},
};

/// What decides the outcome of a training, besides its rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Rows in each step, at least 1.
    pub batch_size: usize,
    /// Length of the steps, above 0.
    pub learning_rate: f64,
    /// Penalty on large weights (L2), 0 or more. More of it learns less by heart.
    pub weight_decay: f64,
    /// How gradients become steps.
    pub optimizer: Optimizer,
    /// Decides the split of the data and the order of the rows in each epoch.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            batch_size: 32,
            learning_rate: 0.1,
            weight_decay: 1e-4,
            optimizer: Optimizer::default(),
            seed: 42,
        }
    }
}

impl Settings {
    /// # Errors
    /// [`Error::Setting`] names the first field outside its range.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |field, problem| Err(Error::Setting { field, problem });
        if self.batch_size == 0 {
            return refuse("batch_size", "0 rows teach nothing; give at least 1".to_owned());
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return refuse("learning_rate", format!("{} is not above 0", self.learning_rate));
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return refuse("weight_decay", format!("{} is not 0 or more", self.weight_decay));
        }
        self.optimizer.check()
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
        let model = Model::untrained(train);
        let memory = Memory::empty(model.weights.dim());
        Self::resume(Checkpoint { model, settings, memory, epochs: 0 }, train)
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

    /// Learns from every row once, and returns the mean cross-entropy of the
    /// training rows after that, in nats.
    ///
    /// # Errors
    /// [`Error::Training`] if the loss is no longer finite. The trainer then
    /// stands where it stood before.
    pub fn epoch(&mut self) -> Result<f64> {
        let mut next = self.state.clone();
        next.epochs = next.epochs.saturating_add(1);
        for batch in self.order(next.epochs).chunks(next.settings.batch_size) {
            let batch = self.train.select(batch);
            let gradient = next.model.gradient(batch.features(), batch.labels());
            step(&mut next, gradient);
        }
        let loss = next.model.evaluate(&self.train)?.loss;
        if !loss.is_finite() {
            let learning_rate = next.settings.learning_rate;
            return Err(Error::Training { epoch: next.epochs, loss, learning_rate });
        }
        self.state = next;
        Ok(loss)
    }

    /// The rows in the order of this epoch. It follows from the seed and the
    /// epoch alone, so that a resumed training goes through the same ones.
    fn order(&self, epoch: u64) -> Vec<usize> {
        let mut rows: Vec<usize> = (0..self.train.labels().len()).collect();
        Rng::with_seed(self.state.settings.seed.wrapping_add(epoch)).shuffle(&mut rows);
        rows
    }
}

/// Moves the weights against the gradient of the loss and of the penalty.
fn step(state: &mut Checkpoint, mut gradient: Array2<f64>) {
    let Checkpoint { model, settings, memory, .. } = state;
    // A large bias learns no rows by heart, so there is no penalty on it.
    let (weights, _bias) = model.weights.view().split_at(Axis(0), model.n_features());
    let (mut slope, _bias) = gradient.view_mut().split_at(Axis(0), model.n_features());
    slope.scaled_add(settings.weight_decay, &weights);
    let direction = memory.direction(&settings.optimizer, &gradient);
    model.weights.scaled_add(-settings.learning_rate, &direction);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::Splits;

    const ADAM: Optimizer = Optimizer::Adam { beta1: 0.9, beta2: 0.999 };

    fn splits() -> Splits {
        let digits = Dataset::digits().expect("digits");
        digits.split(Settings::default().seed)
    }

    fn with(optimizer: Optimizer) -> Settings {
        Settings { optimizer, ..Settings::default() }
    }

    fn trained(train: &Dataset, settings: Settings, epochs: u64) -> Trainer {
        let mut trainer = Trainer::new(train, settings).expect("trainer");
        for _ in 0..epochs {
            trainer.epoch().expect("epoch");
        }
        trainer
    }

    #[test]
    fn it_learns_digits_it_has_not_seen_over_some_epochs() {
        let Splits { train, test, .. } = splits();
        for optimizer in [Optimizer::default(), ADAM] {
            let mut trainer = Trainer::new(&train, with(optimizer)).expect("trainer");
            let losses: Vec<f64> = (0..10).map(|_| trainer.epoch().expect("epoch")).collect();
            assert!(losses[9] < losses[0] / 2.0, "{losses:?}");

            let verdict = trainer.checkpoint().model.evaluate(&test).expect("evaluate");
            assert!(verdict.accuracy >= 0.93, "{verdict:?}");
            let worst = verdict.class_accuracy.iter().flatten().copied().fold(1.0, f64::min);
            assert!(worst > 0.75, "{verdict:?}");
        }
    }

    #[test]
    fn resumed_after_two_epochs_equals_four_straight_ones() {
        let train = splits().train;
        for optimizer in [Optimizer::default(), ADAM] {
            let half = trained(&train, with(optimizer.clone()), 2);
            let bytes = half.checkpoint().to_bytes().expect("bytes");
            let state = Checkpoint::from_bytes(&bytes).expect("state");
            let mut resumed = Trainer::resume(state, &train).expect("resume");
            resumed.epoch().expect("epoch");
            resumed.epoch().expect("epoch");
            assert_eq!(resumed.checkpoint().epochs, 4);
            assert_eq!(resumed.checkpoint(), trained(&train, with(optimizer), 4).checkpoint());
        }
    }

    #[test]
    fn rows_come_in_another_order_each_epoch_and_all_of_them() {
        let train = splits().train;
        let trainer = trained(&train, Settings::default(), 0);
        let (first, mut second) = (trainer.order(1), trainer.order(2));
        assert_ne!(first, second);
        second.sort_unstable();
        assert_eq!(second, (0..train.labels().len()).collect::<Vec<_>>());
    }

    #[test]
    fn a_batch_larger_than_the_data_is_one_step_an_epoch() {
        let train = splits().train;
        let settings = Settings { batch_size: usize::MAX, ..Settings::default() };
        assert_eq!(trained(&train, settings, 3).checkpoint().memory.steps, 3);
    }

    #[test]
    fn larger_weight_decay_gives_smaller_weights() {
        let train = splits().train;
        for optimizer in [Optimizer::default(), ADAM] {
            let size = |weight_decay| {
                let settings = Settings { weight_decay, ..with(optimizer.clone()) };
                let trainer = trained(&train, settings, 3);
                trainer.state.model.weights.mapv(f64::abs).sum()
            };
            assert!(size(0.1) < size(0.0) / 2.0);
        }
    }

    #[test]
    fn a_loss_beyond_bounds_names_the_learning_rate_and_costs_only_its_epoch() {
        let train = splits().train;
        let mut trainer = trained(&train, Settings::default(), 1);
        let before = trainer.checkpoint().clone();
        trainer.state.settings.learning_rate = 1e300;
        let error = trainer.epoch().expect_err("diverges").to_string();
        assert!(error.contains("epoch 2") && error.contains("`learning_rate`"), "{error}");
        assert_eq!((&trainer.state.model, trainer.state.epochs), (&before.model, 1));
    }

    #[test]
    fn rows_of_another_kind_cannot_go_on() {
        let train = splits().train;
        let state = trained(&train, Settings::default(), 0).checkpoint().clone();
        let mut other = train;
        other.class_names[3] = "three".to_owned();
        let error = Trainer::resume(state, &other).expect_err("other classes");
        assert!(error.to_string().contains("\"three\""), "{error}");
    }

    #[test]
    fn settings_outside_their_range_are_named() {
        let train = splits().train;
        let refused = |settings, field| {
            let error = Trainer::new(&train, settings).expect_err(field).to_string();
            assert!(error.starts_with(&format!("setting `{field}`: ")), "{error}");
        };
        refused(Settings { batch_size: 0, ..Settings::default() }, "batch_size");
        for learning_rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            refused(Settings { learning_rate, ..Settings::default() }, "learning_rate");
        }
        for weight_decay in [-1e-9, f64::NAN, f64::INFINITY] {
            refused(Settings { weight_decay, ..Settings::default() }, "weight_decay");
        }
        for wrong in [-0.1, 1.0, f64::NAN] {
            refused(with(Optimizer::Sgd { momentum: wrong }), "momentum");
            refused(with(Optimizer::Adam { beta1: wrong, beta2: 0.9 }), "beta1");
            refused(with(Optimizer::Adam { beta1: 0.9, beta2: wrong }), "beta2");
        }
    }
}
