//! What differs between two datasets.

use crate::error::Error;
use crate::geometry;
use crate::model::{Annotation, Header, Item, Kind, Shape, Size};
use crate::parallel;
use crate::paths::{flat, split_ending};
use crate::report::Notes;
use crate::stream::{Source, Want};
use crate::watch::Watch;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

/// How two datasets are compared.
#[derive(Clone, Debug)]
pub struct DiffOptions {
    /// How far apart coordinates may be and still be the same, in pixels.
    pub tolerance: f64,
    /// How much two boxes overlap at least, as intersection over union, to be
    /// taken for the same object. Below that one is gone and the other new.
    pub overlap: f64,
    /// How many examples of each difference are kept.
    pub examples: usize,
    /// Tells how far it is, in images, and takes the wish to end it.
    pub watch: Watch,
}

impl Default for DiffOptions {
    fn default() -> Self {
        Self { tolerance: 0.01, overlap: 0.5, examples: 5, watch: Watch::new() }
    }
}

macro_rules! differences {
    ($($(#[doc = $doc:literal])* $name:ident $word:literal,)*) => {
        /// A kind of difference between two datasets.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum DifferenceKind {
            $($(#[doc = $doc])* $name,)*
        }

        impl DifferenceKind {
            /// A few words for a table.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

differences! {
    /// An image that only the first dataset has.
    ImageGone "image only in A",
    /// An image that only the second dataset has.
    ImageNew "image only in B",
    /// A class that only the first dataset has.
    ClassGone "class only in A",
    /// A class that only the second dataset has.
    ClassNew "class only in B",
    /// The classes are the same in another order.
    ClassOrder "order of classes",
    /// An image is in another split.
    Split "split",
    /// An image has another size.
    Size "image size",
    /// An annotation that only the first dataset has.
    AnnotationGone "annotation only in A",
    /// An annotation that only the second dataset has.
    AnnotationNew "annotation only in B",
    /// An annotation has another class.
    Class "class",
    /// A box is elsewhere, or only one has one.
    Box "box",
    /// A polygon or mask is another, or only one has one.
    Shape "shape",
    /// Joints are elsewhere, or only one has them.
    Joints "joints",
    /// A box is turned otherwise.
    Rotation "rotation",
    /// Only one is a crowd.
    Crowd "crowd mark",
    /// What VOC says of objects.
    Flags "VOC flags",
    /// Attributes.
    Attributes "attributes",
}

impl std::fmt::Display for DifferenceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// One kind of difference: how often, and the first cases in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The kind.
    pub kind: DifferenceKind,
    /// How often.
    pub count: u64,
    /// The first cases, in the order of the first dataset.
    pub examples: Vec<String>,
}

/// What differs between two datasets.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Diff {
    /// Images that both have.
    pub images: u64,
    /// Annotations that both have, be it with differences.
    pub annotations: u64,
    /// The differences by kind.
    pub differences: Vec<Difference>,
}

impl Diff {
    /// Whether nothing differs.
    pub fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    /// How often there is a difference of this kind.
    pub fn count(&self, kind: DifferenceKind) -> u64 {
        self.differences.iter().find(|difference| difference.kind == kind).map_or(0, |found| found.count)
    }
}

/// Differences as they are collected.
#[derive(Default)]
struct Found {
    room: usize,
    annotations: u64,
    kinds: BTreeMap<DifferenceKind, (u64, Vec<String>)>,
}

impl Found {
    fn new(room: usize) -> Self {
        Self { room, ..Self::default() }
    }

    fn add(&mut self, kind: DifferenceKind, example: impl FnOnce() -> String) {
        let entry = self.kinds.entry(kind).or_default();
        entry.0 += 1;
        if entry.1.len() < self.room {
            entry.1.push(example());
        }
    }

    fn append(&mut self, later: Self) {
        self.annotations += later.annotations;
        for (kind, (count, examples)) in later.kinds {
            let entry = self.kinds.entry(kind).or_default();
            entry.0 += count;
            let room = self.room.saturating_sub(entry.1.len());
            entry.1.extend(examples.into_iter().take(room));
        }
    }
}

/// Compares two sources.
pub(crate) fn run(a: &dyn Source, b: &dyn Source, options: &DiffOptions) -> Result<Diff, Error> {
    options.watch.begin(a.len() as u64);
    let mut found = Found::new(options.examples);
    classes(a.header(), b.header(), &mut found);
    let pairs = pairs(a, b);
    let mut is_new = vec![true; b.len()];
    for other in pairs.iter().flatten() {
        is_new[*other] = false;
    }
    let comparison = Comparison { a, b, pairs: &pairs, options };
    let looks = parallel::ranges(a.len(), |range| {
        options.watch.check()?;
        let length = range.len() as u64;
        let found = comparison.range(range)?;
        options.watch.add(length);
        Ok::<_, Error>(found)
    });
    for look in looks {
        found.append(look?);
    }
    for (index, _) in is_new.iter().enumerate().filter(|(_, is_new)| **is_new) {
        found.add(DifferenceKind::ImageNew, || b.image(index).1.to_owned());
    }
    let differences = found.kinds.into_iter();
    Ok(Diff {
        images: pairs.iter().flatten().count() as u64,
        annotations: found.annotations,
        differences: differences
            .map(|(kind, (count, examples))| Difference { kind, count, examples })
            .collect(),
    })
}

fn classes(a: &Header, b: &Header, found: &mut Found) {
    let names = |header: &Header| -> BTreeSet<String> {
        header.classes.iter().map(|class| class.name.clone()).collect()
    };
    let (own, other) = (names(a), names(b));
    for name in own.difference(&other) {
        found.add(DifferenceKind::ClassGone, || name.clone());
    }
    for name in other.difference(&own) {
        found.add(DifferenceKind::ClassNew, || name.clone());
    }
    let order = |header: &Header, shared: &BTreeSet<String>| -> Vec<String> {
        let names = header.classes.iter().map(|class| class.name.clone());
        names.filter(|name| shared.contains(name)).collect()
    };
    let (first, second) = (order(a, &other), order(b, &own));
    if first != second {
        let place = first.iter().zip(&second).position(|(one, two)| one != two).unwrap_or(0);
        found.add(DifferenceKind::ClassOrder, || format!("from number {place} on"));
    }
}

/// For each image of `a` the one of `b`: by its path, by its path as one name,
/// which is what formats without folders make of it, or by that without its
/// ending. A name that several images have pairs none of them.
fn pairs(a: &dyn Source, b: &dyn Source) -> Vec<Option<usize>> {
    let styles: [fn(&str) -> String; 3] =
        [str::to_owned, |path| flat(path), |path| split_ending(&flat(path)).0.to_owned()];
    let mut pairs = vec![None; a.len()];
    let mut taken = vec![false; b.len()];
    for style in styles {
        let mut by_name: HashMap<String, Option<usize>> = HashMap::new();
        for index in (0..b.len()).filter(|index| !taken[*index]) {
            let entry = by_name.entry(style(b.image(index).1));
            entry.and_modify(|known| *known = None).or_insert(Some(index));
        }
        if by_name.is_empty() {
            break;
        }
        for (index, pair) in pairs.iter_mut().enumerate().filter(|(_, pair)| pair.is_none()) {
            let known = by_name.get_mut(&style(a.image(index).1));
            if let Some(other) = known.and_then(Option::take) {
                *pair = Some(other);
                taken[other] = true;
            }
        }
    }
    pairs
}

struct Comparison<'c> {
    a: &'c dyn Source,
    b: &'c dyn Source,
    pairs: &'c [Option<usize>],
    options: &'c DiffOptions,
}

/// An image of the second dataset to compare with.
#[derive(Clone, Copy)]
struct Other<'o> {
    header: &'o Header,
    item: &'o Item,
}

impl Comparison<'_> {
    fn range(&self, range: Range<usize>) -> Result<Found, Error> {
        let mut found = Found::new(self.options.examples);
        let want = Want { shapes: true, sizes: true };
        let mut read = vec![false; range.len()];
        let start = range.start;
        self.a.read(range, want, &mut Notes::default(), &mut |index, item, _| {
            read[index - start] = true;
            let Some(other) = self.pairs[index] else {
                found.add(DifferenceKind::ImageGone, || item.image.path.clone());
                return Ok(());
            };
            let mut is_there = false;
            self.b.read(other..other + 1, want, &mut Notes::default(), &mut |_, other, _| {
                is_there = true;
                self.images(item, Other { header: self.b.header(), item: other }, &mut found);
                Ok(())
            })?;
            if !is_there {
                found.add(DifferenceKind::ImageGone, || format!("{} cannot be read in B", item.image.path));
            }
            Ok(())
        })?;
        for (offset, _) in read.iter().enumerate().filter(|(_, read)| !**read) {
            let path = self.a.image(start + offset).1;
            found.add(DifferenceKind::ImageNew, || format!("{path} cannot be read in A"));
        }
        Ok(found)
    }

    fn images(&self, item: &Item, other: Other<'_>, found: &mut Found) {
        let path = &item.image.path;
        let split = |header: &Header, item: &Item| {
            item.split.map_or_else(|| "none".to_owned(), |split| header.splits[usize::from(split)].clone())
        };
        let splits = (split(self.a.header(), item), split(other.header, other.item));
        if splits.0 != splits.1 {
            found.add(DifferenceKind::Split, || format!("{path}: {} in A, {} in B", splits.0, splits.1));
        }
        if let (Some(own), Some(theirs)) = (item.image.size, other.item.image.size)
            && own != theirs
        {
            let text = |size: Size| format!("{} × {}", size.width, size.height);
            found.add(DifferenceKind::Size, || format!("{path}: {} in A, {} in B", text(own), text(theirs)));
        }
        let mut left: Vec<usize> = (0..other.item.annotations.len()).collect();
        for (number, annotation) in item.annotations.iter().enumerate() {
            match self.partner(item, annotation, other, &left) {
                Some(place) => {
                    let theirs = &other.item.annotations[left.remove(place)];
                    found.annotations += 1;
                    self.annotations(item, (number, annotation), other, theirs, found);
                }
                None => found.add(DifferenceKind::AnnotationGone, || {
                    format!("{path}: number {number}, {}", words(self.a.header(), item, annotation))
                }),
            }
        }
        for number in left {
            let annotation = &other.item.annotations[number];
            found.add(DifferenceKind::AnnotationNew, || {
                format!("{path}: number {number}, {}", words(other.header, other.item, annotation))
            });
        }
    }

    /// The place in `left` of what an annotation is in the other dataset: the
    /// best overlap of those of its class, or else of all.
    fn partner(
        &self,
        item: &Item,
        annotation: &Annotation,
        other: Other<'_>,
        left: &[usize],
    ) -> Option<usize> {
        let class = class_name(self.a.header(), annotation);
        let score = |place: &usize| {
            let theirs = &other.item.annotations[*place];
            if std::mem::discriminant(&theirs.kind) != std::mem::discriminant(&annotation.kind) {
                return None;
            }
            let same_class = class_name(other.header, theirs) == class;
            let overlap = overlap(item, annotation, other.item, theirs);
            let is_near = match overlap {
                Some(overlap) => overlap >= self.options.overlap,
                // What has no extent is told by its class.
                None => same_class,
            };
            is_near.then_some((same_class, overlap.unwrap_or(1.0)))
        };
        let scored = left.iter().enumerate().filter_map(|(place, number)| Some((place, score(number)?)));
        // Of equals the first, so that the order of duplicates decides.
        let best = scored.reduce(|best, next| {
            let is_better = next.1.0 & !best.1.0 || next.1.0 == best.1.0 && next.1.1 > best.1.1;
            if is_better { next } else { best }
        });
        best.map(|(place, _)| place)
    }

    fn annotations(
        &self,
        item: &Item,
        (number, own): (usize, &Annotation),
        other: Other<'_>,
        theirs: &Annotation,
        found: &mut Found,
    ) {
        use DifferenceKind as D;
        let near = |a: f64, b: f64| (a - b).abs() <= self.options.tolerance;
        let attributes = |item: &Item, annotation: &Annotation| {
            let text = format!("{{{}}}", item.text(annotation.attributes));
            serde_json::from_str::<serde_json::Value>(&text).unwrap_or_default()
        };
        let flags = |annotation: &Annotation| {
            [annotation.voc.difficult, annotation.voc.truncated, annotation.voc.occluded]
                .map(|flag| flag == Some(true))
        };
        let checks = [
            (D::Class, class_name(self.a.header(), own) == class_name(other.header, theirs)),
            (D::Box, same_box(own, theirs, &near)),
            (D::Shape, same_shape(item, own, other.item, theirs, &near)),
            (D::Joints, same_joints(item, own, other.item, theirs, &near)),
            (D::Rotation, (own.rotation.unwrap_or(0.0) - theirs.rotation.unwrap_or(0.0)).abs() < 1e-6),
            (D::Crowd, (own.crowd == Some(true)) == (theirs.crowd == Some(true))),
            (D::Flags, flags(own) == flags(theirs)),
            (D::Attributes, attributes(item, own) == attributes(other.item, theirs)),
        ];
        for (kind, _) in checks.into_iter().filter(|(_, is_same)| !is_same) {
            found.add(kind, || {
                format!(
                    "{}: number {number}, {} in A, {} in B",
                    item.image.path,
                    words(self.a.header(), item, own),
                    words(other.header, other.item, theirs)
                )
            });
        }
    }
}

fn class_name<'h>(header: &'h Header, annotation: &Annotation) -> Option<&'h str> {
    header.classes.get(annotation.class? as usize).map(|class| &*class.name)
}

