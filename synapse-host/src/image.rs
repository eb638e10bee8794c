//! A plugin's file, and its code once it is loaded into this process.
//!
//! Images are never unloaded: a thread-local of the plugin may need its code
//! when a thread ends. A file that was replaced is loaded as a second image;
//! runs on the first one end on it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::mem::ManuallyDrop;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use synapse_sdk::abi::host_side::{Job, PluginImage, PluginInstance};
use synapse_sdk::abi::layout::{INIT_SYMBOL, InitFn};
use synapse_sdk::errors::{IncompatiblePlugin, Result, ResultExt};
use synapse_sdk::manifest::Manifest;
use synapse_sdk::{Env, PluginError};

use crate::check::{self, Machine};
use crate::digest::sha256_of;
use crate::files::put_whole;
use crate::home::Home;
use crate::inspect::{Inspected, inspect};
use crate::worker_program::ask_for_manifest;

/// A plugin's file, checked; its code is loaded when it is first needed here.
pub struct Image {
    /// Where it lies.
    pub path: PathBuf,
    /// What the file says of itself.
    pub inspected: Inspected,
    /// Open when another file was loaded from this path before.
    replacement: Option<File>,
    plugin: OnceLock<PluginImage>,
    loading: Mutex<()>,
    manifest: OnceLock<Manifest>,
    instances: Mutex<Instances>,
}

/// The objects of actions, each with the environment it was made in.
type Instances = BTreeMap<String, (Arc<Env>, Arc<PluginInstance>)>;

/// What tells one version of a file from another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

type Opened = HashMap<PathBuf, (Stamp, Arc<Image>)>;

static OPENED: LazyLock<Mutex<Opened>> = LazyLock::new(Mutex::default);

impl Image {
    /// The plugin at `path`, as it was opened before unless the file has been
    /// replaced since. Runs nothing of it.
    ///
    /// # Errors
    /// As [`inspect`]; [`IncompatiblePlugin`](synapse_sdk::ErrorKind::IncompatiblePlugin)
    /// where every load requires a known key and none speaks for the file.
    pub fn open(path: &Path) -> Result<Arc<Self>> {
        let file = check::open(path)?;
        let stamp = Stamp::of(&file)?;
        let mut opened = OPENED.lock().unwrap_or_else(PoisonError::into_inner);
        let known = opened.get(path);
        if let Some((known, image)) = known
            && *known == stamp
        {
            return Ok(Arc::clone(image));
        }
        let replaced = known.is_some();
        if let Some(reason) = check::untrusted(path)? {
            return Err(reason.error(path));
        }
        let image = Arc::new(Self {
            path: path.to_owned(),
            inspected: inspect(path)?,
            replacement: replaced.then_some(file),
            plugin: OnceLock::new(),
            loading: Mutex::default(),
            manifest: OnceLock::new(),
            instances: Mutex::default(),
        });
        opened.insert(path.to_owned(), (stamp, Arc::clone(&image)));
        Ok(image)
    }

    /// As [`open`](Self::open), and loads the code into this process.
    ///
    /// # Errors
    /// As there and of [`plugin`](Self::plugin).
    pub fn load(path: &Path) -> Result<Arc<Self>> {
        let image = Self::open(path)?;
        image.plugin()?;
        Ok(image)
    }

    /// Calls into the plugin, whose code is loaded now if it was not before.
    ///
    /// # Errors
    /// [`IncompatiblePlugin`](synapse_sdk::ErrorKind::IncompatiblePlugin) when
    /// the system's loader refuses it.
    pub fn plugin(&self) -> Result<&PluginImage> {
        if let Some(plugin) = self.plugin.get() {
            return Ok(plugin);
        }
        let _alone = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(plugin) = self.plugin.get() {
            return Ok(plugin);
        }
        self.check_machine()?;
        let unproven = self.unproven_stamp()?;
        let plugin = match &self.replacement {
            None => load(&self.path, &self.path)?,
            Some(file) => load_again(&self.path, file)?,
        };
        if let Some((stamped, note)) = unproven {
            self.prove(&stamped, &plugin, note.as_deref())?;
        }
        Ok(self.plugin.get_or_init(|| plugin))
    }

    /// What the system's loader would find missing, and what it does not look
    /// at: told with what to do, and before any of the plugin's code runs.
    fn check_machine(&self) -> Result<()> {
        let inspected = &self.inspected;
        let machine = Machine::here();
        let mut reasons =
            check::on_this_machine(&self.path, Some(&inspected.facts), &inspected.needs, &machine);
        reasons.extend(check::two_actions(&inspected.facts.actions));
        check::error(&self.path, &reasons).map_or(Ok(()), Err)
    }

