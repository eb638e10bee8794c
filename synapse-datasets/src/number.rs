//! Numbers to and from text, where the time of a conversion goes.

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// The most decimals [`write_fixed`] writes.
pub(crate) const MAX_DECIMALS: u8 = 15;

/// Below this, whole numbers are exact.
const EXACT: u64 = 1 << 53;

/// The number that `text` starts with and its length in bytes. `None` if it
/// starts with none.
///
/// A mantissa below 2⁵³ divided by an exact power of ten is rounded once and
/// so correctly; anything longer takes the way of the standard library.
pub(crate) fn parse_prefix(text: &[u8]) -> Option<(f64, usize)> {
    let negative = text.first() == Some(&b'-');
    let mut at = usize::from(negative);
    let whole_start = at;
    let mut mantissa = 0u64;
    while let Some(digit) = digit(text, at) {
        mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
        at += 1;
    }
    let mut digits = at - whole_start;
    let mut decimals = 0;
    if text.get(at) == Some(&b'.') {
        let start = at + 1;
        at = start;
        while let Some(digit) = digit(text, at) {
            mantissa = mantissa.wrapping_mul(10).wrapping_add(digit);
            at += 1;
        }
        decimals = at - start;
        digits += decimals;
    }
    if digits == 0 {
        return None;
    }
    let plain = !matches!(text.get(at), Some(b'e' | b'E'));
    if plain && digits <= 19 && mantissa < EXACT && decimals < POWERS.len() {
        let value = mantissa as f64 / POWERS[decimals];
        return Some((if negative { -value } else { value }, at));
    }
    slow(text, at)
}

fn digit(text: &[u8], at: usize) -> Option<u64> {
    let digit = text.get(at)?.wrapping_sub(b'0');
    (digit < 10).then_some(u64::from(digit))
}

