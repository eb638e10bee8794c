//! The bounds of a number as `min`, `max` and `step`.

use serde_json::{Number, Value};

use super::super::limits;
use super::view::View;

/// What a number input may hold.
#[derive(Default)]
pub(super) struct Bounds {
    pub(super) min: Option<Number>,
    pub(super) max: Option<Number>,
    pub(super) step: Option<Value>,
    /// Bounds that are themselves excluded, and cannot be moved by one.
    pub(super) excluded: Vec<Value>,
}

pub(super) fn of_integer(view: &View<'_>) -> Bounds {
    let limits = view.get("format").and_then(Value::as_str).and_then(limits);
    let width = limits.and_then(|(min, max)| Some((whole(&min, f64::ceil)?, whole(&max, f64::floor)?)));
    let multiple =
        number(view, "multipleOf").and_then(|step| whole(step, f64::ceil)).filter(|step| *step > 0);
    let at_least = integer(view, "minimum", f64::ceil);
    let above = integer(view, "exclusiveMinimum", f64::floor).map(|bound| bound.saturating_add(1));
    let at_most = integer(view, "maximum", f64::floor);
    let below = integer(view, "exclusiveMaximum", f64::ceil).map(|bound| bound.saturating_sub(1));
    let min = at_least.max(above).filter(|min| *min == 0 || Some(*min) != width.map(|(min, _)| min));
    let max = [at_most, below].into_iter().flatten().min();
    Bounds {
        // A browser counts steps from the lowest value.
        min: min.map(|min| multiple.map_or(min, |step| next_multiple(min, step))).and_then(to_number),
        max: max.filter(|max| Some(*max) != width.map(|(_, max)| max)).and_then(to_number),
        step: step(view),
        excluded: Vec::new(),
    }
}

pub(super) fn of_float(view: &View<'_>) -> Bounds {
    let (above, below) = (number(view, "exclusiveMinimum"), number(view, "exclusiveMaximum"));
    let limits_only = |bound: &&Number| bound.as_f64().is_none_or(|bound| bound.abs() != f64::from(f32::MAX));
    let min = number(view, "minimum").filter(limits_only);
    let max = number(view, "maximum").filter(limits_only);
    let above = above.filter(|bound| min.is_none_or(|min| bound.as_f64() >= min.as_f64()));
    let below = below.filter(|bound| max.is_none_or(|max| bound.as_f64() <= max.as_f64()));
    Bounds {
        min: above.or(min).cloned(),
        max: below.or(max).cloned(),
        // Without it a browser takes whole steps only.
        step: step(view).or_else(|| Some(Value::from("any"))),
        excluded: above.into_iter().chain(below).cloned().map(Value::Number).collect(),
    }
}

fn step(view: &View<'_>) -> Option<Value> {
    view.hint("step").cloned().or_else(|| number(view, "multipleOf").cloned().map(Value::Number))
}

fn number<'a>(view: &View<'a>, keyword: &str) -> Option<&'a Number> {
    view.get(keyword).and_then(Value::as_number)
}

fn integer(view: &View<'_>, keyword: &str, round: fn(f64) -> f64) -> Option<i128> {
    whole(number(view, keyword)?, round)
}

fn whole(number: &Number, round: fn(f64) -> f64) -> Option<i128> {
    let exact = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    // Too large for any integer: no bound.
    let rounded = || number.as_f64().map(round).filter(|bound| bound.abs() < 1e20).map(|bound| bound as i128);
    exact.or_else(rounded)
}

fn to_number(integer: i128) -> Option<Number> {
    let small = i64::try_from(integer).ok().map(Number::from);
    small.or_else(|| u64::try_from(integer).ok().map(Number::from))
}

fn next_multiple(least: i128, step: i128) -> i128 {
    least + (-least).rem_euclid(step)
}
