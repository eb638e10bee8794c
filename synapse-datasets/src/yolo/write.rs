//! Writes YOLO.

use crate::check::tolerance;
use crate::convert::{ConvertOptions, Task};
use crate::error::{Error, ErrorKind};
use crate::fields::{self, dataset_place, kind_loss, lose};
use crate::geometry;
use crate::json::write_text;
use crate::loss::LossKind;
use crate::model::{Annotation, Contains, Header, Item, Joint, Kind, Shape, Size};
use crate::names::{Names, Style};
use crate::number::{write_fixed, write_whole};
use crate::outline::{self, Outlines};
use crate::output::Output;
use crate::paths::{one_line, split_ending};
use crate::problem::{Place, ProblemKind};
use crate::report::Notes;
use crate::stream::{At, Part, Source, Target, Want};

/// A YOLO dataset being written.
pub(crate) struct Writer<'s> {
    header: &'s Header,
    output: Output,
    names: Names,
    task: Task,
    decimals: u8,
    /// How many joints an object has.
    joints: usize,
    /// The folder of each split, and last that of images without one.
    folders: Vec<Folder>,
    /// Whether there are images without a split.
    has_unsplit: bool,
}

struct Folder {
    images: String,
    labels: String,
}

impl Folder {
    fn new(split: Option<&str>) -> Self {
        match split {
            None => Self { images: "images".into(), labels: "labels".into() },
            Some(name) => {
                let name = if name == "val" { "valid" } else { name };
                Self { images: format!("{name}/images"), labels: format!("{name}/labels") }
            }
        }
    }
}

/// The key in the YAML file of images that are in no split.
pub(super) const UNSPLIT: &str = "unsplit";

fn likely_task(contains: Contains) -> Task {
    match contains {
        Contains { joints: true, .. } => Task::Keypoints,
        Contains { polygons: true, .. } | Contains { masks: true, .. } => Task::Segment,
        _ => Task::Detect,
    }
}

/// A box, shape or point in parts of the picture.
struct Frame {
    width: f64,
    height: f64,
    decimals: u8,
}

impl Frame {
    fn new(size: Size, decimals: u8) -> Self {
        Self { width: f64::from(size.width), height: f64::from(size.height), decimals }
    }

    fn point(&self, [x, y]: [f64; 2], out: &mut Vec<u8>) {
        self.number(x.clamp(0.0, self.width) / self.width, out);
        self.number(y.clamp(0.0, self.height) / self.height, out);
    }

    fn number(&self, value: f64, out: &mut Vec<u8>) {
        out.push(b' ');
        write_fixed(value, self.decimals, out);
    }

    /// The part of a box inside the picture.
    fn clipped(&self, [x, y, width, height]: [f64; 4]) -> [f64; 4] {
        let inside = x >= 0.0 && y >= 0.0 && x + width <= self.width && y + height <= self.height;
        if inside {
            return [x, y, width, height];
        }
        let (left, top) = (x.clamp(0.0, self.width), y.clamp(0.0, self.height));
        let (right, bottom) = ((x + width).clamp(0.0, self.width), (y + height).clamp(0.0, self.height));
        [left, top, right - left, bottom - top]
    }

    fn holds(&self, [x, y]: [f64; 2]) -> bool {
        let (beside, below) = (tolerance(self.width), tolerance(self.height));
        (-beside..=self.width + beside).contains(&x) && (-below..=self.height + below).contains(&y)
    }

    fn write_box(&self, [x, y, width, height]: [f64; 4], out: &mut Vec<u8>) {
        self.number((x + width / 2.0) / self.width, out);
        self.number((y + height / 2.0) / self.height, out);
        self.number(width / self.width, out);
        self.number(height / self.height, out);
    }
}

