//! Which workers a map gets on a cluster.

use std::collections::BTreeSet;

use synapse_ray::{Address, Client};
use synapse_sdk::errors::Result;

use super::actor::{Worker, failure, runtime};
use super::driver::Driver;
use super::nodes::{Nodes, room_in};

/// The workers that are there, and those that the cluster has room for.
pub(super) struct Room {
    /// By their numbers.
    pub(super) workers: Vec<usize>,
    /// Kept for the connections that are made next.
    _driver: Option<Driver>,
}

impl Room {
    /// Whether there is room or not: a run waits for it.
    pub(super) fn for_one() -> Self {
        Self { workers: vec![0], _driver: None }
    }

    /// `most` at most, and at least one. `first` is the worker with number 0.
    ///
    /// # Errors
    /// The cluster cannot be reached, or can never grant what a worker needs.
    pub(super) fn find(first: &Worker, most: usize) -> Result<Self> {
        let asking = async {
            let address = Address::resolve(&first.options.address).map_err(failure)?;
            let client = Client::connect(&address).await.map_err(failure)?;
            let keys = client.kv_list(first.key()).await.map_err(failure)?;
            let there: BTreeSet<usize> = keys.iter().filter_map(|key| number_of(key, &first.key())).collect();
            if there.len() >= most {
                return Ok(Self { workers: there.into_iter().take(most).collect(), _driver: None });
            }
            let driver = Driver::of(&client).await?;
            let (nodes, wanted) = (Nodes::of(&driver).await?, first.wanted());
            nodes.check_feasible(&wanted)?;
            // What single nodes have free is not told.
            let free = room_in(&driver.available_resources().await.map_err(failure)?, &wanted);
            let more = free.min(nodes.room(&wanted).saturating_sub(there.len()));
            Ok(Self { workers: numbers(&there, more, most), _driver: Some(driver) })
        };
        runtime()?.block_on(asking)
    }
}

/// The number of a worker, from the key of its address and that of the first.
fn number_of(key: &[u8], first: &str) -> Option<usize> {
    match key.strip_prefix(first.as_bytes())? {
        b"" => Some(0),
        rest => std::str::from_utf8(rest).ok()?.strip_prefix('-')?.parse().ok(),
    }
}

/// Those that are there, and so many others.
fn numbers(there: &BTreeSet<usize>, more: usize, most: usize) -> Vec<usize> {
    let count = there.len().saturating_add(more).clamp(1, most);
    let others = (0..).filter(|number| !there.contains(number));
    there.iter().copied().chain(others).take(count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_that_are_there_are_told_by_their_keys() {
        assert_eq!(number_of(b"synapse/worker/a-1f", "synapse/worker/a-1f"), Some(0));
        assert_eq!(number_of(b"synapse/worker/a-1f-12", "synapse/worker/a-1f"), Some(12));
        assert_eq!(number_of(b"synapse/worker/a-1f2-1", "synapse/worker/a-1f"), None);
        assert_eq!(number_of(b"synapse/worker/b", "synapse/worker/a-1f"), None);
    }

    #[test]
    fn those_that_are_there_come_first_and_no_others_than_have_room() {
        let numbers = |there: &[usize], more, most| numbers(&there.iter().copied().collect(), more, most);
        assert_eq!(numbers(&[], 3, 8), [0, 1, 2]);
        assert_eq!(numbers(&[1, 3], 2, 8), [1, 3, 0, 2]);
        assert_eq!(numbers(&[1, 3], 9, 3), [1, 3, 0]);
        assert_eq!(numbers(&[3], 0, 8), [3]);
        assert_eq!(numbers(&[], 0, 8), [0], "one waits for room");
        assert_eq!(numbers(&[0], usize::MAX, 2), [0, 1]);
    }
}
