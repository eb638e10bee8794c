//! A bound on the processor time of a worker: a control group of its own, within
//! the one of this process, so that no bound this process has is left behind.
//!
//! Where groups are: `cgroups(7)`. What bounds them: the kernel's documents
//! `scheduler/sched-bwc.rst` (version 1) and `admin-guide/cgroup-v2.rst`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use synapse_sdk::errors::{Result, ResultExt};

/// In microseconds: over so long the bound holds.
const PERIOD: f64 = 100_000.0;
/// The least that the system takes, in microseconds.
const LEAST: f64 = 1_000.0;
/// What groups of ours are called; a process's number follows.
const PREFIX: &str = "synapse-";
/// A group can go once its processes have, which were killed.
const PATIENCE: Duration = Duration::from_millis(200);
const LOOK: Duration = Duration::from_millis(1);

/// The control group of one worker. It goes with this.
pub(super) struct Quota {
    group: Group,
}

impl Quota {
    /// Bounds a process, and all it will start, to `cpus` processors' time.
    ///
    /// # Errors
    /// The system refuses.
    pub(super) fn of(cpus: f64, process: i32) -> Result<Self> {
        let parent = match parent() {
            Ok(parent) => parent,
            Err(why) => return Err(io::Error::other(why.clone()).into()),
        };
        let group = parent.child(&format!("{}-{process}", std::process::id()));
        let at = || format!("bounding the processor time of a worker in {}", group.folder.display());
        group.bounded(cpus).with_context(at)?;
        let taken = group.take(process).with_context(at);
        let quota = Self { group };
        taken.map(|()| quota)
    }

    /// Its processes may end at once, however little time they have.
    pub(super) fn lift(&self) {
        // A worker that is slow to end is killed all the same.
        let _ = self.group.set("max");
    }