impl<'s> Writer<'s> {
    pub(crate) fn new(
        source: &'s dyn Source,
        output: Output,
        options: &ConvertOptions,
        notes: &mut Notes,
    ) -> Result<Self, Error> {
        let header = source.header();
        let task = options.task.unwrap_or_else(|| likely_task(header.contains));
        let joints = header.classes.iter().map(|class| class.joints.len()).max().unwrap_or(0);
        if task == Task::Keypoints && joints == 0 {
            return Err(Error::new(ErrorKind::Options, "no class of the dataset has joints")
                .hint("choose the task detect or segment"));
        }
        fields::lose_header(notes, header, &|| dataset_place(source));
        let names = Names::new(Style::Stem, source, notes)?;
        let splits = header.splits.iter().map(|name| Folder::new(Some(name)));
        let folders: Vec<Folder> = splits.chain([Folder::new(None)]).collect();
        let has_unsplit =
            header.splits.is_empty() || (0..source.len()).any(|index| source.image(index).0.is_none());
        let writer =
            Self { header, output, names, task, decimals: options.decimals, joints, folders, has_unsplit };
        let used = header.splits.len() + usize::from(has_unsplit);
        for folder in &writer.folders[..used] {
            writer.output.folder(&folder.labels)?;
            writer.output.folder(&folder.images)?;
        }
        let name = if options.synapse_py { "dataset.yaml" } else { "data.yaml" };
        writer.output.write("", name, &writer.data_yaml())?;
        let classes: String = header.classes.iter().map(|class| one_line(&class.name) + "\n").collect();
        writer.output.write("", "classes.txt", classes.as_bytes())?;
        Ok(writer)
    }

    fn data_yaml(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let splits = &self.header.splits;
        if splits.is_empty() {
            out.extend_from_slice(b"train: images\nval: images\n");
        } else {
            // A reader needs both; what is there stands in for what is not.
            let find = |role: &str| splits.iter().position(|name| name.starts_with(role));
            let train = find("train").unwrap_or(0);
            let mut keys = vec![("train", train), ("val", find("val").unwrap_or(train))];
            keys.extend(find("test").map(|split| ("test", split)));
            let others = (0..splits.len()).filter(|split| keys.iter().all(|key| key.1 != *split));
            let others: Vec<usize> = others.collect();
            keys.extend(others.into_iter().map(|split| (splits[split].as_str(), split)));
            keys.extend(self.has_unsplit.then_some((UNSPLIT, splits.len())));
            for (key, split) in keys {
                write_text(key, &mut out);
                out.extend_from_slice(b": ");
                write_text(&self.folders[split].images, &mut out);
                out.push(b'\n');
            }
        }
        out.extend_from_slice(format!("nc: {}\nnames: ", self.header.classes.len()).as_bytes());
        write_list(self.header.classes.iter().map(|class| &class.name), &mut out);
        if self.task == Task::Keypoints {
            self.write_joint_names(&mut out);
        }
        out
    }

