//! Runs async bodies to their end on the calling thread.
//!
//! Without the `async` feature a small parker polls the future: enough for
//! channels, joins and libraries that bring their own runtime. With it, a tokio
//! runtime, made once per plugin when first needed, drives timers and sockets.

use std::future::Future;

use crate::context::Context;
use crate::errors::{PluginError, Result};

/// How long a waiting future may go without a look at the cancel flag.
const LOOK: std::time::Duration = std::time::Duration::from_millis(20);

/// Runs `future` to its end, or until the run is cancelled: the future is then
/// dropped at its last `await`.
#[cfg(not(feature = "async"))]
pub fn block_on<T>(ctx: &Context, future: impl Future<Output = Result<T>>) -> Result<T> {
    use std::pin::pin;
    use std::sync::Arc;
    use std::task::{self, Poll, Wake, Waker};
    use std::thread::{self, Thread};

    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut task = task::Context::from_waker(&waker);
    loop {
        if let Poll::Ready(outcome) = future.as_mut().poll(&mut task) {
            return outcome;
        }
        if ctx.is_cancelled() {
            return Err(PluginError::cancelled());
        }
        thread::park_timeout(LOOK);
    }
}

/// Runs `future` to its end, or until the run is cancelled: the future is then
/// dropped at its last `await`.
#[cfg(feature = "async")]
pub fn block_on<T>(ctx: &Context, future: impl Future<Output = Result<T>>) -> Result<T> {
    let cancelled = async {
        while !ctx.is_cancelled() {
            tokio::time::sleep(LOOK).await;
        }
    };
    runtime()?.block_on(async {
        tokio::select! {
            biased;
            outcome = future => outcome,
            () = cancelled => Err(PluginError::cancelled()),
        }
    })
}

#[cfg(feature = "async")]
fn runtime() -> Result<&'static tokio::runtime::Runtime> {
    use std::sync::OnceLock;

    static RUNTIME: OnceLock<std::io::Result<tokio::runtime::Runtime>> = OnceLock::new();
    let made = RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("synapse-async")
            .enable_all()
            .build()
    });
    made.as_ref().map_err(|error| {
        PluginError::new(crate::errors::ErrorKind::Internal, format!("starting the async runtime: {error}"))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::errors::ErrorKind;
    use crate::testing::LocalExecutor;

    #[test]
    fn a_future_woken_from_another_thread_ends() {
        let (sender, receiver) = std::sync::mpsc::channel::<std::task::Waker>();
        std::thread::spawn(move || receiver.recv().unwrap().wake());
        let mut polls = 0;
        let future = std::future::poll_fn(|task| {
            polls += 1;
            if polls == 1 {
                sender.send(task.waker().clone()).unwrap();
                return std::task::Poll::Pending;
            }
            std::task::Poll::Ready(Ok(polls))
        });
        let ctx = LocalExecutor::new().context();
        assert_eq!(block_on(&ctx, future).unwrap(), 2);
    }

    #[test]
    fn a_cancelled_run_leaves_a_future_that_never_ends() {
        let executor = LocalExecutor::new();
        executor.cancel();
        let error = block_on(&executor.context(), std::future::pending::<Result<()>>()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Cancelled);
    }
}
