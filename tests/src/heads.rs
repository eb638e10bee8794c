//! Ray clusters of a test's own, for what ends them or wants them to be otherwise. `.ci/ray` with
//! `RAY_NODES=0` gives the tests namespaces in which nobody else's Ray runs.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Whose ports are free to be taken.
static ALONE: Mutex<()> = Mutex::new(());
/// Where clients of the head are answered.
const CLIENTS: &str = "127.0.0.1:10001";
const LONG: Duration = Duration::from_secs(90);

/// A head, whose cluster ends with it.
pub struct Head {
    variables: Vec<(String, String)>,
    dashboard: bool,
    _alone: MutexGuard<'static, ()>,
}

impl Head {
    /// Starts one with `variables`.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        Self::with(variables, true)
    }

    /// Starts one without a dashboard, which takes longer to start than all the rest.
    pub fn bare(variables: &[(&str, &str)]) -> Self {
        Self::with(variables, false)
    }

    fn with(variables: &[(&str, &str)], dashboard: bool) -> Self {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let head = Self { variables: variables.collect(), dashboard, _alone: alone };
        head.again();
        head
    }

    /// Starts it again after it was ended.
    pub fn again(&self) {
        let dashboard = format!("--include-dashboard={}", self.dashboard);
        self.ray(&["start", "--head", "--num-cpus", "4", "--temp-dir", &folder(), &dashboard]);
        let begun = Instant::now();
        while TcpStream::connect(CLIENTS).is_err() {
            assert!(begun.elapsed() < LONG, "the head does not answer");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Adds a node that has one of the resource `name`.
    pub fn join(&self, name: &str) {
        let resources = format!("{{\"{name}\": 1}}");
        let ports = ["--dashboard-agent-listen-port", "52402", "--metrics-export-port", "52502"];
        let workers = ["--min-worker-port", "22000", "--max-worker-port", "22999"];
        let node = ["start", "--address", "127.0.0.1:6379", "--node-ip-address", "127.0.0.2"];
        // Of its own, as everything of another machine.
        let folder = format!("{}/2", folder());
        let more = ["--num-cpus", "2", "--resources", &resources, "--temp-dir", &folder];
        self.ray(&[&node[..], &more[..], &ports[..], &workers[..]].concat());
    }

    /// Where clients reach it.
    pub fn address(&self) -> String {
        format!("ray://{CLIENTS}")
    }

    /// Ends all of the cluster at once.
    pub fn end(&self) {
        self.ray(&["stop", "--force"]);
    }

    /// What a script for Ray's Python prints.
    pub fn python(&self, script: &str) -> String {
        let output = self.command(&python()).args(["-c", script]).output().expect("Python can be started");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn ray(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(&python().with_file_name("ray"));
        let memory: &[&str] =
            if arguments[0] == "start" { &["--object-store-memory", "300000000"] } else { &[] };
        // What it starts keeps what it was given to write to: a pipe would never end.
        let said = tempfile::NamedTempFile::new().expect("a file");
        let (out, error) = (said.reopen().expect("it is there"), said.reopen().expect("it is there"));
        let status = command.args(arguments).args(memory).stdout(out).stderr(error).status();
        let output = Output {
            status: status.expect("Ray can be started"),
            stdout: fs::read(said.path()).unwrap_or_default(),
            stderr: Vec::new(),
        };
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "ray {arguments:?}: {said}");
        output
    }

    fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }
}

impl Drop for Head {
    fn drop(&mut self) {
        // A test that fails has said why.
        let _ = self.command(&python().with_file_name("ray")).args(["stop", "--force"]).output();
    }
}

fn folder() -> String {
    std::env::var("RAY_FOLDER").expect("RAY_FOLDER names a folder: run this with .ci/ray")
}

fn python() -> PathBuf {
    std::env::var_os("RAY_PYTHON").expect("RAY_PYTHON names Ray's Python: run this with .ci/ray").into()
}

/// Certificates of an authority, and of another one that nobody trusts.
pub struct Certificates {
    folder: TempDir,
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}

impl Certificates {
    /// New ones, good for 127.0.0.1 and 127.0.0.2.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["ca", "other"] {
            let (authority, issued, key) = issue(name).expect("certificates can be made");
            let write = |file: String, text: &str| fs::write(folder.path().join(file), text);
            write(format!("{name}.crt"), &authority)
                .and_then(|()| write(format!("{name}-node.crt"), &issued))
                .and_then(|()| write(format!("{name}-node.key"), &key))
                .expect("room on the disk");
        }
        Self { folder }
    }

    /// One of their files: `ca.crt` and `other.crt` are authorities, `ca-node.crt` and `ca-node.key` those of a node.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The variables of a node or client whose authority is `ca`, or `other`,
    /// and that trusts `trusted`.
    pub fn variables(&self, name: &str, trusted: &str) -> [(&'static str, String); 4] {
        let file = |name: String| self.file(&name).display().to_string();
        [
            ("RAY_USE_TLS", "1".to_owned()),
            ("RAY_TLS_SERVER_CERT", file(format!("{name}-node.crt"))),
            ("RAY_TLS_SERVER_KEY", file(format!("{name}-node.key"))),
            ("RAY_TLS_CA_CERT", file(format!("{trusted}.crt"))),
        ]
    }
}

/// In PEM: an authority's certificate, one that it issued, and the key of that. They differ in their names:
/// a certificate whose issuer has its own name is taken for one that vouches for itself.
fn issue(name: &str) -> Result<(String, String, String), rcgen::Error> {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, format!("authority {name}"));
    let authority_key = KeyPair::generate()?;
    let root = authority.self_signed(&authority_key)?.pem();
    let issuer = Issuer::new(authority, authority_key);
    let places = ["localhost", "127.0.0.1", "127.0.0.2"].map(str::to_owned).to_vec();
    let mut node = CertificateParams::new(places)?;
    node.distinguished_name.push(DnType::CommonName, format!("node of {name}"));
    node.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    Ok((root, node.signed_by(&key, &issuer)?.pem(), key.serialize_pem()))
}
