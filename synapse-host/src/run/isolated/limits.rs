//! What a worker may use.

use std::sync::Arc;

use synapse_sdk::errors::Result;
use synapse_sdk::{Env, ErrorKind, PluginError};

use crate::run::request::Resources;

/// The variable that says which graphics processors CUDA shows.
const CUDA: &str = "CUDA_VISIBLE_DEVICES";

/// Limits of a worker; workers with the same may be shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::run) struct Limits {
    pub(in crate::run) memory: Option<u64>,
    pub(in crate::run) open_files: Option<u64>,
    pub(in crate::run) cores: Option<usize>,
    /// Processors' time, where that is no whole number of cores.
    pub(super) quota: Option<f64>,
    gpus: Option<usize>,
}

impl Limits {
    /// # Errors
    /// [`Usage`](ErrorKind::Usage) for amounts that make no sense.
    pub(in crate::run) fn of(resources: &Resources) -> Result<Self> {
        let cores = resources.cpus.map(|cpus| whole("cpus", cpus, 1.0)).transpose()?;
        let gpus = resources.gpus.map(|gpus| whole("gpus", gpus, 0.0)).transpose()?;
        let quota = resources.cpus_in_part();
        Ok(Self { memory: resources.memory, open_files: resources.open_files, cores, quota, gpus })
    }

    /// The variables of the run, and which graphics processors it may see
    /// unless they say so themselves.
    pub(in crate::run) fn env_over(&self, env: Arc<Env>) -> Arc<Env> {
        let Some(gpus) = self.gpus.filter(|_| !env.contains(CUDA)) else { return env };
        let mut env = Env::clone(&env);
        env.set(CUDA, visible_gpus(gpus, std::env::var(CUDA).ok().as_deref()));
        Arc::new(env)
    }
}

/// The first `count` of the processors that `visible` lists, or of all.
fn visible_gpus(count: usize, visible: Option<&str>) -> String {
    let all = || (0..count).map(|number| number.to_string()).collect::<Vec<_>>();
    let listed = visible.map(|list| list.split(',').map(str::trim).take(count).map(str::to_owned).collect());
    listed.unwrap_or_else(all).join(",")
}

/// Parts of a processor are rounded up: the system keeps a process to whole ones. A quota does the rest.
fn whole(name: &str, amount: f64, least: f64) -> Result<usize> {
    if (0.0..=65_536.0).contains(&amount) {
        return Ok(amount.ceil().max(least) as usize);
    }
    Err(PluginError::new(ErrorKind::Usage, format!("--{name} {amount}: expected a number from 0 on")))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_run_sees_the_first_of_the_gpus_that_this_process_sees() {
        assert_eq!(visible_gpus(2, None), "0,1");
        assert_eq!(visible_gpus(2, Some("3, 5,7")), "3,5");
        assert_eq!(visible_gpus(0, Some("3")), "");
        let limits = Limits::of(&Resources { gpus: Some(0.5), ..Resources::default() }).unwrap();
        let own = Arc::new(Env::from([(CUDA, "4")]));
        assert_eq!(limits.env_over(Arc::clone(&own)), own);
        assert_eq!(limits.env_over(Arc::new(Env::new())).get(CUDA), Some("0"));
    }

    #[test]
    fn parts_of_a_core_are_rounded_up_and_nonsense_is_refused() {
        let cores = |cpus| Limits::of(&Resources { cpus: Some(cpus), ..Resources::default() });
        assert_eq!(cores(0.25).unwrap().cores, Some(1));
        assert_eq!(cores(1.5).unwrap().cores, Some(2));
        assert_eq!(cores(1.5).unwrap().quota, Some(1.5));
        assert_eq!(cores(2.0).unwrap().quota, None);
        assert_eq!(cores(-1.0).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(cores(f64::NAN).unwrap_err().kind(), ErrorKind::Usage);
    }
}
