//! Writes COCO: one file a split, annotations first, so that neither they nor
//! the images need be held.

use crate::error::Error;
use crate::fields::{self, dataset_place, kind_loss, lose};
use crate::geometry;
use crate::json::{write_members, write_text};
use crate::loss::LossKind;
use crate::model::{Annotation, Header, Id, Item, Kind, Mask, Shape};
use crate::names::{Names, Style};
use crate::number::{write_shortest, write_signed, write_whole};
use crate::output::Output;
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use crate::rle;
use crate::stream::{At, Entry, Part, Source, Target, Want};
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// A COCO dataset being written.
pub(crate) struct Writer<'s> {
    header: &'s Header,
    output: Output,
    names: Names,
    classes: Vec<i64>,
    files: Mutex<Vec<SplitFile>>,
}

/// The annotation file of a split, and beside it what will be its images.
struct SplitFile {
    path: PathBuf,
    annotations: File,
    images: File,
    image_count: u64,
    annotation_count: u64,
}

/// The annotation file.
const NAME: &str = "annotations.json";

/// What will be its images, while it is written.
const SIDE: &str = ".images.partial";

/// The folder of a split.
fn folder(header: &Header, split: Option<u16>) -> &str {
    match split.map(|split| header.splits[usize::from(split)].as_str()) {
        None => "",
        // What readers of DM and YOLO call it, and so most tools.
        Some("val") => "valid",
        Some(name) => name,
    }
}

/// The numbers the classes get: their own if all have one and no two the same.
fn class_numbers(header: &Header) -> Vec<i64> {
    let mut own: Vec<i64> = header.classes.iter().filter_map(|class| class.id).collect();
    let numbers = own.clone();
    own.sort_unstable();
    own.dedup();
    if own.len() == header.classes.len() { numbers } else { (1..=header.classes.len() as i64).collect() }
}

impl<'s> Writer<'s> {
    pub(crate) fn new(source: &'s dyn Source, output: Output, notes: &mut Notes) -> Result<Self, Error> {
        let header = source.header();
        let classes = class_numbers(header);
        let changed =
            header.classes.iter().zip(&classes).filter(|(class, id)| class.id.is_some_and(|own| own != **id));
        notes.loss(LossKind::ClassId, changed.count(), || dataset_place(source));
        let names = Names::new(Style::Path, source, notes)?;
        let writer = Self { header, output, names, classes, files: Mutex::new(Vec::new()) };
        let splits: Vec<Option<u16>> = match header.splits.len() {
            0 => vec![None],
            count => (0..count as u16).map(Some).chain([None]).collect(),
        };
        let mut files = Vec::new();
        for split in splits {
            files.push(writer.start(split)?);
        }
        *writer.files.lock().unwrap_or_else(PoisonError::into_inner) = files;
        Ok(writer)
    }

    fn start(&self, split: Option<u16>) -> Result<SplitFile, Error> {
        let folder = folder(self.header, split);
        self.output.folder(folder)?;
        let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
        let (path, mut annotations) = self.output.create(&[&prefix, NAME].concat())?;
        let (_, images) = self.output.create(&[&prefix, SIDE].concat())?;
        let mut head = Vec::new();
        self.write_head(&mut head);
        annotations.write_all(&head).map_err(|error| Error::io("write", &path, error))?;
        Ok(SplitFile { path, annotations, images, image_count: 0, annotation_count: 0 })
    }

    fn write_head(&self, out: &mut Vec<u8>) {
        let or = |text: &'s str, other: &'s str| if text.is_empty() { other } else { text };
        out.extend_from_slice(b"{\"info\": ");
        out.extend_from_slice(or(&self.header.info, "{}").as_bytes());
        out.extend_from_slice(b",\n\"licenses\": ");
        out.extend_from_slice(or(&self.header.licenses, "[]").as_bytes());
        out.extend_from_slice(b",\n\"categories\": [");
        for (index, (class, id)) in self.header.classes.iter().zip(&self.classes).enumerate() {
            out.extend_from_slice(if index == 0 { b"\n" } else { b",\n" });
            write_class(class, Some(*id), out);
        }
        out.push(b']');
        write_members(&self.header.extra, out);
        out.extend_from_slice(b",\n\"annotations\": [");
    }

