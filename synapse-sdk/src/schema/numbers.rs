//! What bounds say of numbers and counts, exactly.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Number;

use super::decimal::Step;

/// A number as it was read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Num {
    Integer(i128),
    Float(f64),
}

impl Num {
    /// Compares the values: no integer is rounded.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Integer(left), Self::Integer(right)) => left.cmp(&right),
            (Self::Integer(left), Self::Float(right)) => compare_mixed(left, right),
            (Self::Float(left), Self::Integer(right)) => compare_mixed(right, left).reverse(),
            // JSON has no NaN.
            (Self::Float(left), Self::Float(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
        }
    }

    /// `1.0` is an integer to JSON Schema, though not to the decoder. The least
    /// `i64` is not when it comes as a float: that may have been an integer
    /// beyond it, which was rounded when it was read.
    pub(super) fn is_integer(self) -> bool {
        match self {
            Self::Integer(_) => true,
            Self::Float(float) => float.fract() == 0.0 && float != i64::MIN as f64,
        }
    }

    /// The integer that a float such as `1.0` stands for, if JSON readers have
    /// a type for it.
    pub(super) fn whole_float(self) -> Option<Number> {
        match self {
            Self::Float(float) if self.is_integer() && float.abs() < 2e19 => integer(float as i128),
            _ => None,
        }
    }
}

/// Whether an integer is less than, equal to or greater than a float. A float
/// beyond all `i128` is one beyond all integers that are read.
fn compare_mixed(integer: i128, float: f64) -> Ordering {
    let whole = float.trunc();
    integer.cmp(&(whole as i128)).then_with(|| 0.0.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal))
}

fn integer(integer: i128) -> Option<Number> {
    let signed = i64::try_from(integer).ok().map(Number::from);
    signed.or_else(|| u64::try_from(integer).ok().map(Number::from))
}

impl From<&Number> for Num {
    fn from(number: &Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Self::Integer(integer.into()),
            (_, Some(integer)) => Self::Integer(integer.into()),
            _ => Self::Float(number.as_f64().unwrap_or_default()),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct NumberRules {
    pub(super) bounds: Vec<Bound>,
    pub(super) multiple_of: Option<Step>,
}

impl NumberRules {
    pub(super) fn hold(&self, number: Num) -> bool {
        self.bounds.iter().all(|bound| bound.holds(number))
            && self.multiple_of.as_ref().is_none_or(|step| step.divides(number))
    }
}

/// One bound of a number.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) kind: BoundKind,
    pub(super) limit: Number,
    value: Num,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BoundKind {
    Minimum,
    Maximum,
    ExclusiveMinimum,
    ExclusiveMaximum,
}

impl Bound {
    pub(super) fn new(kind: BoundKind, limit: Number) -> Self {
        let value = Num::from(&limit);
        Self { kind, limit, value }
    }

    pub(super) fn holds(&self, number: Num) -> bool {
        let ordering = number.compare(self.value);
        match self.kind {
            BoundKind::Minimum => ordering.is_ge(),
            BoundKind::Maximum => ordering.is_le(),
            BoundKind::ExclusiveMinimum => ordering.is_gt(),
            BoundKind::ExclusiveMaximum => ordering.is_lt(),
        }
    }
}

impl BoundKind {
    pub(super) fn keyword(self) -> &'static str {
        match self {
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::ExclusiveMinimum => "exclusiveMinimum",
            Self::ExclusiveMaximum => "exclusiveMaximum",
        }
    }
}

/// As it is told: "at least 1".
impl fmt::Display for Bound {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = match self.kind {
            BoundKind::Minimum => "at least",
            BoundKind::Maximum => "at most",
            BoundKind::ExclusiveMinimum => "greater than",
            BoundKind::ExclusiveMaximum => "less than",
        };
        write!(out, "{words} {}", self.limit)
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

#[cfg(test)]
mod tests {
    use super::*;
    use Ordering::{Equal, Greater, Less};

    #[test]
    fn integers_and_floats_are_compared_exactly() {
        let two_to_53 = 9_007_199_254_740_992_i128;
        let cases = [
            (two_to_53, 9_007_199_254_740_992.0, Equal),
            (two_to_53 + 1, 9_007_199_254_740_992.0, Greater),
            (two_to_53 - 1, 9_007_199_254_740_992.0, Less),
            (i64::MAX.into(), 9_223_372_036_854_775_808.0, Less),
            (i64::MIN.into(), -9_223_372_036_854_775_808.0, Equal),
            (u64::MAX.into(), 18_446_744_073_709_551_616.0, Less),
            (u64::MAX.into(), 1e300, Less),
            (i64::MIN.into(), -1e300, Greater),
            (0, -0.0, Equal),
            (0, 5e-324, Less),
            (0, -5e-324, Greater),
            (1, 1.5, Less),
            (-1, -1.5, Greater),
        ];
        for (integer, float, expected) in cases {
            let (integer, float) = (Num::Integer(integer), Num::Float(float));
            assert_eq!(integer.compare(float), expected, "{integer:?} {float:?}");
            assert_eq!(float.compare(integer), expected.reverse(), "{float:?} {integer:?}");
        }
        assert_eq!(Num::Float(-0.0).compare(Num::Float(0.0)), Equal);
    }

    #[test]
    fn whole_floats_stand_for_the_integers_that_readers_have() {
        let whole = |float| Num::Float(float).whole_float().map(|number| number.to_string());
        assert_eq!(whole(1.0).as_deref(), Some("1"));
        assert_eq!(whole(-0.0).as_deref(), Some("0"));
        assert_eq!(whole(1e18).as_deref(), Some("1000000000000000000"));
        assert_eq!(whole(-9_223_372_036_854_774_784.0).as_deref(), Some("-9223372036854774784"));
        assert_eq!(whole(18_446_744_073_709_549_568.0).as_deref(), Some("18446744073709549568"));
        for none in [1.5, 1e300, 18_446_744_073_709_551_616.0, -9_223_372_036_854_775_808.0] {
            assert_eq!(whole(none), None, "{none}");
        }
    }
}
