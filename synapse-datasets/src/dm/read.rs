//! Reads DM.

use super::media::Classes;
use super::{Version, dataset, groups, is_json, v1, v2};
use crate::error::{Error, ErrorKind};
use crate::format::Format;
use crate::json::{Cursor, Fault};
use crate::model::{Class, Contains, Header, Item};
use crate::parallel;
use crate::paths::{is_picture, split_ending};
use crate::picture;
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use crate::stream::{ReadOptions, Source, Want};
use crate::walk;
use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A DM dataset open for reading.
pub(crate) struct Dm {
    version: Version,
    header: Header,
    notes: Notes,
    max_vertices: usize,
    folders: Vec<(PathBuf, PathBuf)>,
    records: Vec<Record>,
    classes: Classes,
}

/// A JSON file and its image.
struct Record {
    json: Box<str>,
    /// Below the folder of images.
    image: Box<str>,
    /// The path in the dataset, where the document says another.
    path: Option<Box<str>>,
    folder: u16,
    split: Option<u16>,
}

/// What the first look at a document finds.
#[derive(Default)]
pub(super) struct Glance {
    /// Classes in the order of their first use, then those that are only
    /// listed.
    pub(super) classes: Vec<String>,
    pub(super) contains: Contains,
    /// Ids that are whole numbers.
    pub(super) numbers: Vec<i64>,
    pub(super) has_other_ids: bool,
    pub(super) has_image_id: bool,
    /// The path the image has in the dataset it comes from.
    pub(super) path: Option<String>,
}

/// Reads a document, whose bytes are given, into an item.
pub(super) struct Reader<'r> {
    pub(super) classes: &'r Classes,
    pub(super) max_vertices: usize,
    pub(super) path: &'r Path,
    /// The image file.
    pub(super) file: &'r Path,
}

impl Dm {
    pub(crate) fn open(root: &Path, version: Version, options: &ReadOptions) -> Result<Self, Error> {
        let groups = groups(root);
        if groups.is_empty() {
            let message = format!("there is no DM dataset in {}", root.display());
            return Err(Error::new(ErrorKind::UnknownFormat, message)
                .hint("DM has folders json and original_files, or both in train and valid"));
        }
        let mut dm = Self {
            version,
            header: Header::default(),
            notes: options.notes(),
            max_vertices: options.max_vertices,
            folders: Vec::new(),
            records: Vec::new(),
            classes: HashMap::new(),
        };
        dataset::read(root, &mut dm.header, &mut dm.notes)?;
        if !options.classes.is_empty() {
            dm.header.classes = options.classes.iter().map(Class::named).collect();
        }
        for (index, class) in dm.header.classes.iter().enumerate() {
            dm.classes.entry(class.name.clone()).or_insert(index as u32);
        }
        for group in groups {
            let split = group.split.map(|split| {
                dm.header.splits.push(split.to_owned());
                dm.header.splits.len() as u16 - 1
            });
            dm.add_folder(group.json, group.images, split)?;
        }
        dm.glance()?;
        Ok(dm)
    }

    fn add_folder(&mut self, json: PathBuf, images: PathBuf, split: Option<u16>) -> Result<(), Error> {
        let documents = walk::files_of_dataset(&json, &is_json, &mut self.notes)?;
        let pictures = match images.is_dir() {
            true => walk::files_of_dataset(&images, &is_picture, &mut self.notes)?,
            false => Vec::new(),
        };
        let by_stem: HashMap<&str, &String> =
            pictures.iter().rev().map(|path| (split_ending(path).0, path)).collect();
        let folder = self.folders.len() as u16;
        for json in &documents {
            let stem = split_ending(json).0;
            let image = by_stem.get(stem).map_or_else(|| format!("{stem}.jpg"), |path| (*path).clone());
            self.records.push(Record {
                json: json.as_str().into(),
                image: image.into(),
                path: None,
                folder,
                split,
            });
        }
        self.folders.push((json, images));
        Ok(())
    }

