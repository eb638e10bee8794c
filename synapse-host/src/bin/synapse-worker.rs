//! The `synapse-worker` command: loads a plugin in a process of its own.
//!
//! `synapse-worker describe LIBRARY` prints the plugin's manifest as JSON, or
//! its error as JSON with the exit code of its kind. `synapse-worker serve
//! --descriptor N` runs actions for a host that speaks the worker protocol on
//! that descriptor. `synapse-worker agent` runs them for hosts elsewhere, on a
//! machine of a cluster. `synapse-worker job` runs one, as the command of a job there.
//! `synapse-worker endpoint` answers requests with one, in a replica of Ray Serve.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use synapse_host::run::{AgentOptions, run_endpoint, run_job, serve_agent};
use synapse_host::worker::{self, ServeOptions};

const USAGE: &str = "usage: synapse-worker describe LIBRARY\n       \
                     synapse-worker serve --descriptor N [--parent PROCESS]\n       \
                     synapse-worker agent --library FILE --listen ADDRESS [--idle SECONDS]\n       \
                     synapse-worker job\n       \
                     synapse-worker endpoint";

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match &arguments[..] {
        [command, library] if command == "describe" => worker::describe(Path::new(library)),
        [command, options @ ..] if command == "serve" => match serve_options(options) {
            Some(options) => worker::serve(options),
            None => usage(),
        },
        [command, options @ ..] if command == "agent" => match agent_options(options) {
            Some(options) => serve_agent(&options),
            None => usage(),
        },
        [command] if command == "job" => run_job(),
        [command] if command == "endpoint" => run_endpoint(),
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

fn agent_options(arguments: &[OsString]) -> Option<AgentOptions> {
    let (mut library, mut listen, mut idle) = (None, None, Duration::from_secs(300));
    for pair in arguments.chunks(2) {
        let [name, value] = pair else { return None };
        match name.to_str()? {
            "--library" => library = Some(PathBuf::from(value)),
            "--listen" => listen = Some(value.to_str()?.parse().ok()?),
            "--idle" => idle = Duration::try_from_secs_f64(value.to_str()?.parse().ok()?).ok()?,
            _ => return None,
        }
    }
    Some(AgentOptions { library: library?, listen: listen?, idle })
}

fn usage() -> ExitCode {
    eprintln!("error: {USAGE}");
    ExitCode::from(2)
}
