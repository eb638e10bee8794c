//! The second pass over COCO files: the images of a range, with all that is
//! annotated on them.

use super::file::{self, Found};
use super::index::{self, Index, Run};
use super::object::{self, Lengths, Rules};
use super::panoptic;
use crate::error::{Error, ErrorKind};
use crate::format::Format;
use crate::json::{Cursor, Fault, Members};
use crate::model::{Annotation, Header, Id, Item, Size};
use crate::pages::Pages;
use crate::picture;
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use crate::stream::{ReadOptions, Source, Want};
use crate::watch::Watch;
use std::collections::HashMap;
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A COCO dataset open for reading.
pub(crate) struct Coco {
    parts: Vec<Part>,
    header: Header,
    notes: Notes,
    max_vertices: usize,
    len: usize,
}

/// One annotation file.
struct Part {
    path: PathBuf,
    file: File,
    index: Index,
    split: Option<u16>,
    /// The number of its first image in the dataset.
    first: usize,
    pictures: PathBuf,
    /// Where the pictures of the segments are, if it is panoptic.
    segments: Option<PathBuf>,
    /// The classes of the dataset by their number in this file.
    classes: HashMap<i64, u32>,
}

impl Coco {
    pub(crate) fn open(root: &Path, options: &ReadOptions) -> Result<Self, Error> {
        let found = file::find(root)?;
        if found.is_empty() {
            let message = format!("there is no COCO file in {}", root.display());
            return Err(Error::new(ErrorKind::UnknownFormat, message).hint(
                "COCO keeps its annotations in annotations.json or annotations/instances_<split>.json",
            ));
        }
        let header = Header { image_numbers: true, annotation_numbers: true, ..Header::default() };
        let mut coco = Self {
            parts: Vec::new(),
            header,
            notes: options.notes(),
            max_vertices: options.max_vertices,
            len: 0,
        };
        for found in found {
            coco.add(root, &found, &options.watch)?;
        }
        Ok(coco)
    }

    fn add(&mut self, root: &Path, found: &Found, watch: &Watch) -> Result<(), Error> {
        let mut index = index::read(&found.path, &mut self.notes, watch)?;
        let file = File::open(&found.path).map_err(|error| Error::io("open", &found.path, error))?;
        let samples: Vec<&str> =
            (0..index.images.len().min(8)).map(|number| image_path(&index, number)).collect();
        let pictures = file::picture_folder(root, found, &samples);
        let classes = self.merge_classes(std::mem::take(&mut index.classes));
        let header = &mut self.header;
        header.contains = header.contains.or(index.contains);
        header.image_numbers &= index.image_numbers;
        header.annotation_numbers &= index.annotation_numbers;
        keep_first(&mut header.info, &mut index.info);
        keep_first(&mut header.licenses, &mut index.licenses);
        keep_first(&mut header.extra, &mut index.extra);
        let split = found.split.as_ref().map(|split| {
            header.splits.push(split.clone());
            header.splits.len() as u16 - 1
        });
        let first = self.len;
        self.len += index.images.len();
        // `panoptic_val.json` has them in `panoptic_val`.
        let segments = index.is_panoptic.then(|| found.path.with_extension(""));
        let path = found.path.clone();
        self.parts.push(Part { path, file, index, split, first, pictures, segments, classes });
        Ok(())
    }

    /// Adds the classes of a file that are not there yet. The same number and
    /// the same name make the same class.
    fn merge_classes(&mut self, classes: Vec<crate::Class>) -> HashMap<i64, u32> {
        let mut numbers = HashMap::new();
        for (position, class) in classes.into_iter().enumerate() {
            let number = class.id.unwrap_or(position as i64);
            let all = &mut self.header.classes;
            let known = all.iter().position(|known| known.id == class.id && known.name == class.name);
            let index = known.unwrap_or(all.len());
            if known.is_none() {
                all.push(class);
            }
            numbers.entry(number).or_insert(index as u32);
        }
        numbers
    }

    fn part(&self, index: usize) -> &Part {
        let after = self.parts.partition_point(|part| part.first <= index);
        &self.parts[after - 1]
    }
}

