//! `synapse doctor`.

use std::fs;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use clap::Args;
use serde_json::{Value, json};
use synapse_sdk::errors::Result;
use synapse_sdk::{ErrorKind, PluginError};

use super::output::look::{BAD, BOLD, DIM, GOOD, Look, WARN};
use super::output::{Output, size};
use crate::cache;
use crate::check::Machine;
use crate::credentials;
use crate::home::Home;
use crate::run::{Probe, probe};
use crate::sdk_source;
use crate::worker_program;

/// Look at what plugins need here: compiler, folders, disk, processors, addresses.
///
/// Each line that is not right comes with what to do. Addresses are tried only
/// where one is set.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DoctorArgs {
    /// Look at this Ray cluster too: versions, nodes, what is free
    #[arg(long, value_name = "ADDRESS")]
    ray_address: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  synapse doctor
  synapse doctor --json
  synapse doctor --ray-address ray://127.0.0.1:10001

Exit code 1: something is missing without which plugins cannot be built or run.";

/// An address that takes longer counts as out of reach.
const PATIENCE: Duration = Duration::from_secs(2);

/// Below this a build may not fit.
const LITTLE: u64 = 2 << 30;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Good,
    /// Not there, and not needed for running plugins.
    Absent,
    Warning,
    Failure,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Absent => "absent",
            Self::Warning => "warning",
            Self::Failure => "failure",
        }
    }
}

struct Finding {
    about: &'static str,
    status: Status,
    message: String,
    fix: Option<&'static str>,
}

impl Finding {
    fn good(about: &'static str, message: impl Into<String>) -> Self {
        Self { about, status: Status::Good, message: message.into(), fix: None }
    }

    fn absent(about: &'static str, message: impl Into<String>, fix: &'static str) -> Self {
        Self { about, status: Status::Absent, message: message.into(), fix: Some(fix) }
    }

    fn warning(about: &'static str, message: impl Into<String>, fix: &'static str) -> Self {
        Self { about, status: Status::Warning, message: message.into(), fix: Some(fix) }
    }

    fn failure(about: &'static str, message: impl Into<String>, fix: &'static str) -> Self {
        Self { about, status: Status::Failure, message: message.into(), fix: Some(fix) }
    }
}

impl DoctorArgs {
    pub(crate) fn execute(self, output: &mut Output) -> Result<()> {
        let home = Home::from_env();
        let home = home.as_ref();
        let findings = [
            toolchain(),
            worker(),
            folder(home),
            sdk(home),
            disk(home),
            unpacked(home),
            c_library(),
            gpus(),
            credentials(home),
            ray(self.ray_address.as_deref()),
            backend(home),
        ];
        let failed = findings.iter().filter(|finding| finding.status == Status::Failure).count();
        let look = output.look();
        output.document(&document(&findings, failed == 0), |_| text(&findings, look))?;
        match failed {
            0 => Ok(()),
            1 => Err(unfit("1 thing is missing")),
            more => Err(unfit(&format!("{more} things are missing"))),
        }
    }
}

fn unfit(what: &str) -> PluginError {
    PluginError::new(ErrorKind::Execution, format!("{what} without which plugins cannot be built or run"))
}

fn document(findings: &[Finding], fit: bool) -> Value {
    let told = findings.iter().map(|finding| {
        json!({
            "about": finding.about,
            "status": finding.status.as_str(),
            "message": finding.message,
            "fix": finding.fix,
        })
    });
    json!({ "fit": fit, "findings": told.collect::<Vec<_>>() })
}

