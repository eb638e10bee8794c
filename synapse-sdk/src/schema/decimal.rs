//! `multipleOf` in decimal: 0.3 is three times 0.1, though not in binary.

use serde_json::Number;

use super::numbers::Num;

/// A number as people write it: `digits × 10^exponent`. The sign does not
/// matter here.
#[derive(Clone, Copy, Debug)]
struct Decimal {
    /// At most 2^64: integers as they are, floats in their shortest spelling.
    digits: u128,
    exponent: i32,
}

impl From<Num> for Decimal {
    fn from(number: Num) -> Self {
        match number {
            Num::Integer(integer) => Self { digits: integer.unsigned_abs(), exponent: 0 },
            Num::Float(float) => from_float(float.abs()),
        }
    }
}

/// Reads the fewest digits that mean this float: `0.3`, `1.25e-7`.
fn from_float(float: f64) -> Decimal {
    let text = Number::from_f64(float).map_or_else(String::new, |number| number.to_string());
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    // `1.0` is one digit.
    let fraction = fraction.trim_end_matches('0');
    let digits = whole.bytes().chain(fraction.bytes());
    Decimal {
        digits: digits.fold(0, |number, digit| number * 10 + u128::from(digit - b'0')),
        exponent: exponent.parse::<i32>().unwrap_or_default() - fraction.len() as i32,
    }
}

/// What numbers are to be a multiple of.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) shown: Number,
    decimal: Decimal,
}

impl Step {
    /// A step is greater than zero.
    pub(super) fn new(shown: Number) -> Option<Self> {
        let positive = shown.as_f64().is_some_and(|step| step > 0.0);
        let decimal = Decimal::from(Num::from(&shown));
        positive.then_some(Self { shown, decimal })
    }

    pub(super) fn divides(&self, number: Num) -> bool {
        let (number, step) = (Decimal::from(number), self.decimal);
        match number.exponent - step.exponent {
            up @ 0.. => times_power_modulo(number.digits, up.unsigned_abs(), step.digits) == 0,
            // The step has more zeros than digits are left over: only zero is a multiple.
            down => match 10_u128
                .checked_pow(down.unsigned_abs())
                .and_then(|power| power.checked_mul(step.digits))
            {
                Some(step) => number.digits % step == 0,
                None => number.digits == 0,
            },
        }
    }
}

/// `digits × 10^exponent modulo step`, however great the exponent. All factors
/// are at most 2^64, so no product is too great.
fn times_power_modulo(digits: u128, mut exponent: u32, step: u128) -> u128 {
    let (mut result, mut power) = (digits % step, 10 % step);
    while exponent > 0 {
        if exponent % 2 == 1 {
            result = result * power % step;
        }
        power = power * power % step;
        exponent /= 2;
    }
    result
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn divides(step: &str, number: &str) -> bool {
        let read = |text: &str| serde_json::from_str::<Number>(text).unwrap();
        Step::new(read(step)).unwrap().divides(Num::from(&read(number)))
    }

    #[test]
    fn multiples_are_those_of_the_written_numbers() {
        for (step, number) in [
            ("0.1", "0.3"),
            ("0.1", "-0.7"),
            ("0.01", "4.35"),
            ("0.1", "1"),
            ("0.1", "12345678901234567890"),
            ("3", "9"),
            ("3", "-9"),
            ("2.5", "1e300"),
            ("1e-300", "1e300"),
            ("7", "0"),
            ("1e300", "0.0"),
            ("1e300", "1e301"),
            ("5e-324", "1e-323"),
            ("18446744073709551615", "18446744073709551615"),
            ("0.5", "-9223372036854775808"),
        ] {
            assert!(divides(step, number), "{number} is a multiple of {step}");
        }
        for (step, number) in [
            ("0.1", "0.35"),
            ("0.1", "0.30000000000000004"),
            ("3", "10"),
            ("3", "1e300"),
            ("1e300", "1"),
            ("1e300", "1.5e300"),
            ("18446744073709551615", "18446744073709551614"),
            ("2", "9007199254740993"),
            ("0.3", "1"),
        ] {
            assert!(!divides(step, number), "{number} is no multiple of {step}");
        }
    }

    #[test]
    fn a_step_is_greater_than_zero() {
        assert!(Step::new(0.into()).is_none());
        assert!(Step::new((-1).into()).is_none());
    }
}
