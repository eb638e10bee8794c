//! Workers kept warm.
//!
//! A call gets a worker of its own as long as there are not too many of them,
//! so that a crash ends one call only; beyond that workers are shared.

use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

use synapse_sdk::Env;
use synapse_sdk::errors::Result;

use super::limits::Limits;
use super::worker::Worker;
use crate::image::Image;
use crate::plugin::Plugin;

/// Workers of one plugin with the same variables and limits.
static MOST: AtomicUsize = AtomicUsize::new(4);
/// A worker that has had nothing to do for so many milliseconds is ended.
static IDLE: AtomicU64 = AtomicU64::new(60_000);
/// How often a worker is looked at that says nothing.
const LOOK: Duration = Duration::from_secs(5);

static POOL: Mutex<Vec<Member>> = Mutex::new(Vec::new());
static CHANGED: Condvar = Condvar::new();

/// From now on workers of this process are ended once they have had nothing to
/// do for so long; a minute unless set. One more call starts another.
pub fn end_idle_workers_after(idle: Duration) {
    IDLE.store(u64::try_from(idle.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
}

/// From now on so many workers of a plugin share its calls, where they have the same variables and
/// limits; four unless set.
pub(in crate::run) fn share_workers(most: usize) {
    MOST.store(most.max(1), Ordering::Relaxed);
}

fn idle() -> Duration {
    Duration::from_millis(IDLE.load(Ordering::Relaxed))
}

/// How long a worker that says nothing is left alone.
pub(super) fn patience() -> Duration {
    LOOK.min(idle()).max(Duration::from_millis(1))
}

/// What workers have in common that can stand in for each other.
struct Key {
    image: Arc<Image>,
    env: Arc<Env>,
    limits: Limits,
}

impl Key {
    fn fits(&self, plugin: &Plugin, env: &Arc<Env>, limits: &Limits) -> bool {
        Arc::ptr_eq(&self.image, plugin.image())
            && (Arc::ptr_eq(&self.env, env) || self.env == *env)
            && self.limits == *limits
    }
}

struct Member {
    key: Key,
    /// None while it is being started.
    worker: Option<Arc<Worker>>,
    calls: usize,
    /// The one call it has shares it with no other.
    alone: bool,
    idle_since: Instant,
}

/// A worker to be called; counted as busy as long as this lives.
pub(super) struct Lease(Arc<Worker>);

impl Lease {
    pub(super) fn worker(&self) -> &Arc<Worker> {
        &self.0
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let mut pool = lock();
        if let Some(member) = pool.iter_mut().find(|member| member.is(&self.0)) {
            member.calls -= 1;
            member.alone = false;
            member.idle_since = Instant::now();
        }
    }
}

impl Member {
    fn has_ended(&self) -> bool {
        self.worker.as_ref().is_some_and(|worker| worker.has_ended())
    }

    fn is(&self, worker: &Arc<Worker>) -> bool {
        self.worker.as_ref().is_some_and(|own| Arc::ptr_eq(own, worker))
    }
}

/// A worker for a call: an idle one, a new one, or the one with fewest calls.
///
/// # Errors
/// As [`Worker::start`].
pub(super) fn lease(plugin: &Plugin, env: &Arc<Env>, limits: &Limits) -> Result<Lease> {
    let mut pool = lock();
    loop {
        pool.retain(|member| !member.has_ended());
        let fitting = || {
            (0..pool.len()).filter(|index| !pool[*index].alone && pool[*index].key.fits(plugin, env, limits))
        };
        let ready = fitting().filter(|index| pool[*index].worker.is_some());
        let best = ready.min_by_key(|index| pool[*index].calls);
        let most = fitting().count() >= MOST.load(Ordering::Relaxed);
        match best {
            Some(best) if most || pool[best].calls == 0 => {
                let member = &mut pool[best];
                if let Some(worker) = member.worker.clone() {
                    member.calls += 1;
                    return Ok(Lease(worker));
                }
            }
            _ if !most => return start(pool, plugin, env, limits, false),
            // All are being started.
            _ => pool = CHANGED.wait(pool).unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// A worker for a call that shares it with no other: an idle one, or a new one,
/// however many there are.
///
/// # Errors
/// As [`Worker::start`].
pub(super) fn lease_alone(plugin: &Plugin, env: &Arc<Env>, limits: &Limits) -> Result<Lease> {
    let mut pool = lock();
    pool.retain(|member| !member.has_ended());
    let idle = |member: &&mut Member| member.calls == 0 && member.key.fits(plugin, env, limits);
    for member in pool.iter_mut().filter(idle) {
        if let Some(worker) = member.worker.clone() {
            (member.calls, member.alone) = (1, true);
            return Ok(Lease(worker));
        }
    }
    start(pool, plugin, env, limits, true)
}

fn start(
    mut pool: MutexGuard<'static, Vec<Member>>,
    plugin: &Plugin,
    env: &Arc<Env>,
    limits: &Limits,
    alone: bool,
) -> Result<Lease> {
    let image = Arc::clone(plugin.image());
    let key = Key { image, env: Arc::clone(env), limits: limits.clone() };
    end_with_this_process();
    pool.push(Member { key, worker: None, calls: 0, alone, idle_since: Instant::now() });
    drop(pool);
    let started = Worker::start(&plugin.config().code, &plugin.image().path, env, limits);
    let mut pool = lock();
    // Of those that are being started any will do.
    let waiting = pool.iter().position(|member| {
        member.worker.is_none() && member.alone == alone && member.key.fits(plugin, env, limits)
    });
    if let Some(index) = waiting {
        match &started {
            Ok(worker) => {
                pool[index].worker = Some(Arc::clone(worker));
                pool[index].calls = 1;
            }
            Err(_) => drop(pool.remove(index)),
        }
    }
    drop(pool);
    CHANGED.notify_all();
    started.map(Lease)
}

/// Ends a worker that nobody has called for long.
pub(super) fn retire_if_idle(worker: &Arc<Worker>) {
    let mut pool = lock();
    let is_idle =
        |member: &Member| member.is(worker) && member.calls == 0 && member.idle_since.elapsed() >= idle();
    if let Some(index) = pool.iter().position(is_idle) {
        drop(pool.remove(index));
        drop(pool);
        worker.retire();
    }
}

/// The worker has ended.
pub(super) fn forget(worker: &Arc<Worker>) {
    lock().retain(|member| !member.is(worker));
}

/// Workers end with this process by themselves; what their plugins started and
/// left behind does not.
#[expect(unsafe_code, reason = "an exit hook")]
fn end_with_this_process() {
    static PROCESS: AtomicU32 = AtomicU32::new(0);
    extern "C" fn end_all() {
        // A copy of this process that somebody forked has no workers.
        if PROCESS.load(Ordering::Relaxed) != std::process::id() {
            return;
        }
        // One that holds the lock now has no time left to let go of it.
        let Ok(pool) = POOL.try_lock() else { return };
        let workers = || pool.iter().filter_map(|member| member.worker.as_ref());
        workers().for_each(|worker| worker.end());
        workers().for_each(|worker| worker.remove_quota());
    }
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        PROCESS.store(std::process::id(), Ordering::Relaxed);
        // SAFETY: the hook takes no arguments and does not unwind.
        unsafe { libc::atexit(end_all) };
    });
}

/// Which `count` of the processor cores of this process a worker keeps to:
/// others for each worker, as long as there are others.
pub(super) fn cores(count: usize, process: i32) -> Vec<usize> {
    let all = allowed_cores();
    if all.is_empty() || count >= all.len() {
        return all;
    }
    let first = process.unsigned_abs() as usize % all.len();
    (0..count).map(|offset| all[(first + offset) % all.len()]).collect()
}

#[expect(unsafe_code, reason = "asks which cores this process may use")]
fn allowed_cores() -> Vec<usize> {
    // SAFETY: all zeroes is the empty set, which the call fills.
    let set = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        if libc::sched_getaffinity(0, size_of_val(&set), &mut set) == -1 {
            return Vec::new();
        }
        set
    };
    // SAFETY: within the set.
    (0..libc::CPU_SETSIZE as usize).filter(|core| unsafe { libc::CPU_ISSET(*core, &set) }).collect()
}

fn lock() -> MutexGuard<'static, Vec<Member>> {
    POOL.lock().unwrap_or_else(PoisonError::into_inner)
}
