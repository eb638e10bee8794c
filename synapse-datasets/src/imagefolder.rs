//! Image folders for classification: a folder a class, its images within.
//!
//! Found are `<class>/…` or `<split>/<class>/…`, where every folder has images
//! and nothing but `classes.txt` and other text stands beside them. That file
//! gives the order of classes, which is else that of the alphabet; it is
//! written, too. Images in folders below that of their class are of the class.
//!
//! A class whose name cannot be that of a folder gets one with `_` for what
//! cannot stand there; `classes.txt` keeps the name.

use crate::coco::canonical;
use crate::convert::Images;
use crate::error::{Error, ErrorKind};
use crate::fields::{self, dataset_place, kind_loss, lose};
use crate::format::Format;
use crate::loss::LossKind;
use crate::model::{Annotation, Class, Header, Item, Kind};
use crate::names::{Names, Style};
use crate::output::Output;
use crate::paths::{self, is_picture, one_line};
use crate::picture;
use crate::problem::Place;
use crate::report::Notes;
use crate::stream::{At, Part, ReadOptions, Source, Target, Want};
use crate::walk;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Names of folders that are splits if all beside them are.
const SPLITS: [&str; 5] = ["train", "val", "valid", "validation", "test"];

/// A folder of classes, and the split it is.
type Group = (PathBuf, Option<String>);

/// Whether there is an image folder at `root`.
pub(crate) fn is_imagefolder(root: &Path) -> bool {
    let groups = groups(root);
    !groups.is_empty()
        && groups.iter().all(|(folder, _)| {
            let classes = folders(folder);
            !classes.is_empty()
                && !has_picture(folder)
                && classes.iter().all(|(path, _)| looks_like_class(path))
        })
}

/// Whether a folder has an image, and no annotations.
fn looks_like_class(folder: &Path) -> bool {
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten().take(1000).peekable();
    // A class may have no images in one of the splits.
    entries.peek().is_none()
        || entries.all(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            is_picture(&name) || entry.path().is_dir() || name.starts_with('.')
        }) && walk::files(folder, &is_picture).is_ok_and(|files| !files.is_empty())
}

fn has_picture(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.take(1000).any(|entry| is_picture(&entry.file_name().to_string_lossy()))
}

fn groups(root: &Path) -> Vec<Group> {
    let folders = folders(root);
    let is_split = |name: &str| SPLITS.contains(&name.to_ascii_lowercase().as_str());
    if !folders.is_empty() && folders.iter().all(|(_, name)| is_split(name)) {
        return folders.into_iter().map(|(path, name)| (path, Some(canonical(&name)))).collect();
    }
    if folders.is_empty() { Vec::new() } else { vec![(root.to_owned(), None)] }
}

/// The folders in a folder, sorted.
fn folders(root: &Path) -> Vec<(PathBuf, String)> {
    let entries = fs::read_dir(root).into_iter().flatten().flatten();
    let mut found: Vec<(PathBuf, String)> = entries
        .filter(|entry| entry.path().is_dir())
        .filter_map(|entry| Some((entry.path(), entry.file_name().into_string().ok()?)))
        .filter(|(_, name)| !name.starts_with('.'))
        .collect();
    found.sort();
    found
}

/// The folder of each class: its name, as far as that can be one.
fn folder_names<'c>(classes: impl Iterator<Item = &'c str>) -> Vec<String> {
    // It stands beside the folders.
    let mut taken = HashSet::from(["classes.txt".to_owned()]);
    classes
        .map(|class| {
            let plain: String = class
                .chars()
                .map(|c| if c.is_control() || matches!(c, '/' | '\\' | ':') { '_' } else { c })
                .collect();
            let plain = plain.trim_matches(['.', ' ']);
            let name = match paths::check(plain) {
                paths::Checked::Safe(name) => name,
                _ => "_".to_owned(),
            };
            let mut free = name.clone();
            let mut number = 2;
            while !taken.insert(free.to_lowercase()) {
                free = format!("{name}-{number}");
                number += 1;
            }
            free
        })
        .collect()
}

/// An image folder open for reading.
pub(crate) struct ImageFolder {
    header: Header,
    notes: Notes,
    folders: Vec<PathBuf>,
    records: Vec<Record>,
}

