//! Datasets larger than memory should be, there and back.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::context::Soak;
use super::{Outcome, Part, Result};

pub(super) const PART: Part = Part {
    name: "datasets",
    about: "a COCO file of gigabytes, to YOLO and back, in bounded memory",
    short: true,
    run,
};

/// No step takes longer.
const LIMIT: Duration = Duration::from_secs(60 * 60);
/// What `synapse` may use, whatever the size of the file.
const MOST_MEMORY: u64 = 500 << 20;

fn run(soak: &Soak) -> Result<Outcome> {
    soak.run(&mut soak.cargo("build --release -p synapse-host --bins"), LIMIT)?;
    soak.run(&mut soak.cargo("build --release -p synapse-datasets --examples"), LIMIT)?;
    // 5.1 KB of annotations an image: 51 MB, or 5.2 GB.
    let images = if soak.is_short() { "10000" } else { "1020000" };
    let (coco, yolo, back) =
        (soak.scratch().join("coco"), soak.scratch().join("yolo"), soak.scratch().join("back"));
    let mut generate = soak.command(soak.workspace().join("target/release/examples/generate"));
    soak.run(generate.arg(images).arg(&coco).arg("pictures=yes"), LIMIT)?;
    let size = fs::metadata(coco.join("annotations.json"))?.len();
    let there = convert(soak, &coco, "yolo", &yolo)?;
    fs::remove_dir_all(&coco)?;
    let again = convert(soak, &yolo, "coco", &back)?;
    for folder in [&yolo, &back] {
        fs::remove_dir_all(folder)?;
    }
    Ok(Outcome::Held(format!(
        "{images} images, {} MB of COCO: to YOLO in {} MB of memory, back in {} MB",
        size / 1_000_000,
        there >> 20,
        again >> 20
    )))
}

/// Converts a dataset; gives the most memory that took.
fn convert(soak: &Soak, from: &Path, format: &str, to: &Path) -> Result<u64> {
    let mut command = soak.command(soak.workspace().join("target/release/synapse"));
    command.args(["dataset", "convert", "--quiet", "--to", format, "--out"]).arg(to).arg(from);
    let most = soak.run(&mut command, LIMIT)?.most_memory;
    if most > MOST_MEMORY {
        return Err(format!("to {format}: synapse used {} MB of memory", most >> 20).into());
    }
    Ok(most)
}
