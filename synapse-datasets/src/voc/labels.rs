//! Which class a number or colour of a plane is.

use crate::model::Class;
use crate::plane::color;
use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// What is no object.
pub(super) const BACKGROUND: u32 = 0;

/// What is of no class: edges, and what was too difficult.
pub(super) const VOID: u32 = 255;

/// The classes of the challenge, which its planes number.
const CHALLENGE: [&str; 20] = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

/// Where several programs keep the names and colours of the classes.
pub(super) const FILE: &str = "labelmap.txt";

/// The classes of planes by number and colour.
#[derive(Debug)]
pub(super) struct Labels {
    /// The names by number, from 1.
    pub(super) names: Vec<String>,
    colors: HashMap<[u8; 3], u32>,
}

impl Labels {
    /// The classes of the planes at `root`: those of its label map, else those
    /// that are `listed`, else those of the challenge.
    pub(super) fn find(root: &Path, listed: &[Class]) -> Self {
        let text = fs::read_to_string(root.join(FILE)).unwrap_or_default();
        let mut labels = Self { names: Vec::new(), colors: HashMap::new() };
        for (name, color) in text.lines().filter_map(entry) {
            match name {
                "background" => {}
                "ignored" | "void" => drop(labels.colors.insert(color, VOID)),
                _ => {
                    labels.names.push(name.to_owned());
                    labels.colors.insert(color, labels.names.len() as u32);
                }
            }
        }
        if labels.names.is_empty() {
            labels.names = listed.iter().map(|class| class.name.clone()).collect();
        }
        if labels.names.is_empty() {
            labels.names = CHALLENGE.map(str::to_owned).to_vec();
        }
        labels.with_palette()
    }

    /// No classes, but the numbers of the palette.
    pub(super) fn of_palette() -> Self {
        Self { names: Vec::new(), colors: HashMap::new() }.with_palette()
    }

    fn with_palette(mut self) -> Self {
        for number in 0..=255 {
            self.colors.entry(color(number)).or_insert(u32::from(number));
        }
        self
    }

    /// The number of a colour; that of nothing if no class has it.
    pub(super) fn number(&self, color: [u8; 3]) -> u32 {
        self.colors.get(&color).copied().unwrap_or(VOID)
    }

    /// The name of the class with a number.
    pub(super) fn name(&self, number: u32) -> Option<&str> {
        self.names.get(number.checked_sub(1)? as usize).map(String::as_str)
    }
}

/// `name:red,green,blue:parts:actions`
fn entry(line: &str) -> Option<(&str, [u8; 3])> {
    let line = line.trim_start_matches('\u{feff}').trim();
    if line.starts_with('#') {
        return None;
    }
    let (name, rest) = line.split_once(':')?;
    let mut color = rest.split(':').next()?.split(',').map(|value| value.trim().parse().ok());
    Some((name, [color.next()??, color.next()??, color.next()??]))
}

/// The label map of classes that are numbered in their order.
pub(super) fn write<'c>(classes: impl Iterator<Item = &'c str>) -> String {
    let mut text = "# label:color_rgb:parts:actions\n".to_owned();
    for (number, name) in (0..VOID as u8).zip(std::iter::once("background").chain(classes)) {
        let [red, green, blue] = color(number);
        text.push_str(&format!("{}:{red},{green},{blue}::\n", name.replace([':', '\n', '\r'], " ")));
    }
    text
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn classes_are_those_of_the_map_or_listed_or_of_the_challenge() {
        let folder = tempfile::tempdir().unwrap();
        let listed = [Class::named("a"), Class::named("b")];
        assert_eq!(Labels::find(folder.path(), &[]).name(15), Some("person"));
        assert_eq!(Labels::find(folder.path(), &listed).name(2), Some("b"));
        fs::write(
            folder.path().join(FILE),
            "# x\nbackground:0,0,0::\ntree:1,2,3::\nignored:9,9,9::\nsky:4,5,6::\n",
        )
        .unwrap();
        let labels = Labels::find(folder.path(), &listed);
        assert_eq!((labels.name(1), labels.name(2), labels.name(3)), (Some("tree"), Some("sky"), None));
        assert_eq!(
            [[0, 0, 0], [4, 5, 6], [9, 9, 9], [7, 7, 7]].map(|color| labels.number(color)),
            [0, 2, VOID, VOID]
        );
        fs::write(folder.path().join(FILE), write(["tree", "a:b"].into_iter())).unwrap();
        let again = Labels::find(folder.path(), &[]);
        assert_eq!((again.name(1), again.name(2), again.number([0, 128, 0])), (Some("tree"), Some("a b"), 2));
    }
}
