//! Host, plugins and workers under AddressSanitizer.

use std::process::Command;

use super::context::Soak;
use super::{Outcome, Part, Result};

pub(super) const PART: Part = Part {
    name: "sanitizer",
    about: "the plugin interface, runs in process and in workers, all under AddressSanitizer",
    short: false,
    run,
};

const TARGET: &str = "x86_64-unknown-linux-gnu";
/// Plugins find the sanitizer's functions in the program that loads them, which newer compilers do not export by
/// themselves.
const FLAGS: &str = "-Zsanitizer=address -Clink-arg=-Wl,--export-dynamic-symbol=__asan_* \
                     -Clink-arg=-Wl,--export-dynamic-symbol=__sanitizer_*";
const TESTS: [(&str, &[&str]); 2] =
    [("synapse-sdk", &["abi"]), ("synapse-tests", &["library", "isolated_library"])];

fn run(soak: &Soak) -> Result<Outcome> {
    let mut count = 0;
    for (package, names) in TESTS {
        let Some(mut cargo) = soak.nightly("test") else {
            return Ok(Outcome::NotHere("`rustup toolchain install nightly`".to_owned()));
        };
        sanitized(soak, &mut cargo);
        for tests in soak.tests_by(cargo, package, names)? {
            count += soak.run_tests(&tests, |command| sanitized(soak, command))?;
        }
    }
    Ok(Outcome::Held(format!("{count} tests without an error")))
}

/// For the build and for what the tests build themselves. A target of its own
/// spares programs that run while building.
fn sanitized(soak: &Soak, command: &mut Command) {
    command
        .env("RUSTFLAGS", FLAGS)
        .env("RUSTUP_TOOLCHAIN", "nightly")
        .env("CARGO", "cargo")
        .env("CARGO_BUILD_TARGET", TARGET)
        .env("CARGO_TARGET_DIR", soak.workspace().join("target/sanitizer"));
}