    /// The image's id: its own where all have one.
    fn image_id(&self, index: usize, item: &Item) -> i64 {
        match item.image.id {
            Some(Id::Number(id)) if self.header.image_numbers => id,
            _ => index as i64 + 1,
        }
    }

    fn image(
        &self,
        index: usize,
        name: &str,
        item: &Item,
        at: &dyn Fn() -> Place,
        part: &mut Part,
    ) -> Result<(), Error> {
        let out = &mut part.images;
        out.extend_from_slice(b"{\"id\": ");
        write_signed(self.image_id(index, item), out);
        out.extend_from_slice(b", \"file_name\": ");
        write_text(name, out);
        if let Some(size) = item.image.size {
            out.extend_from_slice(b", \"width\": ");
            write_whole(u64::from(size.width), out);
            out.extend_from_slice(b", \"height\": ");
            write_whole(u64::from(size.height), out);
        } else {
            let message = format!("`{}`: neither the source nor the file says it", item.image.path);
            part.notes.problem(ProblemKind::NoSize, at, message)?;
        }
        write_members(item.text(item.image.extra), out);
        out.extend_from_slice(b"},\n");
        let is_renumbered = item.image.id.is_some_and(|id| id != Id::Number(self.image_id(index, item)));
        lose(&mut part.notes, LossKind::ImageId, is_renumbered, at);
        self.place_image(name, item, at, part)
    }

    fn place_image(
        &self,
        name: &str,
        item: &Item,
        at: &dyn Fn() -> Place,
        part: &mut Part,
    ) -> Result<(), Error> {
        if !self.output.has_images() {
            return Ok(());
        }
        let placed = match &item.image.file {
            Some(file) => self.output.image(file, folder(self.header, item.split), name)?,
            None => false,
        };
        if placed { Ok(()) } else { fields::no_file(&mut part.notes, item, at) }
    }

    fn annotation(
        &self,
        image: i64,
        item: &Item,
        annotation: &Annotation,
        at: &dyn Fn() -> Place,
        part: &mut Part,
    ) {
        if annotation.kind != Kind::Object {
            lose(&mut part.notes, kind_loss(annotation.kind), true, at);
            return;
        }
        let Some(bbox) = annotation.bbox.or_else(|| geometry::shape_bounds(item, annotation)) else {
            lose(&mut part.notes, LossKind::Object, true, at);
            return;
        };
        self.id(annotation, part);
        let out = &mut part.annotations;
        out.extend_from_slice(b", \"image_id\": ");
        write_signed(image, out);
        if let Some(class) = annotation.class.and_then(|class| self.classes.get(class as usize)) {
            out.extend_from_slice(b", \"category_id\": ");
            write_signed(*class, out);
        }
        out.extend_from_slice(b", \"bbox\": ");
        write_numbers(&bbox, out);
        out.extend_from_slice(b", \"area\": ");
        write_shortest(annotation.area.unwrap_or_else(|| geometry::shape_area(item, annotation)), out);
        out.extend_from_slice(b", \"iscrowd\": ");
        out.push(if annotation.crowd == Some(true) { b'1' } else { b'0' });
        write_shape(item, annotation, out);
        write_joints(item, annotation, out);
        write_details(item, annotation, out);
        out.extend_from_slice(b"},\n");
        lose(&mut part.notes, LossKind::Fields, !annotation.xml.is_empty(), at);
    }

    fn id(&self, annotation: &Annotation, part: &mut Part) {
        part.annotations.extend_from_slice(b"{\"id\": ");
        match annotation.id {
            Some(Id::Number(id)) if self.header.annotation_numbers => write_signed(id, &mut part.annotations),
            _ => part.ids.push(part.annotations.len()),
        }
    }
}

/// Appends a category.
pub(crate) fn write_class(class: &crate::Class, id: Option<i64>, out: &mut Vec<u8>) {
    out.push(b'{');
    if let Some(id) = id {
        out.extend_from_slice(b"\"id\": ");
        write_signed(id, out);
        out.extend_from_slice(b", ");
    }
    out.extend_from_slice(b"\"name\": ");
    write_text(&class.name, out);
    if !class.joints.is_empty() {
        out.extend_from_slice(b", \"keypoints\": [");
        for (index, joint) in class.joints.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"" } else { b", " });
            write_text(joint, out);
        }
        out.push(b']');
    }
    write_members(&class.extra, out);
    out.push(b'}');
}

