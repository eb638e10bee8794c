//! Writes YOLO.

use super::lines::{Frame, Lines, Object};
use crate::convert::{ConvertOptions, Task};
use crate::error::{Error, ErrorKind};
use crate::fields::{self, dataset_place, kind_loss, lose};
use crate::json::write_text;
use crate::loss::LossKind;
use crate::model::{Annotation, Contains, Header, Item, Kind};
use crate::names::{Names, Style};
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
    /// One, or one for each task in the layout of the Python SDK.
    sets: Vec<Set>,
    /// Whether there are images without a split.
    has_unsplit: bool,
}

/// The labels of one task and where they go.
struct Set {
    lines: Lines,
    /// The folder all of it is in, with a `/` behind it if there is one.
    prefix: &'static str,
    /// The folder of each split, and last that of images without one.
    folders: Vec<Folder>,
}

struct Folder {
    images: String,
    labels: String,
}

impl Folder {
    fn new(prefix: &str, split: Option<&str>) -> Self {
        let within = match split {
            None => prefix.to_owned(),
            Some("val") => format!("{prefix}valid/"),
            Some(name) => format!("{prefix}{name}/"),
        };
        Self { images: format!("{within}images"), labels: format!("{within}labels") }
    }
}

/// The key in the YAML file of images that are in no split.
pub(super) const UNSPLIT: &str = "unsplit";

/// What the Python SDK calls the folder of each task.
const TASK_FOLDERS: [(Task, &str); 3] =
    [(Task::Detect, "detect/"), (Task::Segment, "segment/"), (Task::Keypoints, "pose/")];

/// What one task has no place for and another has.
const HELD_ELSEWHERE: [LossKind; 5] =
    [LossKind::Polygon, LossKind::Mask, LossKind::Joints, LossKind::Box, LossKind::Object];

fn likely_task(contains: Contains) -> Task {
    match contains {
        Contains { joints: true, .. } => Task::Keypoints,
        Contains { polygons: true, .. } | Contains { masks: true, .. } => Task::Segment,
        _ => Task::Detect,
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
        let joints = header.classes.iter().map(|class| class.joints.len()).max().unwrap_or(0);
        if options.task == Some(Task::Keypoints) && joints == 0 {
            return Err(Error::new(ErrorKind::Options, "no class of the dataset has joints")
                .hint("choose the task detect or segment"));
        }
        fields::lose_header(notes, header, &|| dataset_place(source));
        let names = Names::new(Style::Stem, source, notes)?;
        let has_unsplit =
            header.splits.is_empty() || (0..source.len()).any(|index| source.image(index).0.is_none());
        let set = |(task, prefix): (Task, &'static str)| {
            let splits = header.splits.iter().map(|name| Folder::new(prefix, Some(name)));
            let folders = splits.chain([Folder::new(prefix, None)]).collect();
            let lines = Lines { task, join_parts: options.join_parts, decimals: options.decimals, joints };
            Set { lines, prefix, folders }
        };
        let sets = match options.task {
            None if options.synapse_py => TASK_FOLDERS
                .into_iter()
                .filter(|(task, _)| *task != Task::Keypoints || joints > 0)
                .map(set)
                .collect(),
            task => vec![set((task.unwrap_or_else(|| likely_task(header.contains)), ""))],
        };
        let writer = Self { header, output, names, sets, has_unsplit };
        for set in &writer.sets {
            writer.start(set, options)?;
        }
        Ok(writer)
    }

    /// Makes the folders and the files about the dataset as a whole.
    fn start(&self, set: &Set, options: &ConvertOptions) -> Result<(), Error> {
        let used = self.header.splits.len() + usize::from(self.has_unsplit);
        for folder in &set.folders[..used] {
            self.output.folder(&folder.labels)?;
            self.output.folder(&folder.images)?;
        }
        let name = if options.synapse_py { "dataset.yaml" } else { "data.yaml" };
        self.output.write("", &[set.prefix, name].concat(), &self.data_yaml(set))?;
        let classes: String = self.header.classes.iter().map(|class| one_line(&class.name) + "\n").collect();
        self.output.write("", &[set.prefix, "classes.txt"].concat(), classes.as_bytes())
    }

    fn data_yaml(&self, set: &Set) -> Vec<u8> {
        let mut out = Vec::new();
        let splits = &self.header.splits;
        let images = |split: usize| set.folders[split].images.strip_prefix(set.prefix).unwrap_or_default();
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
                write_text(images(split), &mut out);
                out.push(b'\n');
            }
        }
        out.extend_from_slice(format!("nc: {}\nnames: ", self.header.classes.len()).as_bytes());
        write_list(self.header.classes.iter().map(|class| &class.name), &mut out);
        match set.lines.task {
            Task::Keypoints => self.write_joint_names(set.lines.joints, &mut out),
            // Four corners are a polygon, too: this says which is meant.
            Task::Oriented => out.extend_from_slice(b"task: obb\n"),
            Task::Detect | Task::Segment => {}
        }
        out
    }

    fn write_joint_names(&self, joints: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("kpt_shape: [{joints}, 3]\n").as_bytes());
        let names = self.header.classes.iter().find(|class| class.joints.len() == joints);
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

    /// The lines of an annotation in one set. Whether there are any.
    fn annotation(
        &self,
        set: &Set,
        frame: &Frame,
        item: &Item,
        annotation: &Annotation,
        at: &dyn Fn() -> Place,
        part: &mut Part,
    ) -> bool {
        let Some(class) = annotation.class.filter(|_| annotation.kind == Kind::Object) else { return false };
        let object = Object { frame, class, item, annotation, at };
        let Part { annotations: out, notes, .. } = part;
        if self.sets.len() == 1 {
            return set.lines.object(object, out, notes);
        }
        if !set.lines.is_for(annotation) {
            return false;
        }
        let mut own = notes.empty();
        let is_written = set.lines.object(object, out, &mut own);
        own.forget(&HELD_ELSEWHERE);
        notes.append(own);
        is_written
    }

    /// Writes the label file and the image of an item in one set, and tells of
    /// each annotation whether it is in it.
    fn set(
        &self,
        set: &Set,
        name: &str,
        frame: &Frame,
        item: &Item,
        at: At<'_>,
        part: &mut Part,
    ) -> Result<Vec<bool>, Error> {
        part.annotations.clear();
        let written = |(number, annotation): (usize, &Annotation)| {
            self.annotation(set, frame, item, annotation, &|| at(Some(number)), part)
        };
        let is_written = item.annotations.iter().enumerate().map(written).collect();
        let last = set.folders.len() - 1;
        let folder = &set.folders[item.split.map_or(last, usize::from).min(last)];
        self.output.write(&folder.labels, &[split_ending(name).0, ".txt"].concat(), &part.annotations)?;
        if !self.output.has_images() {
            return Ok(is_written);
        }
        let placed = match &item.image.file {
            Some(file) => self.output.image(file, &folder.images, name)?,
            None => false,
        };
        if !placed {
            fields::no_file(&mut part.notes, item, &|| at(None))?;
        }
        Ok(is_written)
    }
}

