//! A screen that keeps itself up to date.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use synapse_sdk::events::Event;

use super::screen::{FRAME, Screen, Size};
use super::sink::Sink;

/// Draws a [`Screen`] on the terminal behind stderr. While steps are shown a
/// thread redraws them, so that what was held back appears and times move on
/// while nothing happens.
#[derive(Debug)]
pub(super) struct Live {
    shared: Arc<Shared>,
    ticker: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    started: Instant,
    sink: Sink,
    state: Mutex<State>,
    stop: Condvar,
}

#[derive(Debug)]
struct State {
    screen: Screen,
    stopped: bool,
}

impl Live {
    pub(super) fn new(look: super::look::Look, debug: bool, sink: Sink) -> Self {
        let screen = Screen::new(look, debug, size());
        let state = Mutex::new(State { screen, stopped: false });
        let shared = Shared { started: Instant::now(), sink, state, stop: Condvar::new() };
        Self { shared: Arc::new(shared), ticker: None }
    }

    pub(super) fn event(&mut self, event: &Event<'_>) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        state.screen.event(event, now);
        if state.screen.is_due(now) {
            self.shared.draw(&mut state.screen);
        }
        let needs_ticker = state.screen.has_steps() && self.ticker.is_none();
        drop(state);
        if needs_ticker {
            self.start_ticker();
        }
    }

    pub(super) fn note(&mut self, text: &str) {
        let mut state = self.shared.lock();
        state.screen.note(text);
        self.shared.draw(&mut state.screen);
    }

    /// Shows how the steps ended and leaves them where they are.
    pub(super) fn finish(&mut self, success: bool) {
        let now = self.shared.now();
        let mut state = self.shared.lock();
        state.screen.finish(success, now);
        self.shared.draw(&mut state.screen);
        state.screen.release();
        drop(state);
        self.stop_ticker();
    }

    fn start_ticker(&mut self) {
        let shared = Arc::clone(&self.shared);
        self.shared.lock().stopped = false;
        let builder = std::thread::Builder::new().name("synapse-output".to_owned());
        // Without a thread events still draw, only time stands still between them.
        self.ticker = builder.spawn(move || shared.tick()).ok();
    }

    fn stop_ticker(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.stop.notify_all();
        if let Some(ticker) = self.ticker.take() {
            let _ = ticker.join();
        }
    }
}

/// Output that ends without [`finish`](Live::finish) still shows all it was told.
impl Drop for Live {
    fn drop(&mut self) {
        self.stop_ticker();
        self.shared.draw(&mut self.shared.lock().screen);
    }
}

impl Shared {
    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw(&self, screen: &mut Screen) {
        let frame = screen.frame(size(), self.now());
        if !frame.is_empty() {
            self.sink.tell(&frame);
        }
    }

    fn tick(&self) {
        let mut state = self.lock();
        while !state.stopped {
            let waited = self.stop.wait_timeout(state, FRAME);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if !state.stopped && state.screen.is_due(self.now()) {
                self.draw(&mut state.screen);
            }
        }
    }
}

/// Of the terminal behind stderr, asked anew each time as it may change.
fn size() -> Size {
    match terminal_size::terminal_size_of(std::io::stderr()) {
        Some((columns, rows)) => Size { columns: columns.0.into(), rows: rows.0.into() },
        None => Size { columns: 80, rows: 24 },
    }
}