struct Record {
    /// Below the folder of its split.
    path: Box<str>,
    folder: u16,
    class: u32,
    split: Option<u16>,
}

impl ImageFolder {
    pub(crate) fn open(root: &Path, options: &ReadOptions) -> Result<Self, Error> {
        let groups = groups(root);
        if groups.is_empty() {
            let message = format!("there is no image folder in {}", root.display());
            return Err(Error::new(ErrorKind::UnknownFormat, message)
                .hint("an image folder has a folder for each class, in it the images"));
        }
        let mut listed = options.classes.clone();
        let text = fs::read_to_string(root.join("classes.txt")).unwrap_or_default();
        let lines = text.trim_start_matches('\u{feff}').lines().filter(|line| !line.trim().is_empty());
        listed.extend(lines.map(str::to_owned));
        let mut known = HashSet::new();
        listed.retain(|name| known.insert(name.clone()));
        let names = folder_names(listed.iter().map(String::as_str));
        let mut classes: HashMap<String, u32> = names.into_iter().zip(0..).collect();
        let mut source = Self {
            header: Header { classes: listed.into_iter().map(Class::named).collect(), ..Header::default() },
            notes: options.notes(),
            folders: Vec::new(),
            records: Vec::new(),
        };
        for (folder, split) in groups {
            source.add(folder, split, &mut classes)?;
        }
        Ok(source)
    }

    fn add(
        &mut self,
        folder: PathBuf,
        split: Option<String>,
        classes: &mut HashMap<String, u32>,
    ) -> Result<(), Error> {
        let split = split.map(|split| {
            let splits = &mut self.header.splits;
            let known = splits.iter().position(|known| *known == split);
            known.unwrap_or_else(|| {
                splits.push(split);
                splits.len() - 1
            }) as u16
        });
        let number = self.folders.len() as u16;
        for (path, name) in folders(&folder) {
            let next = self.header.classes.len() as u32;
            let class = *classes.entry(name.clone()).or_insert(next);
            if class == next {
                self.header.classes.push(Class::named(&*name));
            }
            for file in walk::files_of_dataset(&path, &is_picture, &mut self.notes)? {
                let path = format!("{name}/{file}").into();
                self.records.push(Record { path, folder: number, class, split });
            }
        }
        self.folders.push(folder);
        Ok(())
    }

    fn file(&self, record: &Record) -> PathBuf {
        self.folders[usize::from(record.folder)].join(&*record.path)
    }
}

impl Source for ImageFolder {
    fn format(&self) -> Format {
        Format::ImageFolder
    }

    fn header(&self) -> &Header {
        &self.header
    }

    fn notes(&self) -> &Notes {
        &self.notes
    }

    fn len(&self) -> usize {
        self.records.len()
    }

    fn image(&self, index: usize) -> (Option<u16>, &str) {
        let record = &self.records[index];
        (record.split, &record.path)
    }

    fn read(
        &self,
        range: Range<usize>,
        want: Want,
        notes: &mut Notes,
        each: &mut dyn FnMut(usize, &mut Item, &mut Notes) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut item = Item::default();
        for index in range {
            let record = &self.records[index];
            item.clear();
            item.split = record.split;
            item.image.path.push_str(&record.path);
            let file = self.file(record);
            if want.sizes {
                item.image.size = picture::size(&file);
            }
            item.image.file = Some(file);
            item.annotations.push(Annotation {
                kind: Kind::Label,
                class: Some(record.class),
                ..Annotation::default()
            });
            each(index, &mut item, notes)?;
        }
        Ok(())
    }

    fn place(&self, index: usize, _item: &Item, _annotation: Option<usize>) -> Place {
        self.records.get(index).map_or_else(Place::default, |record| Place::file(self.file(record)))
    }
}

/// An image folder being written.
pub(crate) struct Writer<'s> {
    header: &'s Header,
    output: Output,
    names: Names,
    /// The folder of each class.
    folders: Vec<String>,
    /// The paths of all images, so that a shorter one is not that of another.
    paths: HashSet<u64>,
}

