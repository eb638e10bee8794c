//! The formats by name.

use crate::convert::ConvertOptions;
use crate::error::{Error, ErrorKind};
use crate::output::Output;
use crate::stream::{ReadOptions, Source, Target};
use crate::{coco, dm, imagefolder, voc, yolo};
use std::path::Path;

/// A format of datasets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// COCO: one JSON file a split.
    Coco,
    /// YOLO: a text file an image and `data.yaml`.
    Yolo,
    /// Pascal VOC: an XML file an image.
    Voc,
    /// DM v1: a JSON file an image, by events.
    DmV1,
    /// DM v2: a JSON file an image, by tools.
    DmV2,
    /// Image folder: a folder a class, for classification.
    ImageFolder,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Coco, Self::Yolo, Self::Voc, Self::DmV1, Self::DmV2, Self::ImageFolder];

    /// Its name on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coco => "coco",
            Self::Yolo => "yolo",
            Self::Voc => "voc",
            Self::DmV1 => "dm_v1",
            Self::DmV2 => "dm_v2",
            Self::ImageFolder => "imagefolder",
        }
    }

    pub(crate) fn open(self, root: &Path, options: &ReadOptions) -> Result<Box<dyn Source>, Error> {
        Ok(match self {
            Self::Coco => Box::new(coco::Coco::open(root, options)?),
            Self::Yolo => Box::new(yolo::Yolo::open(root, options)?),
            Self::Voc => Box::new(voc::Voc::open(root, options)?),
            Self::DmV1 => Box::new(dm::Dm::open(root, dm::Version::V1, options)?),
            Self::DmV2 => Box::new(dm::Dm::open(root, dm::Version::V2, options)?),
            Self::ImageFolder => Box::new(imagefolder::ImageFolder::open(root, options)?),
        })
    }

    pub(crate) fn create<'s>(
        self,
        source: &'s dyn Source,
        output: Output,
        options: &'s ConvertOptions,
        notes: &mut crate::Notes,
    ) -> Result<Box<dyn Target + 's>, Error> {
        Ok(match self {
            Self::Coco => Box::new(coco::Writer::new(source, output, notes)?),
            Self::Yolo => Box::new(yolo::Writer::new(source, output, options, notes)?),
            Self::Voc => Box::new(voc::Writer::new(source, output, options, notes)?),
            Self::DmV1 => Box::new(dm::Writer::new(source, output, dm::Version::V1, notes)?),
            Self::DmV2 => Box::new(dm::Writer::new(source, output, dm::Version::V2, notes)?),
            Self::ImageFolder => Box::new(imagefolder::Writer::new(source, output, options.images, notes)?),
        })
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Format {
    type Err = Error;

    /// Takes the names of [`Format::name`], `pascal` for VOC and `dm` for the
    /// newer DM.
    fn from_str(name: &str) -> Result<Self, Error> {
        match name {
            "pascal" => Ok(Self::Voc),
            "dm" => Ok(Self::DmV2),
            _ => Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| {
                let known: Vec<&str> = Self::ALL.iter().map(|format| format.name()).collect();
                Error::new(ErrorKind::UnknownFormat, format!("there is no format `{name}`"))
                    .hint(format!("the formats are {}", known.join(", ")))
            }),
        }
    }
}
