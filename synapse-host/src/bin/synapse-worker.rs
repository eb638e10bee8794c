//! The `synapse-worker` command: loads a plugin in a process of its own.
//!
//! `synapse-worker describe LIBRARY` prints the plugin's manifest as JSON, or
//! its error as JSON with the exit code of its kind. `synapse-worker serve
//! --descriptor N` runs actions for a host that speaks the worker protocol on
//! that descriptor.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use synapse_host::worker::{self, ServeOptions};

const USAGE: &str = "usage: synapse-worker describe LIBRARY\n       \
                     synapse-worker serve --descriptor N [--parent PROCESS]";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match &arguments[..] {
        [command, library] if command == "describe" => worker::describe(Path::new(library)),
        [command, options @ ..] if command == "serve" => match serve_options(options) {
            Some(options) => worker::serve(options),
            None => usage(),
        },
        [option] if option == "--version" || option == "-V" => {
            println!("synapse-worker {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        [option] if option == "--help" || option == "-h" => {
            println!("Loads a plugin in a process of its own.\n\n{USAGE}");
            ExitCode::SUCCESS
        }
        _ => usage(),
    }
}

fn serve_options(arguments: &[OsString]) -> Option<ServeOptions> {
    let mut options = ServeOptions { descriptor: -1, parent: None };
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return None };
        let value = value.to_str()?;
        match name.to_str()? {
            "--descriptor" => options.descriptor = value.parse().ok()?,
            "--parent" => options.parent = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    (options.descriptor >= 0).then_some(options)
}

fn usage() -> ExitCode {
    eprintln!("error: {USAGE}");
    ExitCode::from(2)
}
