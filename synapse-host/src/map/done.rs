//! Which rows an earlier map has done.

use std::collections::HashMap;

/// Rows on one page of the set.
const PAGE: u64 = 1 << 16;

/// A set of row numbers: one bit a row where rows are close together.
#[derive(Debug, Default)]
pub(crate) struct DoneRows(HashMap<u64, Box<[u64]>>);

impl DoneRows {
    pub(crate) fn insert(&mut self, row: u64) {
        let page = self.0.entry(row / PAGE).or_insert_with(|| vec![0; PAGE as usize / 64].into());
        page[(row % PAGE / 64) as usize] |= 1 << (row % 64);
    }

    pub(crate) fn contains(&self, row: u64) -> bool {
        self.0.get(&(row / PAGE)).is_some_and(|page| page[(row % PAGE / 64) as usize] >> (row % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_far_apart_are_told_apart() {
        let mut done = DoneRows::default();
        let rows = [0, 63, 64, PAGE - 1, PAGE, 7 * PAGE + 65, u64::MAX];
        rows.into_iter().for_each(|row| done.insert(row));
        assert!(rows.into_iter().all(|row| done.contains(row)));
        assert!(
            [1, 62, 65, PAGE + 1, 7 * PAGE + 64, u64::MAX - 1].into_iter().all(|row| !done.contains(row))
        );
    }
}
