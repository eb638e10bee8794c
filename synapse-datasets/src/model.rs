//! What every format is read into and written from.

use std::path::PathBuf;

/// A stretch of one of the arenas of an [`Item`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first entry.
    pub start: u32,
    /// The entry after the last.
    pub end: u32,
}

impl Span {
    /// How many entries it has.
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it has none.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// For slicing the arena.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// What a dataset says of itself beside its images.
#[derive(Clone, Debug, Default)]
pub struct Header {
    /// The classes in the source's own order. Annotations name them by index.
    pub classes: Vec<Class>,
    /// The names of the splits: `train`, `val`, `test` or others. `valid` and
    /// `validation` are read as `val`. Empty if the dataset has none.
    pub splits: Vec<String>,
    /// What kinds of annotation there are.
    pub contains: Contains,
    /// Whether every image has a whole number of its own as id.
    pub image_numbers: bool,
    /// Whether every annotation has a whole number of its own as id.
    pub annotation_numbers: bool,
    /// COCO's `info`, as JSON text. Empty if there is none.
    pub info: String,
    /// COCO's `licenses`, as the JSON text of a list. Empty if there is none.
    pub licenses: String,
    /// Other fields of the dataset, as JSON members.
    pub extra: String,
    /// For each joint the one it becomes in a mirrored picture. Empty if not
    /// known.
    pub flip: Vec<u32>,
}

/// A class of a dataset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Class {
    /// The number the source gives it: a COCO category id. `None` where
    /// position is the number.
    pub id: Option<i64>,
    /// Its name, as given.
    pub name: String,
    /// The names of its joints, if its objects have any.
    pub joints: Vec<String>,
    /// Other fields, as JSON members: `"supercategory": "animal", …`.
    pub extra: String,
}

impl Class {
    /// A class with a name alone.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// Which kinds of annotation a dataset has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contains {
    /// Objects with a box.
    pub boxes: bool,
    /// Objects with a polygon.
    pub polygons: bool,
    /// Objects with a mask.
    pub masks: bool,
    /// Objects with joints.
    pub joints: bool,
}

impl Contains {
    /// What either has.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            boxes: self.boxes | other.boxes,
            polygons: self.polygons | other.polygons,
            masks: self.masks | other.masks,
            joints: self.joints | other.joints,
        }
    }
}

/// Width and height of a picture, in pixels as stored: the orientation a
/// camera notes in EXIF is not applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Pixels from left to right.
    pub width: u32,
    /// Pixels from top to bottom.
    pub height: u32,
}

/// An id as the source has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Id {
    /// A whole number.
    Number(i64),
    /// Text, in [`Item::text`].
    Text(Span),
}

/// The picture an item is about.
#[derive(Clone, Debug, Default)]
pub struct Image {
    /// Its path in the dataset, with `/` between parts. Safe to join: it has
    /// no `..`, no root and no drive.
    pub path: String,
    /// Where it stands on this machine, if that is known. The file may be
    /// absent.
    pub file: Option<PathBuf>,
    /// Its size, if the source or the file says it.
    pub size: Option<Size>,
    /// How many values a pixel has, if the source says it.
    pub channels: Option<u32>,
    /// Its id.
    pub id: Option<Id>,
    /// Other fields of the record, as JSON members in [`Item::text`].
    pub extra: Span,
}

/// What an annotation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A thing in the picture, with a box, a shape or joints.
    #[default]
    Object,
    /// A line that is not closed, in [`Annotation::shape`].
    Polyline,
    /// A single point, in [`Annotation::joints`]; the class is its name.
    Point {
        /// The group it belongs to, text in [`Item::text`].
        group: Option<Span>,
    },
    /// The whole picture is of the class.
    Label,
    /// A DM tool without a counterpart here: relations, groups, text, 3D.
    Other {
        /// The tool's name, in [`Item::text`].
        tool: Span,
        /// Its `data`, JSON text in [`Item::text`].
        data: Span,
    },
}

/// The outline of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Shape {
    /// It has none.
    #[default]
    None,
    /// One or more rings or, for a polyline, lines: entries of [`Item::rings`].
    Rings(Span),
    /// Pixels.
    Mask(Mask),
    /// It has one that was not read, because the target cannot hold it.
    Unread {
        /// Whether it is a mask.
        mask: bool,
    },
}

/// Pixels of an object: runs down the columns, the first of them outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mask {
    /// The lengths of the runs, entries of [`Item::runs`].
    pub runs: Span,
    /// The size of the picture it was drawn on.
    pub size: Size,
    /// Whether the source wrote it as text.
    pub compressed: bool,
}

