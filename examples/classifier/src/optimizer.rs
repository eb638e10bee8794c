//! How gradients become steps.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Keeps Adam from dividing by zero where a weight has had no gradient yet.
const EPSILON: f64 = 1e-8;

/// The rule by which gradients become steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Optimizer {
    /// Stochastic gradient descent.
    Sgd {
        /// Share of each step that goes on into the next, from 0 to below 1.
        momentum: f64,
    },
    /// Steps of about the same length for every weight.
    Adam {
        /// Decay of the mean of the gradients, from 0 to below 1.
        beta1: f64,
        /// Decay of the mean of their squares, from 0 to below 1.
        beta2: f64,
    },
}

impl Default for Optimizer {
    fn default() -> Self {
        Self::Sgd { momentum: 0.9 }
    }
}

impl Optimizer {
    /// # Errors
    /// [`Error::Setting`] names the first field outside its range.
    pub(crate) fn check(&self) -> Result<()> {
        match *self {
            Self::Sgd { momentum } => check_decay("momentum", momentum),
            Self::Adam { beta1, beta2 } => {
                check_decay("beta1", beta1)?;
                check_decay("beta2", beta2)
            }
        }
    }
}

fn check_decay(field: &'static str, value: f64) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::Setting { field, problem: format!("{value} is not from 0 to below 1") })
}

/// What an optimiser remembers from step to step.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// Of the gradients: the velocity of SGD, the mean of Adam.
    pub(crate) first_moment: Array2<f64>,
    /// Of their squares: the mean of Adam; zeros with SGD.
    pub(crate) second_moment: Array2<f64>,
    /// Steps made.
    pub(crate) steps: u64,
}

impl Memory {
    /// Before the first step, for weights of this shape.
    pub(crate) fn empty(shape: (usize, usize)) -> Self {
        Self { first_moment: Array2::zeros(shape), second_moment: Array2::zeros(shape), steps: 0 }
    }

    /// Takes in a gradient; gives the direction to walk against, by the
    /// learning rate.
    pub(crate) fn direction(&mut self, optimizer: &Optimizer, gradient: &Array2<f64>) -> Array2<f64> {
        self.steps = self.steps.saturating_add(1);
        match *optimizer {
            Optimizer::Sgd { momentum } => {
                self.first_moment *= momentum;
                self.first_moment += gradient;
                self.first_moment.clone()
            }
            Optimizer::Adam { beta1, beta2 } => {
                self.first_moment *= beta1;
                self.first_moment.scaled_add(1.0 - beta1, gradient);
                self.second_moment *= beta2;
                self.second_moment.scaled_add(1.0 - beta2, &gradient.mapv(|g| g * g));
                // Both began at zero, and are still too near to it.
                let mean = &self.first_moment / (1.0 - beta1.powf(self.steps as f64));
                let square = &self.second_moment / (1.0 - beta2.powf(self.steps as f64));
                mean / (square.mapv_into(f64::sqrt) + EPSILON)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn directions(optimizer: &Optimizer, gradients: [f64; 3]) -> Vec<f64> {
        let mut memory = Memory::empty((1, 1));
        gradients.map(|gradient| memory.direction(optimizer, &array![[gradient]])[(0, 0)]).to_vec()
    }

    #[test]
    fn momentum_carries_steps_on() {
        let sgd = |momentum| directions(&Optimizer::Sgd { momentum }, [1.0, 0.0, 4.0]);
        assert_eq!(sgd(0.0), [1.0, 0.0, 4.0]);
        assert_eq!(sgd(0.5), [1.0, 0.5, 4.25]);
    }

    #[test]
    fn adam_walks_as_far_whatever_the_gradients_size() {
        let adam = Optimizer::Adam { beta1: 0.9, beta2: 0.999 };
        for size in [1e-3, 1.0, 1e3] {
            let walked = directions(&adam, [size, size, size]);
            assert!(walked.iter().all(|step| (step - 1.0).abs() < 1e-4), "{walked:?}");
        }
        assert_eq!(directions(&adam, [0.0; 3]), [0.0; 3]);
    }

    #[test]
    fn adam_weighs_gradients_by_their_betas() {
        let adam = Optimizer::Adam { beta1: 0.5, beta2: 0.75 };
        let second = directions(&adam, [1.0, 3.0, 0.0])[1];
        // Means (0.5 · 0.5 + 0.5 · 3) / 0.75 and (0.75 · 0.25 + 0.25 · 9) / 0.4375.
        let expected = (1.75 / 0.75) / (2.4375f64 / 0.4375).sqrt();
        assert!((second - expected).abs() < 1e-7, "{second}");
    }
}
