//! The programs of `fuzz/`, each for its share of the time.

use std::time::Duration;

use super::context::Soak;
use super::{Outcome, Part, Result};

pub(super) const PART: Part = Part {
    name: "fuzz",
    about: "damaged input to what reads bytes from outside, under AddressSanitizer",
    short: false,
    run,
};

const BUILD: Duration = Duration::from_secs(40 * 60);
/// Less finds nothing.
const LEAST: Duration = Duration::from_secs(10);

fn run(soak: &Soak) -> Result<Outcome> {
    let (Some(mut version), Some(mut seeds), Some(mut build)) =
        (soak.nightly("fuzz --version"), soak.nightly("run --example seeds"), soak.nightly("fuzz build"))
    else {
        return Ok(Outcome::NotHere("`rustup toolchain install nightly`".to_owned()));
    };
    if soak.run(&mut version, BUILD).is_err() {
        return Ok(Outcome::NotHere("`cargo install cargo-fuzz`".to_owned()));
    }
    let folder = soak.workspace().join("fuzz");
    soak.run(&mut soak.cargo("build -p abi_1_0"), BUILD)?;
    seeds.current_dir(&folder).arg(soak.workspace().join("target/debug/libabi_1_0.so"));
    seeds.arg(soak.workspace().join("examples/greet/config.yaml"));
    soak.run(seeds.arg(soak.workspace().join("examples/classifier/config.yaml")), BUILD)?;
    soak.run(build.current_dir(&folder), BUILD)?;
    let targets = targets(soak)?;
    let each = (soak.time() / u32::try_from(targets.len())?).max(LEAST);
    let mut done = Vec::new();
    for target in &targets {
        done.push(format!("{target} {}", fuzz(soak, target, each)?));
    }
    Ok(Outcome::Held(format!("runs, {} s each: {}", each.as_secs(), done.join(", "))))
}

/// How many inputs it was given.
fn fuzz(soak: &Soak, target: &str, time: Duration) -> Result<String> {
    let mut fuzz = soak.nightly(&format!("fuzz run {target} --")).ok_or("nightly is gone")?;
    fuzz.current_dir(soak.workspace().join("fuzz"));
    // It is ended where it stands, and cannot tidy up.
    let temporary = soak.scratch().join("fuzz");
    std::fs::create_dir_all(&temporary)?;
    fuzz.env("TMPDIR", temporary);
    fuzz.args([format!("-max_total_time={}", time.as_secs()), "-max_len=65536".to_owned()]);
    let ran = soak.run(&mut fuzz, time * 2 + BUILD)?;
    let runs = ran.lines().find_map(|line| Some(line.strip_prefix("Done ")?.split(' ').next()?.to_owned()));
    runs.ok_or_else(|| format!("{target} did not say how much it did").into())
}

/// One a file.
fn targets(soak: &Soak) -> Result<Vec<String>> {
    let files = std::fs::read_dir(soak.workspace().join("fuzz/fuzz_targets"))?;
    let names = files.flatten().filter_map(|file| Some(file.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<_> = names.collect();
    names.sort();
    Ok(names)
}
