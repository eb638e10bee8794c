//! Reads Pascal VOC.

use super::labels::Labels;
use super::layout;
use super::planes::Planes;
use super::xml::{self, Element, Fault};
use crate::error::{Error, ErrorKind};
use crate::format::Format;
use crate::model::{Annotation, Class, Contains, Header, Item, Size, VocFlags};
use crate::number;
use crate::parallel;
use crate::paths::{self, Checked, split_ending};
use crate::picture;
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use crate::stream::{ReadOptions, Source, Want};
use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A Pascal VOC dataset open for reading.
pub(crate) struct Voc {
    header: Header,
    notes: Notes,
    first_pixel: f64,
    folders: Vec<Folder>,
    records: Vec<Record>,
    classes: HashMap<String, u32>,
}

/// XML files, their images, and what else belongs to them.
struct Folder {
    annotations: PathBuf,
    images: PathBuf,
    planes: Option<Planes>,
}

/// An XML file.
struct Record {
    xml: Box<str>,
    folder: u16,
    split: Option<u16>,
    /// The path of its image below the folder of images.
    image: Box<str>,
}

/// What the first look at an XML file says.
struct Glance {
    image: String,
    classes: Vec<String>,
}

impl Voc {
    pub(crate) fn open(root: &Path, options: &ReadOptions) -> Result<Self, Error> {
        let mut notes = options.notes();
        let groups = layout::find(root, &mut notes)?;
        if groups.is_empty() {
            let message = format!("there is no Pascal VOC dataset in {}", root.display());
            return Err(Error::new(ErrorKind::UnknownFormat, message)
                .hint("VOC has XML files in a folder Annotations"));
        }
        let mut voc = Self {
            header: Header { contains: Contains { boxes: true, ..Contains::default() }, ..Header::default() },
            notes,
            first_pixel: f64::from(options.voc_first_pixel),
            folders: Vec::new(),
            records: Vec::new(),
            classes: HashMap::new(),
        };
        // Written with the annotations, so that the order of classes is kept.
        let listed = fs::read_to_string(root.join("classes.txt")).unwrap_or_default();
        let listed = listed.trim_start_matches('\u{feff}').lines().map(str::trim);
        for name in options.classes.iter().map(String::as_str).chain(listed) {
            if !name.is_empty() {
                voc.add_class(name);
            }
        }
        for group in groups {
            let folder = voc.folders.len() as u16;
            let planes = Planes::find(&group.root, || Labels::find(root, &voc.header.classes));
            voc.header.contains.masks |= planes.is_some();
            voc.folders.push(Folder { annotations: group.annotations, images: group.images, planes });
            for (xml, split) in group.files {
                let split = split.map(|split| voc.split(split));
                voc.records.push(Record { xml: xml.into(), folder, split, image: Box::default() });
            }
        }
        voc.glance()?;
        let planes = voc.folders.iter().filter_map(|folder| folder.planes.as_ref());
        let names: Vec<String> = planes.flat_map(Planes::names).cloned().collect();
        names.iter().for_each(|name| voc.add_class(name));
        Ok(voc)
    }

