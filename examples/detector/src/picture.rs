//! Grey pictures: drawn, and read and written as PNG.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;

use fastrand::Rng;
use synapse_sdk::errors::{PluginError, ResultExt, ValidationError};

use crate::boxes::Box2;

/// Width and height of every picture, in pixels.
pub const SIDE: usize = 32;

/// Brightness of each pixel from 0 to 1, row by row.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture(Vec<f32>);

impl Picture {
    /// Rough water with one to three buoys, and where they are.
    pub fn draw(rng: &mut Rng) -> (Self, Vec<Box2>) {
        let mut pixels: Vec<f32> = (0..SIDE * SIDE).map(|_| rng.f32() * 0.4).collect();
        let mut boxes: Vec<Box2> = Vec::new();
        for _ in 0..rng.usize(1..=3) {
            let (width, height) = (rng.usize(5..=9), rng.usize(5..=9));
            let (left, top) = (rng.usize(0..=SIDE - width), rng.usize(0..=SIDE - height));
            let place = in_shares(left, top, width, height);
            if boxes.iter().any(|other| other.iou(&place) > 0.0 || near(other, &place)) {
                continue;
            }
            for y in top..top + height {
                for x in left..left + width {
                    pixels[y * SIDE + x] = 0.6 + rng.f32() * 0.4;
                }
            }
            boxes.push(place);
        }
        (Self(pixels), boxes)
    }

    /// The pixel at `x`, `y`; water around the picture.
    pub fn at(&self, x: isize, y: isize) -> f32 {
        let inside = 0..SIDE as isize;
        if inside.contains(&x) && inside.contains(&y) { self.0[y as usize * SIDE + x as usize] } else { 0.2 }
    }

    /// Reads a PNG file of 32 × 32 pixels, in grey or colours.
    ///
    /// # Errors
    /// There is none at `path`, it is damaged or of another size.
    pub fn load(path: &Path) -> Result<Self, PluginError> {
        let reading = || format!("reading the picture {}", path.display());
        let mut decoder = png::Decoder::new(BufReader::new(File::open(path).with_context(reading)?));
        decoder.set_transformations(png::Transformations::EXPAND | png::Transformations::STRIP_16);
        let mut reader = decoder.read_info().with_context(reading)?;
        let (width, height) = (reader.info().width as usize, reader.info().height as usize);
        if (width, height) != (SIDE, SIDE) {
            let message = format!("{} has {width} × {height} pixels, not {SIDE} × {SIDE}", path.display());
            return Err(ValidationError::new(message).hint("scale it: the model sees pictures of one size"));
        }
        let size = reader.output_buffer_size().context("a picture larger than memory")?;
        let mut bytes = vec![0; size];
        let info = reader.next_frame(&mut bytes).with_context(reading)?;
        let samples = info.color_type.samples();
        // Opacity is no brightness.
        let colours = if samples == 2 || samples == 4 { samples - 1 } else { samples };
        let grey = |pixel: &[u8]| {
            pixel[..colours].iter().map(|byte| f32::from(*byte)).sum::<f32>() / (255.0 * colours as f32)
        };
        Ok(Self(bytes[..info.buffer_size()].chunks_exact(samples).map(grey).collect()))
    }

    /// Writes a PNG file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), PluginError> {
        let writing = || format!("writing the picture {}", path.display());
        let file = BufWriter::new(File::create(path).with_context(writing)?);
        let mut encoder = png::Encoder::new(file, SIDE as u32, SIDE as u32);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::Eight);
        let bytes: Vec<u8> = self.0.iter().map(|pixel| (pixel * 255.0).round() as u8).collect();
        let mut writer = encoder.write_header().with_context(writing)?;
        writer.write_image_data(&bytes).with_context(writing)?;
        writer.finish().with_context(writing)
    }
}

fn in_shares(left: usize, top: usize, width: usize, height: usize) -> Box2 {
    let share = |pixels: usize| pixels as f32 / SIDE as f32;
    Box2 {
        x: share(left) + share(width) / 2.0,
        y: share(top) + share(height) / 2.0,
        width: share(width),
        height: share(height),
    }
}

/// Buoys that touch could not be told apart by anybody.
fn near(a: &Box2, b: &Box2) -> bool {
    let gap = 2.0 / SIDE as f32;
    let grown = Box2 { width: a.width + 2.0 * gap, height: a.height + 2.0 * gap, ..*a };
    grown.iou(b) > 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_read_as_it_was_written() -> Result<(), PluginError> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.png");
        let (drawn, boxes) = Picture::draw(&mut Rng::with_seed(1));
        drawn.save(&path)?;
        let read = Picture::load(&path)?;
        assert!(!boxes.is_empty());
        assert!(drawn.0.iter().zip(&read.0).all(|(a, b)| (a - b).abs() < 0.01));
        Ok(())
    }

    #[test]
    fn what_is_no_picture_is_named() -> Result<(), PluginError> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("a.png");
        std::fs::write(&path, b"no picture")?;
        let error = Picture::load(&path).expect_err("no picture");
        assert!(error.message().starts_with("reading the picture"), "{error}");
        Ok(())
    }
}
