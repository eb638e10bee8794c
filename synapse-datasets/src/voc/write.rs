//! Writes Pascal VOC.

use super::xml::write_text;
use crate::convert::ConvertOptions;
use crate::error::Error;
use crate::fields::{self, dataset_place, kind_loss, lose};
use crate::geometry;
use crate::loss::LossKind;
use crate::model::{Annotation, Header, Item, Kind, Shape, Size, Span};
use crate::names::{Names, Style};
use crate::number::write_shortest;
use crate::output::Output;
use crate::paths::{one_line, split_ending};
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
    /// The members of the image set of each split.
    sets: Mutex<Vec<Vec<u8>>>,
}

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
        let sets = Mutex::new(vec![Vec::new(); header.splits.len()]);
        let first_pixel = f64::from(options.voc_first_pixel);
        let writer =
            Self { header, output, names, floats: options.voc_floats, first_pixel, in_folders, sets };
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

    fn document(&self, name: &str, item: &Item, at: At<'_>, part: &mut Part) {
        let out = &mut part.annotations;
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
        if !other.contains("<segmented") {
            element("  ", "segmented", "0", out);
        }
        if !other.is_empty() {
            out.extend_from_slice(b"  ");
            out.extend_from_slice(other.as_bytes());
            out.push(b'\n');
        }
        for (number, annotation) in item.annotations.iter().enumerate() {
            self.object(item, annotation, &|| at(Some(number)), part);
        }
        part.annotations.extend_from_slice(b"</annotation>\n");
    }

    fn object(&self, item: &Item, annotation: &Annotation, at: &dyn Fn() -> Place, part: &mut Part) {
        let Part { annotations: out, notes, .. } = part;
        if annotation.kind != Kind::Object {
            return lose(notes, kind_loss(annotation.kind), true, at);
        }
        let class = annotation.class.and_then(|class| self.header.classes.get(class as usize));
        let edges = geometry::upright_box(item, annotation)
            .and_then(|whole| self.edges(whole, item.image.size, at, notes));
        let (Some(class), Some(edges)) = (class, edges) else {
            return lose(notes, LossKind::Object, true, at);
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

fn lose_all(annotation: &Annotation, at: &dyn Fn() -> Place, notes: &mut Notes) {
    match annotation.shape {
        Shape::None => {}
        Shape::Rings(_) | Shape::Unread { mask: false } => lose(notes, LossKind::Polygon, true, at),
        Shape::Mask(_) | Shape::Unread { mask: true } => lose(notes, LossKind::Mask, true, at),
    }
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
        Want { shapes: false, sizes: true }
    }

    fn encode(&self, index: usize, item: &Item, at: At<'_>, part: &mut Part) -> Result<bool, Error> {
        let Some(name) = self.names.of(index, &item.image.path) else { return Ok(false) };
        if item.image.size.is_none() {
            let message = format!("`{}`: neither the source nor the file says it", item.image.path);
            part.notes.problem(ProblemKind::NoSize, || at(None), message)?;
        }
        let stem = split_ending(&name).0;
        part.annotations.clear();
        self.document(&name, item, at, part);
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
        for entry in &part.entries {
            if let Some(set) = entry.split.and_then(|split| sets.get_mut(usize::from(split))) {
                set.extend_from_slice(&part.images[done..entry.images]);
            }
            done = entry.images;
        }
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        let sets = self.sets.into_inner().unwrap_or_else(PoisonError::into_inner);
        for (name, members) in self.header.splits.iter().zip(sets).filter(|_| !self.in_folders) {
            self.output.folder("ImageSets/Main")?;
            self.output.write("", &format!("ImageSets/Main/{name}.txt"), &members)?;
        }
        self.output.finish()
    }
}
