//! Moves a dataset from a source to a target on several threads.

use crate::check;
use crate::error::{Error, ErrorKind};
use crate::format::Format;
use crate::output::Output;
use crate::report::{Notes, Report};
use crate::select::{Selected, Splits};
use crate::stream::{Part, Source, Target};
use crate::watch::Watch;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many images a thread takes at a time: enough to make a read worth it,
/// few enough that parts waiting for their turn stay small.
const CHUNK: usize = 64;

/// How far ahead of the slowest thread another may run, in chunks.
const AHEAD: usize = 16;

/// What becomes of the image files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Images {
    /// Hard links, or copies where the file system has none.
    #[default]
    Link,
    /// Copies, shared where the file system can share blocks.
    Copy,
    /// Symbolic links to the files of the source.
    Symlink,
    /// They stay where they are; annotations alone are written.
    Without,
}

/// What a dataset is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Boxes.
    Detect,
    /// Polygons.
    Segment,
    /// Boxes with joints.
    Keypoints,
    /// Turned boxes.
    Oriented,
}

/// How a dataset is converted.
#[derive(Clone, Debug)]
pub struct ConvertOptions {
    /// What becomes of the image files.
    pub images: Images,
    /// Whether an interruption leaves what was written, hidden beside the
    /// destination, and what an earlier one left is used. Images that are
    /// there are not copied again; annotations are written anew, so that the
    /// report is whole, and nothing that the source no longer has is left.
    pub resume: bool,
    /// Whether loss ends the conversion.
    pub strict: bool,
    /// The number of threads; 0 for one a processor.
    pub jobs: usize,
    /// What a YOLO dataset is for: without it joints make it
    /// [`Task::Keypoints`], outlines [`Task::Segment`], and else it is
    /// [`Task::Detect`]. VOC has masks for [`Task::Segment`], and without a
    /// task if there are masks and no polygons.
    pub task: Option<Task>,
    /// YOLO: whether the parts of a polygon become one line, joined by bridges
    /// without width, instead of a line for each.
    pub join_parts: bool,
    /// YOLO: the decimals of a coordinate, at most 15.
    pub decimals: u8,
    /// VOC: whether coordinates that are not whole stay so. Many readers of
    /// VOC take whole numbers alone.
    pub voc_floats: bool,
    /// VOC: the number of the first pixel, 1 by the format.
    pub voc_first_pixel: u8,
    /// What becomes of the splits.
    pub splits: Splits,
    /// The classes to keep, by name, in the order they shall have; empty for
    /// all as they are. Annotations of other classes are left out.
    pub classes: Vec<String>,
    /// Keep to the layout of the Python SDK: `dataset.yaml` for YOLO, and
    /// without a task the folders `detect`, `segment` and, where there are
    /// joints, `pose`, each a dataset of all images; folders for the splits of
    /// VOC, `valid` for what is validated with.
    pub synapse_py: bool,
    /// Tells how far it is, in images, and takes the wish to end it.
    pub watch: Watch,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            images: Images::Link,
            resume: false,
            strict: false,
            jobs: 0,
            task: None,
            join_parts: false,
            decimals: 6,
            voc_floats: false,
            voc_first_pixel: 1,
            splits: Splits::Keep,
            classes: Vec::new(),
            synapse_py: false,
            watch: Watch::new(),
        }
    }
}

pub(crate) fn run(
    source: &dyn Source,
    format: Format,
    out: &Path,
    options: &ConvertOptions,
) -> Result<Report, Error> {
    if options.decimals > crate::number::MAX_DECIMALS {
        let message = format!("{} decimals are more than a number has", options.decimals);
        return Err(Error::new(ErrorKind::Options, message).hint("give 15 at most"));
    }
    if options.splits == Splits::Keep && options.classes.is_empty() {
        return whole(source, format, out, options);
    }
    let selected = Selected::new(source, &options.splits, &options.classes)?;
    let report = whole(&selected, format, out, options)?;
    Ok(Report { passed_over: selected.passed_over(), ..report })
}

/// Converts all of a source.
fn whole(source: &dyn Source, format: Format, out: &Path, options: &ConvertOptions) -> Result<Report, Error> {
    options.watch.begin(source.len() as u64);
    let mut notes = source.notes().clone();
    let output = Output::new(out, options.images, options.resume)?;
    let target = format.create(source, output, options, &mut notes)?;
    refuse_loss(&notes, options)?;
    let line = Line::new(source, &*target, options, notes);
    line.run()?;
    let Committed { notes, images, annotations, .. } =
        line.state.into_inner().unwrap_or_else(PoisonError::into_inner);
    options.watch.check()?;
    target.finish()?;
    Ok(Report { images, annotations, passed_over: 0, losses: notes.losses(), problems: notes.problems() })
}

fn refuse_loss(notes: &Notes, options: &ConvertOptions) -> Result<(), Error> {
    let losses = notes.losses();
    let Some(first) = losses.first().filter(|_| options.strict) else { return Ok(()) };
    let error =
        Error::new(ErrorKind::Loss, format!("the target cannot hold {}: {}", first.kind, first.kind.why()))
            .hint("choose another target, or convert without strict to see all that is lost");
    Err(match first.examples.first() {
        Some(example) => error.at(example.place.clone()),
        None => error,
    })
}

