//! What the files of each image are called in the output.

use crate::error::Error;
use crate::model::Item;
use crate::paths;
use crate::problem::ProblemKind;
use crate::report::Notes;
use crate::stream::Source;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// What of a path must be different for each image of a split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// The path, folders and ending included.
    Path,
    /// The path without its ending.
    Stem,
    /// The path without its ending, as one name: the target has no folders.
    Flat,
}

/// The path in the output of every image. Only those are kept that differ from
/// what [`Style`] makes of the path in the source.
#[derive(Clone, Debug)]
pub(crate) struct Names {
    style: Style,
    /// New names; none for an image that is left out.
    changed: HashMap<usize, Option<String>>,
}

impl Names {
    /// Gives every image of a source a name in the folder of its split. Of two
    /// that would have one name, be it only on a system that ignores case, the
    /// later is numbered or left out, as the notes say.
    pub(crate) fn new(style: Style, source: &dyn Source, notes: &mut Notes) -> Result<Self, Error> {
        Self::of_images(style, source, &|index| source.image(index), notes)
    }

    /// The same where the images of all splits are in one folder.
    pub(crate) fn in_one_folder(style: Style, source: &dyn Source, notes: &mut Notes) -> Result<Self, Error> {
        Self::of_images(style, source, &|index| (None, source.image(index).1), notes)
    }

    fn of_images<'s>(
        style: Style,
        source: &'s dyn Source,
        image: &dyn Fn(usize) -> (Option<u16>, &'s str),
        notes: &mut Notes,
    ) -> Result<Self, Error> {
        let mut names = Self { style, changed: HashMap::new() };
        let repeated = names.repeated((0..source.len()).map(image));
        if repeated.is_empty() {
            return Ok(names);
        }
        let mut taken: HashSet<u64> = (0..source.len()).map(|index| names.key(image(index))).collect();
        for index in repeated {
            let (split, path) = image(index);
            let name = names.free_name(split, path, &mut taken);
            let place = || source.place(index, &Item::default(), None);
            let message = format!("`{path}` would have the name of another image; it becomes `{name}`");
            let keep = notes.problem(ProblemKind::DuplicateName, place, message)?;
            names.changed.insert(index, keep.then_some(name));
        }
        Ok(names)
    }

    /// The images whose name an earlier one has, in order.
    fn repeated<'s>(&self, images: impl Iterator<Item = (Option<u16>, &'s str)>) -> Vec<usize> {
        let mut keys: Vec<(u64, usize)> =
            images.enumerate().map(|(index, image)| (self.key(image), index)).collect();
        keys.sort_unstable();
        let same = keys.chunk_by(|a, b| a.0 == b.0);
        let mut repeated: Vec<usize> =
            same.flat_map(|same| same.iter().skip(1).map(|entry| entry.1)).collect();
        repeated.sort_unstable();
        repeated
    }

    /// The path with the first number that makes it different from all.
    fn free_name(&self, split: Option<u16>, path: &str, taken: &mut HashSet<u64>) -> String {
        let (stem, ending) = paths::split_ending(path);
        let mut number = 2;
        loop {
            let name = format!("{stem}-{number}{ending}");
            if taken.insert(self.key((split, &name))) {
                return self.styled(&name).into_owned();
            }
            number += 1;
        }
    }

    /// The path in the output of the image at `index`, whose path in the
    /// source is `path`. `None` if it is left out.
    pub(crate) fn of<'p>(&'p self, index: usize, path: &'p str) -> Option<Cow<'p, str>> {
        match self.changed.get(&index) {
            Some(name) => name.as_deref().map(Cow::Borrowed),
            None => Some(self.styled(path)),
        }
    }

    fn styled<'p>(&self, path: &'p str) -> Cow<'p, str> {
        match self.style {
            Style::Flat if path.contains('/') => Cow::Owned(paths::flat(path)),
            _ => Cow::Borrowed(path),
        }
    }

    fn key(&self, (split, path): (Option<u16>, &str)) -> u64 {
        let styled = self.styled(path);
        let unique = match self.style {
            Style::Path => &styled,
            Style::Stem | Style::Flat => paths::split_ending(&styled).0,
        };
        let lower = if unique.is_ascii() { unique.to_ascii_lowercase() } else { unique.to_lowercase() };
        let split = split.map_or(0, |split| u64::from(split) + 1);
        paths::hash(lower.as_bytes()).wrapping_add(split.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}
