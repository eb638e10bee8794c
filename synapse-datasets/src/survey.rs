//! What is in a dataset, counted.

use crate::check;
use crate::error::Error;
use crate::geometry;
use crate::model::{Annotation, Header, Item, Kind, Shape, Size};
use crate::parallel;
use crate::picture;
use crate::problem::ProblemKind;
use crate::report::{Notes, Tally};
use crate::stream::{Source, Want};
use crate::watch::Watch;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// How closely a dataset is looked at.
#[derive(Clone, Debug, Default)]
pub struct SurveyOptions {
    /// Whether outlines are read, and so checked. Without it they are counted.
    pub shapes: bool,
    /// Whether the file of each image is looked at: that it is there, and has
    /// the size the record says.
    pub files: bool,
    /// Tells how far it is, in images, and takes the wish to end it.
    pub watch: Watch,
}

/// What is in a dataset.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Survey {
    /// The format's name.
    pub format: &'static str,
    /// Images.
    pub images: u64,
    /// Images without annotations.
    pub empty_images: u64,
    /// Annotations.
    pub annotations: u64,
    /// The most annotations an image has.
    pub most_annotations: u64,
    /// What the annotations are.
    pub kinds: Kinds,
    /// The classes in the dataset's order.
    pub classes: Vec<ClassCount>,
    /// The splits in the dataset's order, and last images that are in none.
    pub splits: Vec<SplitCount>,
    /// The sizes of images.
    pub image_sizes: ImageSizes,
    /// Objects by the square root of the area of their box.
    pub object_sizes: Vec<SizeCount>,
    /// What is wrong.
    pub problems: Vec<Tally<ProblemKind>>,
}

/// How many annotations there are of each kind. One may be of several: an
/// object with a box and a polygon counts twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Kinds {
    /// Objects with a box.
    pub boxes: u64,
    /// Those whose box is turned.
    pub turned_boxes: u64,
    /// Objects with a polygon.
    pub polygons: u64,
    /// Objects with a mask.
    pub masks: u64,
    /// Objects with joints.
    pub joints: u64,
    /// Objects that stand for many.
    pub crowds: u64,
    /// Open lines.
    pub polylines: u64,
    /// Single points.
    pub points: u64,
    /// Labels of whole images.
    pub labels: u64,
    /// Others.
    pub other: u64,
}

impl Kinds {
    /// The kinds by name, as a table has them.
    pub fn named(&self) -> [(&'static str, u64); 10] {
        [
            ("boxes", self.boxes),
            ("turned boxes", self.turned_boxes),
            ("polygons", self.polygons),
            ("masks", self.masks),
            ("joints", self.joints),
            ("crowds", self.crowds),
            ("polylines", self.polylines),
            ("points", self.points),
            ("image labels", self.labels),
            ("others", self.other),
        ]
    }

    fn add(&mut self, other: &Self) {
        self.boxes += other.boxes;
        self.turned_boxes += other.turned_boxes;
        self.polygons += other.polygons;
        self.masks += other.masks;
        self.joints += other.joints;
        self.crowds += other.crowds;
        self.polylines += other.polylines;
        self.points += other.points;
        self.labels += other.labels;
        self.other += other.other;
    }

    fn count(&mut self, annotation: &Annotation) {
        match annotation.kind {
            Kind::Polyline => return self.polylines += 1,
            Kind::Point { .. } => return self.points += 1,
            Kind::Label => return self.labels += 1,
            Kind::Other { .. } => return self.other += 1,
            Kind::Object => {}
        }
        self.boxes += u64::from(annotation.bbox.is_some());
        self.turned_boxes += u64::from(annotation.rotation.is_some_and(|angle| angle != 0.0));
        match annotation.shape {
            Shape::None => {}
            Shape::Rings(_) | Shape::Unread { mask: false } => self.polygons += 1,
            Shape::Mask(_) | Shape::Unread { mask: true } => self.masks += 1,
        }
        self.joints += u64::from(!annotation.joints.is_empty());
        self.crowds += u64::from(annotation.crowd == Some(true));
    }
}

/// How often a class is used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// Its name.
    pub name: String,
    /// The number the source gives it, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<i64>,
    /// Annotations of it.
    pub annotations: u64,
    /// Images it is on.
    pub images: u64,
}

