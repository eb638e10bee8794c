//! The first pass over a COCO file: where everything stands.

use super::file::pass_mark;
use crate::error::{Error, ErrorKind};
use crate::json::{Cursor, Fault, Members, Window};
use crate::model::{Class, Contains};
use crate::paths::{self, Checked};
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use crate::watch::Watch;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::path::Path;

/// A stretch of the file with annotations of one image, one after the other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    pub(super) offset: u64,
    pub(super) length: u32,
    /// The image, in the order of its id's first mention until the index is
    /// done, then in the order of the images.
    pub(super) image: u32,
}

/// An image record.
#[derive(Clone, Copy, Debug)]
pub(super) struct ImageRecord {
    pub(super) offset: u64,
    pub(super) length: u32,
    /// Where its path ends in [`Index::paths`].
    pub(super) path_end: u64,
    /// Its first run.
    pub(super) first_run: u32,
}

/// How many annotations apart the marks are.
pub(super) const MARK_EVERY: u64 = 256;

/// How many entries of a list are read between two looks at the watch.
const LOOK_EVERY: u64 = 4096;

/// No run is longer, so that its length fits and reading it takes a bounded
/// time; only a single annotation may be.
const MAX_RUN: u64 = 1 << 20;

/// Unknown members of the document beyond this many bytes are not kept.
const MAX_EXTRA: usize = 1 << 20;

/// What the first pass found.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) images: Vec<ImageRecord>,
    pub(super) paths: String,
    pub(super) runs: Vec<Run>,
    /// Every so many annotations, where one stands: so that its number can be
    /// told in a message without keeping it for each.
    pub(super) marks: Vec<u64>,
    /// Annotations that are left out, by where they stand.
    pub(super) dropped: HashSet<u64>,
    pub(super) classes: Vec<Class>,
    pub(super) info: String,
    pub(super) licenses: String,
    pub(super) extra: String,
    pub(super) contains: Contains,
    pub(super) image_numbers: bool,
    pub(super) annotation_numbers: bool,
    /// Whether a record is about an image and has its segments.
    pub(super) is_panoptic: bool,
}

/// An id as a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Key {
    Number(i64),
    Text(String),
}

/// Reads the index of the file at `path`.
pub(super) fn read(path: &Path, notes: &mut Notes, watch: &Watch) -> Result<Index, Error> {
    let file = File::open(path).map_err(|error| Error::io("open", path, error))?;
    watch.begin(file.metadata().map_or(0, |metadata| metadata.len()));
    let mut scan = Scan::new(path, file, notes, watch);
    scan.top()?;
    scan.finish()
}

struct Scan<'n> {
    path: &'n Path,
    window: Window,
    notes: &'n mut Notes,
    watch: &'n Watch,
    index: Index,
    /// The images by id, in the order of first mention.
    mentioned: HashMap<Key, u32>,
    /// For each mention the image, once its record was seen.
    image_of: Vec<Option<u32>>,
    last: Option<(Key, u32)>,
    annotations: u64,
    seen: Ids,
    has_images: bool,
}

/// What an entry of a list turned out to be.
enum Entry<T> {
    End,
    Good(u64, u64, T),
    Bad(Fault),
}

impl<'n> Scan<'n> {
    fn new(path: &'n Path, file: File, notes: &'n mut Notes, watch: &'n Watch) -> Self {
        let index = Index { image_numbers: true, annotation_numbers: true, ..Index::default() };
        Self {
            path,
            window: Window::new(file),
            notes,
            watch,
            index,
            mentioned: HashMap::new(),
            image_of: Vec::new(),
            last: None,
            annotations: 0,
            seen: Ids::default(),
            has_images: false,
        }
    }

