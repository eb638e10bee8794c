//! What benches share: the two libraries, built and loaded.

use std::path::{Path, PathBuf};
use std::process::Command;

use libloading::{Library, Symbol};
use synapse_host::author::Profile;
use synapse_host::plugin::Plugin;
use synapse_host::plugin_ref::{PluginRef, Resolver};
use synapse_sdk::params;

/// The training params of the guide.
#[params]
pub struct TrainParams {
    /// Dataset ID to train on
    pub dataset: i64,
    /// Passes over the data
    #[param(default = 100, ge = 1, le = 1000)]
    pub epochs: u32,
    /// Rows in a batch
    #[param(default = 16, ge = 1)]
    pub batch_size: u32,
    /// Step size
    #[param(default = 0.01, gt = 0, lt = 1)]
    pub learning_rate: f64,
}

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder of the plugin that is measured.
pub fn measured_folder() -> PathBuf {
    workspace().join("benches/measured")
}

/// The plugin that is measured, built in the release profile.
///
/// # Panics
/// It cannot be built or loaded.
#[expect(clippy::expect_used, reason = "a bench has nobody to tell")]
pub fn measured() -> Plugin {
    let folder = PluginRef::from(measured_folder());
    Resolver::default().profile(Profile::Release).resolve(&folder, None).expect("the measured plugin builds")
}

/// A function of the bare library.
type Function = unsafe extern "C" fn(*const u8, usize, *mut Bytes) -> i32;

#[repr(C)]
struct Bytes {
    ptr: *mut u8,
    len: usize,
    cap: usize,
}

/// The bare library, as a minimal host would call it.
pub struct Bare {
    greet: Function,
    rows: Function,
    free: unsafe extern "C" fn(*mut Bytes),
}

impl Bare {
    /// Builds and loads it.
    ///
    /// # Panics
    /// It cannot be built or loaded.
    #[expect(unsafe_code, clippy::expect_used, reason = "a bench has nobody to tell")]
    pub fn load() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let built = Command::new(cargo)
            .args(["build", "--release", "--quiet", "--package", "bare"])
            .current_dir(workspace())
            .status();
        assert!(built.is_ok_and(|status| status.success()), "the bare library builds");
        // The measured plugin lies in the same folder.
        let library = measured().image().path.with_file_name("libbare.so");
        // SAFETY: it has no initialisers but those of inventory, and is never
        // unloaded.
        let library = Box::leak(Box::new(unsafe { Library::new(library) }.expect("it loads")));
        // SAFETY: the library defines them with these types.
        unsafe {
            let function = |name: &str| -> Symbol<'_, Function> { library.get(name).expect("it is there") };
            Self {
                greet: *function("bare_greet"),
                rows: *function("bare_rows"),
                free: *library.get("bare_free").expect("it is there"),
            }
        }
    }

    /// Greets; gives the length of the answer.
    pub fn greet(&self, params: &[u8]) -> usize {
        self.call(self.greet, params)
    }

    /// Gives back a table; gives the length of the answer.
    pub fn rows(&self, params: &[u8]) -> usize {
        self.call(self.rows, params)
    }

    #[expect(unsafe_code, reason = "calls into the bare library")]
    fn call(&self, function: Function, params: &[u8]) -> usize {
        let mut out = Bytes { ptr: std::ptr::null_mut(), len: 0, cap: 0 };
        // SAFETY: the params live until the call returns, `out` is ours, and
        // what was filled is freed once.
        unsafe {
            assert_eq!(function(params.as_ptr(), params.len(), &mut out), 0);
            let length = out.len;
            (self.free)(&mut out);
            length
        }
    }
}

/// A table as JSON of about `bytes` bytes.
pub fn table(bytes: usize) -> String {
    let mut rows = String::from("{\"rows\":[");
    let mut id = 0;
    while rows.len() < bytes {
        let comma = if id == 0 { "" } else { "," };
        rows.push_str(&format!(
            "{comma}{{\"id\":{id},\"name\":\"row number {id}\",\"score\":0.{id},\"tags\":[\"red\",\"green\"]}}"
        ));
        id += 1;
    }
    rows.push_str("]}");
    rows
}
