//! Reads YOLO.

use super::layout::{self, JointShape, Layout, Place as Where};
use crate::error::{Error, ErrorKind};
use crate::format::Format;
use crate::geometry;
use crate::model::{Annotation, Class, Contains, Header, Item, Joint, Shape, Size, Span};
use crate::number;
use crate::paths::{self, Checked, is_picture, split_ending};
use crate::picture;
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use crate::stream::{ReadOptions, Source, Want};
use crate::walk;
use std::collections::HashMap;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// How many label files are looked at to tell what the dataset contains.
const SAMPLES: usize = 500;

/// A YOLO dataset open for reading.
pub(crate) struct Yolo {
    header: Header,
    notes: Notes,
    joints: Option<JointShape>,
    /// Whether four corners are a turned box.
    is_oriented: bool,
    max_vertices: usize,
    folders: Vec<(PathBuf, PathBuf)>,
    records: Vec<Record>,
}

/// An image and its label file, either of which may be absent.
struct Record {
    /// The path of the image in the dataset.
    path: Box<str>,
    split: Option<u16>,
    files: Files,
}

enum Files {
    /// In a folder of images and one of labels.
    Folder(u16),
    /// The image and the label file that a list leads to.
    Listed(Box<Path>, Box<Path>),
}

impl Yolo {
    pub(crate) fn open(root: &Path, options: &ReadOptions) -> Result<Self, Error> {
        let Some(layout) = layout::find(root)? else {
            let message = format!("there is no YOLO dataset in {}", root.display());
            return Err(Error::new(ErrorKind::UnknownFormat, message)
                .hint("YOLO has a data.yaml, or folders images and labels"));
        };
        let Layout { mut classes, splits, joints, flip, is_oriented, missing } = layout;
        if classes.is_empty() {
            classes = options.classes.iter().map(Class::named).collect();
        }
        if classes.is_empty() {
            return Err(Error::new(ErrorKind::Options, "the dataset does not name its classes")
                .hint("add classes.txt with one name a line, or give the names"));
        }
        let header = Header { classes, flip, ..Header::default() };
        let mut yolo = Self {
            header,
            notes: options.notes(),
            joints,
            is_oriented,
            max_vertices: options.max_vertices,
            folders: Vec::new(),
            records: Vec::new(),
        };
        for (file, entry) in missing.into_iter().filter(|(_, entry)| !entry.starts_with("test")) {
            let message = format!("`{entry}` leads nowhere");
            yolo.notes.problem(ProblemKind::NoFile, || Place::file(file), message)?;
        }
        for split in splits {
            let number = split.name.map(|name| {
                yolo.header.splits.push(name);
                yolo.header.splits.len() as u16 - 1
            });
            for place in split.places {
                match place {
                    Where::Folder { images, labels } => yolo.add_folder(images, labels, number)?,
                    Where::List { file, base } => yolo.add_list(&file, &base, number)?,
                }
            }
        }
        yolo.header.contains = yolo.sample();
        yolo.is_oriented |= yolo.has_turned_boxes_alone();
        if yolo.is_oriented {
            yolo.header.contains = Contains { boxes: true, ..Contains::default() };
        }
        Ok(yolo)
    }

    fn add_folder(&mut self, images: PathBuf, labels: PathBuf, split: Option<u16>) -> Result<(), Error> {
        let pictures = walk::files_of_dataset(&images, &is_picture, &mut self.notes)?;
        let texts = match labels.is_dir() {
            true => walk::files_of_dataset(&labels, &|name| name.ends_with(".txt"), &mut self.notes)?,
            false => Vec::new(),
        };
        let mut stems: HashMap<&str, bool> =
            pictures.iter().map(|path| (split_ending(path).0, true)).collect();
        for text in &texts {
            stems.entry(split_ending(text).0).or_insert(false);
        }
        // Texts that lie beside images are labels only if there is the image.
        let beside = images == labels;
        let mut lone: Vec<&str> =
            stems.iter().filter(|(_, has)| !**has && !beside).map(|(stem, _)| *stem).collect();
        lone.sort_unstable();
        let folder = self.folders.len() as u16;
        let record = |path: String| Record { path: path.into(), split, files: Files::Folder(folder) };
        let lone = lone.into_iter().map(|stem| record(format!("{stem}.jpg")));
        self.records.extend(lone);
        self.records.extend(pictures.iter().map(|path| record(path.clone())));
        let start = self.records.len() - pictures.len();
        self.records[start..].sort_by(|a, b| a.path.cmp(&b.path));
        self.folders.push((images, labels));
        Ok(())
    }

