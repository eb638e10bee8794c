//! Gigabytes on their way from an action to a person: taken in bounded memory.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::context::Soak;
use super::{Outcome, Part, Result};

pub(super) const PART: Part = Part {
    name: "floods",
    about: "gigabytes of output, events, rows, params and results, in bounded memory",
    short: true,
    run,
};

/// No flood takes longer.
const LIMIT: Duration = Duration::from_secs(20 * 60);
/// What `synapse` may use while others print, report and map.
const MOST_MEMORY: u64 = 150 << 20;

fn run(soak: &Soak) -> Result<Outcome> {
    // Slow builds would be floods of their own kind.
    soak.run(&mut soak.cargo("build --release -p synapse-host --bins"), LIMIT)?;
    soak.run(&mut soak.cargo("build --release -p misbehave --lib"), LIMIT)?;
    // Of each stream, in MB; of events, in thousands; of rows, in thousands.
    let (printed, reported, rows) = if soak.is_short() { (200, 100, 50) } else { (4_000, 4_000, 2_000) };
    let mut most = 0;
    for isolated in [true, false] {
        most = act(soak, "floods", &format!("n={printed}"), isolated)?.max(most);
        most = act(soak, "reports", &format!("n={}", reported * 1000), isolated)?.max(most);
        most = map(soak, rows * 1000, isolated)?.max(most);
    }
    Ok(Outcome::Held(format!(
        "isolated and in process: {} GB printed, {} GB of events, {} million rows of a map; synapse used {} MB at most",
        f64::from(2 * printed) / 1000.0,
        f64::from(reported) / 1000.0,
        f64::from(rows) / 1000.0,
        most >> 20,
    )))
}

/// Runs an action of the fixture; gives the most memory of `synapse`.
fn act(soak: &Soak, action: &str, param: &str, isolated: bool) -> Result<u64> {
    let mut command = synapse(soak, isolated, "run");
    let ran = soak.run(command.args([action, "-P", param, "--quiet"]), LIMIT)?;
    // In process what the action uses counts too; it uses little.
    bounded(action, ran.most_memory)
}

fn map(soak: &Soak, rows: u32, isolated: bool) -> Result<u64> {
    let (input, out) = (soak.scratch().join("rows.jsonl"), soak.scratch().join("results.jsonl"));
    write_rows(&input, rows)?;
    let mut command = synapse(soak, isolated, "map");
    command.args(["echo", "--overwrite", "--inputs"]).arg(&input).arg("--out").arg(&out);
    let ran = soak.run(&mut command, LIMIT)?;
    let lines = fs::read(&out)?.iter().filter(|byte| **byte == b'\n').count();
    fs::remove_file(&input)?;
    fs::remove_file(&out)?;
    if lines != rows as usize {
        return Err(format!("{lines} of {rows} rows have a line").into());
    }
    bounded("map", ran.most_memory)
}

fn write_rows(path: &Path, rows: u32) -> Result<()> {
    use std::io::Write as _;
    let mut file = std::io::BufWriter::new(fs::File::create(path)?);
    for row in 0..rows {
        writeln!(file, "{{\"n\":{row},\"text\":\"some text that makes a row longer\"}}")?;
    }
    Ok(file.flush()?)
}

fn synapse(soak: &Soak, isolated: bool, what: &str) -> std::process::Command {
    let built = soak.workspace().join("target/release");
    let mut command = soak.command(built.join("synapse"));
    command.env("SYNAPSE_HOME", soak.scratch().join("home")).args(["plugin", what]);
    command.arg(built.join("libmisbehave.so"));
    if isolated {
        command.arg("--isolated");
    }
    command
}

fn bounded(what: &str, most: u64) -> Result<u64> {
    if most > MOST_MEMORY {
        return Err(format!("{what}: synapse used {} MB of memory", most >> 20).into());
    }
    Ok(most)
}
