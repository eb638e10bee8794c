//! Masks of objects, which VOC keeps in two pictures: one whose pixels number
//! the objects of the XML file, and one whose pixels number their classes.

use super::labels::{BACKGROUND, Labels, VOID};
use crate::error::Error;
use crate::model::{Annotation, Item, Mask, Shape, Size, Span};
use crate::plane::{self, Plane};
use crate::problem::{Place, ProblemKind};
use crate::raster;
use crate::report::Notes;
use crate::rle;
use std::path::{Path, PathBuf};

/// The folders of the pictures.
pub(super) const CLASSES: &str = "SegmentationClass";
pub(super) const OBJECTS: &str = "SegmentationObject";

/// Where the planes of a folder of annotations are.
#[derive(Debug)]
pub(super) struct Planes {
    folder: PathBuf,
    labels: Labels,
    /// Objects have its colours whatever those of the classes are.
    palette: Labels,
}

impl Planes {
    /// The planes in `folder`, if there are any.
    pub(super) fn find(folder: &Path, labels: impl FnOnce() -> Labels) -> Option<Self> {
        let has = |name: &str| folder.join(name).is_dir();
        let is_there = has(CLASSES) || has(OBJECTS);
        is_there.then(|| Self { folder: folder.to_owned(), labels: labels(), palette: Labels::of_palette() })
    }

    /// The names of all classes a plane may have.
    pub(super) fn names(&self) -> &[String] {
        &self.labels.names
    }

    /// Whether an image has a plane.
    pub(super) fn has(&self, stem: &str) -> bool {
        self.path(OBJECTS, stem).is_file() || self.path(CLASSES, stem).is_file()
    }

    fn path(&self, folder: &str, stem: &str) -> PathBuf {
        self.folder.join(folder).join(format!("{stem}.png"))
    }

    /// Gives the annotations of an image their masks. `numbers` are those of
    /// the annotations among the objects of the file, from 1. A mask that is of
    /// none of them becomes an annotation of its own.
    pub(super) fn read(
        &self,
        stem: &str,
        numbers: &[u32],
        class_of: &dyn Fn(&str) -> Option<u32>,
        item: &mut Item,
        notes: &mut Notes,
    ) -> Result<(), Error> {
        let objects = self.plane(OBJECTS, stem, &self.palette, item.image.size, notes)?;
        let classes = self.plane(CLASSES, stem, &self.labels, item.image.size, notes)?;
        let Some(plane) = objects.as_ref().or(classes.as_ref()) else { return Ok(()) };
        for (number, runs) in plane.masks(&|number| !matches!(number, BACKGROUND | VOID)) {
            let in_plane = classes.as_ref().and_then(|classes| classes.first_inside(&runs));
            let class = in_plane.and_then(|number| self.labels.name(number)).and_then(class_of);
            let start = item.runs.len() as u32;
            item.runs.extend_from_slice(&runs);
            let runs = Span { start, end: item.runs.len() as u32 };
            let shape = Shape::Mask(Mask { runs, size: plane.size, compressed: true });
            let known = numbers.iter().position(|known| objects.is_some() && *known == number);
            match known.map(|known| &mut item.annotations[known]) {
                Some(known) if class.is_none() || known.class == class => known.shape = shape,
                _ if class.is_some() => {
                    item.annotations.push(Annotation { class, shape, ..Annotation::default() })
                }
                _ => {
                    let path = self.path(CLASSES, stem);
                    let message = format!("object {number} of the picture has no class");
                    notes.unusable(ProblemKind::UnknownClass, || Place::file(path), message)?;
                }
            }
        }
        Ok(())
    }

    fn plane(
        &self,
        folder: &str,
        stem: &str,
        labels: &Labels,
        size: Option<Size>,
        notes: &mut Notes,
    ) -> Result<Option<Plane>, Error> {
        let path = self.path(folder, stem);
        if !path.is_file() {
            return Ok(None);
        }
        let wrong = match Plane::read(&path, &|color| labels.number(color)) {
            Ok(plane) if size.is_none_or(|size| size == plane.size) => return Ok(Some(plane)),
            Ok(plane) => format!("{} × {} is not the size of the image", plane.size.width, plane.size.height),
            Err(what) => format!("the picture cannot be read: {what}"),
        };
        notes.unusable(ProblemKind::Damaged, || Place::file(path), wrong)?;
        Ok(None)
    }
}

/// The two planes of an image while they are painted.
pub(super) struct Painter {
    size: Size,
    objects: Vec<u8>,
    classes: Vec<u8>,
}

/// What became of a shape.
pub(super) struct Painted {
    /// Pixels that are of the object now.
    pub(super) pixels: usize,
    /// Of these, pixels that were of another before.
    pub(super) taken: usize,
}

impl Painter {
    pub(super) fn new(size: Size) -> Self {
        let count = size.width as usize * size.height as usize;
        Self { size, objects: vec![0; count], classes: vec![0; count] }
    }

    /// Paints the shape of an annotation, over what is there.
    pub(super) fn paint(&mut self, item: &Item, annotation: &Annotation, object: u8, class: u8) -> Painted {
        let mut painted = Painted { pixels: 0, taken: 0 };
        let (width, size) = (self.size.width as usize, self.size);
        let mut pixel = |at: usize| {
            if self.objects[at] != object {
                painted.pixels += 1;
                painted.taken += usize::from(self.objects[at] != 0);
                (self.objects[at], self.classes[at]) = (object, class);
            }
        };
        if let Shape::Mask(mask) = annotation.shape {
            for (column, top, bottom) in rle::stretches(item.runs(mask), mask.size.height) {
                let bottom = bottom.min(size.height);
                (top..bottom)
                    .filter(|_| column < size.width)
                    .for_each(|row| pixel(row as usize * width + column as usize));
            }
        }
        for ring in item.rings(annotation.shape) {
            raster::fill(ring, size, |row, columns| columns.for_each(|column| pixel(row * width + column)));
        }
        painted
    }

    /// The files: objects and classes.
    pub(super) fn finish(self) -> Result<[Vec<u8>; 2], String> {
        Ok([plane::write(self.size, &self.objects)?, plane::write(self.size, &self.classes)?])
    }
}
