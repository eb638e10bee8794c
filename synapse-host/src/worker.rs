//! What runs in a worker process.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::ExitCode;

use synapse_sdk::PluginError;
use synapse_sdk::errors::Result;

use crate::image::Image;

/// Loads a plugin and prints its manifest, or its error, as JSON on standard
/// output; what the plugin itself prints goes to standard error.
pub fn describe(library: &Path) -> ExitCode {
    let told = private_stdout().map_err(PluginError::from).and_then(|answer| {
        let described = manifest(library);
        let (text, code) = match described {
            Ok(manifest) => (manifest, 0),
            Err(error) => (error.to_json().to_string(), error.kind().exit_code()),
        };
        tell(answer, &text)?;
        Ok(code)
    });
    match told {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(error.kind().exit_code())
        }
    }
}

fn manifest(library: &Path) -> Result<String> {
    let image = Image::load(library)?;
    Ok(serde_json::to_string(image.manifest()?)?)
}

fn tell(mut answer: File, text: &str) -> Result<()> {
    answer.write_all(text.as_bytes())?;
    Ok(answer.write_all(b"\n")?)
}

/// Standard output under a new number; the old number leads to standard error.
fn private_stdout() -> io::Result<File> {
    let answer = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    redirect_stdout()?;
    Ok(answer)
}

#[expect(unsafe_code, reason = "makes one descriptor lead where another does")]
fn redirect_stdout() -> io::Result<()> {
    // SAFETY: both descriptors are open, and nothing was printed yet.
    match unsafe { libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