/// What is in a split.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SplitCount {
    /// Its name; none for images that are in no split.
    pub name: Option<String>,
    /// Images.
    pub images: u64,
    /// Annotations.
    pub annotations: u64,
}

/// The sizes of images, in pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageSizes {
    /// The smallest width and the smallest height.
    pub smallest: Option<[u32; 2]>,
    /// The largest width and the largest height.
    pub largest: Option<[u32; 2]>,
    /// How many different sizes there are.
    pub different: u64,
    /// The ten most frequent ones: width, height, images.
    pub frequent: Vec<(u32, u32, u64)>,
    /// Images whose size neither a record nor a file says.
    pub unknown: u64,
}

/// How many objects are of about a size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// The least square root of the area of the box, in pixels.
    pub from: u32,
    /// The first that is too large.
    pub to: u32,
    /// Objects.
    pub count: u64,
}

/// No picture has a side of so many bits.
const SIZE_CLASSES: usize = 24;

/// Counts as they are collected.
#[derive(Debug, Default)]
struct Counts {
    kinds: Kinds,
    annotations: u64,
    empty_images: u64,
    most_annotations: u64,
    classes: Vec<(u64, u64)>,
    splits: Vec<(u64, u64)>,
    sizes: BTreeMap<(u32, u32), u64>,
    unknown_sizes: u64,
    objects: [u64; SIZE_CLASSES],
    seen: Vec<u32>,
}

impl Counts {
    fn new(header: &Header) -> Self {
        Self {
            classes: vec![(0, 0); header.classes.len()],
            splits: vec![(0, 0); header.splits.len() + 1],
            ..Self::default()
        }
    }

    fn item(&mut self, item: &Item) {
        let count = item.annotations.len() as u64;
        self.annotations += count;
        self.empty_images += u64::from(count == 0);
        self.most_annotations = self.most_annotations.max(count);
        let last = self.splits.len() - 1;
        let split = &mut self.splits[item.split.map_or(last, usize::from).min(last)];
        *split = (split.0 + 1, split.1 + count);
        match item.image.size {
            Some(Size { width, height }) => *self.sizes.entry((width, height)).or_default() += 1,
            None => self.unknown_sizes += 1,
        }
        self.seen.clear();
        for annotation in &item.annotations {
            self.annotation(item, annotation);
        }
        self.seen.sort_unstable();
        self.seen.dedup();
        for class in &self.seen {
            self.classes[*class as usize].1 += 1;
        }
    }

    fn annotation(&mut self, item: &Item, annotation: &Annotation) {
        self.kinds.count(annotation);
        if let Some(class) = annotation.class
            && let Some(count) = self.classes.get_mut(class as usize)
        {
            count.0 += 1;
            self.seen.push(class);
        }
        if annotation.kind == Kind::Object
            && let Some([_, _, width, height]) =
                annotation.bbox.or_else(|| geometry::shape_bounds(item, annotation))
        {
            let side = (width * height).max(0.0).sqrt();
            // Its bits: 0 for less than a pixel, 1 for one, 2 for up to 4.
            let class = (u64::BITS - (side as u64).leading_zeros()) as usize;
            self.objects[class.min(SIZE_CLASSES - 1)] += 1;
        }
    }

    fn add(&mut self, other: &Self) {
        self.kinds.add(&other.kinds);
        self.annotations += other.annotations;
        self.empty_images += other.empty_images;
        self.most_annotations = self.most_annotations.max(other.most_annotations);
        for (all, some) in [(&mut self.classes, &other.classes), (&mut self.splits, &other.splits)] {
            for (all, some) in all.iter_mut().zip(some) {
                *all = (all.0 + some.0, all.1 + some.1);
            }
        }
        for (size, count) in &other.sizes {
            *self.sizes.entry(*size).or_default() += count;
        }
        self.unknown_sizes += other.unknown_sizes;
        for (all, some) in self.objects.iter_mut().zip(other.objects) {
            *all += some;
        }
    }

