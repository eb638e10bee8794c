//! The detector: for each of 8 × 8 cells a window around the cell goes through
//! a layer of 16 units, which say whether a buoy's centre is in the cell and
//! where its box is. In other words: a convolution, and one of 1 × 1 after it.

use fastrand::Rng;

use crate::boxes::{Box2, Found, suppress};
use crate::data::Sample;
use crate::picture::{Picture, SIDE};

const CELLS: usize = 8;
const STRIDE: usize = SIDE / CELLS;
const WINDOW: usize = 16;
const INPUTS: usize = WINDOW * WINDOW;
/// Units of the hidden layer.
pub const HIDDEN: usize = 16;
/// Whether there is one, x, y, width, height.
pub const OUTPUTS: usize = 5;
/// All numbers that are learnt: weights and biases of both layers.
pub const PARAMETERS: usize = HIDDEN * INPUTS + HIDDEN + OUTPUTS * HIDDEN + OUTPUTS;
const BIAS_1: usize = HIDDEN * INPUTS;
const WEIGHTS_2: usize = BIAS_1 + HIDDEN;
const BIAS_2: usize = WEIGHTS_2 + OUTPUTS * HIDDEN;
/// Sizes are learnt in shares of a window.
const SCALE: f32 = SIDE as f32 / WINDOW as f32;

/// What is learnt, and what Adam remembers of its steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// Weights and biases of the first layer, then of the second.
    pub parameters: Vec<f32>,
    /// Decaying mean of the gradients.
    pub mean: Vec<f32>,
    /// Decaying mean of their squares.
    pub square: Vec<f32>,
    /// Steps made.
    pub steps: u64,
}

/// What one window gives.
struct Answer {
    hidden: [f32; HIDDEN],
    outputs: [f32; OUTPUTS],
}

impl Model {
    /// One that knows nothing.
    pub fn untrained(rng: &mut Rng) -> Self {
        let mut parameters = vec![0.0; PARAMETERS];
        for (range, fan_in) in [(0..BIAS_1, INPUTS), (WEIGHTS_2..BIAS_2, HIDDEN)] {
            let spread = (6.0 / fan_in as f32).sqrt();
            parameters[range].fill_with(|| (rng.f32() * 2.0 - 1.0) * spread);
        }
        // Most cells are empty: that need not be learnt.
        parameters[BIAS_2] = -2.0;
        Self { parameters, mean: vec![0.0; PARAMETERS], square: vec![0.0; PARAMETERS], steps: 0 }
    }

    /// One step on a few samples; gives their mean loss.
    pub fn step(&mut self, batch: &[&Sample], rate: f32) -> f64 {
        let mut gradient = vec![0.0; PARAMETERS];
        let loss: f64 = batch.iter().map(|sample| self.learn(sample, &mut gradient)).sum();
        self.adam(&gradient, batch.len() as f32, rate);
        loss / batch.len() as f64
    }

    /// The mean loss on samples.
    pub fn loss(&self, samples: &[Sample]) -> f64 {
        let sum: f64 = samples.iter().map(|sample| self.learn(sample, &mut [])).sum();
        sum / samples.len() as f64
    }

    /// The buoys of a picture.
    pub fn detect(&self, picture: &Picture) -> Vec<Found> {
        let mut found = Vec::new();
        for cell in 0..CELLS * CELLS {
            let [sure, x, y, width, height] = self.answer(&window(picture, cell)).outputs;
            let score = sigmoid(sure);
            if score >= 0.5 {
                let (left, top) = corner(cell);
                let place = |offset: usize, share: f32| (offset as f32 + share * STRIDE as f32) / SIDE as f32;
                let place = Box2 {
                    x: place(left, x),
                    y: place(top, y),
                    width: (width / SCALE).clamp(0.0, 1.0),
                    height: (height / SCALE).clamp(0.0, 1.0),
                };
                found.push(Found { place, score });
            }
        }
        suppress(found)
    }

    /// The loss of a sample; its gradient is added where there is room for it.
    fn learn(&self, (picture, boxes): &Sample, gradient: &mut [f32]) -> f64 {
        let mut loss = 0.0;
        for cell in 0..CELLS * CELLS {
            let inputs = window(picture, cell);
            let answer = self.answer(&inputs);
            let (of_cell, errors) = judge(&answer.outputs, target(boxes, cell));
            loss += of_cell;
            if !gradient.is_empty() {
                self.add_gradient(&inputs, &answer, &errors, gradient);
            }
        }
        loss
    }

    fn answer(&self, inputs: &[f32; INPUTS]) -> Answer {
        let p = &self.parameters;
        let mut hidden = [0.0; HIDDEN];
        for (unit, value) in hidden.iter_mut().enumerate() {
            let weights = &p[unit * INPUTS..(unit + 1) * INPUTS];
            *value = (dot(weights, inputs) + p[BIAS_1 + unit]).max(0.0);
        }
        let mut outputs = [0.0; OUTPUTS];
        for (output, value) in outputs.iter_mut().enumerate() {
            let first = WEIGHTS_2 + output * HIDDEN;
            *value = dot(&p[first..first + HIDDEN], &hidden) + p[BIAS_2 + output];
        }
        Answer { hidden, outputs }
    }

