//! The `synapse` command.

fn main() -> std::process::ExitCode {
    synapse_host::cli::main()
}
