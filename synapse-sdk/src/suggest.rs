//! "Did you mean …?"

/// The candidate nearest to `word`, if one is near enough to be meant.
///
/// ```
/// use synapse_sdk::suggest::nearest;
///
/// assert_eq!(nearest("trian", ["train", "test"]), Some("train"));
/// assert_eq!(nearest("deploy", ["train", "test"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance =
        |candidate: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &candidate.to_lowercase());
    let near_enough = 1.max(word.chars().count() / 3);
    candidates
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .filter(|(distance, _)| *distance <= near_enough)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
