//! Writes Pascal VOC.

use super::labels;
use super::planes::{self, Painter};
use super::xml::write_text;
use crate::convert::{ConvertOptions, Task};
use crate::error::{Error, ErrorKind};
use crate::fields::{self, dataset_place, kind_loss, lose};
use crate::geometry;
use crate::loss::LossKind;
use crate::model::{Annotation, Header, Item, Kind, Shape, Size, Span};
use crate::names::{Names, Style};
use crate::number::write_shortest;
use crate::output::Output;
use crate::paths::{one_line, split_ending};
use crate::plane::is_possible;
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use crate::stream::{At, Entry, Part, Source, Target, Want};
use std::sync::{Mutex, PoisonError};

/// A Pascal VOC dataset being written.
pub(crate) struct Writer<'s> {
    header: &'s Header,
    output: Output,
    names: Names,
    floats: bool,
    first_pixel: f64,
    /// Whether each split has folders of its own instead of a set.
    in_folders: bool,
    /// Whether masks are written.
    has_planes: bool,
    /// The members of the image sets of each split.
    sets: Mutex<Vec<Sets>>,
}

/// The images of a split, and those of them that have masks.
#[derive(Clone, Default)]
struct Sets {
    all: Vec<u8>,
    with_masks: Vec<u8>,
}

/// The planes number so many objects and classes; one more number is void.
const MOST: usize = 254;

impl<'s> Writer<'s> {
    pub(crate) fn new(
        source: &'s dyn Source,
        output: Output,
        options: &ConvertOptions,
        notes: &mut Notes,
    ) -> Result<Self, Error> {
        let header = source.header();
        fields::lose_header(notes, header, &|| dataset_place(source));
        // Sets name images, so an image has one name in all splits.
        let in_folders = options.synapse_py && !header.splits.is_empty();
        let names = match in_folders {
            true => Names::new(Style::Flat, source, notes)?,
            false => Names::in_one_folder(Style::Flat, source, notes)?,
        };
        let classes: String = header.classes.iter().map(|class| one_line(&class.name) + "\n").collect();
        output.write("", "classes.txt", classes.as_bytes())?;
        let has_planes = match options.task {
            None => header.contains.masks && !header.contains.polygons,
            task => task == Some(Task::Segment),
        };
        if has_planes {
            let names = header.classes.iter().map(|class| class.name.as_str());
            output.write("", labels::FILE, labels::write(names).as_bytes())?;
        }
        let sets = Mutex::new(vec![Sets::default(); header.splits.len()]);
        let first_pixel = f64::from(options.voc_first_pixel);
        let writer = Self {
            header,
            output,
            names,
            floats: options.voc_floats,
            first_pixel,
            in_folders,
            has_planes,
            sets,
        };
        let splits = (0..header.splits.len() as u16).map(Some).filter(|_| in_folders);
        for split in splits.chain((!in_folders).then_some(None)) {
            writer.output.folder(&writer.folder(split, "Annotations"))?;
            writer.output.folder(&writer.folder(split, "JPEGImages"))?;
        }
        Ok(writer)
    }

    fn folder(&self, split: Option<u16>, name: &str) -> String {
        match split.filter(|_| self.in_folders).map(|split| self.header.splits[usize::from(split)].as_str()) {
            None => name.to_owned(),
            Some("val") => format!("valid/{name}"),
            Some(split) => format!("{split}/{name}"),
        }
    }

    /// Writes the document, and gives the planes if anything is in them.
    fn document(&self, name: &str, item: &Item, at: At<'_>, part: &mut Part) -> Option<Painter> {
        let mut painter =
            item.image.size.filter(|size| self.has_planes && is_possible(*size)).map(Painter::new);
        let start = part.annotations.len();
        let mut numbers = Numbers::default();
        for (number, annotation) in item.annotations.iter().enumerate() {
            // What has no box of its own but pixels is in the planes alone.
            let is_pixels = annotation.bbox.is_none() && has_pixels(annotation) && painter.is_some();
            if is_pixels || self.object(item, annotation, &|| at(Some(number)), part) {
                numbers.add(number, !is_pixels);
            }
        }
        let objects = part.annotations.split_off(start);
        let is_painted =
            painter.as_mut().is_some_and(|painter| self.paint(&numbers, item, at, painter, &mut part.notes));
        if painter.is_none() {
            numbers.all().for_each(|(number, _)| {
                lose_shape(&item.annotations[number], &|| at(Some(number)), &mut part.notes)
            });
        }
        self.head(name, item, is_painted, &mut part.annotations);
        part.annotations.extend_from_slice(&objects);
        part.annotations.extend_from_slice(b"</annotation>\n");
        painter.filter(|_| is_painted)
    }

