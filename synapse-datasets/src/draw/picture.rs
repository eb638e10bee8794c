//! Pictures from their files.

use std::fs;
use std::path::Path;
use tiny_skia::{IntSize, Pixmap};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Larger files are no pictures one would look at.
const MAX_FILE: u64 = 512 << 20;

/// No picture may say it is wider or higher.
const MAX_SIDE: usize = 1 << 15;

/// The picture in a file. `None` if it is not there or of no kind that is read.
pub(super) fn decode(path: &Path) -> Option<Pixmap> {
    if fs::metadata(path).ok()?.len() > MAX_FILE {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    match &bytes[..] {
        [0xff, 0xd8, ..] => jpeg(&bytes),
        [0x89, b'P', b'N', b'G', ..] => {
            // The size is checked before anything of that size is allocated.
            let size = imagesize::blob_size(&bytes).ok()?;
            let is_small =
                size.width <= MAX_SIDE && size.height <= MAX_SIDE && size.width * size.height <= 1 << 28;
            if is_small { Pixmap::decode_png(&bytes).ok() } else { None }
        }
        _ => None,
    }
}

fn jpeg(bytes: &[u8]) -> Option<Pixmap> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(ColorSpace::RGBA)
        .set_max_width(MAX_SIDE)
        .set_max_height(MAX_SIDE);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    let pixels = decoder.decode().ok()?;
    let info = decoder.info()?;
    Pixmap::from_vec(pixels, IntSize::from_wh(info.width.into(), info.height.into())?)
}
