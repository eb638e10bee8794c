//! Writes DM.

use super::{Version, dataset, v1_write, v2_write};
use crate::error::Error;
use crate::fields::{self, lose};
use crate::geometry;
use crate::loss::LossKind;
use crate::model::{Annotation, Header, Id, Item, Joint, Kind, Mask, Shape};
use crate::names::{Names, Style};
use crate::output::Output;
use crate::paths::{self, split_ending};
use crate::report::Notes;
use crate::stream::{At, Part, Source, Target, Want};
use std::borrow::Cow;

/// A DM dataset being written.
pub(crate) struct Writer<'s> {
    header: &'s Header,
    output: Output,
    version: Version,
    names: Names,
}

/// One annotation of DM.
pub(super) struct Piece<'p> {
    pub(super) tool: &'p str,
    pub(super) id: &'p str,
    pub(super) class: &'p str,
    pub(super) data: Data<'p>,
    /// How far a box is turned.
    pub(super) rotation: Option<f64>,
    /// What it is a piece of, if there are several.
    pub(super) object: Option<&'p str>,
    /// Whether it carries what belongs to the whole.
    pub(super) is_first: bool,
    pub(super) is_derived: bool,
}

/// The geometry of a piece.
pub(super) enum Data<'p> {
    Box([f64; 4]),
    Ring(&'p [[f64; 2]]),
    Point(Joint, Option<&'p str>),
    Mask(&'p [u32], Mask),
    Nothing,
    Json(&'p str),
}

/// Calls `each` with every piece of an annotation.
pub(super) fn pieces(header: &Header, item: &Item, number: usize, each: &mut dyn FnMut(&Piece<'_>)) {
    let annotation = &item.annotations[number];
    let id = id(item, annotation, number);
    let class = annotation.class.and_then(|class| header.classes.get(class as usize));
    let name = class.map_or("", |class| &class.name);
    let single = |tool, data| Piece {
        tool,
        id: &id,
        class: name,
        data,
        rotation: None,
        object: None,
        is_first: true,
        is_derived: false,
    };
    match annotation.kind {
        Kind::Object => object(class, item, annotation, &id, name, each),
        Kind::Polyline => {
            for ring in item.rings(annotation.shape) {
                each(&single("polyline", Data::Ring(ring)));
            }
        }
        Kind::Point { group } => {
            if let [joint] = item.joints(annotation) {
                each(&single("keypoint", Data::Point(*joint, group.map(|group| item.text(group)))));
            }
        }
        Kind::Label => each(&single("classification", Data::Nothing)),
        Kind::Other { tool, data } => each(&single(item.text(tool), Data::Json(item.text(data)))),
    }
}

fn object(
    class: Option<&crate::Class>,
    item: &Item,
    annotation: &Annotation,
    id: &str,
    name: &str,
    each: &mut dyn FnMut(&Piece<'_>),
) {
    let joints = item.joints(annotation);
    let is_mask = matches!(annotation.shape, Shape::Mask(_));
    let shapes = item.rings(annotation.shape).count() + usize::from(is_mask);
    // The class of an object stands on a box or shape; joints have their own.
    let is_derived = annotation.bbox.is_none() && shapes == 0;
    let own = if is_derived { geometry::shape_bounds(item, annotation) } else { annotation.bbox };
    let is_split = usize::from(own.is_some()) + shapes + joints.len() > 1;
    let mut count = 0;
    let mut piece = |tool: &str, class: &str, data: Data<'_>| {
        let own_id = if count == 0 { Cow::Borrowed(id) } else { Cow::Owned(format!("{id}-{count}")) };
        let object = is_split.then_some(id);
        each(&Piece {
            tool,
            id: &own_id,
            class,
            data,
            rotation: annotation.rotation,
            object,
            is_first: count == 0,
            is_derived: is_derived && count == 0,
        });
        count += 1;
    };
    if let Some(own) = own {
        piece("bounding_box", name, Data::Box(own));
    }
    for ring in item.rings(annotation.shape) {
        piece("polygon", name, Data::Ring(ring));
    }
    if let Shape::Mask(mask) = annotation.shape {
        piece("segmentation", name, Data::Mask(item.runs(mask), mask));
    }
    for (index, joint) in joints.iter().enumerate() {
        let numbered = format!("joint_{index}");
        let joint_name = class.and_then(|class| class.joints.get(index)).unwrap_or(&numbered);
        piece("keypoint", joint_name, Data::Point(*joint, Some(id)));
    }
}

/// The id of an annotation, made up if it has none.
pub(super) fn id(item: &Item, annotation: &Annotation, number: usize) -> String {
    match annotation.id {
        Some(Id::Number(id)) => id.to_string(),
        Some(Id::Text(id)) => item.text(id).to_owned(),
        None => made_id(&item.image.path, number),
    }
}

/// Ten letters and digits that are the same for the same image and number.
pub(super) fn made_id(path: &str, number: usize) -> String {
    const LETTERS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut hash = paths::hash(path.as_bytes()) ^ (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash ^= hash >> 29;
    hash = hash.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    // A letter first, so that it is never taken for a number.
    let mut id = String::from("m");
    for _ in 0..9 {
        id.push(char::from(LETTERS[(hash % 62) as usize]));
        hash /= 62;
    }
    id
}

impl<'s> Writer<'s> {
    pub(crate) fn new(
        source: &'s dyn Source,
        output: Output,
        version: Version,
        notes: &mut Notes,
    ) -> Result<Self, Error> {
        let header = source.header();
        let names = Names::new(Style::Flat, source, notes)?;
        if let Some(text) = dataset::write(header) {
            output.write("", dataset::NAME, &text)?;
        }
        let other =
            header.splits.iter().filter(|split| !matches!(split.as_str(), "train" | "val" | "test")).count();
        let unsplit =
            (0..source.len()).filter(|index| !header.splits.is_empty() && source.image(*index).0.is_none());
        notes.loss(LossKind::Splits, other + unsplit.count(), || fields::dataset_place(source));
        Ok(Self { header, output, version, names })
    }

    /// The folder of a split. DM has three; images of others are for training.
    fn folder(&self, split: Option<u16>) -> &'static str {
        match split.map(|split| self.header.splits[usize::from(split)].as_str()) {
            None if self.header.splits.is_empty() => "",
            Some("val") => "valid/",
            Some("test") => "test/",
            _ => "train/",
        }
    }
}

impl Target for Writer<'_> {
    fn want(&self) -> Want {
        Want { shapes: true, sizes: self.version == Version::V1 || !self.output.has_images() }
    }

    fn encode(&self, index: usize, item: &Item, at: At<'_>, part: &mut Part) -> Result<bool, Error> {
        let Some(name) = self.names.of(index, &item.image.path) else { return Ok(false) };
        part.annotations.clear();
        match self.version {
            Version::V1 => v1_write::write(self.header, item, &name, &mut part.annotations),
            Version::V2 => {
                v2_write::write(self.header, item, &name, self.output.has_images(), &mut part.annotations)
            }
        }
        let folder = self.folder(item.split);
        let json = [folder, "json"].concat();
        let originals = [folder, "original_files"].concat();
        self.output.folder(&json)?;
        self.output.folder(&originals)?;
        self.output.write(&json, &[split_ending(&name).0, ".json"].concat(), &part.annotations)?;
        if self.output.has_images() {
            let placed = match &item.image.file {
                Some(file) => self.output.image(file, &originals, &name)?,
                None => false,
            };
            if !placed {
                fields::no_file(&mut part.notes, item, &|| at(None))?;
            }
        }
        lose(&mut part.notes, LossKind::ImageFields, !item.xml.is_empty(), || at(None));
        for (number, annotation) in item.annotations.iter().enumerate() {
            lose(&mut part.notes, LossKind::Fields, !annotation.xml.is_empty(), || at(Some(number)));
        }
        Ok(true)
    }

    fn commit(&self, _part: &mut Part) -> Result<(), Error> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        if self.header.splits.is_empty() {
            self.output.folder("json")?;
            self.output.folder("original_files")?;
        }
        self.output.finish()
    }
}