    /// A text file with the path of an image on each line.
    fn add_list(&mut self, file: &Path, base: &Path, split: Option<u16>) -> Result<(), Error> {
        let bytes = fs::read(file).map_err(|error| Error::io("read", file, error))?;
        let text = String::from_utf8_lossy(&bytes);
        let own = file.parent().unwrap_or(base);
        for (number, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let place = || Place::line(file, number as u64 + 1);
            let (image, listed) = if Path::new(line).is_absolute() {
                (PathBuf::from(line), line)
            } else {
                let inner = line.strip_prefix("./").unwrap_or(line);
                let image = layout::in_darknet(own, inner).or_else(|| layout::in_darknet(base, inner));
                (image.unwrap_or_else(|| own.join(inner)), inner)
            };
            // The part below `images` is the path in the dataset.
            let inner = listed.rsplit_once("images/").map_or(listed, |(_, inner)| inner);
            let path = match paths::check(inner) {
                Checked::Safe(path) | Checked::Absolute(path) => path,
                Checked::Unsafe => {
                    self.notes.problem(ProblemKind::UnsafePath, place, format!("`{line}`"))?;
                    continue;
                }
            };
            let folder = image.parent().unwrap_or(own);
            let stem = image.file_stem().unwrap_or_default();
            let label = layout::labels_of(folder).join(stem).with_added_extension("txt");
            let files = Files::Listed(image.into(), label.into());
            self.records.push(Record { path: path.into(), split, files });
        }
        Ok(())
    }

    /// Some of the records.
    fn samples(&self) -> impl Iterator<Item = &Record> {
        self.records.iter().step_by(self.records.len().div_ceil(SAMPLES).max(1))
    }

    /// Whether all shapes of some labels are rectangles and any of them is
    /// turned, as in datasets of turned boxes and hardly in others.
    fn has_turned_boxes_alone(&self) -> bool {
        if self.joints.is_some() || !self.header.contains.polygons || self.header.contains.boxes {
            return false;
        }
        let reader = |size| Line { joints: None, is_oriented: true, max_vertices: self.max_vertices, size };
        let mut turned = 0;
        for record in self.samples() {
            let (image, label) = self.files(record);
            let text = fs::read(&label).unwrap_or_default();
            if text.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let Some(size) = picture::size(&image) else { return false };
            let mut item = Item::default();
            for line in text.split(|byte| *byte == b'\n') {
                match reader(size).read(line, &mut item) {
                    Ok(None) => {}
                    Ok(Some(Annotation { bbox: Some(_), rotation, .. })) => {
                        turned += usize::from(rotation.is_some());
                    }
                    _ => return false,
                }
            }
        }
        turned > 0
    }

    /// What the dataset contains, told by some of its labels.
    fn sample(&self) -> Contains {
        let mut contains = Contains { joints: self.joints.is_some(), ..Contains::default() };
        for record in self.samples() {
            let text = fs::read(self.files(record).1).unwrap_or_default();
            for line in text.split(|byte| *byte == b'\n') {
                match line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).count() {
                    0 => {}
                    1..=6 => contains.boxes = true,
                    _ if self.joints.is_none() => contains.polygons = true,
                    _ => contains.boxes = true,
                }
            }
        }
        contains
    }

    fn files(&self, record: &Record) -> (PathBuf, PathBuf) {
        match &record.files {
            Files::Listed(image, label) => (image.to_path_buf(), label.to_path_buf()),
            Files::Folder(folder) => {
                let (images, labels) = &self.folders[usize::from(*folder)];
                let label = [split_ending(&record.path).0, ".txt"].concat();
                (images.join(&*record.path), labels.join(label))
            }
        }
    }

    fn lines(&self, label: &Path, bytes: &[u8], item: &mut Item, notes: &mut Notes) -> Result<(), Error> {
        let Some(size) = item.image.size else { return Ok(()) };
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let number = number as u64 + 1;
            let reader = Line {
                joints: self.joints,
                is_oriented: self.is_oriented,
                max_vertices: self.max_vertices,
                size,
            };
            match reader.read(line, item) {
                Ok(None) => {}
                Ok(Some(annotation)) => item.annotations.push(Annotation { at: number, ..annotation }),
                Err((kind, message)) => notes.unusable(kind, || Place::line(label, number), message)?,
            }
        }
        Ok(())
    }
}

/// What is needed to read a line.
struct Line {
    joints: Option<JointShape>,
    is_oriented: bool,
    max_vertices: usize,
    size: Size,
}

impl Line {
    /// The annotation of a line, `None` for an empty one.
    fn read(&self, line: &[u8], item: &mut Item) -> Result<Option<Annotation>, (ProblemKind, &'static str)> {
        const MALFORMED: ProblemKind = ProblemKind::Malformed;
        let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        let Some(class) = words.next() else { return Ok(None) };
        let class = number::parse(class)
            .filter(|class| class.fract() == 0.0 && (0.0..f64::from(u32::MAX)).contains(class))
            .ok_or((MALFORMED, "the class is not a whole number from 0"))?;
        let start = item.points.len();
        let (mut pending, mut count) = (None, 0usize);
        for word in words {
            let value = number::parse(word).ok_or((MALFORMED, "not a number"))?;
            count += 1;
            match pending.take() {
                None => pending = Some(value),
                Some(x) => item.points.push([x, value]),
            }
            if item.points.len() - start > self.max_vertices {
                item.points.truncate(start);
                return Err((ProblemKind::TooManyVertices, "more vertices than allowed"));
            }
        }
        let annotation = Annotation { class: Some(class as u32), ..Annotation::default() };
        let done = self.interpret(annotation, start, count, pending, item);
        if !matches!(&done, Ok(Annotation { shape: Shape::Rings(_), .. })) {
            item.points.truncate(start);
        }
        done.map(Some).map_err(|message| (MALFORMED, message))
    }