fn keep_first(kept: &mut String, new: &mut String) {
    if kept.is_empty() {
        *kept = std::mem::take(new);
    }
}

fn image_path(index: &Index, number: usize) -> &str {
    let start = number.checked_sub(1).map_or(0, |before| index.images[before].path_end);
    &index.paths[start as usize..index.images[number].path_end as usize]
}

impl Source for Coco {
    fn format(&self) -> Format {
        Format::Coco
    }

    fn header(&self) -> &Header {
        &self.header
    }

    fn notes(&self) -> &Notes {
        &self.notes
    }

    fn len(&self) -> usize {
        self.len
    }

    fn image(&self, index: usize) -> (Option<u16>, &str) {
        let part = self.part(index);
        (part.split, image_path(&part.index, index - part.first))
    }

    fn read(
        &self,
        range: Range<usize>,
        want: Want,
        notes: &mut Notes,
        each: &mut dyn FnMut(usize, &mut Item, &mut Notes) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut start = range.start;
        while start < range.end {
            let part = self.part(start);
            let end = range.end.min(part.first + part.index.images.len());
            let reader = Reader { part, want, max_vertices: self.max_vertices };
            for start in (start..end).step_by(BATCH) {
                reader.batch(start..end.min(start + BATCH), notes, each)?;
            }
            start = end;
        }
        Ok(())
    }

    fn place(&self, index: usize, item: &Item, annotation: Option<usize>) -> Place {
        let part = self.part(index);
        let pointer = match annotation {
            Some(annotation) => pointer(&part.file, &part.index.marks, item.annotations[annotation].at),
            None => format!("/images/{}", index - part.first),
        };
        Place::pointer(&part.path, pointer)
    }
}

/// How many images are read at a time.
const BATCH: usize = 64;

struct Reader<'r> {
    part: &'r Part,
    want: Want,
    max_vertices: usize,
}

