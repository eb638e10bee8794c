//! What changed between two versions, as a `CHANGELOG.md` tells it: a heading of
//! the second level for each version, the newest first.

use semver::Version;

/// What a version, or those that come after the last one, changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// The text below it.
    pub text: String,
}

/// The sections of the versions after `from` up to and including `to`, as they
/// stand in the changelog of `to`. What is not released yet came after the last
/// one that was, and belongs to `to`.
pub fn between(changelog: &str, from: &Version, to: &Version) -> Vec<Section> {
    let sections = sections(changelog).into_iter().filter(|section| {
        let version = version(&section.title);
        let version = version.as_ref().unwrap_or(to);
        from < version && version <= to
    });
    sections.collect()
}

fn sections(changelog: &str) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for line in changelog.lines() {
        match (line.strip_prefix("## "), sections.last_mut()) {
            (Some(title), _) => {
                sections.push(Section { title: title.trim().to_owned(), text: String::new() });
            }
            (None, Some(section)) => section.text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    sections.iter_mut().for_each(|section| section.text = section.text.trim().to_owned());
    sections
}

/// `0.2.0`, `[0.2.0] - 2026-11-20`, `v0.2.0 (2026-11-20)`.
fn version(title: &str) -> Option<Version> {
    let word = title.split_whitespace().next()?;
    word.trim_matches(['[', ']']).trim_start_matches('v').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHANGELOG: &str = "# Changelog\n\n## Unreleased\n\n- d\n\n## [0.3.0] - 2026-03-01\n\n- c\n\n\
                             ## 0.2.0\n### Added\n- b\n\n## v0.1.0\n- a\n";

    #[test]
    fn sections_are_those_after_one_version_up_to_the_other() {
        let titles = |from: &str, to: &str| {
            let [from, to] = [from, to].map(|version| version.parse().expect("a version"));
            let sections = between(CHANGELOG, &from, &to);
            sections.into_iter().map(|section| section.title).collect::<Vec<_>>()
        };
        assert_eq!(titles("0.1.0", "0.2.0"), ["Unreleased", "0.2.0"]);
        assert_eq!(titles("0.1.0", "0.3.0"), ["Unreleased", "[0.3.0] - 2026-03-01", "0.2.0"]);
        assert_eq!(titles("0.3.0", "0.3.0"), [""; 0]);
        assert_eq!(titles("0.3.0", "0.1.0"), [""; 0]);
        let [from, to] = ["0.1.0", "0.2.0"].map(|version| version.parse().expect("a version"));
        assert_eq!(between(CHANGELOG, &from, &to)[1].text, "### Added\n- b");
    }
}