#[cold]
fn slow(text: &[u8], mut at: usize) -> Option<(f64, usize)> {
    if matches!(text.get(at), Some(b'e' | b'E')) {
        let mut end = at + 1;
        end += usize::from(matches!(text.get(end), Some(b'+' | b'-')));
        let digits = text[end..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits > 0 {
            at = end + digits;
        }
    }
    let value = std::str::from_utf8(&text[..at]).ok()?.parse().ok()?;
    Some((value, at))
}

/// The whole of `text` as a number; `nan` and `inf` in the spellings that
/// programs print are numbers, too.
pub(crate) fn parse(text: &[u8]) -> Option<f64> {
    if let Some((value, length)) = parse_prefix(text)
        && length == text.len()
    {
        return Some(value);
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Appends the shortest text that reads back as `value`; a whole number has
/// no decimal point. `value` is finite.
pub(crate) fn write_shortest(value: f64, out: &mut Vec<u8>) {
    let cents = value * 100.0;
    // Not `round`, which is a call where the processor may be an old one. It
    // need not be exact: what it gives is held against the value.
    let near = (cents + 0.5f64.copysign(cents)) as i64;
    if cents.abs() < 1e15 && near as f64 / 100.0 == value {
        return write_cents(near, value.is_sign_negative(), out);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value).as_bytes();
    out.extend_from_slice(text.strip_suffix(b".0").unwrap_or(text));
}

/// Most coordinates have at most two decimals. Numbers below 2⁵³ with few
/// digits have one shortest text, so this agrees with the long way.
fn write_cents(cents: i64, negative: bool, out: &mut Vec<u8>) {
    if negative {
        out.push(b'-');
    }
    let cents = cents.unsigned_abs();
    write_whole(cents / 100, out);
    match cents % 100 {
        0 => {}
        rest if rest % 10 == 0 => out.extend_from_slice(&[b'.', b'0' + (rest / 10) as u8]),
        rest => out.extend_from_slice(&[b'.', b'0' + (rest / 10) as u8, b'0' + (rest % 10) as u8]),
    }
}

/// Appends a whole number.
pub(crate) fn write_whole(mut value: u64, out: &mut Vec<u8>) {
    if value < 10 {
        return out.push(b'0' + value as u8);
    }
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    while value >= 10 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&pair(value));
        value /= 100;
    }
    if value > 0 {
        at -= 1;
        digits[at] = b'0' + value as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a whole number that may be negative.
pub(crate) fn write_signed(value: i64, out: &mut Vec<u8>) {
    if value < 0 {
        out.push(b'-');
    }
    write_whole(value.unsigned_abs(), out);
}

/// Appends `value` with exactly `decimals` decimals, rounded as `printf` does:
/// the exact binary value to the nearest, ties to even.
pub(crate) fn write_fixed(value: f64, decimals: u8, out: &mut Vec<u8>) {
    use std::io::Write;
    let unit = 10u64.pow(u32::from(decimals));
    let Some(scaled) = scaled(value, unit) else {
        let _ = write!(out, "{value:.*}", usize::from(decimals));
        return;
    };
    write_whole(scaled / unit, out);
    if decimals > 0 {
        out.push(b'.');
        write_padded(scaled % unit, decimals, out);
    }
}

/// `value` × `unit`, rounded. `None` for what is negative or large, which
/// parts of a picture are not.
fn scaled(value: f64, unit: u64) -> Option<u64> {
    if value == 0.0 && value.is_sign_positive() {
        return Some(0);
    }
    let bits = value.to_bits();
    let exponent = (bits >> 52) as i32 - 1075;
    // Between 2⁻⁶⁴ and 8, so that the product below is exact.
    if !(-116..=-50).contains(&exponent) {
        return None;
    }
    let mantissa = bits & ((1 << 52) - 1) | 1 << 52;
    let product = u128::from(mantissa) * u128::from(unit);
    let shift = exponent.unsigned_abs();
    let whole = (product >> shift) as u64;
    let rest = product & ((1 << shift) - 1);
    let half = 1u128 << (shift - 1);
    let is_up = rest > half || rest == half && whole % 2 == 1;
    Some(whole + u64::from(is_up))
}

/// The digits of 0 to 99.
const PAIRS: &[u8; 200] = b"\
    0001020304050607080910111213141516171819\
    2021222324252627282930313233343536373839\
    4041424344454647484950515253545556575859\
    6061626364656667686970717273747576777879\
    8081828384858687888990919293949596979899";

fn pair(number: u64) -> [u8; 2] {
    let at = 2 * (number % 100) as usize;
    [PAIRS[at], PAIRS[at + 1]]
}

fn write_padded(mut value: u64, width: u8, out: &mut Vec<u8>) {
    let mut digits = [b'0'; MAX_DECIMALS as usize + 1];
    let mut at = digits.len();
    while at + usize::from(width) > digits.len() + 1 {
        at -= 2;
        digits[at..at + 2].copy_from_slice(&pair(value));
        value /= 100;
    }
    if at + usize::from(width) > digits.len() {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shortest(value: f64) -> String {
        let mut out = Vec::new();
        write_shortest(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    fn fixed(value: f64, decimals: u8) -> String {
        let mut out = Vec::new();
        write_fixed(value, decimals, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_are_read_up_to_what_follows() {
        assert_eq!(parse_prefix(b"12.50,"), Some((12.5, 5)));
        assert_eq!(parse_prefix(b"-3]"), Some((-3.0, 2)));
        assert_eq!(parse_prefix(b"1e3 "), Some((1000.0, 3)));
        assert_eq!(parse_prefix(b"x"), None);
        assert_eq!(parse_prefix(b"-"), None);
        assert_eq!(parse(b"12 "), None);
        assert!(parse(b"nan").unwrap().is_nan());
    }

    #[test]
    fn whole_numbers_have_no_point() {
        assert_eq!(shortest(480.0), "480");
        assert_eq!(shortest(-0.5), "-0.5");
        assert_eq!(shortest(12.34), "12.34");
        assert_eq!(shortest(0.1 + 0.2), "0.30000000000000004");
    }

    proptest! {
        #[test]
        fn whole_numbers_are_written(value in prop_oneof![any::<u64>(), 0u64..1000]) {
            let mut out = Vec::new();
            write_whole(value, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), value.to_string());
        }

        #[test]
        fn reading_agrees_with_the_standard_library(text in "-?[0-9]{1,22}(\\.[0-9]{0,22})?([eE][-+]?[0-9]{1,2})?") {
            let (value, length) = parse_prefix(text.as_bytes()).unwrap();
            prop_assert_eq!(length, text.len());
            prop_assert_eq!(value.to_bits(), text.parse::<f64>().unwrap().to_bits());
        }

        #[test]
        fn the_shortest_text_reads_back(value in prop_oneof![any::<f64>(), -1e5..1e5, (-100_000i64..100_000).prop_map(|n| n as f64 / 100.0)]) {
            prop_assume!(value.is_finite());
            let text = shortest(value);
            prop_assert_eq!(text.parse::<f64>().unwrap().to_bits(), value.to_bits());
        }

        #[test]
        fn fixed_decimals_agree_with_the_standard_library(
            value in prop_oneof![0.0..1.0, -5.0..20.0, 0.0..1e-12, (0u32..64_001).prop_map(|n| f64::from(n) / 64_000.0), (0u32..4_000_001).prop_map(|n| f64::from(n) / 4_000_000.0)],
            decimals in 0u8..=MAX_DECIMALS,
        ) {
            prop_assert_eq!(fixed(value, decimals), format!("{value:.*}", usize::from(decimals)));
        }
    }
}