fn write_numbers(numbers: &[f64], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, number) in numbers.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b", " });
        write_shortest(*number, out);
    }
    out.push(b']');
}

fn write_shape(item: &Item, annotation: &Annotation, out: &mut Vec<u8>) {
    out.extend_from_slice(b", \"segmentation\": ");
    if let Shape::Mask(mask) = annotation.shape {
        return write_mask(item.runs(mask), mask, out);
    }
    out.push(b'[');
    for (index, ring) in item.rings(annotation.shape).enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b", " });
        write_numbers(ring.as_flattened(), out);
    }
    out.push(b']');
}

fn write_mask(runs: &[u32], mask: Mask, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"size\": [");
    write_whole(u64::from(mask.size.height), out);
    out.extend_from_slice(b", ");
    write_whole(u64::from(mask.size.width), out);
    out.extend_from_slice(b"], \"counts\": ");
    if mask.compressed {
        let mut text = Vec::new();
        rle::encode(runs, &mut text);
        // A backslash is one of the 64 characters.
        write_text(&String::from_utf8_lossy(&text), out);
    } else {
        out.push(b'[');
        for (index, run) in runs.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b"" } else { b", " });
            write_whole(u64::from(*run), out);
        }
        out.push(b']');
    }
    out.push(b'}');
}

fn write_joints(item: &Item, annotation: &Annotation, out: &mut Vec<u8>) {
    let joints = item.joints(annotation);
    if joints.is_empty() {
        return;
    }
    out.extend_from_slice(b", \"keypoints\": [");
    let mut count = 0;
    for (index, joint) in joints.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b", " });
        write_shortest(joint.x, out);
        out.extend_from_slice(b", ");
        write_shortest(joint.y, out);
        out.extend_from_slice(b", ");
        let seen = joint.seen.unwrap_or(2);
        write_whole(u64::from(seen), out);
        count += u64::from(seen > 0);
    }
    out.extend_from_slice(b"], \"num_keypoints\": ");
    write_whole(count, out);
}

/// The fields COCO has no name for.
fn write_details(item: &Item, annotation: &Annotation, out: &mut Vec<u8>) {
    if annotation.bbox.is_none() {
        out.extend_from_slice(b", \"derived\": [\"bbox\"]");
    }
    if let Some(Id::Text(id)) = annotation.id {
        out.extend_from_slice(b", \"source_id\": ");
        write_text(item.text(id), out);
    }
    write_union_fields(item, annotation, out);
    if !annotation.attributes.is_empty() {
        out.extend_from_slice(b", \"attributes\": {");
        out.extend_from_slice(item.text(annotation.attributes).as_bytes());
        out.push(b'}');
    }
    write_members(item.text(annotation.extra), out);
}

/// Fields of objects that have the same name in every JSON format.
pub(crate) fn write_union_fields(item: &Item, annotation: &Annotation, out: &mut Vec<u8>) {
    for (name, number) in [("score", annotation.score), ("rotation", annotation.rotation)] {
        if let Some(number) = number {
            out.extend_from_slice(format!(", \"{name}\": ").as_bytes());
            write_shortest(number, out);
        }
    }
    let voc = &annotation.voc;
    for (name, flag) in
        [("difficult", voc.difficult), ("truncated", voc.truncated), ("occluded", voc.occluded)]
    {
        if let Some(flag) = flag {
            out.extend_from_slice(format!(", \"{name}\": {}", u8::from(flag)).as_bytes());
        }
    }
    if let Some(pose) = voc.pose {
        out.extend_from_slice(b", \"pose\": ");
        write_text(item.text(pose), out);
    }
}