/// A joint of a skeleton, or a point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Joint {
    /// Pixels from the left edge.
    pub x: f64,
    /// Pixels from the top edge.
    pub y: f64,
    /// 0 not there, 1 hidden, 2 visible. `None` if the source does not say.
    pub seen: Option<u8>,
}

/// What Pascal VOC says of an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VocFlags {
    /// Hard to recognise.
    pub difficult: Option<bool>,
    /// Reaches beyond the picture.
    pub truncated: Option<bool>,
    /// Partly hidden.
    pub occluded: Option<bool>,
    /// The view it is seen from, in [`Item::text`].
    pub pose: Option<Span>,
}

/// One annotation of an [`Item`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Annotation {
    /// What it is.
    pub kind: Kind,
    /// Its id.
    pub id: Option<Id>,
    /// Its class, an index into [`Header::classes`].
    pub class: Option<u32>,
    /// Left, top, width, height in pixels from the top left edge of the
    /// picture.
    pub bbox: Option<[f64; 4]>,
    /// How far the box is turned about its middle, in radians, clockwise on
    /// the screen.
    pub rotation: Option<f64>,
    /// Its outline.
    pub shape: Shape,
    /// Its joints, entries of [`Item::joints`].
    pub joints: Span,
    /// Square pixels, as given by the source.
    pub area: Option<f64>,
    /// Whether it stands for many objects.
    pub crowd: Option<bool>,
    /// How sure a model was.
    pub score: Option<f64>,
    /// What VOC says of it.
    pub voc: VocFlags,
    /// What its author noted, as JSON members in [`Item::text`].
    pub attributes: Span,
    /// Fields unknown here, as JSON members in [`Item::text`].
    pub extra: Span,
    /// Elements unknown here, as XML in [`Item::text`].
    pub xml: Span,
    /// Where it stands in its file: a byte of a JSON file, a line of others.
    pub at: u64,
}

/// One image and what is annotated on it. Made to be reused: see
/// [`Item::clear`].
#[derive(Clone, Debug, Default)]
pub struct Item {
    /// The picture.
    pub image: Image,
    /// Its split, an index into [`Header::splits`].
    pub split: Option<u16>,
    /// Its annotations, in the source's order.
    pub annotations: Vec<Annotation>,
    /// Points of rings and lines.
    pub points: Vec<[f64; 2]>,
    /// Stretches of [`Item::points`].
    pub rings: Vec<Span>,
    /// Joints of all annotations.
    pub joints: Vec<Joint>,
    /// Runs of all masks.
    pub runs: Vec<u32>,
    /// Texts of all annotations and of the image.
    pub text: String,
    /// DM: everything of the document beyond its first image, as JSON members.
    pub document: Span,
    /// VOC: elements of the file that are unknown here.
    pub xml: Span,
}

impl Item {
    /// Empties it, and keeps the memory.
    pub fn clear(&mut self) {
        self.image.path.clear();
        self.image = Image { path: std::mem::take(&mut self.image.path), ..Image::default() };
        self.split = None;
        self.annotations.clear();
        self.points.clear();
        self.rings.clear();
        self.joints.clear();
        self.runs.clear();
        self.text.clear();
        self.document = Span::default();
        self.xml = Span::default();
    }

    /// The text of a stretch of [`Item::text`].
    pub fn text(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or_default()
    }

    /// Adds a text and says where it stands.
    pub fn add_text(&mut self, text: &str) -> Span {
        let start = self.text.len() as u32;
        self.text.push_str(text);
        Span { start, end: self.text.len() as u32 }
    }

    /// The rings of a shape, each a list of `[x, y]`. Empty for a mask.
    pub fn rings(&self, shape: Shape) -> impl Iterator<Item = &[[f64; 2]]> + Clone {
        let span = match shape {
            Shape::Rings(span) => span,
            _ => Span::default(),
        };
        self.rings[span.range()].iter().map(|ring| &self.points[ring.range()])
    }

    /// The joints of an annotation.
    pub fn joints(&self, annotation: &Annotation) -> &[Joint] {
        &self.joints[annotation.joints.range()]
    }

    /// The runs of a mask.
    pub fn runs(&self, mask: Mask) -> &[u32] {
        &self.runs[mask.runs.range()]
    }

    /// Adds a ring and says where it stands.
    pub fn add_ring(&mut self, points: impl IntoIterator<Item = [f64; 2]>) -> Span {
        let start = self.points.len() as u32;
        self.points.extend(points);
        self.rings.push(Span { start, end: self.points.len() as u32 });
        Span { start: self.rings.len() as u32 - 1, end: self.rings.len() as u32 }
    }
}
