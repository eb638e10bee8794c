//! Chores of this repository, as `cargo xtask CHORE`.

#[cfg(target_arch = "x86_64")]
mod dist;
mod soak;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Chores of this repository")]
enum Chore {
    #[cfg(target_arch = "x86_64")]
    Dist(dist::DistArgs),
    Soak(soak::SoakArgs),
}

fn main() -> ExitCode {
    match execute(Chore::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all went well that was tried.
fn execute(chore: Chore) -> Result<bool, Box<dyn Error>> {
    match chore {
        #[cfg(target_arch = "x86_64")]
        Chore::Dist(dist) => dist.execute().map(|()| true),
        Chore::Soak(soak) => soak.execute(),
    }
}
