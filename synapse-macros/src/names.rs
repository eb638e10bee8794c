//! Names: of actions, of data types, near misses.

/// `TrainModel` as `train_model`, `DmV2Dataset` as `dm_v2_dataset`.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = None;
    for c in name.chars() {
        let starts_word = c.is_uppercase() && before.is_some_and(|c: char| c != '_' && !c.is_uppercase());
        if starts_word {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
        before = Some(c);
    }
    snake
}

/// `neural_net` as `NeuralNet`.
pub(crate) fn pascal_case(name: &str) -> String {
    let capital = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|c| c.to_uppercase().chain(chars).collect::<String>()).unwrap_or_default()
    };
    name.split(['_', '-']).map(capital).collect()
}

/// The action's name that a type's name stands for: `TrainAction` is `train`.
pub(crate) fn action_name(type_name: &str) -> String {
    let stem = type_name.strip_suffix("Action").filter(|stem| !stem.is_empty());
    snake_case(stem.unwrap_or(type_name))
}

/// Why a name is no action's or data type's name.
pub(crate) fn name_fault(name: &str) -> Option<String> {
    let fine = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() {
        return Some("a name cannot be empty".to_owned());
    }
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_') {
        return Some("a name begins with a letter, a digit or `_`".to_owned());
    }
    if name.chars().all(fine) {
        return None;
    }
    let joined = name.replace(char::is_whitespace, "_");
    let instead = if joined.chars().all(fine) { format!(": write `{joined}`") } else { String::new() };
    Some(format!("a name has only letters a to z, digits, `_`, `-` and `.`{instead}"))
}

/// ` (did you mean …?)` or the list of what there is.
pub(crate) fn known(word: &str, known: &[&str]) -> String {
    let near = known.iter().min_by_key(|candidate| strsim::levenshtein(word, candidate));
    match near {
        Some(near) if strsim::levenshtein(word, near) <= 1 + word.len() / 4 => {
            format!("; did you mean `{near}`?")
        }
        _ => match known {
            [only] => format!("; there is only {only}"),
            all => format!("; there are {}", all.join(", ")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_get_snake_case_names() {
        assert_eq!(snake_case("DmV2Dataset"), "dm_v2_dataset");
        assert_eq!(snake_case("PascalVocDataset"), "pascal_voc_dataset");
        assert_eq!(action_name("TrainAction"), "train");
        assert_eq!(action_name("CountWords"), "count_words");
        assert_eq!(action_name("Action"), "action");
        assert_eq!(pascal_case("neural_net"), "NeuralNet");
    }

    #[test]
    fn near_words_are_told() {
        assert_eq!(known("catgory", &["name", "category"]), "; did you mean `category`?");
        assert_eq!(known("zzz", &["name", "category"]), "; there are name, category");
        assert_eq!(known("zzz", &["name"]), "; there is only name");
    }
}
