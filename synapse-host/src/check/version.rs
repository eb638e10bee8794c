//! Versions of the C library.

use std::fmt;

/// A version such as 2.36; larger ones are newer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(Vec<u32>);

impl Version {
    /// Reads numbers with dots between.
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.split('.').map(|number| number.parse().ok());
        numbers.collect::<Option<Vec<u32>>>().map(Self)
    }

    /// The version in a symbol version such as `GLIBC_2.34`; `None` for those
    /// that stand for no release, such as `GLIBC_PRIVATE`.
    pub fn of_symbols(name: &str) -> Option<Self> {
        match name.strip_prefix("GLIBC_")? {
            // Packed relative relocations, which older loaders cannot apply.
            "ABI_DT_RELR" => Self::parse("2.36"),
            version => Self::parse(version),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u32::to_string).collect();
        f.write_str(&numbers.join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_by_their_numbers() {
        let version = |text| Version::parse(text).expect("a version");
        assert!(version("2.4") < version("2.34"));
        assert!(version("2.34") < version("2.34.1"));
        assert!(version("2.36") < version("3.0"));
        assert_eq!(version("2.2.5").to_string(), "2.2.5");
    }

    #[test]
    fn only_releases_are_versions() {
        assert_eq!(Version::of_symbols("GLIBC_2.34"), Version::parse("2.34"));
        assert_eq!(Version::of_symbols("GLIBC_ABI_DT_RELR"), Version::parse("2.36"));
        for other in ["GLIBC_PRIVATE", "GCC_3.3", "GLIBC_", "GLIBC_2.x", ""] {
            assert_eq!(Version::of_symbols(other), None, "{other}");
        }
    }
}