    /// Makes an annotation of the numbers, which are in the points from
    /// `start` on, and the one left over if their count is odd.
    fn interpret(
        &self,
        annotation: Annotation,
        start: usize,
        count: usize,
        last: Option<f64>,
        item: &mut Item,
    ) -> Result<Annotation, &'static str> {
        let with_joints = self.joints.map(|shape| 4 + shape.count * shape.numbers);
        let bbox = |item: &Item| self.pixels([item.points[start], item.points[start + 1]]);
        match count {
            4 => Ok(Annotation { bbox: Some(bbox(item)), ..annotation }),
            5 => Ok(Annotation { bbox: Some(bbox(item)), score: last, ..annotation }),
            0..=3 => Err("a box needs four numbers"),
            _ if with_joints == Some(count) || with_joints == Some(count - 1) => {
                let mut numbers: Vec<f64> = item.points[start + 2..].iter().flatten().copied().collect();
                numbers.extend(last);
                let score = if with_joints == Some(count) { None } else { numbers.pop() };
                let joints = self.add_joints(&numbers, item);
                Ok(Annotation { bbox: Some(bbox(item)), joints, score, ..annotation })
            }
            _ if self.joints.is_some() => Err("neither a box nor a box with the joints of kpt_shape"),
            _ => {
                let (width, height) = (f64::from(self.size.width), f64::from(self.size.height));
                for point in &mut item.points[start..] {
                    *point = [point[0] * width, point[1] * height];
                }
                if let Some((bbox, rotation)) = self.turned(&item.points[start..]) {
                    return Ok(Annotation { bbox: Some(bbox), rotation, score: last, ..annotation });
                }
                let ring = Span { start: start as u32, end: item.points.len() as u32 };
                item.rings.push(ring);
                let span = Span { start: item.rings.len() as u32 - 1, end: item.rings.len() as u32 };
                Ok(Annotation { shape: Shape::Rings(span), score: last, ..annotation })
            }
        }
    }

    /// Four corners as a turned box, where they are one.
    fn turned(&self, points: &[[f64; 2]]) -> Option<([f64; 4], Option<f64>)> {
        let corners = <[[f64; 2]; 4]>::try_from(points).ok().filter(|_| self.is_oriented)?;
        // Six decimals leave so much of a pixel open at each corner.
        let off = 4e-6 * f64::from(self.size.width.max(self.size.height));
        geometry::turned_box(corners, off)
    }

    fn pixels(&self, [[x, y], [w, h]]: [[f64; 2]; 2]) -> [f64; 4] {
        let (width, height) = (f64::from(self.size.width), f64::from(self.size.height));
        [(x - w / 2.0) * width, (y - h / 2.0) * height, w * width, h * height]
    }

    fn add_joints(&self, numbers: &[f64], item: &mut Item) -> Span {
        let start = item.joints.len() as u32;
        let (width, height) = (f64::from(self.size.width), f64::from(self.size.height));
        let each = self.joints.map_or(3, |shape| shape.numbers);
        item.joints.extend(numbers.chunks_exact(each.max(2)).map(|joint| Joint {
            x: joint[0] * width,
            y: joint[1] * height,
            seen: joint.get(2).map(|seen| seen.clamp(0.0, 2.0) as u8),
        }));
        Span { start, end: item.joints.len() as u32 }
    }
}

impl Source for Yolo {
    fn format(&self) -> Format {
        Format::Yolo
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
        _want: Want,
        notes: &mut Notes,
        each: &mut dyn FnMut(usize, &mut Item, &mut Notes) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut item = Item::default();
        for index in range {
            let record = &self.records[index];
            item.clear();
            item.split = record.split;
            item.image.path.push_str(&record.path);
            let (image, label) = self.files(record);
            // Without the size there are no pixels, so it is always needed.
            item.image.size = picture::size(&image);
            let text = match fs::read(&label) {
                Ok(text) => text,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
                Err(error) => return Err(Error::io("read", &label, error)),
            };
            if item.image.size.is_none() {
                let (kind, what) = match image.exists() {
                    true => (ProblemKind::NoSize, "is not a picture that says its size"),
                    false => (ProblemKind::NoFile, "is not there"),
                };
                let message = format!("{} {what}, so its labels cannot be read", image.display());
                notes.unusable(kind, || Place::file(&label), message)?;
                continue;
            }
            item.image.file = Some(image);
            self.lines(&label, &text, &mut item, notes)?;
            each(index, &mut item, notes)?;
        }
        Ok(())
    }

    fn place(&self, index: usize, item: &Item, annotation: Option<usize>) -> Place {
        let (image, label) = self.files(&self.records[index]);
        match annotation {
            Some(annotation) => Place::line(label, item.annotations[annotation].at),
            None => Place::file(image),
        }
    }
}
