//! What this process is doing, kept where a signal handler can read it: no
//! locks, no allocation. A reader may see a name half replaced by the next.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};

const ROOM: usize = 96;

/// A short text that may be read at any moment.
struct Note {
    length: AtomicUsize,
    bytes: [AtomicU8; ROOM],
}

impl Note {
    const fn empty() -> Self {
        Self { length: AtomicUsize::new(0), bytes: [const { AtomicU8::new(0) }; ROOM] }
    }

    /// Writing is left out where the text is there already: calls of one
    /// action in a row are the usual case.
    fn set(&self, text: &str) {
        if self.holds(text) {
            return;
        }
        let bytes = &text.as_bytes()[..text.len().min(ROOM)];
        self.length.store(0, Ordering::Relaxed);
        for (slot, byte) in self.bytes.iter().zip(bytes) {
            slot.store(*byte, Ordering::Relaxed);
        }
        self.length.store(bytes.len(), Ordering::Release);
    }

    fn holds(&self, text: &str) -> bool {
        let length = self.length.load(Ordering::Relaxed);
        length == text.len().min(ROOM)
            && self.bytes[..length]
                .iter()
                .zip(text.as_bytes())
                .all(|(slot, byte)| slot.load(Ordering::Relaxed) == *byte)
    }

    fn read(&self, into: &mut [u8; ROOM]) -> usize {
        let length = self.length.load(Ordering::Acquire).min(ROOM);
        for (target, slot) in into.iter_mut().zip(&self.bytes[..length]) {
            *target = slot.load(Ordering::Relaxed);
        }
        length
    }
}

static PLUGIN: Note = Note::empty();
static ACTION: Note = Note::empty();
static STEP: Note = Note::empty();
static PERCENT: AtomicU32 = AtomicU32::new(0);
static RUNNING: AtomicU32 = AtomicU32::new(0);
static RECORDED: AtomicU64 = AtomicU64::new(0);
static TURNS: AtomicU64 = AtomicU64::new(0);

pub(super) fn begin(plugin: &str, action: &str) {
    PLUGIN.set(plugin);
    ACTION.set(action);
    STEP.set("");
    RUNNING.fetch_add(1, Ordering::Release);
}

pub(super) fn end() {
    RUNNING.fetch_sub(1, Ordering::Release);
}

pub(super) fn progress(step: &str, percent: f64) {
    STEP.set(step);
    PERCENT.store(percent as u32, Ordering::Relaxed);
}

/// Some events of a run have been recorded.
pub(super) fn recorded() {
    RECORDED.fetch_add(1, Ordering::Release);
}

/// All events that were there when they were taken have been recorded.
pub(super) fn end_of_turn() {
    TURNS.fetch_add(1, Ordering::Release);
}

/// What was going on, as bytes of UTF-8.
pub struct Flight {
    texts: [[u8; ROOM]; 3],
    lengths: [usize; 3],
    /// Of the last step, `0..=100`.
    pub percent: u32,
}

impl Flight {
    /// What the last run that was started is doing; `None` when no action is
    /// running. Safe to call from a signal handler.
    pub fn now() -> Option<Self> {
        if RUNNING.load(Ordering::Acquire) == 0 {
            return None;
        }
        let mut flight =
            Self { texts: [[0; ROOM]; 3], lengths: [0; 3], percent: PERCENT.load(Ordering::Relaxed) };
        for (index, note) in [&PLUGIN, &ACTION, &STEP].into_iter().enumerate() {
            flight.lengths[index] = note.read(&mut flight.texts[index]);
        }
        Some(flight)
    }

    /// A number that grows while events are being recorded. Safe to call from a
    /// signal handler.
    pub fn recorded() -> u64 {
        RECORDED.load(Ordering::Acquire)
    }

    /// How often all events that were there have been taken and recorded. Safe
    /// to call from a signal handler.
    pub fn turns() -> u64 {
        TURNS.load(Ordering::Acquire)
    }

    /// The plugin's code.
    pub fn plugin(&self) -> &[u8] {
        &self.texts[0][..self.lengths[0]]
    }

    /// The action's name.
    pub fn action(&self) -> &[u8] {
        &self.texts[1][..self.lengths[1]]
    }

    /// The step that last reported progress; empty when none did.
    pub fn step(&self) -> &[u8] {
        &self.texts[2][..self.lengths[2]]
    }
}
