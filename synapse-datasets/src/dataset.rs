//! The way in.

use crate::convert::{self, ConvertOptions};
use crate::detect;
use crate::diff::{self, Diff, DiffOptions};
use crate::error::Error;
use crate::format::Format;
use crate::model::{Header, Item};
use crate::report::{Notes, Report};
use crate::stream::{ReadOptions, Source, Want};
use crate::survey::{self, Survey, SurveyOptions};
use std::path::{Path, PathBuf};

/// A dataset on this machine, open for reading.
pub struct Dataset {
    root: PathBuf,
    source: Box<dyn Source>,
}

impl Dataset {
    /// Opens the dataset at `path`, whose format is found by looking at it.
    ///
    /// # Errors
    ///
    /// There is nothing there, it is of no known format, or it cannot be read.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        Self::open_as(path, detect::format(path)?, &ReadOptions::default())
    }

    /// Opens the dataset at `path`, which is of `format`.
    ///
    /// # Errors
    ///
    /// There is nothing there, it cannot be read, or it has a problem and the
    /// options say to stop at that.
    pub fn open_as(path: impl AsRef<Path>, format: Format, options: &ReadOptions) -> Result<Self, Error> {
        let path = path.as_ref();
        if let Err(error) = std::fs::metadata(path) {
            return Err(Error::io("open", path, error).hint("check the path"));
        }
        Ok(Self { root: path.to_owned(), source: format.open(path, options)? })
    }

    /// The format of the dataset at `path`.
    ///
    /// # Errors
    ///
    /// There is nothing there, or it is of no known format.
    pub fn detect(path: impl AsRef<Path>) -> Result<Format, Error> {
        detect::format(path.as_ref())
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Its format.
    pub fn format(&self) -> Format {
        self.source.format()
    }

    /// What it says of itself.
    pub fn header(&self) -> &Header {
        self.source.header()
    }

    /// How many images it has.
    pub fn len(&self) -> usize {
        self.source.len()
    }

    /// Whether it has no images.
    pub fn is_empty(&self) -> bool {
        self.source.is_empty()
    }

    /// The reader, for ranges of images and several threads.
    pub fn source(&self) -> &dyn Source {
        &*self.source
    }

    /// Calls `each` with every image in order, and returns what was wrong.
    ///
    /// # Errors
    ///
    /// A file cannot be read, a problem if the dataset was opened to stop at
    /// one, and what `each` returns.
    pub fn for_each(&self, mut each: impl FnMut(&Item) -> Result<(), Error>) -> Result<Notes, Error> {
        let mut notes = self.source.notes().clone();
        self.source.read(0..self.len(), Want::ALL, &mut notes, &mut |_, item, _| each(item))?;
        Ok(notes)
    }

    /// Counts what is in it, and looks for what is wrong.
    ///
    /// # Errors
    ///
    /// A file cannot be read, or there is a problem and the dataset was opened
    /// to stop at one.
    pub fn survey(&self, options: &SurveyOptions) -> Result<Survey, Error> {
        survey::run(&*self.source, options)
    }

    /// Compares it with another dataset, which may be of another format.
    /// Images are the same by their path, annotations by class and place.
    ///
    /// # Errors
    ///
    /// A file of either cannot be read.
    pub fn diff(&self, other: &Dataset, options: &DiffOptions) -> Result<Diff, Error> {
        diff::run(&*self.source, &*other.source, options)
    }

    /// Draws images, by their numbers from 0, with what is annotated on them,
    /// and returns the page as a PNG file.
    ///
    /// # Errors
    ///
    /// There is no such image, the page would be too large, or a file of
    /// annotations cannot be read.
    #[cfg(feature = "draw")]
    pub fn draw(&self, images: &[usize], options: &crate::DrawOptions) -> Result<Vec<u8>, Error> {
        crate::draw::page(&*self.source, images, options)
    }

    /// Writes it as `format` to the folder `out`, which must not be there yet.
    ///
    /// # Errors
    ///
    /// `out` is there, a file cannot be read or written, a problem if the
    /// dataset was opened to stop at one, or a loss if the options forbid it.
    /// Then nothing is at `out`.
    pub fn convert(
        &self,
        format: Format,
        out: impl AsRef<Path>,
        options: &ConvertOptions,
    ) -> Result<Report, Error> {
        convert::run(&*self.source, format, out.as_ref(), options)
    }
}