    /// Reads every document once for the classes and kinds of ids.
    fn glance(&mut self) -> Result<(), Error> {
        let empty = self.notes.empty();
        let looks = parallel::ranges(self.records.len(), |range| -> Result<_, Error> {
            let mut notes = empty.empty();
            let mut glances = Vec::with_capacity(range.len());
            for record in &self.records[range] {
                glances.push(self.glance_at(record, &mut notes)?);
            }
            Ok((glances, notes))
        });
        let mut records = std::mem::take(&mut self.records).into_iter();
        let mut all = Glance::default();
        let mut image_ids = 0;
        for look in looks {
            let (glances, notes) = look?;
            self.notes.append(notes);
            for glance in glances {
                let Some(record) = records.next() else { break };
                let Some(glance) = glance else { continue };
                glance.classes.into_iter().for_each(|name| self.add_class(name));
                all.contains = all.contains.or(glance.contains);
                all.has_other_ids |= glance.has_other_ids;
                all.numbers.extend(glance.numbers);
                image_ids += usize::from(glance.has_image_id);
                self.records.push(Record { path: glance.path.map(String::into_boxed_str), ..record });
            }
        }
        self.header.contains = all.contains;
        self.header.image_numbers = image_ids == self.records.len();
        let count = all.numbers.len();
        all.numbers.sort_unstable();
        all.numbers.dedup();
        self.header.annotation_numbers = !all.has_other_ids && all.numbers.len() == count;
        Ok(())
    }

    fn add_class(&mut self, name: String) {
        if !self.classes.contains_key(&name) {
            self.header.classes.push(Class::named(&*name));
            self.classes.insert(name, self.header.classes.len() as u32 - 1);
        }
    }

    fn json_path(&self, record: &Record) -> PathBuf {
        self.folders[usize::from(record.folder)].0.join(&*record.json)
    }

    fn glance_at(&self, record: &Record, notes: &mut Notes) -> Result<Option<Glance>, Error> {
        let path = self.json_path(record);
        let bytes = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
        let glance = match self.version {
            Version::V1 => v1::glance(&bytes),
            Version::V2 => v2::glance(without_mark(&bytes)),
        };
        match glance {
            Ok(glance) => Ok(Some(glance)),
            Err(message) => {
                notes.unusable(ProblemKind::Damaged, || Place::file(&path), message)?;
                Ok(None)
            }
        }
    }

    fn fill(&self, record: &Record, item: &mut Item, want: Want, notes: &mut Notes) -> Result<bool, Error> {
        let path = self.json_path(record);
        let file = self.folders[usize::from(record.folder)].1.join(&*record.image);
        let bytes = fs::read(&path).map_err(|error| Error::io("read", &path, error))?;
        item.clear();
        item.split = record.split;
        item.image.path.push_str(record.path.as_ref().unwrap_or(&record.image));
        let reader =
            Reader { classes: &self.classes, max_vertices: self.max_vertices, path: &path, file: &file };
        let outcome = match self.version {
            Version::V1 => v1::read(&bytes, &reader, item, notes)?,
            Version::V2 => v2::read(without_mark(&bytes), &reader, item, notes)?,
        };
        if let Err(fault) = outcome {
            notes.unusable(ProblemKind::Damaged, || Place::file(&path), fault.to_string())?;
            return Ok(false);
        }
        if want.sizes && item.image.size.is_none() {
            item.image.size = picture::size(&file);
        }
        item.image.file = Some(file);
        Ok(true)
    }
}

pub(super) fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// The pointer of an annotation that stands at `at` in a document. Only
/// v2 documents keep places; they name annotations by tool.
fn pointer(path: &Path, at: u64) -> String {
    let Ok(bytes) = fs::read(path) else { return String::new() };
    let mut found = String::new();
    let _: Result<(), Fault> =
        v2::tools(&mut Cursor::new(without_mark(&bytes)), &mut |tool, number, start| {
            if start as u64 == at {
                found = format!("/images/0/{}/{number}", String::from_utf8_lossy(tool));
            }
        });
    found
}

impl Source for Dm {
    fn format(&self) -> Format {
        match self.version {
            Version::V1 => Format::DmV1,
            Version::V2 => Format::DmV2,
        }
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
        (record.split, record.path.as_ref().unwrap_or(&record.image))
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
            if self.fill(&self.records[index], &mut item, want, notes)? {
                each(index, &mut item, notes)?;
            }
        }
        Ok(())
    }

    fn place(&self, index: usize, item: &Item, annotation: Option<usize>) -> Place {
        let path = self.json_path(&self.records[index]);
        match annotation.map(|annotation| item.annotations[annotation].at) {
            None => Place::file(path),
            Some(at) if self.version == Version::V2 => {
                let pointer = pointer(&path, at);
                Place::pointer(path, pointer)
            }
            Some(at) => Place::pointer(path, format!("/annotations/*/{at}")),
        }
    }
}
