//! The tests of the plugin interface, under valgrind.

use std::ffi::OsString;
use std::process::Command;

use super::context::Soak;
use super::{Outcome, Part, Result};

pub(super) const PART: Part = Part {
    name: "valgrind",
    about: "the tests of the plugin interface, under valgrind's memcheck",
    short: false,
    run,
};

fn run(soak: &Soak) -> Result<Outcome> {
    let there = Command::new("valgrind").arg("--version").output();
    if !there.is_ok_and(|output| output.status.success()) {
        return Ok(Outcome::NotHere("`apt install valgrind`".to_owned()));
    }
    let mut count = 0;
    for tests in soak.tests("synapse-sdk", &["abi"])? {
        count += soak.run_tests(&tests, |command| under_valgrind(soak, command))?;
    }
    Ok(Outcome::Held(format!("{count} tests without an error and without lost memory")))
}

fn under_valgrind(soak: &Soak, command: &mut Command) {
    let mut checked = Command::new("valgrind");
    checked.args(["--quiet", "--error-exitcode=99", "--leak-check=full", "--errors-for-leak-kinds=definite"]);
    let mut known = OsString::from("--suppressions=");
    known.push(soak.workspace().join("xtask/src/soak/valgrind.supp"));
    checked.arg(known).arg(command.get_program()).arg("--test-threads=1");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => checked.env(name, value),
            None => checked.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        checked.current_dir(folder);
    }
    *command = checked;
}