    fn write_joint_names(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("kpt_shape: [{}, 3]\n", self.joints).as_bytes());
        let names = self.header.classes.iter().find(|class| class.joints.len() == self.joints);
        let names = names.map_or(&[][..], |class| &class.joints);
        let flip = if self.header.flip.is_empty() { mirrored(names) } else { Some(self.header.flip.clone()) };
        if let Some(flip) = flip {
            out.extend_from_slice(format!("flip_idx: {flip:?}\n").as_bytes());
        }
        out.extend_from_slice(b"kpt_names:\n");
        for (index, class) in
            self.header.classes.iter().enumerate().filter(|(_, class)| !class.joints.is_empty())
        {
            out.extend_from_slice(format!("  {index}: ").as_bytes());
            write_list(class.joints.iter(), out);
        }
    }

    fn folder(&self, item: &Item) -> &Folder {
        let last = self.folders.len() - 1;
        &self.folders[item.split.map_or(last, usize::from).min(last)]
    }

    /// The line or lines of an annotation.
    fn annotation(
        &self,
        frame: &Frame,
        item: &Item,
        annotation: &Annotation,
        at: &dyn Fn() -> Place,
        part: &mut Part,
    ) {
        let Part { annotations: out, notes, .. } = part;
        if annotation.kind != Kind::Object {
            return lose(notes, kind_loss(annotation.kind), true, at);
        }
        let Some(class) = annotation.class else { return lose(notes, LossKind::Object, true, at) };
        let start = out.len();
        match self.task {
            Task::Segment => self.segment(frame, class, item, annotation, at, out, notes),
            Task::Oriented => oriented(frame, class, item, annotation, at, out, notes),
            Task::Detect => {
                self.object_box(frame, class, item, annotation, at, out, notes);
                lose_shape(annotation, at, notes);
                lose(notes, LossKind::Joints, !annotation.joints.is_empty(), at);
            }
            Task::Keypoints => {
                if self.object_box(frame, class, item, annotation, at, out, notes) {
                    self.write_joints(frame, item.joints(annotation), out);
                }
                lose_shape(annotation, at, notes);
            }
        }
        if out.len() == start {
            return lose(notes, LossKind::Object, true, at);
        }
        fields::lose_details(notes, annotation, at);
        fields::lose_voc(notes, item, &annotation.voc, at);
        lose(notes, LossKind::Score, annotation.score.is_some(), at);
    }

    /// Writes class and box and, unless joints follow, ends the line.
    #[expect(clippy::too_many_arguments, reason = "what it reads and the two it writes to")]
    fn object_box(
        &self,
        frame: &Frame,
        class: u32,
        item: &Item,
        annotation: &Annotation,
        at: &dyn Fn() -> Place,
        out: &mut Vec<u8>,
        notes: &mut Notes,
    ) -> bool {
        let Some(whole) = geometry::upright_box(item, annotation) else { return false };
        let clipped = frame.clipped(whole);
        // A box wholly outside has nothing left; one without area had none.
        let lost = |side: usize| clipped[side] <= 0.0 && whole[side] > 0.0 || clipped[side] < 0.0;
        if lost(2) || lost(3) {
            return false;
        }
        let [x, y, width, height] = whole;
        lose(notes, LossKind::Clipped, !frame.holds([x, y]) || !frame.holds([x + width, y + height]), at);
        lose(notes, LossKind::Rotation, fields::rotation(annotation).is_some(), at);
        write_whole(u64::from(class), out);
        frame.write_box(clipped, out);
        if self.task == Task::Detect {
            out.push(b'\n');
        }
        true
    }

    fn write_joints(&self, frame: &Frame, joints: &[Joint], out: &mut Vec<u8>) {
        for index in 0..self.joints {
            let joint = joints.get(index).copied().unwrap_or(Joint { x: 0.0, y: 0.0, seen: Some(0) });
            frame.point([joint.x, joint.y], out);
            out.push(b' ');
            write_whole(u64::from(joint.seen.unwrap_or(2)), out);
        }
        out.push(b'\n');
    }

    #[expect(clippy::too_many_arguments, reason = "what it reads and the two it writes to")]
    fn segment(
        &self,
        frame: &Frame,
        class: u32,
        item: &Item,
        annotation: &Annotation,
        at: &dyn Fn() -> Place,
        out: &mut Vec<u8>,
        notes: &mut Notes,
    ) {
        let mut rings = 0;
        let mut is_clipped = false;
        let outlines = match annotation.shape {
            Shape::Mask(mask) => outline::of(item.runs(mask), mask.size),
            _ => Outlines::default(),
        };
        lose(notes, LossKind::MaskAsPolygon, !outlines.rings.is_empty(), at);
        notes.loss(LossKind::Holes, outlines.holes, at);
        let own = item.rings(annotation.shape).filter(|ring| ring.len() >= 3);
        for ring in own.chain(outlines.rings.iter().map(Vec::as_slice)) {
            write_whole(u64::from(class), out);
            for point in ring {
                is_clipped |= !frame.holds(*point);
                frame.point(*point, out);
            }
            out.push(b'\n');
            rings += 1;
        }
        lose(notes, LossKind::Parts, rings > 1, at);
        lose(notes, LossKind::Joints, !annotation.joints.is_empty(), at);
        if rings == 0 {
            let Some(own) = annotation.bbox.or_else(|| geometry::shape_bounds(item, annotation)) else {
                return;
            };
            let corners = geometry::corners(own, annotation.rotation);
            is_clipped |= corners.iter().any(|corner| !frame.holds(*corner));
            write_corners(frame, class, corners, out);
            lose(notes, LossKind::BoxAsPolygon, true, at);
        } else {
            let differs =
                annotation.bbox.is_some_and(|own| geometry::shape_bounds(item, annotation) != Some(own));
            lose(notes, LossKind::Box, differs, at);
        }
        lose(notes, LossKind::Clipped, is_clipped, at);
    }
}

