//! Which versions a plugin asks for: `>=0.1,<0.3`.

use std::fmt;
use std::str::FromStr;

use semver::{Comparator, Version, VersionReq};

/// What a version has to be, as cargo or as Python packages write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    text: String,
    allowed: VersionReq,
    refused: VersionReq,
}

impl Requirement {
    /// Whether a version is as asked for.
    pub fn allows(&self, version: &Version) -> bool {
        let is_refused =
            |comparator: &Comparator| VersionReq { comparators: vec![comparator.clone()] }.matches(version);
        self.allowed.matches(version) && !self.refused.comparators.iter().any(is_refused)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for Requirement {
    type Err = semver::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut allowed, mut refused) = (VersionReq::STAR, VersionReq::STAR);
        for part in text.split(',').map(str::trim) {
            match part.strip_prefix("!=") {
                Some(version) => refused.comparators.push(format!("={version}").parse()?),
                None => allowed.comparators.extend(comparators(part)?),
            }
        }
        Ok(Self { text: text.to_owned(), allowed, refused })
    }
}

/// Python's `==` and `~=` in cargo's words; all else is the same in both.
fn comparators(part: &str) -> Result<Vec<Comparator>, semver::Error> {
    if let Some(version) = part.strip_prefix("==") {
        return Ok(vec![format!("={version}").parse()?]);
    }
    let Some(version) = part.strip_prefix("~=") else { return Ok(part.parse::<VersionReq>()?.comparators) };
    let least: Comparator = format!(">={version}").parse()?;
    // All but the last part that is written stays.
    let most = match (least.minor, least.patch) {
        (Some(minor), Some(_)) => format!("<{}.{}", least.major, minor + 1),
        _ => format!("<{}", least.major + 1),
    };
    Ok(vec![least, most.parse()?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_of_writing_are_read() {
        let rows = [
            (">=0.1", ["0.1.0", "0.2.5"], ["0.0.9", "0.0.1"]),
            (">=0.1,<0.3", ["0.1.0", "0.2.9"], ["0.3.0", "1.0.0"]),
            ("==0.1.*", ["0.1.0", "0.1.7"], ["0.2.0", "0.0.1"]),
            ("~=0.1.2", ["0.1.2", "0.1.9"], ["0.1.1", "0.2.0"]),
            ("~=1.2", ["1.2.0", "1.9.0"], ["1.1.0", "2.0.0"]),
            (">=0.1, !=0.1.3", ["0.1.2", "0.1.4"], ["0.1.3", "0.0.1"]),
            ("^0.1", ["0.1.0", "0.1.9"], ["0.2.0", "0.0.9"]),
            ("*", ["0.1.0", "9.0.0"], ["1.0.0-rc.1", "2.0.0-a"]),
        ];
        for (text, allowed, refused) in rows {
            let requirement: Requirement = text.parse().expect(text);
            let allows = |version: &str| requirement.allows(&version.parse().expect(version));
            assert!(allowed.iter().all(|version| allows(version)), "{text}");
            assert!(!refused.iter().any(|version| allows(version)), "{text}");
        }
    }

    #[test]
    fn what_is_no_requirement_is_refused() {
        for text in ["", "newest", ">=", "0.1 0.2", "~=x"] {
            assert!(text.parse::<Requirement>().is_err(), "{text}");
        }
    }
}
