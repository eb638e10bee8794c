//! The `synapse-worker` command: loads a plugin in a process of its own.
//!
//! `synapse-worker describe LIBRARY` prints the plugin's manifest as JSON, or
//! its error as JSON with the exit code of its kind.

use std::path::Path;
use std::process::ExitCode;

use synapse_host::worker;

const USAGE: &str = "usage: synapse-worker describe LIBRARY";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match &arguments[..] {
        [command, library] if command == "describe" => worker::describe(Path::new(library)),
        [option] if option == "--version" || option == "-V" => {
            println!("synapse-worker {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        [option] if option == "--help" || option == "-h" => {
            println!("Loads a plugin in a process of its own.\n\n{USAGE}");
            ExitCode::SUCCESS
        }
        _ => {
            eprintln!("error: {USAGE}");
            ExitCode::from(2)
        }
    }
}