fn text(findings: &[Finding], look: Look) -> String {
    let marks = look.marks();
    let width = findings.iter().map(|finding| finding.about.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Finding { about, status, message, fix } in findings {
        let (mark, style) = match status {
            Status::Good => (marks.success, GOOD),
            Status::Absent => ("-", DIM),
            Status::Warning => (marks.warning, WARN),
            Status::Failure => (marks.failure, BAD),
        };
        let about = look.paint(BOLD, format!("{about:width$}"));
        text.push_str(&format!("{} {about}  {message}\n", look.paint(style, mark)));
        if let Some(fix) = fix {
            text.push_str(&format!("  {:width$}  {}\n", "", look.paint(DIM, fix)));
        }
    }
    text
}

/// What a program prints, if it is there and succeeds.
fn answer(program: &str, arguments: &[&str]) -> Option<String> {
    let done = Command::new(program).args(arguments).output().ok().filter(|done| done.status.success())?;
    Some(String::from_utf8_lossy(&done.stdout).trim().to_owned())
}

fn toolchain() -> Finding {
    const ABOUT: &str = "toolchain";
    match (answer("cargo", &["--version"]), answer("rustc", &["--version"])) {
        (Some(cargo), Some(rustc)) => Finding::good(ABOUT, format!("{rustc}; {cargo}")),
        (None, _) => Finding::failure(ABOUT, "there is no cargo", "install Rust, and put cargo on PATH"),
        (_, None) => Finding::failure(ABOUT, "there is no rustc", "install Rust, and put rustc on PATH"),
    }
}

fn worker() -> Finding {
    match worker_program::program() {
        Ok(program) if program.is_file() => Finding::good("worker", program.display().to_string()),
        Ok(program) => Finding::failure(
            "worker",
            format!("{} is not there", program.display()),
            "install synapse-worker beside synapse, or name it with SYNAPSE_WORKER",
        ),
        Err(error) => Finding::failure(
            "worker",
            error.message(),
            "install synapse-worker beside synapse, or name it with SYNAPSE_WORKER",
        ),
    }
}

fn folder(home: Option<&Home>) -> Finding {
    const ABOUT: &str = "home";
    const FIX: &str = "set SYNAPSE_HOME to a folder that can be written to";
    let Some(home) = home else {
        return Finding::failure(ABOUT, "there is none", FIX);
    };
    let shown = home.path().display();
    match try_to_write(home.path()) {
        Ok(()) => Finding::good(ABOUT, shown.to_string()),
        Err(error) => Finding::failure(ABOUT, format!("{shown} cannot be written to: {error}"), FIX),
    }
}

fn try_to_write(folder: &Path) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let probe = folder.join(format!(".doctor-{}", std::process::id()));
    fs::write(&probe, b"")?;
    fs::remove_file(&probe)
}

fn sdk(home: Option<&Home>) -> Finding {
    let version = env!("CARGO_PKG_VERSION");
    match home.map(sdk_source::folder).filter(|folder| folder.is_dir()) {
        Some(folder) => Finding::good("SDK", format!("{version} in {}", folder.display())),
        None => Finding::good("SDK", format!("{version}, unpacked when `plugin create` needs it")),
    }
}

/// What bundles take that were unpacked.
fn unpacked(home: Option<&Home>) -> Finding {
    match home.map(cache::amount) {
        None | Some((0, _)) => Finding::good("cache", "no bundle is unpacked"),
        Some((count, bytes)) => {
            let bundles = if count == 1 { "1 bundle is".to_owned() } else { format!("{count} bundles are") };
            let bound = format!("{} says how much is kept", cache::KEEP_VARIABLE);
            Finding::good("cache", format!("{bundles} unpacked, {}; {bound}", size(bytes)))
        }
    }
}

/// Asked of `df`, which POSIX has everywhere.
fn disk(home: Option<&Home>) -> Finding {
    let folder = home.map_or(Path::new("."), Home::path);
    let there = folder.ancestors().find(|folder| folder.is_dir()).unwrap_or(Path::new("/"));
    match answer("df", &["-Pk", &there.to_string_lossy()]).as_deref().and_then(free_bytes) {
        None => Finding::absent("disk", "free space is not known", "it is asked of `df`, which is not here"),
        Some(free) if free < LITTLE => Finding::warning(
            "disk",
            format!("{:.1} GiB free", gibibytes(free)),
            "builds and records may not fit; make room, or set SYNAPSE_HOME to another disk",
        ),
        Some(free) => Finding::good("disk", format!("{:.1} GiB free", gibibytes(free))),
    }
}

/// The fourth word of the second line is what is free, in KiB.
fn free_bytes(told: &str) -> Option<u64> {
    let kibibytes: u64 = told.lines().nth(1)?.split_whitespace().nth(3)?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

fn gibibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

fn c_library() -> Finding {
    match Machine::here().glibc {
        Some(version) => Finding::good("C library", format!("glibc {version}")),
        None => Finding::warning("C library", "not glibc", "plugins are tested with glibc only"),
    }
}

fn gpus() -> Finding {
    let query = ["--query-gpu=name,memory.total", "--format=csv,noheader"];
    match answer("nvidia-smi", &query).filter(|names| !names.is_empty()) {
        Some(names) => Finding::good("GPUs", names.lines().collect::<Vec<_>>().join("; ")),
        None => Finding::absent(
            "GPUs",
            "none that nvidia-smi tells of",
            "for work on GPUs install their driver, which brings nvidia-smi",
        ),
    }
}

fn credentials(home: Option<&Home>) -> Finding {
    const ABOUT: &str = "credentials";
    const LOGIN: &str = "`synapse login`, or set SYNAPSE_ACCESS_TOKEN";
    match credentials::find(home) {
        Err(error) => Finding::warning(ABOUT, error.message(), "`synapse login` writes it anew"),
        Ok(Some(found)) if found.is_open => Finding::warning(
            ABOUT,
            format!("others can read {}", found.from),
            "`chmod 600` on that file, and a new token if somebody may have read it",
        ),
        Ok(Some(found)) => Finding::good(ABOUT, format!("{}; nothing was asked with it", found.from)),
        Ok(None) if credentials::host(home).is_some() => {
            Finding::warning(ABOUT, "a backend is named, and there is no token for it", LOGIN)
        }
        Ok(None) => Finding::absent(ABOUT, "none; local runs need none", LOGIN),
    }
}

fn set(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|value| !value.is_empty())
}

