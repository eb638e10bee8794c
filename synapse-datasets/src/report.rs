//! Counting what is lost and what is wrong.

use crate::error::Error;
use crate::loss::LossKind;
use crate::problem::{OnError, Place, Problem, ProblemKind};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// How many examples of each kind are kept.
pub(crate) const EXAMPLES: usize = 5;

/// One case out of many.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    /// Where.
    pub place: Place,
    /// What exactly; empty if the kind says it all.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub message: String,
}

/// A kind, how often it occurred, and the first cases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tally<K> {
    /// The kind.
    pub kind: K,
    /// How often it occurred.
    pub count: u64,
    /// In how many of these the record was left out.
    pub left_out: u64,
    /// The first cases, in the source's order.
    pub examples: Vec<Example>,
}

#[derive(Clone, Debug, Default)]
struct Count {
    count: u64,
    left_out: u64,
    examples: Vec<Example>,
}

impl Count {
    fn add(&mut self, other: Count, examples: usize) {
        self.count += other.count;
        self.left_out += other.left_out;
        let room = examples.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }
}

/// Collects what is lost and what is wrong on the way.
#[derive(Clone, Debug)]
pub struct Notes {
    on_error: OnError,
    /// How many examples of each kind are kept.
    examples: usize,
    /// Losses of which no more examples are wanted.
    enough: BTreeSet<LossKind>,
    losses: BTreeMap<LossKind, Count>,
    problems: BTreeMap<ProblemKind, Count>,
}

impl Default for Notes {
    fn default() -> Self {
        Self {
            on_error: OnError::default(),
            examples: EXAMPLES,
            enough: BTreeSet::new(),
            losses: BTreeMap::new(),
            problems: BTreeMap::new(),
        }
    }
}

impl Notes {
    /// Nothing yet.
    pub fn new(on_error: OnError) -> Self {
        Self { on_error, examples: EXAMPLES, ..Self::default() }
    }

    /// Keeps so many examples of each kind.
    #[must_use]
    pub fn with_examples(self, examples: usize) -> Self {
        Self { examples, ..self }
    }

    /// Takes losses back that were none.
    pub(crate) fn forget(&mut self, kinds: &[LossKind]) {
        self.losses.retain(|kind, _| !kinds.contains(kind));
    }

    /// Notes of the same kind with nothing in them.
    pub(crate) fn empty(&self) -> Self {
        Self::new(self.on_error).with_examples(self.examples)
    }

    /// Empty notes for what comes after these. Of what there are enough
    /// examples of already, no place is asked for: to find one can take longer
    /// than to convert the record.
    pub(crate) fn following(&self) -> Self {
        let enough = self.losses.iter().filter(|(_, count)| count.examples.len() >= self.examples);
        Self { enough: enough.map(|(kind, _)| *kind).collect(), ..self.empty() }
    }

    /// Notes a problem and says whether its record is kept.
    ///
    /// # Errors
    ///
    /// The problem itself under [`OnError::Fail`].
    pub fn problem(
        &mut self,
        kind: ProblemKind,
        place: impl FnOnce() -> Place,
        message: impl Into<String>,
    ) -> Result<bool, Error> {
        let keep = kind.is_doubtful() && self.on_error == OnError::Report;
        self.count(kind, keep, place, message.into())?;
        Ok(keep)
    }

    /// Notes a problem for which its record is left out, even if other targets
    /// can do with it.
    ///
    /// # Errors
    ///
    /// The problem itself under [`OnError::Fail`].
    pub fn unusable(
        &mut self,
        kind: ProblemKind,
        place: impl FnOnce() -> Place,
        message: impl Into<String>,
    ) -> Result<(), Error> {
        self.count(kind, false, place, message.into())
    }

    fn count(
        &mut self,
        kind: ProblemKind,
        keep: bool,
        place: impl FnOnce() -> Place,
        message: String,
    ) -> Result<(), Error> {
        if self.on_error == OnError::Fail {
            return Err(Error::data(Problem { kind, place: place(), message }));
        }
        let count = self.problems.entry(kind).or_default();
        count.count += 1;
        count.left_out += u64::from(!keep);
        if count.examples.len() < self.examples {
            count.examples.push(Example { place: place(), message });
        }
        Ok(())
    }

    /// Notes `count` losses of one kind at one place.
    pub fn loss(&mut self, kind: LossKind, count: usize, place: impl FnOnce() -> Place) {
        if count == 0 {
            return;
        }
        let entry = self.losses.entry(kind).or_default();
        entry.count += count as u64;
        if entry.examples.len() < self.examples && !self.enough.contains(&kind) {
            entry.examples.push(Example { place: place(), message: String::new() });
        }
    }

    /// Adds what was noted after this.
    pub fn append(&mut self, later: Notes) {
        for (kind, count) in later.losses {
            self.losses.entry(kind).or_default().add(count, self.examples);
        }
        for (kind, count) in later.problems {
            self.problems.entry(kind).or_default().add(count, self.examples);
        }
    }

    /// The losses so far.
    pub fn losses(&self) -> Vec<Tally<LossKind>> {
        tallies(&self.losses)
    }

    /// The problems so far.
    pub fn problems(&self) -> Vec<Tally<ProblemKind>> {
        tallies(&self.problems)
    }
}

fn tallies<K: Copy>(counts: &BTreeMap<K, Count>) -> Vec<Tally<K>> {
    let tally = |(kind, count): (&K, &Count)| Tally {
        kind: *kind,
        count: count.count,
        left_out: count.left_out,
        examples: count.examples.clone(),
    };
    counts.iter().map(tally).collect()
}

/// What a conversion did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Images written.
    pub images: u64,
    /// Annotations of the source that were handed to the target.
    pub annotations: u64,
    /// Annotations of classes that were not asked for.
    #[serde(skip_serializing_if = "is_zero")]
    pub passed_over: u64,
    /// What the target could not hold.
    pub losses: Vec<Tally<LossKind>>,
    /// What was wrong in the source.
    pub problems: Vec<Tally<ProblemKind>>,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Report {
    /// How often something of this kind was lost.
    pub fn lost(&self, kind: LossKind) -> u64 {
        self.losses.iter().find(|tally| tally.kind == kind).map_or(0, |tally| tally.count)
    }

    /// How often something of this kind was wrong.
    pub fn wrong(&self, kind: ProblemKind) -> u64 {
        self.problems.iter().find(|tally| tally.kind == kind).map_or(0, |tally| tally.count)
    }
}