    fn split(&mut self, name: String) -> u16 {
        let splits = &mut self.header.splits;
        let known = splits.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            splits.push(name);
            splits.len() - 1
        }) as u16
    }

    fn add_class(&mut self, name: &str) {
        if !self.classes.contains_key(name) {
            self.classes.insert(name.to_owned(), self.header.classes.len() as u32);
            self.header.classes.push(Class::named(name));
        }
    }

    /// Reads every file once for the names of images and classes. A file that
    /// cannot be read is no longer of the dataset.
    fn glance(&mut self) -> Result<(), Error> {
        let on_error = self.notes.empty();
        let looks = parallel::ranges(self.records.len(), |range| -> Result<_, Error> {
            let mut notes = on_error.empty();
            let mut glances = Vec::with_capacity(range.len());
            for record in &self.records[range] {
                glances.push(self.glance_at(record, &mut notes)?);
            }
            Ok((glances, notes))
        });
        let mut records = std::mem::take(&mut self.records).into_iter();
        for look in looks {
            let (glances, notes) = look?;
            self.notes.append(notes);
            for glance in glances {
                let Some(record) = records.next() else { break };
                let Some(glance) = glance else { continue };
                glance.classes.iter().for_each(|name| self.add_class(name));
                self.records.push(Record { image: glance.image.into(), ..record });
            }
        }
        Ok(())
    }

    fn glance_at(&self, record: &Record, notes: &mut Notes) -> Result<Option<Glance>, Error> {
        let path = self.xml_path(record);
        let images = &self.folder(record).images;
        let stem = split_ending(&record.xml).0;
        let by_stem = || layout::find_image(images, stem);
        let Some(text) = read_text(&path, notes)? else { return Ok(None) };
        let Some(text) = text else {
            return Ok(by_stem().map(|image| Glance { image, classes: Vec::new() }));
        };
        let root = match xml::parse(&text) {
            Ok(root) => root,
            Err(fault) => {
                tell(&path, &text, fault, notes)?;
                return Ok(None);
            }
        };
        let Some(image) = image_name(&root, images, stem, &path, notes)? else { return Ok(None) };
        let objects = root.children.iter().filter(|child| child.name == "object");
        let classes = objects.filter_map(|object| object.text_of("name")).map(str::to_owned).collect();
        Ok(Some(Glance { image, classes }))
    }

    fn folder(&self, record: &Record) -> &Folder {
        &self.folders[usize::from(record.folder)]
    }

    fn xml_path(&self, record: &Record) -> PathBuf {
        self.folder(record).annotations.join(&*record.xml)
    }

    fn fill(&self, record: &Record, item: &mut Item, want: Want, notes: &mut Notes) -> Result<bool, Error> {
        let path = self.xml_path(record);
        let file = self.folder(record).images.join(&*record.image);
        item.clear();
        item.split = record.split;
        item.image.path.push_str(&record.image);
        let Some(text) = read_text(&path, notes)? else { return Ok(false) };
        let stem = split_ending(&record.xml).0;
        let planes = self.folder(record).planes.as_ref().filter(|planes| planes.has(stem));
        let mut numbers = Vec::new();
        if let Some(text) = &text {
            // It was read before; if it changed meanwhile, that is a problem.
            match xml::parse(text) {
                Ok(root) => numbers = self.document(&root, text, &path, planes.is_some(), item, notes)?,
                Err(fault) => {
                    tell(&path, text, fault, notes)?;
                    return Ok(false);
                }
            }
        }
        if want.sizes && item.image.size.is_none() {
            item.image.size = picture::size(&file);
        }
        item.image.file = Some(file);
        if let Some(planes) = planes {
            planes.read(stem, &numbers, &|name| self.classes.get(name).copied(), item, notes)?;
        }
        Ok(true)
    }

    /// Reads a document and gives the number of each annotation among the
    /// objects of the file, from 1.
    fn document(
        &self,
        root: &Element<'_>,
        text: &str,
        path: &Path,
        has_planes: bool,
        item: &mut Item,
        notes: &mut Notes,
    ) -> Result<Vec<u32>, Error> {
        let mut other = String::new();
        let (mut numbers, mut objects) = (Vec::new(), 0);
        for child in &root.children {
            match child.name {
                "folder" | "filename" | "path" => {}
                "size" => size(child, item),
                "segmented" if has_planes || child.text == "0" => {}
                "source" if is_default_source(child) => {}
                "object" => {
                    objects += 1;
                    let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..child.start]).count() as u64;
                    match self.object(child, item) {
                        Ok(annotation) => {
                            item.annotations.push(Annotation { at: line, ..annotation });
                            numbers.push(objects);
                        }
                        Err(message) => {
                            notes.unusable(ProblemKind::Malformed, || Place::line(path, line), message)?
                        }
                    }
                }
                _ => other.push_str(child.raw),
            }
        }
        item.xml = item.add_text(&other);
        Ok(numbers)
    }

    fn object(&self, object: &Element<'_>, item: &mut Item) -> Result<Annotation, String> {
        let name = object.text_of("name").ok_or("an object without a name")?;
        let bounds = object.child("bndbox").ok_or("an object without bndbox")?;
        let edge = |name: &str| {
            let text = bounds.text_of(name).ok_or_else(|| format!("bndbox without {name}"))?;
            number::parse(text.as_bytes()).ok_or_else(|| format!("{name} is `{text}`"))
        };
        let (left, top) = (edge("xmin")? - self.first_pixel, edge("ymin")? - self.first_pixel);
        // The last pixel is inside if pixels count from 1; data that counts
        // from 0 has edges.
        let (right, bottom) = (edge("xmax")?, edge("ymax")?);
        let flag = |name| object.text_of(name).and_then(truth).filter(|set| *set);
        let voc = VocFlags {
            difficult: flag("difficult"),
            truncated: flag("truncated"),
            occluded: flag("occluded"),
            pose: object
                .text_of("pose")
                .filter(|pose| *pose != "Unspecified")
                .map(|pose| item.add_text(pose)),
        };
        let known = ["name", "pose", "truncated", "difficult", "occluded", "bndbox"];
        let other: String = object
            .children
            .iter()
            .filter(|child| !known.contains(&child.name))
            .map(|child| child.raw)
            .collect();
        Ok(Annotation {
            class: Some(self.classes.get(name).copied().unwrap_or(u32::MAX)),
            bbox: Some([left, top, right - left, bottom - top]),
            voc,
            xml: item.add_text(&other),
            ..Annotation::default()
        })
    }
}

