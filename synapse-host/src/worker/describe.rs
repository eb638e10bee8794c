//! `synapse-worker describe`.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use synapse_sdk::PluginError;
use synapse_sdk::errors::Result;

use crate::image::Image;
use crate::stdout;

/// Loads a plugin and prints its manifest, or its error, as JSON on standard
/// output; what the plugin itself prints goes to standard error.
pub fn describe(library: &Path) -> ExitCode {
    let told = stdout::set_aside().map_err(PluginError::from).and_then(|answer| {
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
