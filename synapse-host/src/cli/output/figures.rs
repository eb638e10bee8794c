//! Numbers, durations and times of day, as people read them.

use serde_json::{Number, Value};

use super::text::one_line;

/// A time in seconds, to be read: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`;
/// milliseconds below 0.1 s.
pub(crate) fn duration(seconds: f64) -> String {
    let seconds = seconds.max(0.0);
    let whole = seconds.round() as u64;
    match whole {
        _ if seconds < 0.0995 => format!("{} ms", (seconds * 1000.0).round()),
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole / 60 % 60),
    }
}

/// A number of bytes, to be read: `812 bytes`, `1.2 MB`; multiples of 1,000.
pub(crate) fn size(bytes: u64) -> String {
    let amount = bytes as f64;
    match bytes {
        0..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{:.1} KB", amount / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", amount / 1e6),
        _ => format!("{:.1} GB", amount / 1e9),
    }
}

/// A time in seconds in few columns: from a minute on `3:20` or `2:05:30`.
pub(super) fn countdown(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    let (minutes, rest) = (whole / 60 % 60, whole % 60);
    match whole {
        0..60 => duration(seconds),
        60..3600 => format!("{minutes}:{rest:02}"),
        _ => format!("{}:{minutes:02}:{rest:02}", whole / 3600),
    }
}

/// The time of day in UTC, `12:00:01`, of nanoseconds since 1970.
pub(super) fn time_of_day(nanos: u64) -> String {
    let seconds = nanos / 1_000_000_000;
    format!("{:02}:{:02}:{:02}", seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// A number with at most `digits` significant digits behind the point; whole
/// numbers are left whole.
pub(super) fn number(number: &Number, digits: usize) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() => float(value, digits),
        _ => number.to_string(),
    }
}

fn float(value: f64, digits: usize) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        return trimmed_exponent(&format!("{value:.*e}", digits - 1));
    }
    let before_point = if size >= 1.0 { size.log10() as usize + 1 } else { 0 };
    let zeros_behind_point = if size > 0.0 && size < 1.0 { (-size.log10()) as usize } else { 0 };
    let decimals = digits.saturating_sub(before_point) + zeros_behind_point;
    trimmed(&format!("{value:.decimals$}")).to_owned()
}

fn trimmed(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

fn trimmed_exponent(text: &str) -> String {
    match text.split_once('e') {
        Some((digits, exponent)) => format!("{}e{exponent}", trimmed(digits)),
        None => text.to_owned(),
    }
}

/// A value on one line: text as it is, the rest as JSON.
pub(super) fn inline(value: &Value, digits: usize) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Number(value) => number(value, digits),
        Value::String(text) => one_line(text),
        other => one_line(&other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_have_two_units_at_most() {
        let texts = [0.0, 0.0421, 0.4, 1.24, 9.97, 59.6, 200.0, 7530.0].map(duration);
        assert_eq!(
            texts,
            ["0 ms", "42 ms", "0.4 s", "1.2 s", "10 s", "1 min 00 s", "3 min 20 s", "2 h 05 min"]
        );
    }

    #[test]
    fn long_countdowns_stay_short() {
        assert_eq!([9.94, 59.4, 200.0, 7530.0].map(countdown), ["9.9 s", "59 s", "3:20", "2:05:30"]);
    }

    #[test]
    fn floats_are_rounded_to_what_matters() {
        let texts = [
            json!(0.412_345_678),
            json!(12.0),
            json!(1234.5678),
            json!(123_456.78),
            json!(0.001_234_567),
            json!(1.5e-7),
            json!(6.02e23),
            json!(-0.1),
            json!(0.0),
            json!(1_000_000),
        ]
        .map(|value| inline(&value, 4));
        assert_eq!(
            texts,
            ["0.4123", "12", "1235", "123457", "0.001235", "1.5e-7", "6.02e23", "-0.1", "0", "1000000"]
        );
    }

    #[test]
    fn times_of_day_are_utc() {
        assert_eq!(time_of_day(1_769_860_801_900_000_000), "12:00:01");
    }
}