impl Target for Writer<'_> {
    fn want(&self) -> Want {
        Want { shapes: true, sizes: true }
    }

    fn encode(&self, index: usize, item: &Item, at: At<'_>, part: &mut Part) -> Result<bool, Error> {
        let Some(name) = self.names.of(index, &item.image.path) else { return Ok(false) };
        if [NAME, SIDE].contains(&&*name) {
            let message = format!("`{name}` is the name of a file of annotations");
            part.notes.unusable(ProblemKind::UnsafePath, || at(None), message)?;
            return Ok(false);
        }
        self.image(index, &name, item, &|| at(None), part)?;
        let image = self.image_id(index, item);
        for (number, annotation) in item.annotations.iter().enumerate() {
            self.annotation(image, item, annotation, &|| at(Some(number)), part);
        }
        lose(&mut part.notes, LossKind::Document, !item.document.is_empty(), || at(None));
        lose(&mut part.notes, LossKind::ImageFields, !item.xml.is_empty(), || at(None));
        part.entries.push(Entry {
            split: item.split,
            annotations: part.annotations.len(),
            images: part.images.len(),
        });
        Ok(true)
    }

    fn commit(&self, part: &mut Part) -> Result<(), Error> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = (0, 0);
        let mut ids = &part.ids[..];
        for same in part.entries.chunk_by(|a, b| a.split == b.split) {
            let Some(last) = same.last() else { continue };
            let number = last.split.map_or(files.len() - 1, usize::from);
            let file = &mut files[number];
            let of_split = ids.partition_point(|id| *id <= last.annotations);
            let (own, rest) = ids.split_at(of_split);
            ids = rest;
            let annotations = &part.annotations[done.0..last.annotations];
            let images = &part.images[done.1..last.images];
            file.add(annotations, done.0, own, images)
                .map_err(|error| Error::io("write", &file.path, error))?;
            done = (last.annotations, last.images);
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let files = self.files.into_inner().unwrap_or_else(PoisonError::into_inner);
        // Without any image there is still a file, so that it is a dataset.
        let is_empty = files.iter().all(|file| file.image_count == 0);
        for (number, mut file) in files.into_iter().enumerate() {
            let is_needed = file.image_count > 0 || is_empty && number == 0;
            let path = std::mem::take(&mut file.path);
            file.finish(&path, is_needed).map_err(|error| Error::io("write", &path, error))?;
        }
        self.output.finish()
    }
}

impl SplitFile {
    /// Appends texts, each entry of which ends with a comma and a line end.
    /// Ids go in at `ids`, which count from `start` before the texts.
    fn add(&mut self, annotations: &[u8], start: usize, ids: &[usize], images: &[u8]) -> io::Result<()> {
        if !annotations.is_empty() {
            if self.annotation_count == 0 {
                self.annotations.write_all(b"\n")?;
            }
            if ids.is_empty() {
                self.annotation_count += 1;
                self.annotations.write_all(annotations)?;
            } else {
                let numbered = self.numbered(annotations, start, ids);
                self.annotations.write_all(&numbered)?;
            }
        }
        self.image_count += u64::from(!images.is_empty());
        self.images.write_all(images)
    }

    fn numbered(&mut self, annotations: &[u8], start: usize, ids: &[usize]) -> Vec<u8> {
        let mut out = Vec::with_capacity(annotations.len() + 8 * ids.len());
        let mut done = 0;
        for id in ids {
            out.extend_from_slice(&annotations[done..id - start]);
            done = id - start;
            self.annotation_count += 1;
            write_whole(self.annotation_count, &mut out);
        }
        out.extend_from_slice(&annotations[done..]);
        out
    }

    /// Puts the images behind the annotations.
    fn finish(mut self, path: &std::path::Path, is_needed: bool) -> io::Result<()> {
        let side = path.with_file_name(SIDE);
        std::fs::remove_file(side)?;
        if !is_needed {
            return std::fs::remove_file(path);
        }
        if self.annotation_count > 0 {
            self.annotations.seek_relative(-2)?;
            self.annotations.write_all(b"\n")?;
            truncate_here(&mut self.annotations)?;
        }
        self.annotations.write_all(b"],\n\"images\": [")?;
        if self.image_count > 0 {
            self.annotations.write_all(b"\n")?;
            self.images.seek(SeekFrom::Start(0))?;
            io::copy(&mut self.images, &mut self.annotations)?;
            self.annotations.seek_relative(-2)?;
            self.annotations.write_all(b"\n")?;
            truncate_here(&mut self.annotations)?;
        }
        self.annotations.write_all(b"]}\n")
    }
}

fn truncate_here(file: &mut File) -> io::Result<()> {
    let here = file.stream_position()?;
    file.set_len(here)
}