/// Yes or no as files in the wild say it.
fn truth(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "True" | "yes" => Some(true),
        "0" | "false" | "False" | "no" | "Unspecified" => Some(false),
        _ => number::parse(text.as_bytes()).map(|value| value != 0.0),
    }
}

fn is_default_source(source: &Element<'_>) -> bool {
    source
        .children
        .iter()
        .all(|child| child.name == "database" && matches!(child.text.as_str(), "Unknown" | ""))
}

fn size(element: &Element<'_>, item: &mut Item) {
    let side = |name| {
        let value = number::parse(element.text_of(name)?.as_bytes())?;
        (value.fract() == 0.0 && (1.0..4e9).contains(&value)).then_some(value as u32)
    };
    item.image.size = side("width").zip(side("height")).map(|(width, height)| Size { width, height });
    item.image.channels = side("depth");
}

/// The path of the image a document is about. What it says itself often has
/// no ending, or a folder of another machine.
fn image_name(
    root: &Element<'_>,
    images: &Path,
    stem: &str,
    path: &Path,
    notes: &mut Notes,
) -> Result<Option<String>, Error> {
    let Some(said) = root.text_of("filename") else {
        return Ok(Some(layout::find_image(images, stem).unwrap_or_else(|| format!("{stem}.jpg"))));
    };
    let place = || Place::file(path);
    let name = match paths::check(said) {
        Checked::Safe(name) => name,
        Checked::Absolute(leaf) => {
            if !notes.problem(ProblemKind::AbsolutePath, place, format!("`{said}`; its last part is used"))? {
                return Ok(None);
            }
            leaf
        }
        Checked::Unsafe => {
            notes.unusable(ProblemKind::UnsafePath, place, format!("`{said}`"))?;
            return Ok(None);
        }
    };
    if images.join(&name).is_file() {
        return Ok(Some(name));
    }
    let other =
        layout::find_image(images, stem).or_else(|| layout::find_image(images, split_ending(&name).0));
    Ok(Some(other.unwrap_or(name)))
}

/// The text of a file: the inner `None` if there is no such file, the outer
/// if it cannot be used, which `notes` then says.
#[expect(clippy::option_option, reason = "an absent file is an image without annotations")]
fn read_text(path: &Path, notes: &mut Notes) -> Result<Option<Option<String>>, Error> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Some(None)),
        Err(error) => return Err(Error::io("read", path, error)),
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Some(Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)))),
        Err(_) => {
            notes.unusable(ProblemKind::Damaged, || Place::file(path), "not UTF-8")?;
            Ok(None)
        }
    }
}

fn tell(path: &Path, text: &str, fault: Fault, notes: &mut Notes) -> Result<(), Error> {
    let (kind, message, at) = match fault {
        Fault::Malformed(message, at) => (ProblemKind::Damaged, format!("not XML: {message}"), at),
        Fault::Refused(message, at) => (ProblemKind::Refused, message.to_owned(), at),
    };
    let before = &text.as_bytes()[..at.min(text.len())];
    let line = 1 + memchr::memchr_iter(b'\n', before).count() as u64;
    notes.unusable(kind, || Place::line(path, line), message)
}

impl Source for Voc {
    fn format(&self) -> Format {
        Format::Voc
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
        (record.split, &record.image)
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
        let path = self.xml_path(&self.records[index]);
        match annotation {
            // What only a picture has stands on no line.
            Some(annotation) if item.annotations[annotation].at > 0 => {
                Place::line(path, item.annotations[annotation].at)
            }
            _ => Place::file(path),
        }
    }
}
