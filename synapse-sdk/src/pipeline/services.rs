//! What a step of a pipeline is given: the services of the run, with names of
//! its own.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::context::Context;
use crate::errors::{Result, ResultExt};
use crate::events::{Event, EventBody};
use crate::progress::ProgressBook;
use crate::services::{AgentClient, Client, RunInfo, SHARED_DIR, Services};

/// Percent with two decimals, as a count.
const PARTS: f64 = 100.0;

pub(super) struct StepServices {
    run: Arc<dyn Services>,
    /// The progress of the run, of which this step is a part.
    book: Arc<Mutex<ProgressBook>>,
    name: String,
    /// What its state is kept under.
    key: String,
    /// Another step has failed.
    halted: Arc<AtomicBool>,
}

impl StepServices {
    pub(super) fn new(ctx: &Context, name: &str, key: &str, halted: Arc<AtomicBool>) -> Self {
        let (run, book) = (Arc::clone(ctx.services()), ctx.progress_book());
        Self { run, book, name: name.to_owned(), key: key.to_owned(), halted }
    }
}

impl Services for StepServices {
    fn emit(&self, mut event: Event<'_>) {
        event.step = Some(match event.step {
            Some(inner) => format!("{}.{inner}", self.name).into(),
            None => self.name.clone().into(),
        });
        let EventBody::Progress(progress) = &mut event.body else { return self.run.emit(event) };
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        // How far the step is tells how far the run is.
        let (done, all) = ((progress.overall * PARTS) as u64, (100.0 * PARTS) as u64);
        if let Ok(of_run) = book.report(&self.name, done.min(all), all, Instant::now()) {
            progress.overall = of_run.overall;
        }
        // Emitted under the lock, so that reports leave in the order they were made.
        self.run.emit(event);
    }

    fn is_cancelled(&self) -> bool {
        self.halted.load(Ordering::Relaxed) || self.run.is_cancelled()
    }

    fn info(&self) -> Result<RunInfo> {
        let mut info = self.run.info()?;
        // Steps share folders as nodes of a pipeline of plugins do.
        if !info.env.contains(SHARED_DIR) {
            info.env.set(SHARED_DIR, self.run.work_dir()?.display().to_string());
        }
        Ok(info)
    }

    fn work_dir(&self) -> Result<PathBuf> {
        let folder = self.run.work_dir()?.join(&self.key);
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(folder)
    }

    fn save_state(&self, key: &str, bytes: &[u8]) -> Result<()> {
        self.run.save_state(&format!("{}.{key}", self.key), bytes)
    }

    fn load_state(&self, key: &str) -> Result<Option<Vec<u8>>> {
        self.run.load_state(&format!("{}.{key}", self.key))
    }

    fn client(&self) -> Option<&dyn Client> {
        self.run.client()
    }

    fn agent_client(&self) -> Option<&dyn AgentClient> {
        self.run.agent_client()
    }
}