    /// Paints the objects in their planes. Whether anything is in them.
    fn paint(
        &self,
        numbers: &Numbers,
        item: &Item,
        at: At<'_>,
        painter: &mut Painter,
        notes: &mut Notes,
    ) -> bool {
        let mut is_painted = false;
        for (number, object) in numbers.all() {
            let annotation = &item.annotations[number];
            let at = || at(Some(number));
            if !has_pixels(annotation) {
                continue;
            }
            let class = annotation.class.map_or(MOST, |class| class as usize) + 1;
            if object > MOST || class > MOST {
                lose_shape(annotation, &at, notes);
                continue;
            }
            let painted = painter.paint(item, annotation, object as u8, class as u8);
            if painted.pixels == 0 {
                lose_shape(annotation, &at, notes);
                continue;
            }
            lose(notes, LossKind::PolygonAsMask, matches!(annotation.shape, Shape::Rings(_)), at);
            lose(notes, LossKind::Overlap, painted.taken > 0, at);
            is_painted = true;
        }
        is_painted
    }

    /// What stands before the objects.
    fn head(&self, name: &str, item: &Item, is_segmented: bool, out: &mut Vec<u8>) {
        out.extend_from_slice(b"<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<annotation>\n");
        element("  ", "folder", "JPEGImages", out);
        element("  ", "filename", name, out);
        let other = item.text(item.xml);
        if !other.contains("<source") {
            out.extend_from_slice(b"  <source>\n    <database>Unknown</database>\n  </source>\n");
        }
        if let Some(Size { width, height }) = item.image.size {
            let channels = item.image.channels.unwrap_or(3);
            let size = format!(
                "  <size>\n    <width>{width}</width>\n    <height>{height}</height>\n    <depth>{channels}</depth>\n  </size>\n"
            );
            out.extend_from_slice(size.as_bytes());
        }
        if is_segmented || !other.contains("<segmented") {
            element("  ", "segmented", if is_segmented { "1" } else { "0" }, out);
        }
        if !other.is_empty() {
            out.extend_from_slice(b"  ");
            out.extend_from_slice(other.as_bytes());
            out.push(b'\n');
        }
    }

    /// Writes an object. Whether there is anything to write.
    fn object(&self, item: &Item, annotation: &Annotation, at: &dyn Fn() -> Place, part: &mut Part) -> bool {
        let Part { annotations: out, notes, .. } = part;
        if annotation.kind != Kind::Object {
            lose(notes, kind_loss(annotation.kind), true, at);
            return false;
        }
        let class = annotation.class.and_then(|class| self.header.classes.get(class as usize));
        let edges = geometry::upright_box(item, annotation)
            .and_then(|whole| self.edges(whole, item.image.size, at, notes));
        let (Some(class), Some(edges)) = (class, edges) else {
            lose(notes, LossKind::Object, true, at);
            return false;
        };
        out.extend_from_slice(b"  <object>\n");
        element("    ", "name", &class.name, out);
        element("    ", "pose", annotation.voc.pose.map_or("Unspecified", |pose| item.text(pose)), out);
        let flag = |flag: Option<bool>| if flag == Some(true) { "1" } else { "0" };
        element("    ", "truncated", flag(annotation.voc.truncated), out);
        element("    ", "difficult", flag(annotation.voc.difficult), out);
        if annotation.voc.occluded == Some(true) {
            element("    ", "occluded", "1", out);
        }
        out.extend_from_slice(b"    <bndbox>\n");
        for (name, edge) in ["xmin", "ymin", "xmax", "ymax"].into_iter().zip(edges) {
            out.extend_from_slice(format!("      <{name}>").as_bytes());
            write_shortest(edge, out);
            out.extend_from_slice(format!("</{name}>\n").as_bytes());
        }
        out.extend_from_slice(b"    </bndbox>\n");
        let other = item.text(annotation.xml);
        if !other.is_empty() {
            out.extend_from_slice(b"    ");
            out.extend_from_slice(other.as_bytes());
            out.push(b'\n');
        }
        out.extend_from_slice(b"  </object>\n");
        lose_all(annotation, at, notes);
        true
    }

