//! Short texts on a page.

use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};
use tiny_skia::Pixmap;

/// Of a line, in pixels.
pub(super) const HEIGHT: u32 = 16;

/// What text is written in, red, green, blue.
pub(super) const BLACK: [u8; 3] = [32, 32, 32];

const WEIGHT: FontWeight = FontWeight::Regular;
const SIZE: RasterHeight = RasterHeight::Size16;

/// The columns a text takes.
pub(super) fn width(text: &str) -> u32 {
    text.chars().count() as u32 * get_raster_width(WEIGHT, SIZE) as u32
}

/// A text cut to so many pixels.
pub(super) fn fitting(text: &str, pixels: u32) -> String {
    let most = (pixels / get_raster_width(WEIGHT, SIZE) as u32) as usize;
    if text.chars().count() <= most {
        return text.to_owned();
    }
    text.chars().take(most.saturating_sub(2)).chain("..".chars()).collect()
}

/// Writes a text with its top left corner at a place. Characters there is no
/// picture of become `?`.
pub(super) fn write(text: &str, left: u32, top: u32, color: [u8; 3], page: &mut Pixmap) {
    let mut at = left;
    for character in text.chars() {
        let raster = get_raster(character, WEIGHT, SIZE).or_else(|| get_raster('?', WEIGHT, SIZE));
        let Some(raster) = raster else { continue };
        for (row, line) in raster.rows().enumerate() {
            for (column, strength) in line.iter().enumerate() {
                blend(page, at + column as u32, top + row as u32, color, *strength);
            }
        }
        at += raster.width() as u32;
    }
}

fn blend(page: &mut Pixmap, x: u32, y: u32, color: [u8; 3], strength: u8) {
    if strength == 0 || x >= page.width() || y >= page.height() {
        return;
    }
    let at = (y as usize * page.width() as usize + x as usize) * 4;
    for (channel, value) in page.data_mut()[at..at + 3].iter_mut().zip(color) {
        let (old, new, part) = (u32::from(*channel), u32::from(value), u32::from(strength));
        *channel = ((old * (255 - part) + new * part) / 255) as u8;
    }
}
