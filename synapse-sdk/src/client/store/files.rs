//! The files of a dataset, by split and filter, page by page.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::{CONTENT, DATASETS, FILES, FileStore, RECORD, name, read_object, text};
use crate::client::Id;
use crate::errors::{Result, ValidationError};

const PAGE: usize = 1000;
/// Folders whose files stand beside one another in YOLO's and DM's layouts.
const TWINS: [&str; 5] = ["images", "labels", "annotations", "json", "original_files"];

/// Which files of a split are asked for.
struct Filter {
    pattern: Option<String>,
    limit: usize,
}

impl Filter {
    fn of(filters: &Value) -> Result<Self> {
        let mut filter = Self { pattern: None, limit: usize::MAX };
        for (name, value) in filters.as_object().into_iter().flatten() {
            match (name.as_str(), value) {
                ("name", Value::String(pattern)) => filter.pattern = Some(pattern.clone()),
                ("limit", Value::Number(limit)) => {
                    filter.limit = limit.as_u64().map_or(usize::MAX, |limit| limit as usize);
                }
                ("name" | "limit", _) => {
                    return Err(ValidationError::new(format!("the filter `{name}` cannot be {value}")));
                }
                _ => {
                    let message = format!("a store in a folder has no filter `{name}`");
                    return Err(ValidationError::new(message)
                        .hint("it has `name`, a pattern such as \"a*\", and `limit`, a number"));
                }
            }
        }
        Ok(filter)
    }
}

/// A page of files: `{"files": [{"name", "path", "bytes"}], "next"}`.
pub(super) fn page(store: &FileStore, body: &Value) -> Result<Value> {
    let number = store.number(DATASETS, &body["id"])?;
    let folder = store.root.join(DATASETS.folder).join(name(DATASETS, number));
    let (record, files) = (read_object(&folder, RECORD)?, read_object(&folder, FILES)?);
    let split = body["split"].as_str().unwrap_or_default();
    let place = record.get("splits").and_then(|splits| splits[split].as_str());
    let filter = Filter::of(&body["filters"])?;
    let names = chosen(&files, &record, if split.is_empty() { None } else { place }, &filter);
    let after = Id::from_value(&body["after"]).map(|id| id.to_string());
    let rest = names.into_iter().filter(|name| after.as_deref().is_none_or(|after| name.as_str() > after));
    let page: Vec<&String> = rest.take(PAGE + 1).collect();
    let more = page.len() > PAGE;
    let page = &page[..page.len().min(PAGE)];
    let next = if more { page.last().map(|name| Value::from(name.as_str())) } else { None };
    let file = |name: &&String| json!({ "name": name, "path": text(&folder.join(CONTENT).join(name)), "bytes": files[*name] });
    Ok(json!({ "files": page.iter().map(file).collect::<Vec<_>>(), "next": next }))
}

/// Files of a split, those beside them, and files that belong to no split.
fn chosen<'f>(
    files: &'f Map<String, Value>,
    record: &Map<String, Value>,
    place: Option<&str>,
    filter: &Filter,
) -> Vec<&'f String> {
    let Some(place) = place else { return files.keys().collect() };
    let all_places: Vec<&str> = record
        .get("splits")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .filter_map(|(_, p)| p.as_str())
        .collect();
    let of = |name: &str, place: &str| twins(place).any(|place| Path::new(name).starts_with(place));
    let is_common = |name: &str| !all_places.iter().any(|place| of(name, place));
    let stem = |name: &str| Path::new(name).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let passes = |stem: &str| filter.pattern.as_deref().is_none_or(|pattern| matches(pattern, stem));
    let stems: BTreeSet<String> = files
        .keys()
        .filter(|name| Path::new(name.as_str()).starts_with(place))
        .map(|name| stem(name))
        .filter(|stem| passes(stem))
        .collect();
    let stems: BTreeSet<String> = stems.into_iter().take(filter.limit).collect();
    if stems.is_empty() {
        return Vec::new();
    }
    let is_chosen = |name: &&String| is_common(name) || (of(name, place) && stems.contains(&stem(name)));
    files.keys().filter(is_chosen).collect()
}

/// `images/train`, and with it `labels/train`.
fn twins(place: &str) -> impl Iterator<Item = String> {
    let parts: Vec<String> = place.split('/').map(str::to_owned).collect();
    let at = parts.iter().position(|part| TWINS.contains(&part.as_str()));
    let names = if at.is_some() { &TWINS[..] } else { &TWINS[..1] };
    names.iter().map(move |twin| {
        let mut parts = parts.clone();
        if let Some(at) = at {
            parts[at] = (*twin).to_owned();
        }
        parts.join("/")
    })
}

/// Whether a text is of a pattern in which `*` stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let Some((before, after)) = pattern.split_once('*') else { return pattern == text };
    let Some(rest) = text.strip_prefix(before) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| matches(after, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_stand_for_any_text() {
        for (pattern, text, expected) in [
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c", "ac", true),
            ("a*b", "abc", false),
            ("*", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
