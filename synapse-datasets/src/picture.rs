//! The size of a picture, from the head of its file.

use crate::model::Size;
use std::path::Path;

/// Width and height as stored. `None` if there is no such file or it is not a
/// picture.
pub(crate) fn size(path: &Path) -> Option<Size> {
    let size = imagesize::size(path).ok()?;
    Some(Size { width: u32::try_from(size.width).ok()?, height: u32::try_from(size.height).ok()? })
}