    fn survey(self, source: &dyn Source, notes: &Notes) -> Survey {
        let header = source.header();
        let classes = header.classes.iter().zip(&self.classes).map(|(class, (annotations, images))| {
            ClassCount { name: class.name.clone(), id: class.id, annotations: *annotations, images: *images }
        });
        let names = header.splits.iter().cloned().map(Some).chain([None]);
        let splits = names.zip(&self.splits).map(|(name, (images, annotations))| SplitCount {
            name,
            images: *images,
            annotations: *annotations,
        });
        Survey {
            format: source.format().name(),
            images: source.len() as u64,
            empty_images: self.empty_images,
            annotations: self.annotations,
            most_annotations: self.most_annotations,
            kinds: self.kinds,
            classes: classes.collect(),
            splits: splits.filter(|split| split.name.is_some() || split.images > 0).collect(),
            image_sizes: image_sizes(&self.sizes, self.unknown_sizes),
            object_sizes: object_sizes(&self.objects),
            problems: notes.problems(),
        }
    }
}

fn image_sizes(sizes: &BTreeMap<(u32, u32), u64>, unknown: u64) -> ImageSizes {
    let extreme = |pick: fn(u32, u32) -> u32| {
        let sides = sizes.keys().map(|(width, height)| [*width, *height]);
        sides.reduce(|a, b| [pick(a[0], b[0]), pick(a[1], b[1])])
    };
    let mut frequent: Vec<(u32, u32, u64)> =
        sizes.iter().map(|((width, height), count)| (*width, *height, *count)).collect();
    frequent.sort_by_key(|(width, height, count)| (std::cmp::Reverse(*count), *width, *height));
    frequent.truncate(10);
    ImageSizes {
        smallest: extreme(u32::min),
        largest: extreme(u32::max),
        different: sizes.len() as u64,
        frequent,
        unknown,
    }
}

/// The size classes from the first to the last that has objects.
fn object_sizes(objects: &[u64; SIZE_CLASSES]) -> Vec<SizeCount> {
    let used = |count: &u64| *count > 0;
    let (Some(first), Some(last)) = (objects.iter().position(used), objects.iter().rposition(used)) else {
        return Vec::new();
    };
    (first..=last)
        .map(|class| SizeCount {
            from: if class == 0 { 0 } else { 1 << (class - 1) },
            to: 1 << class,
            count: objects[class],
        })
        .collect()
}

/// Looks at all of a source.
pub(crate) fn run(source: &dyn Source, options: &SurveyOptions) -> Result<Survey, Error> {
    options.watch.begin(source.len() as u64);
    let total = Mutex::new(Counts::new(source.header()));
    let notes = source.notes();
    let looks = parallel::ranges(source.len(), |range| -> Result<Notes, Error> {
        options.watch.check()?;
        let length = range.len() as u64;
        let (counts, notes) = look(source, range, options, notes.following())?;
        total.lock().unwrap_or_else(PoisonError::into_inner).add(&counts);
        options.watch.add(length);
        Ok(notes)
    });
    let mut notes = notes.clone();
    for look in looks {
        notes.append(look?);
    }
    Ok(total.into_inner().unwrap_or_else(PoisonError::into_inner).survey(source, &notes))
}

fn look(
    source: &dyn Source,
    range: Range<usize>,
    options: &SurveyOptions,
    mut notes: Notes,
) -> Result<(Counts, Notes), Error> {
    let mut counts = Counts::new(source.header());
    let want = Want { shapes: options.shapes, sizes: true };
    source.read(range, want, &mut notes, &mut |index, item, notes| {
        counts.item(item);
        if options.files {
            file(source, index, item, notes)?;
        }
        check::item(source.header(), item, &|item, annotation| source.place(index, item, annotation), notes)
    })?;
    Ok((counts, notes))
}

/// Looks at the file of an image.
fn file(source: &dyn Source, index: usize, item: &Item, notes: &mut Notes) -> Result<(), Error> {
    let place = || source.place(index, item, None);
    let Some(path) = item.image.file.as_deref().filter(|path| path.is_file()) else {
        let message = format!("`{}` is not there", item.image.path);
        return notes.problem(ProblemKind::NoFile, place, message).map(drop);
    };
    match (picture::size(path), item.image.size) {
        (None, None) => {
            let message = format!("`{}` is not a picture that says its size", item.image.path);
            notes.problem(ProblemKind::NoSize, place, message).map(drop)
        }
        (Some(own), Some(said)) if own != said => {
            let message = format!(
                "`{}` is {} × {}, the record says {} × {}",
                item.image.path, own.width, own.height, said.width, said.height
            );
            notes.problem(ProblemKind::OtherSize, place, message).map(drop)
        }
        _ => Ok(()),
    }
}
