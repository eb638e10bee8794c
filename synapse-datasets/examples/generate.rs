//! Makes a dataset of COCO's shape: the same seed makes the same bytes.
//!
//! ```text
//! generate IMAGES OUT [seed=7] [pictures=yes] [shuffled=yes]
//! ```
//!
//! 80 classes with the gaps of COCO's numbers, 7.3 annotations an image with a
//! long tail, 1 % of images without any, outlines of 22 points in the middle
//! and 31 on average, 12 % of several parts, 1.2 % crowds as runs, two
//! decimals. Pictures are files that have the right size and nothing else.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Steele's SplitMix64: a few lines, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to and without 1.
    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn below(&mut self, end: usize) -> usize {
        (self.unit() * end as f64) as usize
    }

    fn exponential(&mut self, mean: f64) -> f64 {
        -mean * (1.0 - self.unit()).ln()
    }

    /// By the twelve-sum, which needs no function whose last bit differs
    /// between systems.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    fn log_normal(&mut self, mean: f64, deviation: f64) -> f64 {
        (mean + deviation * self.normal()).exp()
    }
}

const SIZES: [(u32, u32); 6] = [(640, 480), (640, 427), (480, 640), (500, 375), (640, 640), (333, 500)];

/// The numbers COCO left out.
const GAPS: [u32; 10] = [12, 26, 29, 30, 45, 66, 68, 69, 71, 83];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [images, out, rest @ ..] = &words[..] else {
        return Err("generate IMAGES OUT [key=value …]".into());
    };
    let options: HashMap<&str, &str> = rest.iter().filter_map(|word| word.split_once('=')).collect();
    let seed = options.get("seed").map_or(Ok(7), |seed| seed.parse())?;
    let images: u32 = images.parse()?;
    let out = Path::new(out);
    fs::create_dir_all(out)?;
    let mut random = Random(seed);
    let sizes: Vec<(u32, u32)> = (0..images).map(|_| size(&mut random)).collect();
    let path = out.join("annotations.json");
    let mut file = BufWriter::with_capacity(1 << 20, File::create(&path)?);
    write_head(&mut file)?;
    write_images(&sizes, &mut file)?;
    let count = write_annotations(&sizes, options.contains_key("shuffled"), &mut random, &mut file)?;
    file.write_all(b"]}")?;
    file.flush()?;
    if options.contains_key("pictures") {
        write_pictures(&sizes, out)?;
    }
    println!("{images} images, {count} annotations, {} bytes", fs::metadata(&path)?.len());
    Ok(())
}

fn size(random: &mut Random) -> (u32, u32) {
    if random.unit() < 0.5 { SIZES[0] } else { SIZES[random.below(SIZES.len())] }
}

fn numbers() -> Vec<u32> {
    (1..=90).filter(|number| !GAPS.contains(number)).collect()
}

fn write_head(file: &mut impl Write) -> std::io::Result<()> {
    file.write_all(
        b"{\"info\": {\"description\": \"generated\", \"version\": \"1.0\", \"year\": 2026}, \"licenses\": [",
    )?;
    for id in 1..=8 {
        let comma = if id == 1 { "" } else { ", " };
        write!(file, "{comma}{{\"url\": \"\", \"id\": {id}, \"name\": \"L{id}\"}}")?;
    }
    file.write_all(b"], \"categories\": [")?;
    for (index, number) in numbers().into_iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(
            file,
            "{comma}{{\"supercategory\": \"thing\", \"id\": {number}, \"name\": \"class {number}\"}}"
        )?;
    }
    file.write_all(b"], \"images\": [")
}

fn write_images(sizes: &[(u32, u32)], file: &mut impl Write) -> std::io::Result<()> {
    for (index, (width, height)) in sizes.iter().enumerate() {
        let id = index + 1;
        let comma = if index == 0 { "" } else { ", " };
        write!(
            file,
            "{comma}{{\"license\": {}, \"file_name\": \"{id:012}.bmp\", \"coco_url\": \"http://example.org/train/{id:012}.bmp\", \
             \"height\": {height}, \"width\": {width}, \"date_captured\": \"2013-11-14 11:18:45\", \
             \"flickr_url\": \"http://example.org/2253/{id:010}_z.bmp\", \"id\": {id}}}",
            1 + id % 8
        )?;
    }
    file.write_all(b"], \"annotations\": [")
}

fn write_annotations(
    sizes: &[(u32, u32)],
    is_shuffled: bool,
    random: &mut Random,
    file: &mut impl Write,
) -> std::io::Result<u64> {
    let numbers = numbers();
    let mut id = 0u64;
    let mut held: Vec<String> = Vec::new();
    for (index, size) in sizes.iter().enumerate() {
        let count = if random.unit() < 0.0096 { 0 } else { (1 + random.exponential(6.88) as u32).min(60) };
        for _ in 0..count {
            id += 1;
            let text = annotation(id, index + 1, *size, &numbers, random);
            if is_shuffled {
                held.push(text);
            } else {
                write!(file, "{}{text}", if id == 1 { "" } else { ", " })?;
            }
        }
    }
    for left in (0..held.len()).rev() {
        held.swap(left, random.below(left + 1));
        write!(file, "{}{}", if left + 1 == held.len() { "" } else { ", " }, held[left])?;
    }
    Ok(id)
}