/// Notes what no line holds of an annotation.
fn lose_rest(
    item: &Item,
    annotation: &Annotation,
    is_written: bool,
    at: &dyn Fn() -> Place,
    notes: &mut Notes,
) {
    if !is_written {
        return lose(notes, kind_loss(annotation.kind), true, at);
    }
    fields::lose_details(notes, annotation, at);
    fields::lose_voc(notes, item, &annotation.voc, at);
    lose(notes, LossKind::Score, annotation.score.is_some(), at);
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
        let has_shapes = |set: &Set| matches!(set.lines.task, Task::Segment | Task::Oriented);
        Want { shapes: self.sets.iter().any(has_shapes), sizes: true }
    }

    fn encode(&self, index: usize, item: &Item, at: At<'_>, part: &mut Part) -> Result<bool, Error> {
        let Some(name) = self.names.of(index, &item.image.path) else { return Ok(false) };
        let Some(size) = item.image.size.filter(|size| size.width > 0 && size.height > 0) else {
            let message = format!("`{}`: coordinates are parts of a size nothing says", item.image.path);
            part.notes.unusable(ProblemKind::NoSize, || at(None), message)?;
            return Ok(false);
        };
        let mut is_written = vec![false; item.annotations.len()];
        for set in &self.sets {
            let frame = Frame::new(size, set.lines.decimals);
            let of_set = self.set(set, &name, &frame, item, at, part)?;
            is_written.iter_mut().zip(of_set).for_each(|(all, one)| *all |= one);
        }
        let notes = &mut part.notes;
        for (number, (annotation, is_written)) in item.annotations.iter().zip(is_written).enumerate() {
            lose_rest(item, annotation, is_written, &|| at(Some(number)), notes);
        }
        lose(notes, LossKind::ImageId, item.image.id.is_some(), || at(None));
        let has_fields = !item.image.extra.is_empty() || !item.xml.is_empty();
        lose(notes, LossKind::ImageFields, has_fields, || at(None));
        lose(notes, LossKind::Document, !item.document.is_empty(), || at(None));
        Ok(true)
    }

    fn commit(&self, _part: &mut Part) -> Result<(), Error> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), Error> {
        self.output.finish()
    }
}