/// The cluster that is named here, thoroughly; or whether the one answers that
/// `RAY_ADDRESS` names.
fn ray(named: Option<&str>) -> Finding {
    const ABOUT: &str = "Ray";
    let address = match named.map(str::to_owned).or_else(|| set("RAY_ADDRESS")) {
        Some(address) => address,
        None => {
            let fix = "to look at a cluster name it with --ray-address or RAY_ADDRESS";
            return Finding::absent(ABOUT, "RAY_ADDRESS is not set", fix);
        }
    };
    match probe(&address, named.is_some()) {
        Ok(found) => Finding::good(ABOUT, ray_facts(&found)),
        Err(error) => Finding::warning(
            ABOUT,
            error.message(),
            match error.kind() {
                ErrorKind::Usage => "expected ray://HOST:10001, http://HOST:8265 or auto",
                _ if error.message().contains("token") => "set RAY_AUTH_TOKEN to the cluster's token",
                _ if error.message().contains("TLS") => {
                    "set RAY_USE_TLS, RAY_TLS_CA_CERT, RAY_TLS_SERVER_CERT and RAY_TLS_SERVER_KEY as on the \
                     cluster's nodes"
                }
                _ => "start one with `ray start --head`, or correct the address",
            },
        ),
    }
}

fn ray_facts(found: &Probe) -> String {
    let milliseconds = found.round_trip.as_secs_f64() * 1e3;
    let answers = format!("{} answers in {milliseconds:.1} ms", found.place);
    let Some(facts) = &found.facts else { return answers };
    let amount = |all: &std::collections::BTreeMap<String, f64>, name: &str| {
        all.get(name).copied().unwrap_or_default()
    };
    let free = |name: &str| format!("{} of {} {name}", amount(&facts.free, name), amount(&facts.all, name));
    let memory = gibibytes(amount(&facts.free, "memory") as u64);
    format!(
        "{answers}; Ray {}, Python {}; authentication: {}; nodes: {}; free: {}, {}, {memory:.1} GiB",
        facts.versions.ray,
        facts.versions.python,
        facts.authentication,
        facts.nodes,
        free("CPU"),
        free("GPU"),
    )
}

/// Whether something answers where the backend is said to be.
fn backend(home: Option<&Home>) -> Finding {
    const ABOUT: &str = "backend";
    const FIX: &str = "correct SYNAPSE_HOST or `synapse login --host URL`, or look at the network";
    let Some(host) = credentials::host(home) else {
        let fix = "`synapse login`, or set SYNAPSE_HOST; local runs need none";
        return Finding::absent(ABOUT, "none is named", fix);
    };
    let Some(place) = host_and_port(&host) else {
        return Finding::warning(ABOUT, format!("`{host}` names no host and port"), FIX);
    };
    match reach(&place) {
        Ok(()) => Finding::good(ABOUT, format!("{place} answers")),
        Err(why) => Finding::warning(ABOUT, format!("{place} is out of reach: {why}"), FIX),
    }
}

fn reach(place: &str) -> std::io::Result<()> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in place.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// `ray://head:10001`, `head:6379`, `https://host/path`.
fn host_and_port(address: &str) -> Option<String> {
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let authority = rest.split(['/', '?']).next()?;
    let place = authority.rsplit('@').next()?;
    let has_port = place.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    match scheme {
        _ if has_port => Some(place.to_owned()),
        "https" => Some(format!("{place}:443")),
        "http" => Some(format!("{place}:80")),
        "ray" => Some(format!("{place}:10001")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_lead_to_a_host_and_a_port() {
        for (address, place) in [
            ("ray://head:10002", Some("head:10002")),
            ("ray://head", Some("head:10001")),
            ("head:6379", Some("head:6379")),
            ("https://api.example/v1?x", Some("api.example:443")),
            ("http://user@host/", Some("host:80")),
            ("http://[::1]:8000/", Some("[::1]:8000")),
            ("auto", None),
        ] {
            assert_eq!(host_and_port(address).as_deref(), place, "{address}");
        }
    }

    #[test]
    fn free_space_is_read_from_df() {
        let told = "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/a 100 40 60 40% /\n";
        assert_eq!(free_bytes(told), Some(60 * 1024));
        assert_eq!(free_bytes(""), None);
    }
}