fn annotation(
    id: u64,
    image: usize,
    (width, height): (u32, u32),
    numbers: &[u32],
    random: &mut Random,
) -> String {
    let (w, h) = (f64::from(width), f64::from(height));
    let side = |random: &mut Random, limit: f64| random.log_normal(4.0, 0.9).min(limit * 0.95).max(4.0);
    let (bw, bh) = (side(random, w), side(random, h));
    let (x, y) = (random.unit() * (w - bw), random.unit() * (h - bh));
    let index = if random.unit() < 0.72 { (random.exponential(18.0) as usize).min(79) } else { 0 };
    let (outline, area, crowd, bbox) = if random.unit() < 0.012 {
        crowd(width, height, [x, y, bw, bh])
    } else {
        polygons([x, y, bw, bh], random)
    };
    format!(
        "{{\"segmentation\": {outline}, \"area\": {area}, \"iscrowd\": {crowd}, \"image_id\": {image}, \
         \"bbox\": [{}, {}, {}, {}], \"category_id\": {}, \"id\": {id}}}",
        bbox[0], bbox[1], bbox[2], bbox[3], numbers[index]
    )
}

fn cents(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// Text, area, whether it is a crowd, and box.
type Outline = (String, f64, u8, [f64; 4]);

fn crowd(width: u32, height: u32, rectangle: [f64; 4]) -> Outline {
    let [x, y, w, h] = rectangle.map(|number| number as u32);
    let (w, h) = (w.max(1).min(width - x), h.max(1).min(height - y));
    let mut runs = vec![x * height + y];
    for column in 0..w {
        runs.push(h);
        if column + 1 < w {
            runs.push(height - h);
        }
    }
    runs.push(width * height - runs.iter().sum::<u32>());
    let text = format!("{{\"counts\": {runs:?}, \"size\": [{height}, {width}]}}");
    (text, f64::from(w * h), 1, [x, y, w, h].map(f64::from))
}

fn polygons([x, y, w, h]: [f64; 4], random: &mut Random) -> Outline {
    let parts = if random.unit() < 0.88 { 1 } else { [2, 2, 3][random.below(3)] };
    let mut rings: Vec<Vec<f64>> = Vec::new();
    for part in 0..parts {
        let points = (random.log_normal(22f64.ln(), 0.75) as usize).clamp(4, 250);
        let width = w / f64::from(parts);
        rings.push(ring([x + f64::from(part) * width, y, width, h], points, random));
    }
    let xs = || rings.iter().flatten().step_by(2).copied();
    let ys = || rings.iter().flatten().skip(1).step_by(2).copied();
    let (left, top) = (xs().fold(f64::MAX, f64::min), ys().fold(f64::MAX, f64::min));
    let (right, bottom) = (xs().fold(0.0, f64::max), ys().fold(0.0, f64::max));
    let area: f64 = rings.iter().map(|ring| shoelace(ring)).sum();
    let text = format!("{rings:?}");
    (
        text,
        (area * 1e4).round() / 1e4,
        0,
        [left, top, cents(right - left).max(0.01), cents(bottom - top).max(0.01)],
    )
}

fn ring([x, y, w, h]: [f64; 4], points: usize, random: &mut Random) -> Vec<f64> {
    let (middle_x, middle_y) = (x + w / 2.0, y + h / 2.0);
    (0..points)
        .flat_map(|point| {
            let angle = std::f64::consts::TAU * point as f64 / points as f64;
            let reach = 0.7 + 0.3 * random.unit();
            [cents(middle_x + reach * w / 2.0 * angle.cos()), cents(middle_y + reach * h / 2.0 * angle.sin())]
        })
        .collect()
}

fn shoelace(ring: &[f64]) -> f64 {
    let points: Vec<&[f64]> = ring.chunks_exact(2).collect();
    let next = points.iter().cycle().skip(1);
    points.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>().abs() / 2.0
}

/// File systems allow so many links of one file.
const LINKS: usize = 30_000;

fn write_pictures(sizes: &[(u32, u32)], out: &Path) -> std::io::Result<()> {
    let mut made: HashMap<(u32, u32), (usize, usize)> = HashMap::new();
    for (index, size) in sizes.iter().enumerate() {
        let path = out.join(format!("{:012}.bmp", index + 1));
        let first = made.entry(*size).or_insert((index, 0));
        if first.1.is_multiple_of(LINKS) {
            *first = (index, 0);
            fs::write(&path, picture(*size))?;
        } else {
            fs::hard_link(out.join(format!("{:012}.bmp", first.0 + 1)), &path)?;
        }
        first.1 += 1;
    }
    Ok(())
}

fn picture((width, height): (u32, u32)) -> Vec<u8> {
    let mut bmp = b"BM".to_vec();
    bmp.extend([0; 12]);
    bmp.extend(40u32.to_le_bytes());
    bmp.extend(width.to_le_bytes());
    bmp.extend(height.to_le_bytes());
    // One plane of 24 bits, not compressed.
    bmp.extend([1, 0, 24, 0]);
    bmp.extend([0; 24]);
    bmp[10] = 54;
    bmp
}