impl<'s> Writer<'s> {
    pub(crate) fn new(
        source: &'s dyn Source,
        output: Output,
        images: Images,
        notes: &mut Notes,
    ) -> Result<Self, Error> {
        if images == Images::Without {
            return Err(Error::new(ErrorKind::Options, "an image folder is nothing without its images")
                .hint("link or copy them"));
        }
        let header = source.header();
        fields::lose_header(notes, header, &|| dataset_place(source));
        let names = Names::new(Style::Path, source, notes)?;
        let paths = (0..source.len()).map(|index| hash(source.image(index).1)).collect();
        let folders = folder_names(header.classes.iter().map(|class| class.name.as_str()));
        let classes: String = header.classes.iter().map(|class| one_line(&class.name) + "\n").collect();
        output.write("", "classes.txt", classes.as_bytes())?;
        let writer = Self { header, output, names, folders, paths };
        let splits = (0..header.splits.len() as u16).map(Some);
        // Readers number classes by their folders, so each split has them all.
        for split in splits.chain(header.splits.is_empty().then_some(None)) {
            for folder in &writer.folders {
                writer.output.folder(&writer.in_split(split, folder))?;
            }
        }
        Ok(writer)
    }

    fn in_split(&self, split: Option<u16>, folder: &str) -> String {
        match split.map(|split| self.header.splits[usize::from(split)].as_str()) {
            Some(split) => format!("{split}/{folder}"),
            // Beside splits there are no classes.
            None if self.header.splits.is_empty() => folder.to_owned(),
            None => format!("train/{folder}"),
        }
    }

    /// The name of an image below the folder of its class.
    fn short<'n>(&self, name: &'n str, folder: &str) -> &'n str {
        let inner = name.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
        inner.filter(|inner| !self.paths.contains(&hash(inner))).unwrap_or(name)
    }
}

fn hash(path: &str) -> u64 {
    paths::hash(path.to_lowercase().as_bytes())
}

impl Target for Writer<'_> {
    fn want(&self) -> Want {
        Want { shapes: false, sizes: false }
    }

    fn encode(&self, index: usize, item: &Item, at: At<'_>, part: &mut Part) -> Result<bool, Error> {
        let Some(name) = self.names.of(index, &item.image.path) else { return Ok(false) };
        let notes = &mut part.notes;
        let mut label = None;
        for (number, annotation) in item.annotations.iter().enumerate() {
            let at = || at(Some(number));
            match (annotation.kind, annotation.class, label) {
                (Kind::Label, Some(class), None) => label = Some(class),
                (Kind::Label, ..) => {
                    lose(notes, LossKind::FurtherLabel, true, at);
                    continue;
                }
                _ => {
                    lose(notes, kind_loss(annotation.kind), true, at);
                    continue;
                }
            }
            fields::lose_details(notes, annotation, &at);
            lose(notes, LossKind::Score, annotation.score.is_some(), at);
        }
        let Some(folder) = label.and_then(|class| self.folders.get(class as usize)) else {
            lose(notes, LossKind::Unlabelled, true, || at(None));
            return Ok(false);
        };
        lose(notes, LossKind::ImageId, item.image.id.is_some(), || at(None));
        let has_fields = !item.image.extra.is_empty() || !item.xml.is_empty();
        lose(notes, LossKind::ImageFields, has_fields, || at(None));
        lose(notes, LossKind::Document, !item.document.is_empty(), || at(None));
        let placed = match &item.image.file {
            Some(file) => {
                self.output.image(file, &self.in_split(item.split, folder), self.short(&name, folder))?
            }
            None => false,
        };
        if !placed {
            fields::no_file(notes, item, &|| at(None))?;
        }
        Ok(placed)
    }

    fn commit(&self, _part: &mut Part) -> Result<(), Error> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.output.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_folder_of_its_own_and_none_leaves() {
        let classes = ["a/b", "../x", "..", "", "cat", "Cat", "a\0\nb", "ß c", "a_b"];
        let names = folder_names(classes.into_iter());
        assert_eq!(names, ["a_b", "_x", "_", "_-2", "cat", "Cat-2", "a__b", "ß c", "a_b-2"]);
    }
}
