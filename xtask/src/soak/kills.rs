//! Kills: of workers below a program that lives on, and of `synapse` in the
//! middle of a map that has to be complete in the end.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use super::context::Soak;
use super::{Outcome, Part, Result};

pub(super) const PART: Part = Part {
    name: "kills",
    about: "workers die below a program that lives on; `synapse` is killed in maps that end complete",
    short: true,
    run,
};

const LIMIT: Duration = Duration::from_secs(40 * 60);
const ROWS: usize = 20_000;
/// More kills than any map needs to get through.
const MOST_KILLS: u32 = 500;

fn run(soak: &Soak) -> Result<Outcome> {
    soak.run(&mut soak.cargo("build -p synapse-host --bins"), LIMIT)?;
    soak.run(&mut soak.cargo("build -p misbehave --lib"), LIMIT)?;
    let half = soak.time() / 2;
    let mut host = soak.cargo("run --quiet -p synapse-tests --example long_lived_host --");
    let ran = soak.run(host.arg(half.as_secs().to_string()), half * 4 + LIMIT)?;
    let workers = ran.lines().last().unwrap_or_default();
    let (mut maps, mut kills) = (0, 0);
    // The program above took the other half.
    while soak.goes_on_for(half) || maps == 0 {
        kills += map_through_kills(soak, maps)?;
        maps += 1;
        soak.assert_clean()?;
    }
    Ok(Outcome::Held(format!(
        "{workers}; {kills} kills of `synapse` in {maps} isolated maps of {ROWS} rows, each row with one result"
    )))
}

/// Starts the same map again after each kill, until it ends; gives how often.
fn map_through_kills(soak: &Soak, map: u32) -> Result<u32> {
    let (input, out) = (soak.scratch().join("kills.jsonl"), soak.scratch().join("kills-out.jsonl"));
    let rows: String = (0..ROWS).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    fs::write(&input, rows)?;
    for kills in 0..MOST_KILLS {
        // From before the first worker is there to the middle of the rows.
        let moment = Duration::from_millis(u64::from((kills * 37 + map * 11) % 300));
        let mut child = map_command(soak, &input, &out).spawn()?;
        thread::sleep(moment);
        let ended = child.try_wait()?;
        child.kill()?;
        child.wait()?;
        match ended {
            None => {}
            Some(status) if status.success() => {
                assert_complete(&out)?;
                fs::remove_file(&out)?;
                return Ok(kills);
            }
            Some(status) => return Err(format!("a map after {kills} kills ended with {status}").into()),
        }
    }
    Err(format!("a map of {ROWS} rows was not done after {MOST_KILLS} kills").into())
}

fn map_command(soak: &Soak, input: &Path, out: &Path) -> Command {
    let built = soak.workspace().join("target/debug");
    let mut command = soak.command(built.join("synapse"));
    command.env("SYNAPSE_HOME", soak.scratch().join("home")).args(["plugin", "map"]);
    command.arg(built.join("libmisbehave.so")).args(["echo", "--isolated", "--concurrency", "2"]);
    command.arg("--inputs").arg(input).arg("--out").arg(out);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn assert_complete(out: &Path) -> Result<()> {
    let mut seen = vec![0_u32; ROWS];
    for line in fs::read_to_string(out)?.lines() {
        let line: Value =
            serde_json::from_str(line).map_err(|error| format!("a line of results: {error}"))?;
        let row = line["row"].as_u64().and_then(|row| usize::try_from(row).ok()).unwrap_or(ROWS);
        if line["result"]["n"] != row {
            return Err(format!("row {row} has the result of another: {line}").into());
        }
        *seen.get_mut(row).ok_or("a row that is none")? += 1;
    }
    match seen.iter().position(|count| *count != 1) {
        None => Ok(()),
        Some(row) => Err(format!("row {row} has {} results", seen[row]).into()),
    }
}