impl Reader<'_> {
    /// Reads the records and annotations of some images of this file: all the
    /// pages they stand on first, in as few reads as possible.
    fn batch(
        &self,
        range: Range<usize>,
        notes: &mut Notes,
        each: &mut dyn FnMut(usize, &mut Item, &mut Notes) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let index = &self.part.index;
        let local = range.start - self.part.first..range.end - self.part.first;
        let runs = &index.runs[first_run(index, local.start)..first_run(index, local.end)];
        let records = index.images[local.clone()].iter().map(|image| (image.offset, u64::from(image.length)));
        let stretches = runs.iter().map(|run| (run.offset, u64::from(run.length))).chain(records);
        let pages = Pages::read(&self.part.file, stretches)
            .map_err(|error| Error::io("read", &self.part.path, error))?;
        let mut item = Item::default();
        let mut extra = String::new();
        for number in local {
            self.image(number, &pages, &mut item, &mut extra);
            for run in &index.runs[first_run(index, number)..first_run(index, number + 1)] {
                self.run(*run, &pages, &mut item, &mut extra, notes)?;
            }
            each(self.part.first + number, &mut item, notes)?;
        }
        Ok(())
    }

    /// The image record. The index has read it, so it is known to be good.
    fn image(&self, number: usize, pages: &Pages, item: &mut Item, extra: &mut String) {
        item.clear();
        item.split = self.part.split;
        item.image.path.push_str(image_path(&self.part.index, number));
        let file = self.part.pictures.join(&item.image.path);
        extra.clear();
        let mut members = Members::new(extra);
        let (mut width, mut height) = (None, None);
        let record = self.part.index.images[number];
        let mut cursor = Cursor::new(pages.get(record.offset, u64::from(record.length)));
        let _ = cursor.object(|name, value| {
            match name {
                b"file_name" => value.skip()?,
                b"id" if value.peek()? == b'"' => {
                    let text = value.text()?;
                    item.image.id = Some(Id::Text(item.add_text(&text)));
                }
                b"id" => item.image.id = value.whole()?.map(Id::Number),
                b"width" => width = side(value)?,
                b"height" => height = side(value)?,
                _ => members.add(std::str::from_utf8(name).map_err(|_| Fault::NotUtf8)?, value.raw()?),
            }
            Ok(())
        });
        if !extra.is_empty() {
            item.image.extra = item.add_text(extra);
        }
        item.image.size = width.zip(height).map(|(width, height)| Size { width, height });
        if self.want.sizes && item.image.size.is_none() {
            item.image.size = picture::size(&file);
        }
        item.image.file = Some(file);
    }

    fn run(
        &self,
        run: Run,
        pages: &Pages,
        item: &mut Item,
        extra: &mut String,
        notes: &mut Notes,
    ) -> Result<(), Error> {
        let rules =
            Rules { shapes: self.want.shapes, max_vertices: self.max_vertices, classes: &self.part.classes };
        let mut cursor = Cursor::new(pages.get(run.offset, u64::from(run.length)));
        while !cursor.is_at_end() {
            let start = cursor.at();
            let at = run.offset + start as u64;
            if !self.part.index.dropped.is_empty() && self.part.index.dropped.contains(&at) {
                self.pass(&mut cursor, start);
                continue;
            }
            let lengths = Lengths::of(item);
            let outcome = match &self.part.segments {
                Some(folder) => panoptic::read(&mut cursor, &rules, folder, item, at),
                None => object::read(&mut cursor, &rules, item, extra)
                    .map(|annotation| item.annotations.push(Annotation { at, ..annotation })),
            };
            match outcome {
                Ok(()) => {}
                Err(unusable) => {
                    lengths.restore(item);
                    self.pass(&mut cursor, start);
                    self.tell(at, &unusable, notes)?;
                }
            }
            let _ = cursor.take(b',');
            // Brackets that do not match can lead into the middle of a record.
            if cursor.at() == start {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Goes behind the record at `start`, whose end the index has found.
    fn pass(&self, cursor: &mut Cursor<'_>, start: usize) {
        cursor.go_to(start);
        let _ = cursor.skip();
        let _ = cursor.take(b',');
    }

    fn tell(&self, at: u64, unusable: &object::Unusable, notes: &mut Notes) -> Result<(), Error> {
        let kind = match unusable {
            object::Unusable::Fault(fault) => index::fault_kind(*fault),
            object::Unusable::Picture(_) => ProblemKind::NoFile,
            object::Unusable::Mask(_) | object::Unusable::Short => ProblemKind::Malformed,
        };
        let place = || Place::pointer(&self.part.path, pointer(&self.part.file, &self.part.index.marks, at));
        notes.unusable(kind, place, unusable.to_string())
    }
}

fn first_run(index: &Index, image: usize) -> usize {
    index.images.get(image).map_or(index.runs.len(), |image| image.first_run as usize)
}

fn side(value: &mut Cursor<'_>) -> Result<Option<u32>, Fault> {
    if value.take_null()? {
        return Ok(None);
    }
    Ok(value.whole()?.and_then(|side| u32::try_from(side).ok()).filter(|side| *side > 0))
}

/// The pointer of the annotation that stands at `at`: counted from the mark
/// before it, which costs little and only when there is something to say.
pub(super) fn pointer(file: &File, marks: &[u64], at: u64) -> String {
    let before = marks.partition_point(|mark| *mark <= at);
    let Some(mark) = before.checked_sub(1) else { return "/annotations".to_owned() };
    let run =
        Run { offset: marks[mark], length: u32::try_from(at - marks[mark]).unwrap_or(u32::MAX), image: 0 };
    let entries = count_entries(file, run).unwrap_or(0);
    format!("/annotations/{}", mark as u64 * index::MARK_EVERY + entries)
}

/// How many entries of a list a stretch holds.
pub(super) fn count_entries(file: &File, run: Run) -> std::io::Result<u64> {
    let stretch = (run.offset, u64::from(run.length));
    let pages = Pages::read(file, std::iter::once(stretch))?;
    let mut cursor = Cursor::new(pages.get(stretch.0, stretch.1));
    let mut count = 0;
    while !cursor.is_at_end() && cursor.skip().is_ok() {
        count += 1;
        let _ = cursor.take(b',');
    }
    Ok(count)
}
