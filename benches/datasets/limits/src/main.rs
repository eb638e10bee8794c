//! What a conversion costs at least.
//!
//! ```text
//! limits coco FILE            typed parse, with all points
//! limits coco-boxes FILE      the same, outlines passed over
//! limits documents FOLDER     each JSON file below it, typed, as DM v2
//! limits yolo FOLDER THREADS  each label file below it, its numbers parsed, and the head of each picture: YOLO has its size
//!                             nowhere else
//! limits create LIKE OUT THREADS   the files below LIKE again, with other bytes
//! ```
//!
//! Prints wall and CPU seconds of that alone.

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::Deserialize;
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[derive(Deserialize)]
struct Coco<S> {
    images: Vec<Image>,
    annotations: Vec<Annotation<S>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read, and no more")]
struct Image {
    id: i64,
    file_name: String,
    width: u32,
    height: u32,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read, and no more")]
struct Annotation<S> {
    id: i64,
    image_id: i64,
    category_id: i64,
    bbox: [f64; 4],
    area: f64,
    iscrowd: u8,
    segmentation: S,
}

/// Polygons, or the runs of a crowd.
struct Outline;

impl<'de> Deserialize<'de> for Outline {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Outline;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("polygons or runs")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Outline, A::Error> {
                while let Some(ring) = list.next_element::<Vec<f64>>()? {
                    std::hint::black_box(ring);
                }
                Ok(Outline)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Outline, A::Error> {
                while map.next_key::<IgnoredAny>()?.is_some() {
                    std::hint::black_box(map.next_value::<Vec<u32>>()?);
                }
                Ok(Outline)
            }
        }
        value.deserialize_any(Seen)
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read, and no more")]
struct Document {
    images: Vec<Media>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read, and no more")]
struct Media {
    #[serde(default)]
    bounding_box: Vec<Piece<[f64; 4]>>,
    #[serde(default)]
    polygon: Vec<Piece<Vec<[f64; 2]>>>,
    #[serde(default)]
    segmentation: Vec<Piece<Vec<[u64; 2]>>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read, and no more")]
struct Piece<D> {
    id: String,
    classification: String,
    data: D,
}

fn main() -> Outcome<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["coco", file] => measured(|| coco::<Outline>(file)),
        ["coco-boxes", file] => measured(|| coco::<IgnoredAny>(file)),
        ["documents", folder] => {
            let files: Vec<PathBuf> = files(folder)?.into_iter().map(|file| file.0).collect();
            measured(|| {
                let json = files.iter().filter(|file| file.extension().is_some_and(|ending| ending == "json"));
                json.filter(|file| !file.ends_with("dataset.json")).try_for_each(|file| document(file))
            })
        }
        ["yolo", folder, threads] => measured(|| yolo(folder, threads.parse()?)),
        ["create", like, out, threads] => create(like, out, threads.parse()?),
        _ => Err("see the head of main.rs".into()),
    }
}

fn coco<S: for<'de> Deserialize<'de>>(file: &str) -> Outcome<()> {
    let bytes = fs::read(file)?;
    let coco: Coco<S> = sonic_rs::from_slice(&bytes)?;
    std::hint::black_box((coco.images, coco.annotations));
    Ok(())
}

fn document(file: &Path) -> Outcome<()> {
    let document: Document = sonic_rs::from_slice(&fs::read(file)?)?;
    std::hint::black_box(document);
    Ok(())
}

fn yolo(folder: &str, threads: usize) -> Outcome<()> {
    let (labels, pictures) = (files(folder)?, links(folder)?);
    in_parallel(threads, labels.len(), |at| numbers(&labels[at].0))?;
    in_parallel(threads, pictures.len(), |at| head(&pictures[at]))
}

fn numbers(file: &Path) -> std::io::Result<()> {
    let text = fs::read_to_string(file)?;
    let sum: f64 = text.split_ascii_whitespace().filter_map(|word| word.parse::<f64>().ok()).sum();
    std::hint::black_box(sum);
    Ok(())
}

/// As much as the sizes of most pictures need.
fn head(picture: &Path) -> std::io::Result<()> {
    let mut bytes = [0; 64];
    let read = fs::File::open(picture)?.read(&mut bytes)?;
    std::hint::black_box((bytes, read));
    Ok(())
}

/// The files below a folder and their sizes. Links are passed over: images.
fn files(folder: &str) -> Outcome<Vec<(PathBuf, u64)>> {
    let mut found = Vec::new();
    for entry in entries(folder)? {
        if entry.file_type()?.is_file() {
            found.push((entry.path(), entry.metadata()?.len()));
        }
    }
    found.sort();
    Ok(found)
}

fn links(folder: &str) -> Outcome<Vec<PathBuf>> {
    let entries = entries(folder)?.into_iter();
    Ok(entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_symlink())).map(|entry| entry.path()).collect())
}

/// All that lies below a folder, but for folders.
fn entries(folder: &str) -> Outcome<Vec<fs::DirEntry>> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::from(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                found.push(entry);
            }
        }
    }
    Ok(found)
}

fn create(like: &str, out: &str, threads: usize) -> Outcome<()> {
    let mut planned = Vec::new();
    for (path, length) in files(like)? {
        let to = Path::new(out).join(path.strip_prefix(like)?);
        fs::create_dir_all(to.parent().ok_or("a file in a folder")?)?;
        planned.push((to, length as usize));
    }
    let bytes = vec![b'0'; planned.iter().map(|file| file.1).max().unwrap_or(0)];
    measured(|| in_parallel(threads, planned.len(), |at| fs::write(&planned[at].0, &bytes[..planned[at].1])))
}

fn in_parallel(threads: usize, count: usize, work: impl Fn(usize) -> std::io::Result<()> + Sync) -> Outcome<()> {
    let next = AtomicUsize::new(0);
    let run = || -> std::io::Result<()> {
        loop {
            let start = next.fetch_add(64, Ordering::Relaxed);
            if start >= count {
                return Ok(());
            }
            (start..(start + 64).min(count)).try_for_each(&work)?;
        }
    };
    let outcomes: Vec<std::io::Result<()>> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(run)).collect();
        let own = run();
        others.into_iter().filter_map(|other| other.join().ok()).chain([own]).collect()
    });
    outcomes.into_iter().collect::<std::io::Result<()>>().map_err(Into::into)
}

fn measured(work: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    let (start, before) = (Instant::now(), cpu_seconds());
    work()?;
    println!("{} {}", start.elapsed().as_secs_f64(), cpu_seconds() - before);
    Ok(())
}

/// User and system time of the process so far.
fn cpu_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    ticks.filter_map(|word| word.parse::<f64>().ok()).sum::<f64>() / 100.0
}