/// A conversion under way.
struct Line<'c> {
    source: &'c dyn Source,
    target: &'c dyn Target,
    options: &'c ConvertOptions,
    next_chunk: AtomicUsize,
    failed: AtomicBool,
    state: Mutex<Committed>,
    turned: Condvar,
}

/// Lets the other threads go if this one panics.
struct Unstick<'l, 'c>(&'l Line<'c>);

impl Drop for Unstick<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(0, Error::new(ErrorKind::Io, "a thread panicked"));
        }
    }
}

/// What has been committed, and what waits for its turn.
struct Committed {
    chunks: usize,
    waiting: BTreeMap<usize, Done>,
    notes: Notes,
    images: u64,
    annotations: u64,
    /// The error of the earliest chunk that failed.
    error: Option<(usize, Error)>,
}

/// A chunk that has been encoded.
#[derive(Default)]
struct Done {
    part: Part,
    images: u64,
    annotations: u64,
}

impl<'c> Line<'c> {
    fn new(
        source: &'c dyn Source,
        target: &'c dyn Target,
        options: &'c ConvertOptions,
        notes: Notes,
    ) -> Self {
        let state =
            Committed { chunks: 0, waiting: BTreeMap::new(), notes, images: 0, annotations: 0, error: None };
        Self {
            source,
            target,
            options,
            next_chunk: AtomicUsize::new(0),
            failed: AtomicBool::new(false),
            state: Mutex::new(state),
            turned: Condvar::new(),
        }
    }

    fn run(&self) -> Result<(), Error> {
        let jobs = match self.options.jobs {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            jobs => jobs,
        };
        let jobs = jobs.clamp(1, self.source.len().div_ceil(CHUNK).max(1));
        std::thread::scope(|scope| {
            for _ in 1..jobs {
                scope.spawn(|| self.work());
            }
            self.work();
        });
        self.lock().error.take().map_or(Ok(()), |(_, error)| Err(error))
    }

    fn lock(&self) -> MutexGuard<'_, Committed> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Encodes chunk after chunk until there is none left or one failed.
    fn work(&self) {
        let _unstick = Unstick(self);
        while let Some(chunk) = self.take_chunk() {
            let outcome = self.encode(chunk).and_then(|done| self.commit(chunk, done));
            if let Err(error) = outcome {
                self.fail(chunk, error);
            }
        }
    }

    fn take_chunk(&self) -> Option<usize> {
        let chunk = self.next_chunk.fetch_add(1, Ordering::Relaxed);
        if chunk * CHUNK >= self.source.len() {
            return None;
        }
        let mut state = self.lock();
        // A chunk before a failed one is still done, so that the error is the
        // first of the source however the threads were scheduled.
        while chunk >= state.chunks + AHEAD && !self.is_past_failure(&state, chunk) {
            state = self.turned.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        (!self.is_past_failure(&state, chunk)).then_some(chunk)
    }

    fn is_past_failure(&self, state: &Committed, chunk: usize) -> bool {
        self.failed.load(Ordering::Relaxed)
            && state.error.as_ref().is_some_and(|(failed, _)| chunk >= *failed)
    }

    fn fail(&self, chunk: usize, error: Error) {
        let mut state = self.lock();
        if state.error.as_ref().is_none_or(|(earlier, _)| chunk < *earlier) {
            state.error = Some((chunk, error));
        }
        self.failed.store(true, Ordering::Relaxed);
        self.turned.notify_all();
    }

    fn encode(&self, chunk: usize) -> Result<Done, Error> {
        self.options.watch.check()?;
        let range = chunk * CHUNK..((chunk + 1) * CHUNK).min(self.source.len());
        let length = range.len() as u64;
        let mut done = Done::default();
        let mut notes = self.lock().notes.following();
        done.part.notes = notes.clone();
        // `each` is lent the notes of the reader; those of the target are its
        // own until both are joined.
        self.source.read(range, self.target.want(), &mut notes, &mut |index, item, notes| {
            let at = |item: &_, annotation| self.source.place(index, item, annotation);
            check::item(self.source.header(), item, &at, notes)?;
            if self.target.encode(index, item, &|annotation| at(item, annotation), &mut done.part)? {
                done.images += 1;
                done.annotations += item.annotations.len() as u64;
            }
            Ok(())
        })?;
        notes.append(std::mem::take(&mut done.part.notes));
        refuse_loss(&notes, self.options)?;
        done.part.notes = notes;
        self.options.watch.add(length);
        Ok(done)
    }

    /// Commits a chunk, and those after it that waited for it. One whose turn
    /// has not come waits.
    fn commit(&self, chunk: usize, done: Done) -> Result<(), Error> {
        let mut state = self.lock();
        state.waiting.insert(chunk, done);
        loop {
            let turn = state.chunks;
            let Some(mut done) = state.waiting.remove(&turn) else { return Ok(()) };
            self.target.commit(&mut done.part)?;
            state.notes.append(done.part.notes);
            state.images += done.images;
            state.annotations += done.annotations;
            state.chunks += 1;
            self.turned.notify_all();
        }
    }
}
