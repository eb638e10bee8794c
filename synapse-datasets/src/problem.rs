//! What is wrong in a dataset, and what becomes of it.

use serde::Serialize;
use std::path::PathBuf;

/// What to do with a record that is wrong.
///
/// A record is one annotation or one image. Two kinds of wrong are told apart.
/// An *unusable* record cannot be written to any format: its text cannot be
/// read, its numbers are not finite, its image is unknown. A *doubtful* one
/// can be: a box that reaches out of the picture, an id used twice.
///
/// | | unusable | doubtful |
/// |---|---|---|
/// | `Fail` | the conversion stops, nothing is written | the same |
/// | `Skip` | left out and counted | left out and counted |
/// | `Report` | left out and counted | kept and counted |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnError {
    /// The first problem ends it.
    Fail,
    /// Only records without a problem are written.
    Skip,
    /// Everything that can be written is.
    #[default]
    Report,
}

/// Where something stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// The place in a JSON document, such as `/annotations/17`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
}

impl Place {
    /// A file as a whole.
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), line: None, pointer: None }
    }

    /// A line of a file, from 1.
    pub fn line(file: impl Into<PathBuf>, line: u64) -> Self {
        Self { file: file.into(), line: Some(line), pointer: None }
    }

    /// A value of a JSON file.
    pub fn pointer(file: impl Into<PathBuf>, pointer: impl Into<String>) -> Self {
        Self { file: file.into(), line: None, pointer: Some(pointer.into()) }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(pointer) = &self.pointer {
            write!(f, "#{pointer}")?;
        }
        Ok(())
    }
}

macro_rules! problem_kinds {
    ($($(#[doc = $doc:literal])* $name:ident $word:literal $doubtful:literal $hint:literal,)*) => {
        /// What is wrong with a record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum ProblemKind {
            $($(#[doc = $doc])* $name,)*
        }

        impl ProblemKind {
            /// One or two words for a table.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// Whether [`OnError::Report`] keeps such a record.
            pub fn is_doubtful(self) -> bool {
                match self { $(Self::$name => $doubtful,)* }
            }

            /// What to do about it.
            pub fn hint(self) -> &'static str {
                match self { $(Self::$name => $hint,)* }
            }
        }
    };
}

problem_kinds! {
    /// The file ends in the middle of a record, or is no text of its format.
    Damaged "damaged file" false "get the file again; what stands before the damage can be read with on-error skip",
    /// A record that is not what the format says.
    Malformed "malformed record" false "correct the record, or leave it out with on-error skip",
    /// An annotation of an image that is not in the dataset.
    NoImage "annotation without image" false "add the image record, or leave the annotation out with on-error skip",
    /// A class that the dataset does not name.
    UnknownClass "unknown class" false "add the class to the dataset's list, or give the list of classes",
    /// A coordinate that is NaN or infinite.
    NotFinite "number not finite" false "correct the coordinates",
    /// A path that would leave the dataset.
    UnsafePath "unsafe path" false "use a path relative to the dataset, without `..`",
    /// The size of an image is needed and nothing says it. Kept where sizes are not needed.
    NoSize "image without size" true "put the images where the annotations say, or add width and height",
    /// More vertices than allowed.
    TooManyVertices "too many vertices" false "raise the limit of vertices if this is meant",
    /// A part nested deeper than any format asks for, or XML that defines entities.
    Refused "refused content" false "the file is not what the format allows; remove that part",
    /// An image without a file.
    NoFile "missing image file" true "put the images where the annotations say, or convert without images",
    /// An id used twice.
    DuplicateId "duplicate id" true "give each record an id of its own",
    /// Two images that would have one name in the output, be it only on a system that ignores case.
    DuplicateName "duplicate name" true "give the images different names",
    /// A box or shape that reaches out of the picture.
    Outside "outside the picture" true "correct the coordinates, or check that they are pixels of this image",
    /// A box without width or height.
    EmptyBox "box without area" true "correct the box, or leave it out with on-error skip",
    /// A picture whose file says another size than the record.
    OtherSize "size differs from file" true "correct width and height in the record",
    /// An absolute path, of which only the last part is used.
    AbsolutePath "absolute path" true "use a path relative to the dataset",
}

impl std::fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// Something wrong in a dataset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What kind of wrong.
    pub kind: ProblemKind,
    /// Where.
    pub place: Place,
    /// What exactly, for people.
    pub message: String,
}
