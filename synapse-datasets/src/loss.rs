//! What a target cannot hold.

use serde::Serialize;

macro_rules! loss_kinds {
    ($($(#[doc = $doc:literal])* $name:ident $word:literal $why:literal,)*) => {
        /// What is lost or changed on the way to a target.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "snake_case")]
        #[non_exhaustive]
        pub enum LossKind {
            $($(#[doc = $doc])* $name,)*
        }

        impl LossKind {
            /// A few words for a table.
            pub fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What becomes of it.
            pub fn why(self) -> &'static str {
                match self { $(Self::$name => $why,)* }
            }
        }
    };
}

loss_kinds! {
    /// Ids of images.
    ImageId "image ids" "the target has no ids for images, or only numbers",
    /// Fields of images: licence, addresses, dates, unknown ones.
    ImageFields "image fields" "the target has no place for further fields of an image",
    /// The folder part of image paths.
    ImagePath "image paths" "the target keeps all images in one folder; the path became a name",
    /// Ids of annotations.
    AnnotationId "annotation ids" "the target has no ids for annotations, or only numbers",
    /// Boxes of objects that have a shape, too.
    Box "boxes" "the target keeps the shape alone",
    /// Boxes that were written as a polygon with four corners.
    BoxAsPolygon "boxes as polygons" "the target's task knows polygons alone; the box became one",
    /// Boxes moved to whole pixels.
    BoxRounded "rounded boxes" "the target has whole pixels",
    /// Coordinates cut at the edge of the picture.
    Clipped "clipped coordinates" "the target has coordinates inside the picture alone",
    /// How boxes are turned.
    Rotation "rotations" "the target knows upright boxes alone; the box around the turned one is written",
    /// Polygons.
    Polygon "polygons" "the target or its task keeps boxes alone",
    /// Polygons of more than one part.
    Parts "parts of polygons" "each part became an object of its own",
    /// Polygons of more than one part that were joined.
    PartsJoined "joined parts" "the parts became one polygon, with bridges without width between them",
    /// Masks.
    Mask "masks" "the target or its task keeps no masks; the box is written",
    /// Masks that were written as polygons.
    MaskAsPolygon "masks as polygons" "the target knows polygons alone; the outline along the pixels is written",
    /// Polygons that were written as masks.
    PolygonAsMask "polygons as masks" "the target knows pixels alone; those whose middle is inside are written",
    /// Pixels of two objects.
    Overlap "overlapping shapes" "a pixel of the target is of one object; what lies below is cut",
    /// Holes of masks.
    Holes "holes" "the target's polygons have no holes; they are filled",
    /// Joints.
    Joints "joints" "the target or its task keeps no joints",
    /// Objects without anything the target's task can hold.
    Object "objects" "the target's task has no place for an object of this shape; it is left out",
    /// Areas.
    Area "areas" "the target has no place for areas",
    /// Marks of crowds.
    Crowd "crowd marks" "the target does not tell crowds from objects",
    /// Scores.
    Score "scores" "the target has no place for scores",
    /// VOC's flags and poses.
    VocFlags "VOC flags" "the target has no place for difficult, truncated, occluded and pose",
    /// Attributes.
    Attributes "attributes" "the target has no place for attributes",
    /// Unknown fields.
    Fields "further fields" "the target has no place for unknown fields",
    /// Open lines.
    Polyline "polylines" "the target has no open lines",
    /// Single points.
    Point "points" "the target has no single points",
    /// Labels of whole images.
    Label "image labels" "the target has no labels of whole images",
    /// Labels of an image beyond its first.
    FurtherLabel "further image labels" "the target has one label for each image; the first is kept",
    /// Images without a label.
    Unlabelled "images without label" "the target sorts images by their label; these are left out",
    /// Other tools.
    Tool "other annotations" "the target has no such annotations",
    /// Everything beyond the first image of a document.
    Document "further media" "the target has one image for each record and nothing else",
    /// Ids of classes.
    ClassId "class ids" "the target numbers its classes by position",
    /// Fields of classes: super-category, skeleton.
    ClassFields "class fields" "the target knows the names of classes alone",
    /// Info and licences.
    DatasetFields "dataset fields" "the target has no place for info and licences",
    /// Splits.
    Splits "splits" "the target knows train, valid and test alone; other images are for training",
}

impl std::fmt::Display for LossKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}
