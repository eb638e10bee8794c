//! Events on their way from an action to whoever listens.
//!
//! Two buffers change places: the action fills one while the listener empties
//! the other. Events lie in them as bytes and become events of their own where
//! they are taken: memory that one thread asks for and another gives back costs
//! more than all else about an event. What waits is bounded in bytes; an action
//! faster than its listener for long waits, and the waits are counted. Progress
//! that the listener has not seen yet gives way to newer progress of the same
//! step; messages, log entries and metrics are never dropped. Without a
//! listener only metrics are kept.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use synapse_sdk::events::{Event, EventBody};

use super::outcome::Metrics;
use crate::worker::event_codec::{Entry, encode, encoded_size, entries};

/// An action waits when this many bytes of events are not yet taken.
const CAPACITY: usize = 16 << 20;

/// A listener is woken no more often than this while events keep coming: waking
/// it for each costs more than all else about an event.
const PACE: Duration = Duration::from_millis(1);

#[derive(Default)]
pub(super) struct Stream {
    sink: Option<Arc<dyn Sink>>,
    filling: Mutex<Filling>,
    filled: Condvar,
    emptied: Condvar,
}

#[derive(Default)]
struct Filling {
    events: Vec<u8>,
    /// Bytes of the events once they are taken, nearly.
    bytes: usize,
    /// Where the last event begins, if it is progress that newer progress may replace.
    replaceable: Option<usize>,
    /// What `events` was before, emptied.
    spare: Vec<u8>,
    metrics: Metrics,
    listened: bool,
    closed: bool,
    waits: u64,
    /// When the listener last took some.
    taken: Option<Instant>,
    /// Told once there is room again.
    on_room: Option<OnRoom>,
}

pub(super) type OnRoom = Box<dyn FnOnce() + Send>;

/// Takes events at once, in place of the buffers.
pub(super) trait Sink: Send + Sync {
    /// True when whoever makes the events should wait.
    fn take(&self, event: &Event<'_>) -> bool;

    /// Calls `tell` once there is room again, or now if there is.
    fn on_room(&self, tell: OnRoom);
}

impl Stream {
    /// A stream that somebody empties.
    pub(super) fn listened() -> Self {
        let filling = Filling { listened: true, ..Filling::default() };
        Self { filling: Mutex::new(filling), ..Self::default() }
    }

    /// A stream that leads elsewhere.
    pub(super) fn into_sink(sink: Arc<dyn Sink>) -> Self {
        Self { sink: Some(sink), ..Self::default() }
    }