    fn add_gradient(
        &self,
        inputs: &[f32; INPUTS],
        answer: &Answer,
        errors: &[f32; OUTPUTS],
        gradient: &mut [f32],
    ) {
        let mut of_hidden = [0.0; HIDDEN];
        for (output, error) in errors.iter().enumerate().filter(|(_, error)| **error != 0.0) {
            let first = WEIGHTS_2 + output * HIDDEN;
            add_scaled(&mut gradient[first..first + HIDDEN], &answer.hidden, *error);
            gradient[BIAS_2 + output] += error;
            add_scaled(&mut of_hidden, &self.parameters[first..first + HIDDEN], *error);
        }
        for unit in (0..HIDDEN).filter(|unit| answer.hidden[*unit] > 0.0) {
            add_scaled(&mut gradient[unit * INPUTS..(unit + 1) * INPUTS], inputs, of_hidden[unit]);
            gradient[BIAS_1 + unit] += of_hidden[unit];
        }
    }

    fn adam(&mut self, gradient: &[f32], samples: f32, rate: f32) {
        const BETA_1: f32 = 0.9;
        const BETA_2: f32 = 0.999;
        self.steps += 1;
        let correct = |beta: f32| 1.0 - beta.powi(self.steps.min(10_000) as i32);
        let (first, second) = (correct(BETA_1), correct(BETA_2));
        let moments = self.mean.iter_mut().zip(&mut self.square);
        for ((parameter, gradient), (mean, square)) in self.parameters.iter_mut().zip(gradient).zip(moments) {
            let gradient = gradient / samples;
            *mean = BETA_1 * *mean + (1.0 - BETA_1) * gradient;
            *square = BETA_2 * *square + (1.0 - BETA_2) * gradient * gradient;
            *parameter -= rate * (*mean / first) / ((*square / second).sqrt() + 1e-8);
        }
    }
}

fn corner(cell: usize) -> (usize, usize) {
    (cell % CELLS * STRIDE, cell / CELLS * STRIDE)
}

/// The pixels around a cell.
fn window(picture: &Picture, cell: usize) -> [f32; INPUTS] {
    let margin = (WINDOW - STRIDE) / 2;
    let (left, top) = corner(cell);
    let (left, top) = (left as isize - margin as isize, top as isize - margin as isize);
    std::array::from_fn(|index| {
        // Around 0, so that water says nothing.
        picture.at(left + (index % WINDOW) as isize, top + (index / WINDOW) as isize) - 0.2
    })
}

/// What the cell should answer: the box whose centre is in it.
fn target(boxes: &[Box2], cell: usize) -> Option<[f32; 4]> {
    let (left, top) = corner(cell);
    let within = |centre: f32, corner: usize| (centre * SIDE as f32 - corner as f32) / STRIDE as f32;
    boxes.iter().find_map(|place| {
        let (x, y) = (within(place.x, left), within(place.y, top));
        let here = (0.0..1.0).contains(&x) && (0.0..1.0).contains(&y);
        here.then_some([x, y, place.width * SCALE, place.height * SCALE])
    })
}

/// The loss of a cell, and how it changes with each output: cross-entropy for
/// whether there is one, squared error for where.
fn judge(outputs: &[f32; OUTPUTS], target: Option<[f32; 4]>) -> (f64, [f32; OUTPUTS]) {
    const OF_BOX: f32 = 2.0;
    let sure = sigmoid(outputs[0]);
    let Some(target) = target else {
        return (f64::from(-(1.0 - sure).max(1e-7).ln()), [sure, 0.0, 0.0, 0.0, 0.0]);
    };
    let mut loss = -sure.max(1e-7).ln();
    let mut errors = [sure - 1.0, 0.0, 0.0, 0.0, 0.0];
    for (index, wanted) in target.into_iter().enumerate() {
        let off = outputs[index + 1] - wanted;
        loss += OF_BOX * off * off;
        errors[index + 1] = 2.0 * OF_BOX * off;
    }
    (f64::from(loss), errors)
}

fn sigmoid(value: f32) -> f32 {
    1.0 / (1.0 + (-value).exp())
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn add_scaled(to: &mut [f32], from: &[f32], factor: f32) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to += from * factor);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gradient_is_the_slope_of_the_loss() {
        let mut rng = Rng::with_seed(3);
        let sample = Picture::draw(&mut rng);
        let mut model = Model::untrained(&mut rng);
        let mut gradient = vec![0.0; PARAMETERS];
        model.learn(&sample, &mut gradient);
        for index in [100, 1000, BIAS_1 + 3, WEIGHTS_2 + 1, WEIGHTS_2 + HIDDEN + 2, BIAS_2, BIAS_2 + 4] {
            let loss_at = |model: &mut Model, step: f32| {
                model.parameters[index] += step;
                let loss = model.learn(&sample, &mut []);
                model.parameters[index] -= step;
                loss
            };
            let step = 1e-2;
            let slope = (loss_at(&mut model, step) - loss_at(&mut model, -step)) / f64::from(2.0 * step);
            let found = f64::from(gradient[index]);
            assert!((found - slope).abs() < 0.02 * slope.abs().max(1.0), "{index}: {found}, not {slope}");
        }
    }

    #[test]
    fn it_learns_to_find_the_buoy_it_is_shown() {
        let mut rng = Rng::with_seed(5);
        let sample = Picture::draw(&mut rng);
        let mut model = Model::untrained(&mut rng);
        for _ in 0..200 {
            model.step(&[&sample], 0.003);
        }
        let found = model.detect(&sample.0);
        assert_eq!(found.len(), sample.1.len());
        for place in &sample.1 {
            assert!(found.iter().any(|one| one.place.iou(place) > 0.8), "{place:?} in {found:?}");
        }
    }
}