    fn value<T>(
        &mut self,
        read: impl FnMut(u64, &mut Cursor<'_>) -> Result<T, Fault>,
    ) -> Result<Result<T, Fault>, Error> {
        self.window.value(read).map_err(|error| Error::io("read", self.path, error))
    }

    /// The members of the document. A file that ends too early is read as far
    /// as it goes.
    fn top(&mut self) -> Result<(), Error> {
        let opened = self.value(|_, cursor| {
            pass_mark(cursor);
            if cursor.peek()? == b'[' {
                return Ok(false);
            }
            cursor.expect(b'{', "an object").map(|()| true)
        })?;
        match opened {
            Ok(true) => {}
            Ok(false) => return Err(self.unsupported("it is a list, as results of a model are")),
            Err(fault) => return Err(self.not_json(fault)),
        }
        let mut first = true;
        loop {
            let mut now = first;
            let key = self.value(|_, cursor| {
                now = first;
                Ok(if cursor.next_entry(&mut now, b'}')? { Some(cursor.key()?.to_vec()) } else { None })
            })?;
            first = now;
            let done = match key {
                Ok(Some(key)) => self.member(&key)?,
                Ok(None) => return Ok(()),
                Err(fault) => Some(fault),
            };
            if let Some(fault) = done {
                return self.damaged(fault);
            }
        }
    }

    /// One member; the fault if the file cannot be read beyond it.
    fn member(&mut self, key: &[u8]) -> Result<Option<Fault>, Error> {
        match key {
            b"images" => {
                self.has_images = true;
                self.entries("images", image_fields, Self::add_image)
            }
            b"annotations" => self.entries("annotations", annotation_fields, Self::add_annotation),
            b"categories" => self.entries("categories", class_fields, Self::add_class),
            b"info" => self.keep(|index| &mut index.info),
            b"licenses" => self.keep(|index| &mut index.licenses),
            _ => self.keep_member(key),
        }
    }

    /// Keeps an unknown member, if it is not of the size of a dataset itself.
    fn keep_member(&mut self, key: &[u8]) -> Result<Option<Fault>, Error> {
        let text = match self
            .value(|_, cursor| cursor.raw().map(|text| (text.len() <= MAX_EXTRA).then(|| text.to_owned())))?
        {
            Ok(text) => text,
            Err(fault) => return Ok(Some(fault)),
        };
        let key = String::from_utf8_lossy(key);
        match text {
            Some(text) => Members::after(&mut self.index.extra).add(&key, &text),
            None => {
                let place = || Place::pointer(self.path, format!("/{key}"));
                self.notes.loss(crate::LossKind::DatasetFields, 1, place);
            }
        }
        Ok(None)
    }

    fn keep(&mut self, place: fn(&mut Index) -> &mut String) -> Result<Option<Fault>, Error> {
        match self.value(|_, cursor| cursor.raw().map(str::to_owned))? {
            Ok(text) if text == "null" => Ok(None),
            Ok(text) => {
                *place(&mut self.index) = text;
                Ok(None)
            }
            Err(fault) => Ok(Some(fault)),
        }
    }

    /// The entries of a list: `fields` reads one, `add` takes it.
    fn entries<T>(
        &mut self,
        list: &str,
        fields: fn(&mut Cursor<'_>) -> Result<T, Fault>,
        add: fn(&mut Self, u64, u64, T) -> Result<(), Error>,
    ) -> Result<Option<Fault>, Error> {
        let opened = self.value(|_, cursor| {
            Ok(if cursor.take_null()? { false } else { cursor.expect(b'[', "a list").map(|()| true)? })
        })?;
        match opened {
            Ok(true) => {}
            Ok(false) => return Ok(None),
            Err(fault) => return Ok(Some(fault)),
        }
        let mut number = 0u64;
        loop {
            let entry = self.value(|base, cursor| one_entry(base, cursor, number == 0, fields))?;
            match entry {
                Ok(Entry::End) => return Ok(None),
                Ok(Entry::Good(start, end, value)) => add(self, start, end, value)?,
                Ok(Entry::Bad(fault)) => {
                    let place = Place::pointer(self.path, format!("/{list}/{number}"));
                    self.notes.problem(fault_kind(fault), || place, fault.to_string())?;
                }
                Err(fault) => return Ok(Some(fault)),
            }
            number += 1;
            if number.is_multiple_of(LOOK_EVERY) {
                self.watch.set(self.window.position());
                self.watch.check()?;
            }
            if list == "annotations" {
                self.annotations = number;
            }
        }
    }

    fn add_image(
        &mut self,
        start: u64,
        end: u64,
        (id, path): (Option<Key>, Option<String>),
    ) -> Result<(), Error> {
        let number = self.index.images.len();
        let place = Place::pointer(self.path, format!("/images/{number}"));
        let (Some(id), Some(path)) = (id, path) else {
            let message = "an image needs an id and a file_name";
            self.notes.problem(ProblemKind::Malformed, || place, message)?;
            return Ok(());
        };
        let path = match paths::check(&path) {
            Checked::Safe(path) => Some(path),
            Checked::Absolute(leaf) => {
                let message = format!("`{path}`; its last part is used");
                self.notes.problem(ProblemKind::AbsolutePath, || place.clone(), message)?.then_some(leaf)
            }
            Checked::Unsafe => {
                self.notes.problem(ProblemKind::UnsafePath, || place.clone(), format!("`{path}`"))?;
                None
            }
        };
        let mention = self.mention(id.clone()) as usize;
        let Some(path) = path else { return Ok(()) };
        if self.image_of[mention].is_some() {
            let message = format!("the id {} belongs to an image before", shown(&id));
            if !self.notes.problem(ProblemKind::DuplicateId, || place, message)? {
                return Ok(());
            }
            self.index.image_numbers = false;
        } else {
            self.image_of[mention] = Some(number as u32);
        }
        self.index.image_numbers &= matches!(id, Key::Number(_));
        self.index.paths.push_str(&path);
        let path_end = self.index.paths.len() as u64;
        let length = (end - start) as u32;
        self.index.images.push(ImageRecord { offset: start, length, path_end, first_run: 0 });
        Ok(())
    }

    fn mention(&mut self, id: Key) -> u32 {
        let next = self.image_of.len() as u32;
        let number = *self.mentioned.entry(id).or_insert(next);
        if number == next {
            self.image_of.push(None);
        }
        number
    }

    fn add_annotation(&mut self, start: u64, end: u64, fields: AnnotationFields) -> Result<(), Error> {
        let number = self.annotations;
        if number.is_multiple_of(MARK_EVERY) {
            self.index.marks.push(start);
        }
        if fields.is_caption {
            return Err(self.unsupported("it holds captions"));
        }
        self.index.is_panoptic |= fields.is_panoptic;
        let place = || Place::pointer(self.path, format!("/annotations/{number}"));
        let Some(image) = fields.image else {
            self.notes.problem(ProblemKind::Malformed, place, "an annotation needs an image_id")?;
            return Ok(());
        };
        match fields.id {
            Some(Key::Number(id)) if !self.seen.insert(id) => {
                let message = format!("the id {id} belongs to an annotation before");
                if !self.notes.problem(ProblemKind::DuplicateId, place, message)? {
                    self.index.dropped.insert(start);
                    return Ok(());
                }
                self.index.annotation_numbers = false;
            }
            Some(Key::Number(_)) => {}
            _ => self.index.annotation_numbers = false,
        }
        self.index.contains = self.index.contains.or(fields.contains);
        let image = match &self.last {
            Some((key, number)) if *key == image => *number,
            _ => {
                let number = self.mention(image.clone());
                self.last = Some((image, number));
                number
            }
        };
        self.add_run(start, end, image)
    }

    fn add_run(&mut self, start: u64, end: u64, image: u32) -> Result<(), Error> {
        if let Some(run) = self.index.runs.last_mut()
            && run.image == image
            && end - run.offset <= MAX_RUN
        {
            run.length = (end - run.offset) as u32;
            return Ok(());
        }
        let Ok(length) = u32::try_from(end - start) else {
            let number = self.annotations;
            let place = || Place::pointer(self.path, format!("/annotations/{number}"));
            self.notes.problem(ProblemKind::Refused, place, "an annotation of more than 4 GB")?;
            return Ok(());
        };
        self.index.runs.push(Run { offset: start, length, image });
        Ok(())
    }

    fn add_class(&mut self, _: u64, _: u64, class: Class) -> Result<(), Error> {
        self.index.classes.push(class);
        Ok(())
    }

    /// Replaces mentions by images, and sorts.
    fn finish(mut self) -> Result<Index, Error> {
        if !self.has_images {
            return Err(self.unsupported("it has no `images`"));
        }
        let mut index = std::mem::take(&mut self.index);
        let image_of = std::mem::take(&mut self.image_of);
        let lost: Vec<Run> =
            index.runs.iter().filter(|run| image_of[run.image as usize].is_none()).copied().collect();
        if !lost.is_empty() {
            self.tell_lost(&lost, &index.marks)?;
        }
        index.runs.retain_mut(|run| {
            let image = image_of[run.image as usize];
            run.image = image.unwrap_or(0);
            image.is_some()
        });
        index.runs.sort_unstable_by_key(|run| (run.image, run.offset));
        index.runs.shrink_to_fit();
        let mut next = 0;
        for (number, image) in index.images.iter_mut().enumerate() {
            while index.runs.get(next).is_some_and(|run| (run.image as usize) < number) {
                next += 1;
            }
            image.first_run = next as u32;
        }
        Ok(index)
    }

    fn tell_lost(&mut self, lost: &[Run], marks: &[u64]) -> Result<(), Error> {
        let file = File::open(self.path).map_err(|error| Error::io("open", self.path, error))?;
        for run in lost {
            let count = super::read::count_entries(&file, *run)
                .map_err(|error| Error::io("read", self.path, error))?;
            for _ in 0..count {
                let place = || Place::pointer(self.path, super::read::pointer(&file, marks, run.offset));
                let message = "its image is not among the images, or was left out";
                self.notes.problem(ProblemKind::NoImage, place, message)?;
            }
        }
        Ok(())
    }

    fn damaged(&mut self, fault: Fault) -> Result<(), Error> {
        let message = format!("{fault}, at byte {}; what stands before is read", self.window.position());
        self.notes.problem(ProblemKind::Damaged, || Place::file(self.path), message)?;
        Ok(())
    }

    fn not_json(&self, fault: Fault) -> Error {
        Error::new(ErrorKind::Data(ProblemKind::Damaged), format!("not a COCO file: {fault}"))
            .at(Place::file(self.path))
    }

    fn unsupported(&self, what: &str) -> Error {
        Error::new(ErrorKind::Unsupported, format!("not a file of objects in images: {what}"))
            .at(Place::file(self.path))
            .hint("give the file with the instances or keypoints")
    }
}

/// Which problem a fault is.
pub(super) fn fault_kind(fault: Fault) -> ProblemKind {
    match fault {
        Fault::TooDeep => ProblemKind::Refused,
        Fault::TooManyVertices => ProblemKind::TooManyVertices,
        Fault::Ends | Fault::Expected(_) | Fault::NotUtf8 => ProblemKind::Malformed,
    }
}

/// One entry of a list and where it stands. An entry that is not what it
/// should be is passed over if its end can be found.
fn one_entry<T>(
    base: u64,
    cursor: &mut Cursor<'_>,
    mut first: bool,
    fields: fn(&mut Cursor<'_>) -> Result<T, Fault>,
) -> Result<Entry<T>, Fault> {
    if !cursor.next_entry(&mut first, b']')? {
        return Ok(Entry::End);
    }
    cursor.peek()?;
    let start = cursor.at();
    match fields(cursor) {
        Ok(value) => Ok(Entry::Good(base + start as u64, base + cursor.at() as u64, value)),
        Err(Fault::Ends) => Err(Fault::Ends),
        Err(fault) => {
            cursor.go_to(start);
            cursor.skip()?;
            Ok(Entry::Bad(fault))
        }
    }
}

fn key(cursor: &mut Cursor<'_>) -> Result<Option<Key>, Fault> {
    if cursor.peek()? == b'"' {
        return cursor.text().map(|text| Some(Key::Text(text)));
    }
    if cursor.take_null()? {
        return Ok(None);
    }
    Ok(cursor.whole()?.map(Key::Number))
}

fn shown(key: &Key) -> String {
    match key {
        Key::Number(number) => number.to_string(),
        Key::Text(text) => format!("`{text}`"),
    }
}

fn image_fields(cursor: &mut Cursor<'_>) -> Result<(Option<Key>, Option<String>), Fault> {
    let (mut id, mut path) = (None, None);
    cursor.object(|name, value| {
        match name {
            b"id" => id = key(value)?,
            b"file_name" => path = Some(value.text()?),
            _ => value.skip()?,
        }
        Ok(())
    })?;
    Ok((id, path))
}

#[derive(Default)]
struct AnnotationFields {
    id: Option<Key>,
    image: Option<Key>,
    contains: Contains,
    is_caption: bool,
    is_panoptic: bool,
}

fn annotation_fields(cursor: &mut Cursor<'_>) -> Result<AnnotationFields, Fault> {
    let mut fields = AnnotationFields::default();
    cursor.object(|name, value| {
        match name {
            b"id" => fields.id = key(value)?,
            b"image_id" => fields.image = key(value)?,
            b"segmentation" => outline(value, &mut fields.contains)?,
            b"bbox" => {
                fields.contains.boxes = true;
                value.skip()?;
            }
            b"keypoints" => {
                fields.contains.joints |= is_filled(value)?;
                value.skip()?;
            }
            b"caption" => {
                fields.is_caption = true;
                value.skip()?;
            }
            b"segments_info" => {
                fields.is_panoptic = true;
                fields.contains = Contains { boxes: true, masks: true, ..fields.contains };
                value.skip()?;
            }
            _ => value.skip()?,
        }
        Ok(())
    })?;
    Ok(fields)
}

fn outline(value: &mut Cursor<'_>, contains: &mut Contains) -> Result<(), Fault> {
    match value.peek()? {
        b'{' => contains.masks = true,
        _ => contains.polygons |= is_filled(value)?,
    }
    value.skip()
}

/// Whether the value is a list with something in it.
fn is_filled(value: &mut Cursor<'_>) -> Result<bool, Fault> {
    let mut inside = value.clone();
    Ok(inside.take(b'[')? && inside.peek()? != b']')
}

/// A category.
pub(crate) fn class_fields(cursor: &mut Cursor<'_>) -> Result<Class, Fault> {
    let mut class = Class::default();
    let mut extra = String::new();
    let mut members = Members::new(&mut extra);
    cursor.object(|name, value| {
        match name {
            b"id" => class.id = value.whole()?,
            b"name" if value.peek()? == b'"' => class.name = value.text()?,
            b"name" => class.name = value.raw()?.to_owned(),
            b"keypoints" if value.peek()? == b'[' => value.list(|joint| {
                class.joints.push(joint.text()?);
                Ok(())
            })?,
            _ => {
                let name = std::str::from_utf8(name).map_err(|_| Fault::NotUtf8)?;
                members.add(name, value.raw()?);
            }
        }
        Ok(())
    })?;
    class.extra = extra;
    Ok(class)
}

/// A set of ids, most of which are near one another.
#[derive(Default)]
struct Ids {
    pages: HashMap<i64, u64>,
}

impl Ids {
    /// Adds an id. `false` if it was there.
    fn insert(&mut self, id: i64) -> bool {
        let bit = 1u64 << id.rem_euclid(64);
        let page = self.pages.entry(id.div_euclid(64)).or_default();
        let is_new = *page & bit == 0;
        *page |= bit;
        is_new
    }
}
