//! The variables an action was given.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::errors::{Result, ValidationError};

/// The variables of a run: those of the call before those of config.yaml
/// before those of the process. The same in every mode; values are text.
///
/// ```
/// use synapse_sdk::Env;
///
/// let env: Env = [("WORKERS", "4"), ("AUGMENT", "yes"), ("TAGS", "a, b,")].into_iter().collect();
/// assert_eq!(env.get("WORKERS"), Some("4"));
/// assert_eq!(env.get_int("WORKERS")?, Some(4));
/// assert_eq!(env.get_bool("AUGMENT")?, Some(true));
/// assert_eq!(env.get_list("TAGS"), ["a", "b"]);
/// assert_eq!(env.get_float("ABSENT")?, None);
/// # Ok::<(), synapse_sdk::PluginError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Env(BTreeMap<String, String>);

impl Env {
    /// No variables.
    pub fn new() -> Self {
        Self::default()
    }

    /// The variables of this process whose names and values are UTF-8.
    pub fn from_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self(std::env::vars_os().filter_map(text).collect())
    }

    /// The value of `name`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The value of `name`; the same as [`get`](Self::get).
    pub fn get_str(&self, name: &str) -> Option<&str> {
        self.get(name)
    }

    /// The value of `name` as an integer, `None` when it is not set.
    ///
    /// # Errors
    /// [`Validation`](crate::errors::ErrorKind::Validation), naming variable
    /// and value, when it is no integer.
    pub fn get_int(&self, name: &str) -> Result<Option<i64>> {
        self.parse(name, "an integer, such as 4")
    }

    /// The value of `name` as a number, `None` when it is not set.
    ///
    /// # Errors
    /// [`Validation`](crate::errors::ErrorKind::Validation), naming variable
    /// and value, when it is no number.
    pub fn get_float(&self, name: &str) -> Result<Option<f64>> {
        self.parse(name, "a number, such as 0.5")
    }

    /// The value of `name` as a truth value, `None` when it is not set:
    /// `true`, `1`, `yes`, `on` or `false`, `0`, `no`, `off`, in any case.
    ///
    /// # Errors
    /// [`Validation`](crate::errors::ErrorKind::Validation), naming variable
    /// and value, when it is another word.
    pub fn get_bool(&self, name: &str) -> Result<Option<bool>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match value.trim().to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(Some(true)),
            "false" | "0" | "no" | "off" => Ok(Some(false)),
            _ => Err(wrong(name, value, "true or false")),
        }
    }

    /// The value of `name`, split at commas; blanks around items and empty
    /// items are left out. Empty when it is not set.
    pub fn get_list(&self, name: &str) -> Vec<&str> {
        let items = self.get(name).unwrap_or_default().split(',');
        items.map(str::trim).filter(|item| !item.is_empty()).collect()
    }

    /// Whether `name` is set.
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Sets `name`, replacing what it was.
    pub fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.insert(name.into(), value.into());
    }

    /// All of `self`, and of `weaker` what `self` does not set.
    #[must_use]
    pub fn over(mut self, weaker: &Self) -> Self {
        for (name, value) in &weaker.0 {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
        self
    }

    /// Names and values, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether nothing is set.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn parse<T: FromStr>(&self, name: &str, expected: &str) -> Result<Option<T>> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        match value.trim().parse() {
            Ok(parsed) => Ok(Some(parsed)),
            Err(_) => Err(wrong(name, value, expected)),
        }
    }
}

fn wrong(name: &str, value: &str, expected: &str) -> crate::PluginError {
    ValidationError::new(format!("environment variable {name} is `{value}`, not {expected}"))
        .hint(format!("set {name} to {expected}, or unset it"))
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

impl<K: Into<String>, V: Into<String>, const N: usize> From<[(K, V); N]> for Env {
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_value_names_variable_and_value() {
        let env = Env::from([("WORKERS", "four"), ("AUGMENT", "maybe")]);
        let error = env.get_int("WORKERS").unwrap_err();
        assert_eq!(error.to_string(), "environment variable WORKERS is `four`, not an integer, such as 4");
        assert!(env.get_bool("AUGMENT").is_err());
    }

    #[test]
    fn the_stronger_value_wins() {
        let call = Env::from([("A", "call")]);
        let merged = call.over(&Env::from([("A", "config"), ("B", "config")]));
        assert_eq!(merged, Env::from([("A", "call"), ("B", "config")]));
    }
}