fn extent(item: &Item, annotation: &Annotation) -> Option<[f64; 4]> {
    geometry::upright_box(item, annotation)
        .or_else(|| geometry::bounds(item.rings(annotation.shape).flatten()))
}

/// Intersection over union of what two annotations extend over.
fn overlap(item: &Item, own: &Annotation, other: &Item, theirs: &Annotation) -> Option<f64> {
    let (a, b) = (extent(item, own)?, extent(other, theirs)?);
    if a == b {
        return Some(1.0);
    }
    let side = |axis: usize| {
        let end = (a[axis] + a[axis + 2]).min(b[axis] + b[axis + 2]);
        (end - a[axis].max(b[axis])).max(0.0)
    };
    let shared = side(0) * side(1);
    let all = a[2] * a[3] + b[2] * b[3] - shared;
    // Points and lines along an axis have no area: near is near.
    if all <= 0.0 {
        let apart = (a[0] - b[0]).hypot(a[1] - b[1]);
        return Some(if apart <= 1.0 { 1.0 - apart / 2.0 } else { 0.0 });
    }
    Some(shared / all)
}

fn same_box(own: &Annotation, theirs: &Annotation, near: &dyn Fn(f64, f64) -> bool) -> bool {
    match (own.bbox, theirs.bbox) {
        (Some(a), Some(b)) => {
            let edges = |b: [f64; 4]| [b[0], b[1], b[0] + b[2], b[1] + b[3]];
            edges(a).into_iter().zip(edges(b)).all(|(one, two)| near(one, two))
        }
        (None, None) => true,
        _ => false,
    }
}

