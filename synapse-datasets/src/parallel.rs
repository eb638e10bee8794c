//! Work on ranges of numbers by several threads, its results in order.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many numbers a range has.
const CHUNK: usize = 256;

/// Calls `work` with ranges that together are `0..len`, and gives the results
/// in order of the ranges.
pub(crate) fn ranges<T: Send>(len: usize, work: impl Fn(Range<usize>) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let run = || {
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            if start >= len {
                return;
            }
            let result = work(start..(start + CHUNK).min(len));
            results.lock().unwrap_or_else(PoisonError::into_inner).push((start, result));
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(len.div_ceil(CHUNK)).max(1);
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    let mut results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    results.sort_by_key(|(start, _)| *start);
    results.into_iter().map(|(_, result)| result).collect()
}