    /// What is stamped into a file has to be what its code says. That is found
    /// out once for each digest, and remembered in a note: until then, here is what
    /// is stamped, which by itself has to be sound before any of the code runs.
    fn unproven_stamp(&self) -> Result<Option<(Manifest, Option<PathBuf>)>> {
        if !self.inspected.is_stamped() {
            return Ok(None);
        }
        let note = note_of(&self.path);
        if note.as_ref().is_some_and(|note| note.exists()) {
            return Ok(None);
        }
        let Some(stamp) = self.inspected.stamp(&self.path)? else { return Ok(None) };
        match check::error(&self.path, &check::described(&stamp.manifest)) {
            Some(error) => Err(error),
            None => Ok(Some((stamp.manifest, note))),
        }
    }

    fn prove(&self, stamped: &Manifest, plugin: &PluginImage, note: Option<&Path>) -> Result<()> {
        if let Some(reason) = check::differs(stamped, &plugin.describe()?) {
            return Err(reason.error(&self.path));
        }
        // Without it the next process asks again.
        if let Some(note) = note {
            let _ = put_whole(note, |_| Ok(()));
        }
        Ok(())
    }

    /// The object of an action, made once per environment: a call with other
    /// variables gets a new one, and calls running on the old end on it.
    ///
    /// # Errors
    /// As [`PluginImage::instantiate`].
    pub fn instance(&self, action: &str, env: &Arc<Env>, job: &Job) -> Result<Arc<PluginInstance>> {
        let lock = || self.instances.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, instance)) = lock().get(action)
            && (Arc::ptr_eq(known, env) || known == env)
        {
            return Ok(Arc::clone(instance));
        }
        // Set-up may be slow and may run other actions: not under the lock.
        let made = Arc::new(self.plugin()?.instantiate(action, job)?);
        lock().insert(action.to_owned(), (Arc::clone(env), Arc::clone(&made)));
        Ok(made)
    }

    /// What the plugin describes of itself: as it is stamped into the file, else
    /// it is asked, once. Where its code is not loaded a worker is asked.
    ///
    /// # Errors
    /// As [`Inspected::stamp`] and [`PluginImage::describe`]; the worker cannot be started or died.
    pub fn manifest(&self) -> Result<&Manifest> {
        if let Some(manifest) = self.manifest.get() {
            return Ok(manifest);
        }
        let stamp = self.inspected.stamp(&self.path)?.map(|stamp| stamp.manifest);
        let manifest = match (stamp, self.plugin.get()) {
            (Some(stamped), _) => stamped,
            (None, Some(plugin)) => plugin.describe()?,
            (None, None) => ask_for_manifest(&self.path)?,
        };
        Ok(self.manifest.get_or_init(|| manifest))
    }
}

/// Where it is noted that a file's stamp is what its code says.
fn note_of(path: &Path) -> Option<PathBuf> {
    let home = Home::from_env()?;
    let digest = sha256_of(&home, path).ok()?;
    Some(home.cache().join("described").join(digest))
}

impl Stamp {
    fn of(file: &File) -> Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        })
    }
}

/// The system's loader knows images by the path they were opened with, so a
/// new file at an old path is opened by its descriptor, which stays open.
fn load_again(path: &Path, file: &File) -> Result<PluginImage> {
    let kept = ManuallyDrop::new(file.try_clone()?);
    load(&PathBuf::from(format!("/proc/self/fd/{}", kept.as_raw_fd())), path)
}

#[expect(unsafe_code, reason = "runs the plugin's initialisers and calls its entry point")]
fn load(path: &Path, shown: &Path) -> Result<PluginImage> {
    // A name without a slash would be looked for in the system's folders.
    let absolute = std::path::absolute(path)?;
    let flags = RTLD_NOW | RTLD_LOCAL | libc::RTLD_NODELETE;
    // SAFETY: loading runs the initialisers of somebody else's library; those of
    // a plugin only register actions. What `inspect` can rule out, it has.
    let library = unsafe { Library::open(Some(&absolute), flags) };
    let library = ManuallyDrop::new(library.map_err(|error| loader_refused(shown, &error))?);
    // SAFETY: the identity was checked: a symbol of this name has this type in
    // this major version of the interface.
    let init = unsafe { library.get::<InitFn>(INIT_SYMBOL) };
    let init = init.map_err(|error| loader_refused(shown, &error))?;
    // SAFETY: as above, and the image is never unloaded.
    unsafe { PluginImage::init(*init) }.with_context(|| shown.display().to_string())
}

fn loader_refused(path: &Path, error: &libloading::Error) -> PluginError {
    let text = std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    let hint = if text.contains("cannot open shared object file") {
        "install the library it names, or ship it beside the plugin (`wheels_dir` in config.yaml)"
    } else if text.contains("GLIBC_") {
        "this system's C library is older than the one the plugin was built with: build the plugin here"
    } else {
        "build the plugin again on this machine"
    };
    IncompatiblePlugin::new(format!("{} cannot be loaded: {text}", path.display())).hint(hint)
}