fn same_shape(
    item: &Item,
    own: &Annotation,
    other: &Item,
    theirs: &Annotation,
    near: &dyn Fn(f64, f64) -> bool,
) -> bool {
    match (own.shape, theirs.shape) {
        (Shape::None, Shape::None) => true,
        (Shape::Mask(a), Shape::Mask(b)) => a.size == b.size && item.runs(a) == other.runs(b),
        (Shape::Rings(_), Shape::Rings(_)) => {
            let (mut a, mut b) = (item.rings(own.shape), other.rings(theirs.shape));
            loop {
                match (a.next(), b.next()) {
                    (None, None) => return true,
                    (Some(a), Some(b)) if a.len() == b.len() => {
                        let mut points = a.iter().zip(b);
                        if !points.all(|(a, b)| near(a[0], b[0]) && near(a[1], b[1])) {
                            return false;
                        }
                    }
                    _ => return false,
                }
            }
        }
        _ => false,
    }
}

fn same_joints(
    item: &Item,
    own: &Annotation,
    other: &Item,
    theirs: &Annotation,
    near: &dyn Fn(f64, f64) -> bool,
) -> bool {
    let (a, b) = (item.joints(own), other.joints(theirs));
    a.len() == b.len()
        && a.iter()
            .zip(b)
            .all(|(a, b)| near(a.x, b.x) && near(a.y, b.y) && a.seen.unwrap_or(2) == b.seen.unwrap_or(2))
}

/// `dog at 10, 10, 20 × 20, polygon of 4`
fn words(header: &Header, item: &Item, annotation: &Annotation) -> String {
    let kind = match annotation.kind {
        Kind::Object => "",
        Kind::Polyline => "polyline ",
        Kind::Point { .. } => "point ",
        Kind::Label => "label ",
        Kind::Other { tool, .. } => item.text(tool),
    };
    let mut text = format!("{kind}{}", class_name(header, annotation).unwrap_or("without class"));
    let round = |number: f64| (number * 100.0).round() / 100.0;
    if let Some([x, y, width, height]) = annotation.bbox {
        text.push_str(&format!(" at {}, {}, {} × {}", round(x), round(y), round(width), round(height)));
    }
    match annotation.shape {
        Shape::None => {}
        Shape::Mask(_) | Shape::Unread { .. } => text.push_str(", mask"),
        Shape::Rings(_) => {
            let counts: Vec<String> =
                item.rings(annotation.shape).map(|ring| ring.len().to_string()).collect();
            text.push_str(&format!(", polygon of {}", counts.join(" and ")));
        }
    }
    match item.joints(annotation).len() {
        0 => {}
        count => text.push_str(&format!(", {count} joints")),
    }
    text
}
