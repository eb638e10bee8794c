//! The `synapse` command: one file a group of commands.
//!
//! Results go to standard output, all else to standard error; exit codes follow
//! [`ErrorKind::exit_code`](synapse_sdk::ErrorKind::exit_code).

mod ask;
mod bug;
mod build;
mod check;
mod completions;
mod crash;
mod create;
mod dataset;
mod doctor;
mod inspect;
mod install;
mod interrupt;
mod job;
mod key;
mod list;
mod login;
mod man;
mod map;
mod model;
mod output;
mod params;
mod pipeline;
mod ray;
mod records;
mod run_action;
mod schema;
mod serve;
mod target;
mod test;
mod update_config;
mod upgrade_sdk;
mod version;
mod watch;

use std::io::Write;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use serde_json::json;
use synapse_sdk::{ErrorKind, PluginError};

use output::{Color, Output, OutputOptions};

/// Loads, checks and runs Synapse plugins.
#[derive(Parser, Debug)]
#[command(name = "synapse", version = version::version(), max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// Options of every command.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Options of every command")]
struct Common {
    /// Print one JSON document as the result, and JSON lines for all else
    #[arg(long, global = true)]
    json: bool,
    /// Print the result and errors only
    #[arg(short, long, global = true)]
    quiet: bool,
    /// Say more about what is done
    #[arg(short, long, global = true)]
    verbose: bool,
    /// When to use colours
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    color: Color,
    /// Show messages for developers and backtraces (the default)
    #[arg(long, global = true, overrides_with = "no_debug")]
    debug: bool,
    /// Hide messages for developers and backtraces
    #[arg(long, global = true)]
    no_debug: bool,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// Create, test, build, check and run plugins
    #[command(subcommand)]
    Plugin(PluginCommand),
    /// Sign plugins, and say whose plugins are trusted
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// Look at what was run, and run it again
    #[command(subcommand)]
    Run(records::RunCommand),
    /// Look at jobs on a Ray cluster, and stop them
    #[command(subcommand)]
    Job(job::JobCommand),
    /// Make actions answer over HTTP on a Ray cluster
    #[command(subcommand)]
    Serve(serve::ServeCommand),
    /// Convert, check and look at annotated image datasets
    #[command(subcommand)]
    Dataset(dataset::DatasetCommand),
    /// List the models that runs have saved, and copy them out
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Check, draw and run pipelines of actions
    #[command(subcommand)]
    Pipeline(pipeline::PipelineCommand),
    Login(login::LoginArgs),
    Logout(login::LogoutArgs),
    Whoami(login::WhoamiArgs),
    Doctor(doctor::DoctorArgs),
    Completions(completions::CompletionsArgs),
    Man(man::ManArgs),
}

#[derive(Subcommand, Debug)]
enum PluginCommand {
    Create(create::CreateArgs),
    Test(test::TestArgs),
    UpgradeSdk(upgrade_sdk::UpgradeSdkArgs),
    Run(Box<run_action::RunArgs>),
    Map(Box<map::MapArgs>),
    Build(build::BuildArgs),
    Check(check::CheckArgs),
    Inspect(inspect::InspectArgs),
    List(list::ListArgs),
    Install(install::InstallArgs),
    Uninstall(install::UninstallArgs),
    UpdateConfig(update_config::UpdateConfigArgs),
    Schema(schema::SchemaArgs),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let _leave = crash::Leave;
    completions::answer_shell();
    bug::reported(run)
}

fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let options = OutputOptions {
        json: cli.common.json,
        quiet: cli.common.quiet,
        debug: !cli.common.no_debug,
        color: cli.common.color,
    };
    let mut output = Output::new(options);
    let done = match cli.command {
        Command::Plugin(PluginCommand::Create(args)) => args.execute(&cli.common, &mut output),
        Command::Plugin(PluginCommand::Test(args)) => args.execute(&cli.common, &mut output),
        Command::Plugin(PluginCommand::UpgradeSdk(args)) => args.execute(&cli.common, &mut output),
        Command::Plugin(PluginCommand::Run(args)) => args.execute(&cli.common, &mut output),
        Command::Plugin(PluginCommand::Map(args)) => args.execute(&cli.common, &mut output),
        Command::Plugin(PluginCommand::Build(args)) => args.execute(&cli.common, &mut output),
        Command::Plugin(PluginCommand::Check(args)) => args.execute(&cli.common, &mut output),
        Command::Plugin(PluginCommand::Inspect(args)) => args.execute(&cli.common, &mut output),
        Command::Plugin(PluginCommand::List(args)) => args.execute(&mut output),
        Command::Plugin(PluginCommand::Install(args)) => args.execute(&mut output),
        Command::Plugin(PluginCommand::Uninstall(args)) => args.execute(&mut output),
        Command::Plugin(PluginCommand::UpdateConfig(args)) => args.execute(&cli.common, &mut output),
        Command::Plugin(PluginCommand::Schema(args)) => args.execute(&mut output),
        Command::Pipeline(command) => command.execute(&cli.common, &mut output),
        Command::Login(args) => args.execute(&mut output),
        Command::Logout(args) => args.execute(&mut output),
        Command::Whoami(args) => args.execute(&mut output),
        Command::Doctor(args) => args.execute(&mut output),
        Command::Man(args) => args.execute(&mut output),
        Command::Completions(args) => args.execute(&mut output),
        Command::Dataset(command) => command.execute(&mut output),
        Command::Model(command) => command.execute(&mut output),
        Command::Job(command) => command.execute(&mut output),
        Command::Serve(command) => command.execute(&cli.common, &mut output),
        Command::Key(command) => command.execute(&mut output),
        Command::Run(command) => match command.execute(&cli.common, &mut output) {
            Ok(code) => return code,
            Err(error) => Err(error),
        },
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(exit_code(&error))
        }
    }
}

/// A cancelled run names the signal that ended it, when it was not Ctrl-C.
fn exit_code(error: &PluginError) -> u8 {
    let signal = error.details_json()["signal"].as_u64();
    match (error.kind(), signal.and_then(|signal| u8::try_from(signal).ok())) {
        (ErrorKind::Cancelled, Some(signal)) => 128 + signal,
        (kind, _) => kind.exit_code(),
    }
}

/// Help and version are results; all else is told as the error it is, in JSON
/// where that was asked for.
fn usage(error: &clap::Error) -> ExitCode {
    let asked_json = std::env::args_os().any(|argument| argument == "--json");
    if asked_json && error.kind() == clap::error::ErrorKind::DisplayVersion {
        // A closed pipe has nobody to be told.
        let _ = writeln!(std::io::stdout(), "{}", version::document());
    } else if asked_json && error.use_stderr() {
        let text = error.render().to_string();
        let message = text.trim_start_matches("error: ").trim();
        eprintln!("{}", json!({ "error": { "kind": "usage", "message": message, "details": [] } }));
    } else {
        // A closed pipe has nobody to be told.
        let _ = error.print();
    }
    ExitCode::from(if error.use_stderr() { 2 } else { 0 })
}

#[cfg(test)]
mod documented;
