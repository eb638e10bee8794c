//! "Did you mean …?": the known word nearest to a mistyped one.

/// The candidate a person most likely meant by `word`, if one is near enough.
///
/// Case, and `-` against `_`, do not count. A third of the longer word may
/// differ; failing that, a word of three letters or more that begins exactly
/// one candidate stands for it. Of equally near candidates the first is taken.
///
/// ```
/// use synapse_sdk::suggest::nearest;
///
/// assert_eq!(nearest("trian", ["train", "test"]), Some("train"));
/// assert_eq!(nearest("deploy", ["train", "test"]), None);
/// ```
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = folded(word);
    if word.is_empty() {
        return None;
    }
    let candidates: Vec<(&str, String)> = candidates.into_iter().map(|c| (c, folded(c))).collect();
    closest(&word, &candidates).or_else(|| only_completion(&word, &candidates))
}

fn folded(word: &str) -> String {
    word.trim().to_ascii_lowercase().replace('-', "_")
}

fn closest<'a>(word: &str, candidates: &[(&'a str, String)]) -> Option<&'a str> {
    candidates
        .iter()
        .map(|(original, folded)| (distance_within_limit(word, folded), *original))
        .filter_map(|(distance, original)| distance.map(|d| (d, original)))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, original)| original)
}

fn distance_within_limit(word: &str, candidate: &str) -> Option<usize> {
    let longer = word.chars().count().max(candidate.chars().count());
    let distance = strsim::osa_distance(word, candidate);
    (distance <= longer / 3).then_some(distance)
}

fn only_completion<'a>(word: &str, candidates: &[(&'a str, String)]) -> Option<&'a str> {
    if word.chars().count() < 3 {
        return None;
    }
    let mut completions = candidates.iter().filter(|(_, c)| c.starts_with(word));
    let first = completions.next()?;
    completions.next().is_none().then_some(first.0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    const ACTIONS: [&str; 4] = ["train", "test", "inference", "auto_label"];

    #[test]
    fn a_slip_of_the_keyboard_is_recognised() {
        assert_eq!(nearest("trian", ACTIONS), Some("train"));
        assert_eq!(nearest("infrence", ACTIONS), Some("inference"));
    }

    #[test]
    fn case_and_hyphens_do_not_count() {
        assert_eq!(nearest("Auto-Label", ACTIONS), Some("auto_label"));
    }

    #[test]
    fn the_nearest_of_several_wins() {
        assert_eq!(nearest("test", ["text", "test"]), Some("test"));
    }

    #[test]
    fn the_first_of_equally_near_ones_wins() {
        assert_eq!(nearest("cat", ["bat", "rat"]), Some("bat"));
    }

    #[test]
    fn a_stranger_has_no_neighbour() {
        assert_eq!(nearest("deploy", ACTIONS), None);
        assert_eq!(nearest("", ACTIONS), None);
        assert_eq!(nearest("x", ["y"]), None);
    }

    #[test]
    fn a_beginning_stands_for_the_one_word_it_begins() {
        let words = ["neural_net", "pre_annotation", "pre_process"];
        assert_eq!(nearest("neural", words), Some("neural_net"));
        assert_eq!(nearest("pre", words), None);
        assert_eq!(nearest("ne", words), None);
    }
}
