//! Amounts of memory as people write them.

/// A number of bytes: `1048576`, `512MB`, `4GiB`; multiples are of 1,024.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim().to_ascii_lowercase().trim_end_matches("ib").trim_end_matches('b') {
        "" => 1.0,
        "k" => 1024.0,
        "m" => 1_048_576.0,
        "g" => 1_073_741_824.0,
        "t" => 1_099_511_627_776.0,
        _ => return Err("expected a size such as 512MB or 4GB".to_owned()),
    };
    let number: f64 = number.parse().map_err(|_| "expected a size such as 512MB or 4GB".to_owned())?;
    Ok((number * factor) as u64)
}
