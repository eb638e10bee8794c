//! What plugins cost that travel.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use synapse_benches::workspace;
use synapse_host::plugin_ref::{PluginRef, Resolver};

use crate::timed::{ROUNDS, Timed, print};

const COPIES: usize = 1_000;

/// Builds the bundle of the greeter, then runs, inspects and lists, beside a
/// process that does nothing.
pub(crate) fn measure(synapse: &Path) -> io::Result<()> {
    let base = std::env::temp_dir().join(format!("synapse-bench-{}", std::process::id()));
    let (home, fresh) = (base.join("home"), base.join("fresh"));
    let greet = workspace().join("examples/greet");
    let folder = greet.display().to_string();
    let building = ["plugin", "build", "--release", "--path", &folder];
    Timed::new("plugin build", synapse, &building).once(&home);
    let bundle = greet.join("dist/greet-0.1.0.synapse").display().to_string();
    let library = greet.join("dist/libgreet.so");
    let plugins = copies(&library, &base.join("plugins"))?;
    let library = library.display().to_string();

    let timed = |name, arguments: &[&str]| Timed::new(name, synapse, arguments);
    let mut commands = vec![
        Timed::new("/bin/true", "/bin/true", &[]),
        timed("synapse --help", &["--help"]).goal(3.0, None),
        timed("plugin build, nothing stale", &building).goal(300.0, None),
        timed("plugin run (stamped .so)", &run(&library, &[])).goal(5.0, Some(8.0)),
        timed("plugin run (bundle)", &run(&bundle, &[])).goal(5.0, Some(8.0)),
        timed("plugin run (bundle, no record)", &run(&bundle, &["--no-record"])),
        timed("plugin inspect (bundle)", &["plugin", "inspect", &bundle]).goal(3.0, None),
        timed("plugin inspect --verify (bundle)", &["plugin", "inspect", "--verify", &bundle]),
        timed("plugin list (1,000 .so)", &["plugin", "list", &plugins]).goal(25.0, Some(20.0)),
    ];
    let mut first = timed("plugin run (bundle, first time)", &run(&bundle, &[]));
    let mut loads = [
        Load::new("dlopen", &library),
        Load::new("load", &bundle),
        Load::new("load-after", &bundle),
        Load::new("load", &bundle),
    ];
    for round in 0..ROUNDS {
        for command in &mut commands {
            command.once(&home);
            if round == 0 {
                command.times.clear();
            }
        }
        first.once(&fresh);
        loads[0].once(&home);
        loads[1].once(&home);
        loads[2].once(&home);
        fs::remove_dir_all(&fresh)?;
        loads[3].once(&fresh);
        fs::remove_dir_all(&fresh)?;
    }
    commands.push(first);
    print(&mut commands);
    let [dlopen, alone, later, first] = loads.map(Load::median);
    let beyond = |load: f64| load - dlopen;
    println!("\nin a process that has it not loaded, ms, p50");
    println!("dlopen of the library                  {dlopen:>8.2}");
    println!(
        "load, after that of another plugin     {later:>8.2}   {:.2} beyond dlopen, goal 0.3",
        beyond(later)
    );
    println!("load, the first of the process         {alone:>8.2}   {:.2} beyond dlopen", beyond(alone));
    println!("load from a bundle seen for the first time {first:>4.2}   goal 10");
    fs::remove_dir_all(base)
}

/// The words that run the greeter.
fn run<'a>(plugin: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["plugin", "run", plugin, "greet", "-P", "name=Ada"], more].concat()
}

/// A folder with many copies of a library.
fn copies(library: &Path, folder: &Path) -> io::Result<String> {
    fs::create_dir_all(folder)?;
    for copy in 0..COPIES {
        fs::copy(library, folder.join(format!("libgreet{copy}.so")))?;
    }
    Ok(folder.display().to_string())
}

/// A plugin that is loaded into a process of its own each time.
struct Load<'a> {
    how: &'a str,
    plugin: &'a str,
    micros: Vec<u64>,
}

impl<'a> Load<'a> {
    fn new(how: &'a str, plugin: &'a str) -> Self {
        Self { how, plugin, micros: Vec::new() }
    }

    fn once(&mut self, home: &Path) {
        let this = std::env::current_exe().unwrap_or_default();
        let output = Command::new(this).args([self.how, self.plugin]).env("SYNAPSE_HOME", home).output();
        let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        match text.as_deref().map(str::parse) {
            Ok(Ok(micros)) => self.micros.push(micros),
            other => panic!("{} {} failed: {other:?}", self.how, self.plugin),
        }
    }

    fn median(mut self) -> f64 {
        self.micros.sort_unstable();
        self.micros[self.micros.len() / 2] as f64 / 1e3
    }
}

/// Loads a plugin as a host does; prints how long it took, in microseconds.
pub(crate) fn load(plugin: &str) {
    let plugin = PluginRef::from(plugin);
    let started = Instant::now();
    let loaded = Resolver::default().resolve(&plugin, None);
    let elapsed = started.elapsed();
    assert!(loaded.is_ok(), "{:?}", loaded.err());
    println!("{}", elapsed.as_micros());
}

/// The same in a process that has loaded another plugin, so that the host's own
/// code is in memory.
pub(crate) fn load_after(plugin: &str) {
    let other =
        PluginRef::from(workspace().join("target/release/libmeasured.so").display().to_string().as_str());
    let loaded = Resolver::default().resolve(&other, None);
    assert!(loaded.is_ok(), "{:?}", loaded.err());
    load(plugin);
}

/// What the system's loader alone takes.
#[expect(unsafe_code, reason = "loads the library")]
pub(crate) fn dlopen(library: &str) {
    let started = Instant::now();
    // SAFETY: its initialisers only register actions.
    let loaded = unsafe { Library::open(Some(library), RTLD_NOW | RTLD_LOCAL) };
    let elapsed = started.elapsed();
    assert!(loaded.is_ok(), "{:?}", loaded.err());
    println!("{}", elapsed.as_micros());
}
