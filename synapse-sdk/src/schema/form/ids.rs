//! Ids, by which conditions find the inputs they ask about.

use super::condition::is_word;

/// The ids of one form: the names on the way to a field, joined by `_`.
#[derive(Default)]
pub(super) struct Ids {
    given: Vec<(Vec<String>, String)>,
}

impl Ids {
    /// The id of the field at `path`, always the same one.
    pub(super) fn of(&mut self, path: &[String]) -> String {
        if let Some((_, id)) = self.given.iter().find(|(known, _)| known == path) {
            return id.clone();
        }
        let joined = join(path);
        let id = self.free(joined);
        self.given.push((path.to_vec(), id.clone()));
        id
    }

    /// `a_b` may be the field `a_b`, or `b` in `a`.
    fn free(&self, joined: String) -> String {
        let is_taken = |id: &str| self.given.iter().any(|(_, given)| given == id);
        if !is_taken(&joined) {
            return joined;
        }
        let numbered = (2..).map(|number| format!("{joined}_{number}"));
        numbered.into_iter().find(|id| !is_taken(id)).unwrap_or(joined)
    }
}

/// The names as one word that can stand in an expression.
pub(super) fn join(path: &[String]) -> String {
    let joined = path.join("_");
    let word: String =
        joined.chars().map(|each| if each.is_ascii_alphanumeric() { each } else { '_' }).collect();
    if is_word(&word) { word } else { format!("field_{word}") }
}