    fn write_planes(&self, item: &Item, stem: &str, planes: Painter) -> Result<(), Error> {
        let files = planes.finish().map_err(|what| {
            Error::new(ErrorKind::Io, format!("the masks of `{}` cannot be written: {what}", item.image.path))
        })?;
        for (folder, bytes) in [planes::OBJECTS, planes::CLASSES].into_iter().zip(files) {
            let folder = self.folder(item.split, folder);
            self.output.folder(&folder)?;
            self.output.write(&folder, &format!("{stem}.png"), &bytes)?;
        }
        Ok(())
    }

    /// The numbers of `bndbox`. `None` if nothing of the box is inside.
    fn edges(
        &self,
        [x, y, width, height]: [f64; 4],
        size: Option<Size>,
        at: &dyn Fn() -> Place,
        notes: &mut Notes,
    ) -> Option<[f64; 4]> {
        let exact = [x, y, x + width, y + height];
        let mut edges = exact;
        if let Some(size) = size {
            let limits = [f64::from(size.width), f64::from(size.height)];
            edges = std::array::from_fn(|index| exact[index].clamp(0.0, limits[index % 2]));
            // What other programs leave beyond the edge is rounding.
            let is_clipped = edges.iter().zip(exact).any(|(edge, exact)| (edge - exact).abs() > 1e-6);
            lose(notes, LossKind::Clipped, is_clipped, at);
        }
        // A box wholly outside has nothing left; one without area had none.
        let sides = [(edges[0], edges[2], width), (edges[1], edges[3], height)];
        if sides.iter().any(|(low, high, side)| high < low || high == low && *side > 0.0) {
            return None;
        }
        if !self.floats {
            let [left, right] = whole_pixels(edges[0], edges[2]);
            let [top, bottom] = whole_pixels(edges[1], edges[3]);
            let whole = [left, top, right, bottom];
            let is_rounded = whole.iter().zip(edges).any(|(whole, edge)| (whole - edge).abs() > 1e-6);
            lose(notes, LossKind::BoxRounded, is_rounded, at);
            edges = whole;
        }
        let [left, top, right, bottom] = edges;
        Some([left + self.first_pixel, top + self.first_pixel, right, bottom])
    }
}

/// Edges as whole pixels, ties to even. What is thinner than a pixel gets the
/// one it is in.
fn whole_pixels(low: f64, high: f64) -> [f64; 2] {
    let rounded = [low.round_ties_even(), high.round_ties_even()];
    if rounded[0] == rounded[1] && high > low {
        let first = low.floor();
        return [first, (first + 1.0).max(high.floor())];
    }
    rounded
}

/// The numbers that objects have in the planes: those in the XML file come
/// first, in its order.
#[derive(Default)]
struct Numbers {
    in_file: Vec<usize>,
    others: Vec<usize>,
}

impl Numbers {
    fn add(&mut self, annotation: usize, is_in_file: bool) {
        if is_in_file { self.in_file.push(annotation) } else { self.others.push(annotation) }
    }

    /// Each annotation and its number, from 1.
    fn all(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        self.in_file.iter().chain(&self.others).copied().zip(1..)
    }
}

fn has_pixels(annotation: &Annotation) -> bool {
    annotation.kind == Kind::Object && matches!(annotation.shape, Shape::Mask(_) | Shape::Rings(_))
}

