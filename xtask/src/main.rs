//! Chores of this repository, as `cargo xtask CHORE`.

mod soak;

use std::process::ExitCode;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Chores of this repository")]
enum Chore {
    Soak(soak::SoakArgs),
}

fn main() -> ExitCode {
    let Chore::Soak(soak) = Chore::parse();
    match soak.execute() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
