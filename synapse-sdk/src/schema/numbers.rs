//! What bounds say of numbers and counts: exact for integers, in `f64` else.

use std::cmp::Ordering::{self, Equal, Greater, Less};

use serde_json::{Number, Value};

#[derive(Debug, Default)]
pub(super) struct NumberRules {
    pub(super) minimum: Option<Number>,
    pub(super) maximum: Option<Number>,
    pub(super) exclusive_minimum: Option<Number>,
    pub(super) exclusive_maximum: Option<Number>,
    pub(super) multiple_of: Option<Number>,
}

/// One bound of a number.
pub(super) struct Bound<'a> {
    pub(super) keyword: &'static str,
    pub(super) words: &'static str,
    pub(super) limit: &'a Number,
    fitting: &'static [Ordering],
}

impl Bound<'_> {
    pub(super) fn holds(&self, number: &Number) -> bool {
        self.fitting.contains(&compare(number, self.limit))
    }
}

impl NumberRules {
    pub(super) fn hold(&self, number: &Number) -> bool {
        self.bounds().all(|bound| bound.holds(number))
            && self.multiple_of.as_ref().is_none_or(|step| is_multiple(number, step))
    }

    /// The bounds that are set.
    pub(super) fn bounds(&self) -> impl Iterator<Item = Bound<'_>> {
        let bounds: [(_, _, &Option<Number>, &[Ordering]); 4] = [
            ("minimum", "at least", &self.minimum, &[Greater, Equal]),
            ("maximum", "at most", &self.maximum, &[Less, Equal]),
            ("exclusiveMinimum", "greater than", &self.exclusive_minimum, &[Greater]),
            ("exclusiveMaximum", "less than", &self.exclusive_maximum, &[Less]),
        ];
        bounds.into_iter().filter_map(|(keyword, words, limit, fitting)| {
            limit.as_ref().map(|limit| Bound { keyword, words, limit, fitting })
        })
    }
}

#[derive(Debug, Default)]
pub(super) struct CountRules {
    pub(super) min: Option<u64>,
    pub(super) max: Option<u64>,
}

impl CountRules {
    pub(super) fn hold(&self, count: usize) -> bool {
        let count = count as u64;
        self.min.is_none_or(|bound| count >= bound) && self.max.is_none_or(|bound| count <= bound)
    }

    pub(super) fn are_set(&self) -> bool {
        self.min.is_some() || self.max.is_some()
    }
}

/// `1.0` is an integer to JSON Schema, though not to the decoder: see
/// [`canonical`](super::evaluate::canonical).
pub(super) fn is_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_i64() || number.is_u64() || whole(number).is_some(),
        _ => false,
    }
}

/// The integer that a float such as `1.0` stands for, when it is exact.
pub(super) fn whole(number: &Number) -> Option<i64> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let float = number.as_f64()?;
    (float.fract() == 0.0 && float.abs() <= EXACT).then_some(float as i64)
}

fn compare(left: &Number, right: &Number) -> Ordering {
    match (integer(left), integer(right)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => {
            let (left, right) = (left.as_f64().unwrap_or(f64::NAN), right.as_f64().unwrap_or(f64::NAN));
            left.total_cmp(&right)
        }
    }
}

fn integer(number: &Number) -> Option<i128> {
    number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
}

pub(super) fn is_multiple(number: &Number, step: &Number) -> bool {
    match (integer(number), integer(step)) {
        (Some(number), Some(step)) => step != 0 && number % step == 0,
        _ => {
            let (number, step) = (number.as_f64().unwrap_or(f64::NAN), step.as_f64().unwrap_or(f64::NAN));
            (number / step).fract() == 0.0
        }
    }
}
