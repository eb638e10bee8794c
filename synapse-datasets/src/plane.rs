//! Pictures whose pixels say which object they are of.

use crate::model::Size;
use png::{BitDepth, ColorType, Decoder, Encoder, Limits, Transformations};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// No plane has more pixels.
const MAX_PIXELS: u64 = 1 << 27;

/// The most memory the decoder may take beside the pixels.
const MAX_BYTES: usize = 1 << 30;

/// A number for each pixel, row by row.
#[derive(Debug)]
pub(crate) struct Plane {
    pub(crate) size: Size,
    pub(crate) numbers: Vec<u32>,
}

impl Plane {
    /// Reads a PNG file. Pixels of a palette or of grey are numbers as they
    /// are; of others `number_of` makes one of red, green and blue.
    pub(crate) fn read(path: &Path, number_of: &dyn Fn([u8; 3]) -> u32) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let mut decoder = Decoder::new_with_limits(BufReader::new(file), Limits { bytes: MAX_BYTES });
        decoder.set_transformations(Transformations::IDENTITY);
        let mut reader = decoder.read_info().map_err(|error| error.to_string())?;
        let (width, height) = (reader.info().width, reader.info().height);
        let size = Size { width, height };
        if !is_possible(size) {
            return Err(format!("{width} × {height} pixels are too many"));
        }
        let bytes = reader.output_buffer_size().ok_or("it is too large")?;
        let mut pixels = vec![0; bytes];
        let frame = reader.next_frame(&mut pixels).map_err(|error| error.to_string())?;
        if frame.bit_depth == BitDepth::Sixteen {
            return Err("16 bits a channel".to_owned());
        }
        let mut numbers = Vec::with_capacity(width as usize * height as usize);
        for row in pixels.chunks_exact(frame.line_size.max(1)).take(height as usize) {
            match frame.color_type {
                ColorType::Rgb => {
                    numbers
                        .extend(row.chunks_exact(3).map(|pixel| number_of([pixel[0], pixel[1], pixel[2]])));
                }
                ColorType::Rgba => {
                    numbers
                        .extend(row.chunks_exact(4).map(|pixel| number_of([pixel[0], pixel[1], pixel[2]])));
                }
                ColorType::GrayscaleAlpha => {
                    numbers.extend(row.chunks_exact(2).map(|pixel| u32::from(pixel[0])));
                }
                ColorType::Grayscale | ColorType::Indexed => {
                    unpack(row, frame.bit_depth as usize, width as usize, &mut numbers);
                }
            }
        }
        Ok(Self { size, numbers })
    }

    /// The pixels of each number that `is_object` accepts, as runs down the
    /// columns.
    pub(crate) fn masks(&self, is_object: &dyn Fn(u32) -> bool) -> BTreeMap<u32, Vec<u32>> {
        let (width, height) = (self.size.width as usize, self.size.height as usize);
        let mut found: BTreeMap<u32, (Vec<u32>, usize)> = BTreeMap::new();
        let mut add = |number: u32, start: usize, end: usize| {
            if end > start && is_object(number) {
                let (runs, done) = found.entry(number).or_default();
                runs.extend([(start - *done) as u32, (end - start) as u32]);
                *done = end;
            }
        };
        let (mut current, mut start) = (0, 0);
        for column in 0..width {
            for row in 0..height {
                let next = self.numbers[row * width + column];
                if next != current {
                    add(current, start, column * height + row);
                    (current, start) = (next, column * height + row);
                }
            }
        }
        add(current, start, width * height);
        let whole = |(runs, done): (Vec<u32>, usize)| {
            let rest = (width * height - done) as u32;
            runs.into_iter().chain((rest > 0).then_some(rest)).collect()
        };
        found.into_iter().map(|(number, growing)| (number, whole(growing))).collect()
    }

    /// The number at the first pixel inside of runs down the columns.
    pub(crate) fn first_inside(&self, runs: &[u32]) -> Option<u32> {
        let position = *runs.first()? as usize;
        let (height, width) = (self.size.height as usize, self.size.width as usize);
        self.numbers.get((position % height.max(1)) * width + position / height.max(1)).copied()
    }
}

/// Whether a plane may have a size.
pub(crate) fn is_possible(size: Size) -> bool {
    u64::from(size.width) * u64::from(size.height) <= MAX_PIXELS
}

/// Appends the pixels of a row that has several in a byte.
fn unpack(row: &[u8], bits: usize, width: usize, numbers: &mut Vec<u32>) {
    if bits == 8 {
        return numbers.extend(row.iter().take(width).map(|byte| u32::from(*byte)));
    }
    let mask = (1u8 << bits) - 1;
    let pixel = |column: usize| {
        let byte = row.get(column * bits / 8).copied().unwrap_or_default();
        u32::from(byte >> (8 - bits - column * bits % 8) & mask)
    };
    numbers.extend((0..width).map(pixel));
}

/// A PNG file whose pixels are numbers of Pascal VOC's palette.
pub(crate) fn write(size: Size, pixels: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, size.width, size.height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_palette((0..=255).flat_map(color).collect::<Vec<u8>>());
    let mut writer = encoder.write_header().map_err(|error| error.to_string())?;
    writer.write_image_data(pixels).map_err(|error| error.to_string())?;
    writer.finish().map_err(|error| error.to_string())?;
    Ok(out)
}

/// A colour of Pascal VOC's palette: the bits of the number, three at a time,
/// are those of red, green and blue from the highest on.
pub(crate) fn color(number: u8) -> [u8; 3] {
    let mut color = [0; 3];
    for bit in 0..8 {
        color[bit % 3] |= (number >> bit & 1) << (7 - bit / 3);
    }
    color
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn the_palette_is_that_of_pascal_voc() {
        let known = [(0, [0, 0, 0]), (1, [128, 0, 0]), (15, [192, 128, 128]), (20, [0, 64, 128])];
        for (number, expected) in known.into_iter().chain([(255, [224, 224, 192])]) {
            assert_eq!(color(number), expected, "{number}");
        }
    }

    #[test]
    fn planes_come_back_in_every_depth() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.png");
        let size = Size { width: 5, height: 2 };
        let pixels = [0, 1, 2, 3, 3, 0, 0, 1, 2, 255];
        std::fs::write(&path, write(size, &pixels).unwrap()).unwrap();
        let plane = Plane::read(&path, &|_| 9).unwrap();
        assert_eq!((plane.size, &plane.numbers[..]), (size, &pixels.map(u32::from)[..]));
        assert_eq!(plane.masks(&|number| number == 1)[&1], [2, 1, 2, 1, 4]);

        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, 5, 2);
        encoder.set_color(ColorType::Grayscale);
        encoder.set_depth(BitDepth::Two);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[0b0001_1011, 0b1100_0000, 0b0000_0110, 0b1100_0000]).unwrap();
        writer.finish().unwrap();
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(Plane::read(&path, &|_| 9).unwrap().numbers, [0, 1, 2, 3, 3, 0, 0, 1, 2, 3]);
    }

    #[test]
    fn what_is_no_plane_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p.png");
        assert!(Plane::read(&path, &|_| 0).is_err());
        std::fs::write(&path, b"\x89PNG\r\n\x1a\n").unwrap();
        assert!(Plane::read(&path, &|_| 0).is_err());
    }
}