    /// To be called when its processes have been killed.
    pub(super) fn remove(&self) {
        let deadline = Instant::now() + PATIENCE;
        while fs::remove_dir(&self.group.folder).is_err_and(|error| error.raw_os_error() == Some(libc::EBUSY))
        {
            if Instant::now() > deadline {
                // A process that left the worker's group lives on in it. Whoever needs a group next looks again.
                return;
            }
            thread::sleep(LOOK);
        }
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Why no worker's processor time can be bounded here, if so.
pub(crate) fn no_quota_because() -> Option<&'static str> {
    parent().as_ref().err().map(String::as_str)
}

/// The group that those of workers are in.
fn parent() -> &'static std::result::Result<Group, String> {
    static PARENT: OnceLock<std::result::Result<Group, String>> = OnceLock::new();
    PARENT.get_or_init(|| {
        let read = |name: &str| fs::read_to_string(name).unwrap_or_default();
        let own = Group::find(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo"))
            .ok_or("no control groups are mounted")?;
        own.sweep();
        let tried = own.open_up().and_then(|()| {
            let group = own.child(&std::process::id().to_string());
            // It is there already if this process had to move into it.
            if group.folder.is_dir() {
                return Ok(());
            }
            let tried = group.bounded(1.0).and_then(|()| group.can_have_processes());
            let _ = fs::remove_dir(&group.folder);
            tried
        });
        match tried {
            Ok(()) => Ok(own),
            Err(error) => {
                Err(format!("no control group below {} can bound it: {error}", own.folder.display()))
            }
        }
    })
}

#[derive(Debug, PartialEq)]
struct Group {
    folder: PathBuf,
    version: Version,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Version {
    One,
    Two,
}

impl Group {
    /// The group that bounds the processor time of this process, from what the
    /// system says of its groups and of what is mounted.
    fn find(groups: &str, mounts: &str) -> Option<Self> {
        let group_of = |wanted: &dyn Fn(&str, &str) -> bool| {
            groups.lines().find_map(|line| {
                let mut fields = line.splitn(3, ':');
                let (number, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
                wanted(number, controllers).then_some(path)
            })
        };
        let has_cpu = |list: &str| list.split(',').any(|name| name == "cpu");
        let first = group_of(&|_, controllers| has_cpu(controllers)).and_then(|path| {
            let folder = folder_of(path, mounts, |kind, options| kind == "cgroup" && has_cpu(options))?;
            Some(Self { folder, version: Version::One })
        });
        first.or_else(|| {
            let path = group_of(&|number, controllers| number == "0" && controllers.is_empty())?;
            let folder = folder_of(path, mounts, |kind, _| kind == "cgroup2")?;
            Some(Self { folder, version: Version::Two })
        })
    }

    fn child(&self, name: &str) -> Self {
        Self { folder: self.folder.join(format!("{PREFIX}{name}")), version: self.version }
    }

    /// Lets groups within this one have bounds of processor time.
    fn open_up(&self) -> io::Result<()> {
        if self.version == Version::One || self.lists("cgroup.subtree_control")? {
            return Ok(());
        }
        // The one at the top belongs to the whole system.
        let is_top = !self.folder.join("cgroup.type").exists();
        if is_top || !self.lists("cgroup.controllers")? {
            return Err(io::Error::other("bounds of processor time are not handed down"));
        }
        // Only a group without processes may: this one moves into a group beside those of its workers.
        let process = std::process::id().cast_signed();
        let beside = self.child(&process.to_string());
        fs::create_dir(&beside.folder)?;
        let opened =
            beside.take(process).and_then(|()| fs::write(self.folder.join("cgroup.subtree_control"), "+cpu"));
        opened.map_err(|error| {
            let _ = self.take(process).and_then(|()| fs::remove_dir(&beside.folder));
            if error.raw_os_error() == Some(libc::EBUSY) { others_are_in_it() } else { error }
        })
    }

    fn lists(&self, file: &str) -> io::Result<bool> {
        let text = fs::read_to_string(self.folder.join(file))?;
        Ok(text.split_whitespace().any(|name| name == "cpu"))
    }

    /// # Errors
    /// The group it is in has processes and hands bounds down.
    fn can_have_processes(&self) -> io::Result<()> {
        if self.version == Version::One
            || fs::read_to_string(self.folder.join("cgroup.type"))?.trim() == "domain"
        {
            return Ok(());
        }
        Err(others_are_in_it())
    }

    /// Makes it, with a bound.
    fn bounded(&self, cpus: f64) -> io::Result<()> {
        fs::create_dir(&self.folder)?;
        let quota = (cpus * PERIOD).max(LEAST);
        let set = self.set(&format!("{quota:.0}"));
        if set.is_err() {
            let _ = fs::remove_dir(&self.folder);
        }
        set
    }

    /// Microseconds of each period, or `max`.
    fn set(&self, quota: &str) -> io::Result<()> {
        match self.version {
            Version::One => {
                fs::write(self.folder.join("cpu.cfs_period_us"), format!("{PERIOD:.0}"))?;
                let quota = if quota == "max" { "-1" } else { quota };
                fs::write(self.folder.join("cpu.cfs_quota_us"), quota)
            }
            Version::Two => fs::write(self.folder.join("cpu.max"), format!("{quota} {PERIOD:.0}")),
        }
    }

    /// Moves a process into it.
    fn take(&self, process: i32) -> io::Result<()> {
        fs::write(self.folder.join("cgroup.procs"), process.to_string())
    }

    /// Removes groups within this one whose `synapse` has ended and could not.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let owner = name
                .to_str()
                .and_then(|name| name.strip_prefix(PREFIX)?.split('-').next()?.parse::<u32>().ok());
            if owner.is_some_and(|owner| !Path::new(&format!("/proc/{owner}")).exists()) {
                // One that has processes stays.
                let _ = fs::remove_dir(entry.path());
            }
        }
    }
}

fn others_are_in_it() -> io::Error {
    io::Error::other("there are other processes in it")
}

/// Where a group's folder is, under the mount of such a kind and options.
fn folder_of(group: &str, mounts: &str, wanted: impl Fn(&str, &str) -> bool) -> Option<PathBuf> {
    mounts.lines().find_map(|line| {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let (kind, options) = (kind.next()?, kind.nth(1)?);
        // A mount may show a part of all groups only.
        let below = Path::new(group).strip_prefix(root).ok()?;
        wanted(kind, options).then(|| Path::new(point).join(below))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct\n\
        32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime shared:9 - cgroup cgroup rw,cpu\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";
    const SECOND: &str =
        "30 23 0:26 /user.slice /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

    fn found(groups: &str, mounts: &str) -> Option<(String, Version)> {
        Group::find(groups, mounts).map(|group| (group.folder.display().to_string(), group.version))
    }

    #[test]
    fn the_group_of_this_process_is_found_in_both_versions() {
        let one = |path: &str| Some((path.to_owned(), Version::One));
        assert_eq!(found("4:memory:/\n2:cpuacct:/\n1:cpu:/\n0::/\n", FIRST), one("/sys/fs/cgroup/cpu/"));
        assert_eq!(found("1:cpuset,cpu:/a/b\n0::/\n", FIRST), one("/sys/fs/cgroup/cpu/a/b"));
        let two = |path: &str| Some((path.to_owned(), Version::Two));
        assert_eq!(found("0::/user.slice/a.scope\n", SECOND), two("/sys/fs/cgroup/a.scope"));
        assert_eq!(found("4:memory:/\n0::/x:y\n", FIRST), two("/sys/fs/cgroup/unified/x:y"));
        // Its group is outside of what is mounted, or nothing is.
        assert_eq!(found("0::/system.slice\n", SECOND), None);
        assert_eq!(found("0::/\n", ""), None);
        assert_eq!(found("", FIRST), None);
    }
}
