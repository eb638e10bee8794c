//! What every writer asks of an item: its fields, and which of them are lost.

use crate::geometry;
use crate::loss::LossKind;
use crate::model::{Annotation, Header, Item, Kind, Shape, VocFlags};
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use crate::stream::Source;

/// Notes a loss of one annotation.
pub(crate) fn lose(notes: &mut Notes, kind: LossKind, is_lost: bool, at: impl FnOnce() -> Place) {
    notes.loss(kind, usize::from(is_lost), at);
}

/// Whether an annotation has an area that is not that of its shape.
pub(crate) fn own_area(item: &Item, annotation: &Annotation) -> Option<f64> {
    annotation.area.filter(|area| {
        matches!(annotation.shape, Shape::Unread { .. }) || *area != geometry::shape_area(item, annotation)
    })
}

/// Whether an annotation has a rotation that shows.
pub(crate) fn rotation(annotation: &Annotation) -> Option<f64> {
    annotation.rotation.filter(|angle| *angle != 0.0)
}

/// The loss that leaving out a whole annotation is.
pub(crate) fn kind_loss(kind: Kind) -> LossKind {
    match kind {
        Kind::Object => LossKind::Object,
        Kind::Polyline => LossKind::Polyline,
        Kind::Point { .. } => LossKind::Point,
        Kind::Label => LossKind::Label,
        Kind::Other { .. } => LossKind::Tool,
    }
}

/// Notes everything an annotation has that a target of boxes and shapes with
/// a class, and nothing else, cannot hold.
pub(crate) fn lose_details(notes: &mut Notes, annotation: &Annotation, at: &dyn Fn() -> Place) {
    lose(notes, LossKind::AnnotationId, annotation.id.is_some(), at);
    lose(notes, LossKind::Area, annotation.area.is_some(), at);
    lose(notes, LossKind::Crowd, annotation.crowd == Some(true), at);
    lose(notes, LossKind::Attributes, !annotation.attributes.is_empty(), at);
    lose(notes, LossKind::Fields, !annotation.extra.is_empty() || !annotation.xml.is_empty(), at);
}

/// Notes that VOC's flags are lost, if any says something.
pub(crate) fn lose_voc(notes: &mut Notes, item: &Item, voc: &VocFlags, at: &dyn Fn() -> Place) {
    let set = [voc.difficult, voc.truncated, voc.occluded].contains(&Some(true));
    let posed = voc.pose.is_some_and(|pose| !matches!(item.text(pose), "" | "Unspecified"));
    lose(notes, LossKind::VocFlags, set || posed, at);
}

/// Notes what a target loses that knows classes by name and position alone.
pub(crate) fn lose_header(notes: &mut Notes, header: &Header, place: &dyn Fn() -> Place) {
    let numbered =
        |(position, class): (usize, &crate::Class)| class.id.is_some_and(|id| id != position as i64);
    let ids = header.classes.iter().enumerate().filter(|entry| numbered(*entry)).count();
    notes.loss(LossKind::ClassId, ids, place);
    let fields = header.classes.iter().filter(|class| !class.extra.is_empty()).count();
    notes.loss(LossKind::ClassFields, fields, place);
    lose_dataset_fields(notes, header, place);
}

/// Notes that info and licences are lost, if there are any.
pub(crate) fn lose_dataset_fields(notes: &mut Notes, header: &Header, place: &dyn Fn() -> Place) {
    let fields = usize::from(!header.info.is_empty()) + usize::from(!header.licenses.is_empty());
    let fields = fields + usize::from(!header.extra.is_empty());
    notes.loss(LossKind::DatasetFields, fields, place);
}

/// Where the dataset as a whole stands, for messages.
pub(crate) fn dataset_place(source: &dyn Source) -> Place {
    match source.len() {
        0 => Place::default(),
        _ => Place { pointer: None, line: None, ..source.place(0, &Item::default(), None) },
    }
}

/// Notes that the image of an item has no file.
pub(crate) fn no_file(notes: &mut Notes, item: &Item, at: &dyn Fn() -> Place) -> Result<(), crate::Error> {
    let message = format!("`{}` is not there", item.image.path);
    notes.problem(ProblemKind::NoFile, at, message).map(drop)
}
