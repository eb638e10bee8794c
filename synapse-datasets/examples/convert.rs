//! Converts a dataset and says what it cost, for measurements.
//!
//! ```text
//! convert IN info|validate OUT
//! convert IN FORMAT OUT [jobs=N] [task=detect|segment|keypoints] [images=link|copy|symlink|without]
//!         [voc_floats=yes] [on_error=fail|skip|report] [from=FORMAT]
//! ```

use std::time::Instant;
use synapse_datasets::{ConvertOptions, Dataset, Format, Images, OnError, ReadOptions, SurveyOptions, Task};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [input, format, out, rest @ ..] = &words[..] else {
        return Err("convert IN FORMAT OUT [key=value …]".into());
    };
    let mut options = ConvertOptions { images: Images::Without, ..ConvertOptions::default() };
    let mut read = ReadOptions::default();
    let mut from = Dataset::detect(input);
    for word in rest {
        match word.split_once('=').ok_or("options are key=value")? {
            ("jobs", jobs) => options.jobs = jobs.parse()?,
            ("task", "detect") => options.task = Some(Task::Detect),
            ("task", "segment") => options.task = Some(Task::Segment),
            ("task", "keypoints") => options.task = Some(Task::Keypoints),
            ("images", "link") => options.images = Images::Link,
            ("images", "copy") => options.images = Images::Copy,
            ("images", "symlink") => options.images = Images::Symlink,
            ("images", "without") => options.images = Images::Without,
            ("voc_floats", _) => options.voc_floats = true,
            ("on_error", "fail") => read.on_error = OnError::Fail,
            ("on_error", "skip") => read.on_error = OnError::Skip,
            ("on_error", "report") => read.on_error = OnError::Report,
            ("from", name) => from = name.parse(),
            _ => return Err(format!("unknown option {word}").into()),
        }
    }
    let start = Instant::now();
    let dataset = Dataset::open_as(input, from?, &read)?;
    let opened = start.elapsed();
    if let "info" | "validate" = format.as_str() {
        let looks_closer = format == "validate";
        let options = SurveyOptions { shapes: looks_closer, files: looks_closer, ..SurveyOptions::default() };
        println!("{}", serde_json::to_string_pretty(&dataset.survey(&options)?)?);
        return Ok(());
    }
    let report = dataset.convert(format.parse::<Format>()?, out, &options)?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    eprintln!(
        "{} → {format}: opened in {:.3} s, done in {:.3} s, {} of CPU, peak {}",
        dataset.format(),
        opened.as_secs_f64(),
        start.elapsed().as_secs_f64(),
        cpu_seconds(),
        peak_memory()
    );
    Ok(())
}

/// User and system time so far, where the system tells it.
fn cpu_seconds() -> String {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = stat.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|word| word.parse::<u64>().ok()).sum();
    format!("{:.2} s", ticks as f64 / 100.0)
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.unwrap_or("unknown").trim().to_owned()
}