fn oriented(
    frame: &Frame,
    class: u32,
    item: &Item,
    annotation: &Annotation,
    at: &dyn Fn() -> Place,
    out: &mut Vec<u8>,
    notes: &mut Notes,
) {
    let mut rings = item.rings(annotation.shape);
    let corners = match (annotation.bbox, rings.next(), rings.next()) {
        (_, Some(&[a, b, c, d]), None) => [a, b, c, d],
        (Some(own), ..) => geometry::corners(own, annotation.rotation),
        (None, ..) => match geometry::shape_bounds(item, annotation) {
            Some(own) => geometry::corners(own, None),
            None => return,
        },
    };
    let is_quad = item.rings(annotation.shape).map(<[_]>::len).eq([4]);
    if !is_quad {
        lose_shape(annotation, at, notes);
    }
    lose(notes, LossKind::Joints, !annotation.joints.is_empty(), at);
    lose(notes, LossKind::Clipped, corners.iter().any(|corner| !frame.holds(*corner)), at);
    write_corners(frame, class, corners, out);
}

fn write_corners(frame: &Frame, class: u32, corners: [[f64; 2]; 4], out: &mut Vec<u8>) {
    write_whole(u64::from(class), out);
    for corner in corners {
        frame.point(corner, out);
    }
    out.push(b'\n');
}

fn lose_shape(annotation: &Annotation, at: &dyn Fn() -> Place, notes: &mut Notes) {
    match annotation.shape {
        Shape::None => {}
        Shape::Rings(_) | Shape::Unread { mask: false } => lose(notes, LossKind::Polygon, true, at),
        Shape::Mask(_) | Shape::Unread { mask: true } => lose(notes, LossKind::Mask, true, at),
    }
}

fn write_list<'t>(texts: impl Iterator<Item = &'t String>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, text) in texts.enumerate() {
        out.extend_from_slice(if index == 0 { b"" } else { b", " });
        write_text(text, out);
    }
    out.extend_from_slice(b"]\n");
}

/// For each joint the one it becomes in a mirrored picture, told by `left` and
/// `right` in their names.
fn mirrored(names: &[String]) -> Option<Vec<u32>> {
    let other = |name: &str| {
        if name.contains("left") { name.replace("left", "right") } else { name.replace("right", "left") }
    };
    let index = |name: &String| {
        let other = other(name);
        names.iter().position(|known| *known == other).map(|index| index as u32)
    };
    if names.is_empty() { None } else { names.iter().map(index).collect() }
}

impl Target for Writer<'_> {
    fn want(&self) -> Want {
        Want { shapes: matches!(self.task, Task::Segment | Task::Oriented), sizes: true }
    }

    fn encode(&self, index: usize, item: &Item, at: At<'_>, part: &mut Part) -> Result<bool, Error> {
        part.annotations.clear();
        let Some(name) = self.names.of(index, &item.image.path) else { return Ok(false) };
        let Some(size) = item.image.size.filter(|size| size.width > 0 && size.height > 0) else {
            let message = format!("`{}`: coordinates are parts of a size nothing says", item.image.path);
            part.notes.unusable(ProblemKind::NoSize, || at(None), message)?;
            return Ok(false);
        };
        let frame = Frame::new(size, self.decimals);
        for (number, annotation) in item.annotations.iter().enumerate() {
            self.annotation(&frame, item, annotation, &|| at(Some(number)), part);
        }
        lose(&mut part.notes, LossKind::ImageId, item.image.id.is_some(), || at(None));
        let has_fields = !item.image.extra.is_empty() || !item.xml.is_empty();
        lose(&mut part.notes, LossKind::ImageFields, has_fields, || at(None));
        lose(&mut part.notes, LossKind::Document, !item.document.is_empty(), || at(None));
        let folder = self.folder(item);
        let label = [split_ending(&name).0, ".txt"].concat();
        self.output.write(&folder.labels, &label, &part.annotations)?;
        if self.output.has_images() {
            let placed = match &item.image.file {
                Some(file) => self.output.image(file, &folder.images, &name)?,
                None => false,
            };
            if !placed {
                fields::no_file(&mut part.notes, item, &|| at(None))?;
            }
        }
        Ok(true)
    }

    fn commit(&self, _part: &mut Part) -> Result<(), Error> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.output.finish()
    }
}