    pub(super) fn push(&self, event: Event<'_>) {
        if let Some(sink) = &self.sink {
            sink.take(&event);
            return;
        }
        let mut filling = self.lock();
        filling.metrics.take(&event);
        if !filling.listened || filling.closed {
            return;
        }
        while filling.bytes > CAPACITY && !filling.closed {
            filling.waits += 1;
            self.filled.notify_one();
            filling = self.emptied.wait(filling).unwrap_or_else(PoisonError::into_inner);
        }
        let was_empty = filling.add(event);
        drop(filling);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// As [`push`](Self::push), for a thread that has to go on. True when
    /// whoever makes the events should wait: [`on_room`](Self::on_room) tells
    /// until when.
    pub(super) fn push_without_waiting(&self, event: Event<'_>) -> bool {
        if let Some(sink) = &self.sink {
            return sink.take(&event);
        }
        let mut filling = self.lock();
        filling.metrics.take(&event);
        if !filling.listened || filling.closed {
            return false;
        }
        let was_empty = filling.add(event);
        let full = filling.bytes > CAPACITY && filling.on_room.is_none();
        filling.waits += u64::from(full);
        drop(filling);
        if was_empty || full {
            self.filled.notify_one();
        }
        full
    }

    /// Calls `tell` once events were taken, or now if there is room.
    pub(super) fn on_room(&self, tell: OnRoom) {
        if let Some(sink) = &self.sink {
            return sink.on_room(tell);
        }
        let mut filling = self.lock();
        if filling.bytes > CAPACITY && !filling.closed {
            filling.on_room = Some(tell);
        } else {
            drop(filling);
            tell();
        }
    }

    /// Moves what was pushed into `batch`, after waiting for it no longer than
    /// until `deadline`. False when the stream is closed and empty.
    pub(super) fn take(&self, batch: &mut Vec<Event<'static>>, deadline: Option<Instant>) -> bool {
        batch.clear();
        let mut filling = self.lock();
        while filling.events.is_empty() && !filling.closed {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return true;
            }
            filling = match left {
                Some(left) => {
                    let waited = self.filled.wait_timeout(filling, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.filled.wait(filling).unwrap_or_else(PoisonError::into_inner),
            };
        }
        let mut filling = self.gather(filling);
        let spare = std::mem::take(&mut filling.spare);
        let events = std::mem::replace(&mut filling.events, spare);
        (filling.bytes, filling.replaceable) = (0, None);
        filling.taken = Some(Instant::now());
        let more = !(events.is_empty() && filling.closed);
        let on_room = filling.on_room.take();
        drop(filling);
        self.emptied.notify_all();
        if let Some(tell) = on_room {
            tell();
        }
        batch.extend(events_of(&events).map(Event::into_owned));
        self.keep(events);
        more
    }

    /// Keeps a buffer for the next time, unless one large event made it large.
    fn keep(&self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= CAPACITY {
            buffer.clear();
            self.lock().spare = buffer;
        }
    }

    /// Waits until it is time for the listener to take again.
    fn gather<'s>(&'s self, mut filling: MutexGuard<'s, Filling>) -> MutexGuard<'s, Filling> {
        let Some(until) = filling.taken.map(|taken| taken + PACE) else { return filling };
        while !filling.closed && filling.bytes <= CAPACITY {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            filling = self.filled.wait_timeout(filling, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        filling
    }

    /// Nothing more comes; what is there can still be taken.
    pub(super) fn close(&self) {
        let mut filling = self.lock();
        filling.closed = true;
        let on_room = filling.on_room.take();
        drop(filling);
        self.filled.notify_all();
        self.emptied.notify_all();
        if let Some(tell) = on_room {
            tell();
        }
    }

    pub(super) fn metrics(&self) -> Metrics {
        self.lock().metrics.clone()
    }

    /// How often an action had to wait for its listener.
    pub(super) fn waits(&self) -> u64 {
        self.lock().waits
    }

    fn lock(&self) -> MutexGuard<'_, Filling> {
        self.filling.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Filling {
    /// True when there was nothing before.
    fn add(&mut self, event: Event<'_>) -> bool {
        let was_empty = self.events.is_empty();
        match self.superseded(&event) {
            Some(at) => self.events.truncate(at),
            None => self.bytes += size(&event),
        }
        let at = self.events.len();
        self.events.resize(at + encoded_size(&event), 0);
        encode(0, &event, &mut self.events[at..]);
        self.replaceable = is_under_way(&event).then_some(at);
        was_empty
    }

    /// Where the last event begins, when it is progress that `event` supersedes.
    fn superseded(&self, event: &Event<'_>) -> Option<usize> {
        let at = self.replaceable.filter(|_| matches!(event.body, EventBody::Progress(_)))?;
        let last = events_of(&self.events[at..]).next()?;
        (last.step == event.step).then_some(at)
    }
}

/// The first and last report of a step are kept: they mark its start and its end.
fn is_under_way(event: &Event<'_>) -> bool {
    let EventBody::Progress(progress) = &event.body else { return false };
    0 < progress.current && progress.current < progress.total
}

fn events_of(buffer: &[u8]) -> impl Iterator<Item = Event<'_>> {
    entries(buffer).filter_map(|(_, entry)| match entry {
        Entry::Event(event) => Some(event),
        Entry::End(..) => None,
    })
}

/// Bytes an event occupies, nearly.
fn size(event: &Event<'_>) -> usize {
    let text = match &event.body {
        EventBody::Message { text, .. } => text.len(),
        EventBody::Log { name, data, file, .. } => {
            name.len() + data.len() + file.as_deref().map_or(0, str::len)
        }
        EventBody::Metrics { values } => values.len(),
        EventBody::Progress(_) => 0,
        _ => 0,
    };
    size_of::<Event<'_>>() + text
}

#[cfg(test)]
mod tests {
    use synapse_sdk::Level;
    use synapse_sdk::events::Progress;

    use super::*;

    fn progress(current: u64) -> Event<'static> {
        progress_of("train", current)
    }

    fn progress_of(step: &'static str, current: u64) -> Event<'static> {
        let body =
            Progress { current, total: 100, percent: current as f64, time_remaining: None, overall: 0.0 };
        Event::now(Some(step), EventBody::Progress(body))
    }

    fn drain(stream: &Stream) -> Vec<Event<'static>> {
        let (mut all, mut batch) = (Vec::new(), Vec::new());
        stream.close();
        while stream.take(&mut batch, None) {
            all.append(&mut batch);
        }
        all
    }

    #[test]
    fn unseen_progress_gives_way_to_newer_but_first_and_last_stay() {
        let stream = Stream::listened();
        for current in 0..=100 {
            stream.push(progress(current));
        }
        stream.push(Event::message(Level::Info, "between"));
        stream.push(progress(100));
        let currents: Vec<_> = drain(&stream)
            .iter()
            .map(|event| match event.body {
                EventBody::Progress(progress) => progress.current,
                _ => u64::MAX,
            })
            .collect();
        assert_eq!(currents, [0, 100, u64::MAX, 100]);
    }

    #[test]
    fn progress_gives_way_to_that_of_its_own_step_and_only_until_it_is_taken() {
        let stream = Stream::listened();
        let mut batch = Vec::new();
        let mut taken_after = |events: Vec<Event<'static>>| {
            events.into_iter().for_each(|event| stream.push(event));
            assert!(stream.take(&mut batch, Some(Instant::now())));
            let shown = |event: &Event<'_>| match &event.body {
                EventBody::Progress(progress) => {
                    format!("{} {}", event.step.as_deref().unwrap_or_default(), progress.current)
                }
                other => format!("{other:?}"),
            };
            batch.iter().map(shown).collect::<Vec<_>>()
        };
        let several = ["train", "evaluate", "train", "train"].map(|step| progress_of(step, 7));
        assert_eq!(taken_after(several.into()), ["train 7", "evaluate 7", "train 7"]);
        assert_eq!(taken_after(vec![progress(8)]), ["train 8"]);
        assert_eq!(taken_after(vec![]), [""; 0]);
        assert_eq!(taken_after(vec![progress(9), progress(10)]), ["train 10"]);
    }

    #[test]
    fn nothing_is_lost_when_the_listener_is_slow() {
        let stream = Arc::new(Stream::listened());
        let long = "x".repeat(1 << 20);
        let producer = std::thread::spawn({
            let stream = Arc::clone(&stream);
            move || {
                for _ in 0..200 {
                    stream.push(Event::message(Level::Info, &long));
                }
                stream.close();
            }
        });
        while stream.waits() == 0 && !producer.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let (mut count, mut batch) = (0, Vec::new());
        while stream.take(&mut batch, None) {
            count += batch.len();
        }
        producer.join().expect("the producer ends");
        assert_eq!(count, 200);
        assert!(stream.waits() > 0, "200 MiB went through 16 MiB without a wait");
    }

    #[test]
    fn without_a_listener_metrics_are_still_there() {
        let stream = Stream::default();
        for loss in [0.9, 0.5] {
            let values = format!(r#"{{"loss":{loss}}}"#);
            stream.push(Event::now(Some("train"), EventBody::Metrics { values: values.into() }));
        }
        assert_eq!(stream.metrics().to_value(), serde_json::json!({ "train": { "loss": 0.5 } }));
        assert!(drain(&stream).is_empty());
    }
}