fn lose_shape(annotation: &Annotation, at: &dyn Fn() -> Place, notes: &mut Notes) {
    match annotation.shape {
        Shape::None => {}
        Shape::Rings(_) | Shape::Unread { mask: false } => lose(notes, LossKind::Polygon, true, at),
        Shape::Mask(_) | Shape::Unread { mask: true } => lose(notes, LossKind::Mask, true, at),
    }
}

/// Notes what an object loses beside its shape.
fn lose_all(annotation: &Annotation, at: &dyn Fn() -> Place, notes: &mut Notes) {
    lose(notes, LossKind::Joints, !annotation.joints.is_empty(), at);
    lose(notes, LossKind::Rotation, fields::rotation(annotation).is_some(), at);
    lose(notes, LossKind::Score, annotation.score.is_some(), at);
    lose(notes, LossKind::Fields, !annotation.extra.is_empty(), at);
    let without_xml = Annotation { xml: Span::default(), extra: Span::default(), ..*annotation };
    fields::lose_details(notes, &without_xml, at);
}

fn element(indent: &str, name: &str, text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("{indent}<{name}>").as_bytes());
    write_text(text, out);
    out.extend_from_slice(format!("</{name}>\n").as_bytes());
}

impl Target for Writer<'_> {
    fn want(&self) -> Want {
        Want { shapes: self.has_planes, sizes: true }
    }

    fn encode(&self, index: usize, item: &Item, at: At<'_>, part: &mut Part) -> Result<bool, Error> {
        let Some(name) = self.names.of(index, &item.image.path) else { return Ok(false) };
        if item.image.size.is_none() {
            let message = format!("`{}`: neither the source nor the file says it", item.image.path);
            part.notes.problem(ProblemKind::NoSize, || at(None), message)?;
        }
        let stem = split_ending(&name).0;
        part.annotations.clear();
        let planes = self.document(&name, item, at, part);
        let annotations = self.folder(item.split, "Annotations");
        self.output.folder(&annotations)?;
        self.output.write(&annotations, &format!("{stem}.xml"), &part.annotations)?;
        if self.output.has_images() {
            let placed = match &item.image.file {
                Some(file) => {
                    let images = self.folder(item.split, "JPEGImages");
                    self.output.folder(&images)?;
                    self.output.image(file, &images, &name)?
                }
                None => false,
            };
            if !placed {
                fields::no_file(&mut part.notes, item, &|| at(None))?;
            }
        }
        if let Some(planes) = planes {
            self.write_planes(item, stem, planes)?;
            part.ids.push(part.entries.len());
        }
        let notes = &mut part.notes;
        lose(notes, LossKind::ImageId, item.image.id.is_some(), || at(None));
        lose(notes, LossKind::ImageFields, !item.image.extra.is_empty(), || at(None));
        lose(notes, LossKind::ImagePath, item.image.path.contains('/'), || at(None));
        lose(notes, LossKind::Document, !item.document.is_empty(), || at(None));
        part.images.extend_from_slice(stem.as_bytes());
        part.images.push(b'\n');
        part.entries.push(Entry { split: item.split, annotations: 0, images: part.images.len() });
        Ok(true)
    }

    fn commit(&self, part: &mut Part) -> Result<(), Error> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        let mut done = 0;
        for (number, entry) in part.entries.iter().enumerate() {
            if let Some(set) = entry.split.and_then(|split| sets.get_mut(usize::from(split))) {
                let line = &part.images[done..entry.images];
                set.all.extend_from_slice(line);
                // Where the numbers of entries with planes are kept.
                if part.ids.binary_search(&number).is_ok() {
                    set.with_masks.extend_from_slice(line);
                }
            }
            done = entry.images;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let sets = self.sets.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (name, members) in self.header.splits.iter().zip(sets).filter(|_| !self.in_folders) {
            self.output.folder("ImageSets/Main")?;
            self.output.write("", &format!("ImageSets/Main/{name}.txt"), &members.all)?;
            if !members.with_masks.is_empty() {
                self.output.folder("ImageSets/Segmentation")?;
                self.output.write("", &format!("ImageSets/Segmentation/{name}.txt"), &members.with_masks)?;
            }
        }
        self.output.finish()
    }
}
