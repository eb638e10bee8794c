//! Notes the compiler and the target, which a plugin's identity names.

use std::env;
use std::process::Command;

/// The identity takes it into JSON as it is.
fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().replace(['"', '\\'], "'")
}

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc).arg("--version").output();
    let version = version.map(|output| first_line(&String::from_utf8_lossy(&output.stdout)));
    println!("cargo:rustc-env=SYNAPSE_RUSTC={}", version.unwrap_or_default());
    println!("cargo:rustc-env=SYNAPSE_TARGET={}", env::var("TARGET").unwrap_or_default());
}
