//! What a format implements.

use crate::error::Error;
use crate::format::Format;
use crate::model::{Header, Item};
use crate::problem::{OnError, Place};
use crate::report::{EXAMPLES, Notes};
use crate::watch::Watch;
use std::ops::Range;

/// How a source is read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// What to do with records that are wrong.
    pub on_error: OnError,
    /// The most vertices one outline may have.
    pub max_vertices: usize,
    /// Class names in order, for datasets that do not name theirs.
    pub classes: Vec<String>,
    /// VOC: the number of the first pixel. 1 by the format; tools that ignore
    /// that write 0.
    pub voc_first_pixel: u8,
    /// How many examples of each problem and loss are kept.
    pub examples: usize,
    /// Tells how far the opening is, where that takes time, and takes the wish
    /// to end it.
    pub watch: Watch,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            on_error: OnError::Report,
            max_vertices: 10_000_000,
            classes: Vec::new(),
            voc_first_pixel: 1,
            examples: EXAMPLES,
            watch: Watch::new(),
        }
    }
}

impl ReadOptions {
    /// Empty notes, kept as these options say.
    pub(crate) fn notes(&self) -> Notes {
        Notes::new(self.on_error).with_examples(self.examples)
    }
}

/// What of the annotations is needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Want {
    /// Outlines. Without them a source may say [`Shape::Unread`](crate::Shape).
    pub shapes: bool,
    /// The size of each image, be it from the head of its file.
    pub sizes: bool,
}

impl Want {
    /// Everything the source has without looking at images.
    pub const ALL: Self = Self { shapes: true, sizes: false };
}

/// A dataset that is open for reading. It can be read by many threads.
///
/// Images are numbered from 0 in an order that does not depend on the machine.
pub trait Source: Send + Sync {
    /// The format it is of.
    fn format(&self) -> Format;

    /// What it says of itself.
    fn header(&self) -> &Header;

    /// What was wrong with the dataset as a whole when it was opened.
    fn notes(&self) -> &Notes;

    /// How many images it has.
    fn len(&self) -> usize;

    /// Whether it has none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The path of an image, safe to join, and its split.
    fn image(&self, index: usize) -> (Option<u16>, &str);

    /// Reads a range of images and calls `each` with the index of every one
    /// that could be read.
    ///
    /// # Errors
    ///
    /// A file cannot be read, a problem under [`OnError::Fail`], and what
    /// `each` returns.
    fn read(
        &self,
        range: Range<usize>,
        want: Want,
        notes: &mut Notes,
        each: &mut dyn FnMut(usize, &mut Item, &mut Notes) -> Result<(), Error>,
    ) -> Result<(), Error>;

    /// Where an annotation, or without one the image, stands, for messages.
    fn place(&self, index: usize, item: &Item, annotation: Option<usize>) -> Place;
}

/// What a target makes of a few items on one thread, before it is committed.
/// Each target uses of it what it needs.
#[derive(Debug, Default)]
pub struct Part {
    /// Text about annotations.
    pub annotations: Vec<u8>,
    /// Text about images.
    pub images: Vec<u8>,
    /// Places in the text about annotations where an id goes that is known
    /// when the part is committed.
    pub ids: Vec<usize>,
    /// What is in the texts, in order.
    pub entries: Vec<Entry>,
    /// What was lost.
    pub notes: Notes,
}

/// One item in a [`Part`].
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its split, an index into [`Header::splits`].
    pub split: Option<u16>,
    /// Where its text about annotations ends.
    pub annotations: usize,
    /// Where its text about the image ends.
    pub images: usize,
}

/// Says where an item, or one of its annotations, stands in the source.
pub type At<'a> = &'a dyn Fn(Option<usize>) -> Place;

/// A dataset that is being written.
pub trait Target: Send + Sync {
    /// What of the items it needs.
    fn want(&self) -> Want;

    /// Turns an item into files, or into text in `part`. Called by many
    /// threads. `false` if the item could not be written, which the notes say.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    fn encode(&self, index: usize, item: &Item, at: At<'_>, part: &mut Part) -> Result<bool, Error>;

    /// Adds a part to the output. Called with every part in the order of the
    /// source, by one thread at a time.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    fn commit(&self, part: &mut Part) -> Result<(), Error>;

    /// Writes what comes last and gives the output its name.
    ///
    /// # Errors
    ///
    /// A file cannot be written, or the destination appeared meanwhile.
    fn finish(self: Box<Self>) -> Result<(), Error>;
}
