//! `synapse-worker agent`: runs the actions of one plugin on a machine of a
//! cluster, for hosts elsewhere.
//!
//! It is a host of its own: it loads no code of the plugin, but keeps workers
//! warm that do, as for an isolated run here. So a plugin that crashes ends
//! its worker and nothing else, and the setup of an action is done once
//! for many hosts. It ends when its standard input does, or when nobody has been
//! connected for long.

mod connection;
mod lane;
mod place;
mod remote;

use std::io::{self, BufRead, Write};
use std::net::{IpAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use synapse_sdk::errors::{Result, ResultExt};
use synapse_sdk::{ErrorKind, PluginError};

use crate::plugin::Plugin;
use crate::worker::seal::{SECRET, Seal};
use crate::worker::socket::Socket;
pub(super) use connection::AgentLoad;
use connection::Connection;

/// A host that connects says who it is within this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Whoever had it started needs some time until it is connected.
const FIRST: Duration = Duration::from_secs(5);

/// How an agent is started.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// The plugin's file.
    pub library: PathBuf,
    /// The address it listens at, on a port that the system chooses.
    pub listen: IpAddr,
    /// It ends when nobody has been connected for so long.
    pub idle: Duration,
}

/// Serves hosts until standard input ends. The secret is the first line of it, in
/// hex; the address is the first line of standard output.
pub fn serve_agent(options: &AgentOptions) -> ExitCode {
    match listen(options) {
        Ok(never) => match never {},
        Err(error) => {
            eprintln!("synapse-worker: {error}");
            ExitCode::from(error.kind().exit_code())
        }
    }
}

enum Never {}

fn listen(options: &AgentOptions) -> Result<Never> {
    let secret = Arc::new(read_secret()?);
    let plugin = Plugin::open(&options.library, None)?;
    let listener =
        TcpListener::bind((options.listen, 0)).with_context(|| format!("listening at {}", options.listen))?;
    let presence = Arc::new(Presence::new());
    end_with_standard_input()?;
    end_when_idle(Arc::clone(&presence), options.idle)?;
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "LISTEN {}", listener.local_addr()?).and_then(|()| stdout.flush())?;
    loop {
        let Ok((stream, _)) = listener.accept() else {
            // Out of descriptors, say: some connection will end.
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let (secret, plugin, presence) = (Arc::clone(&secret), plugin.clone(), Arc::clone(&presence));
        let node = options.listen;
        let serve = move || {
            if let Ok(socket) = accept(stream, &secret) {
                let _here = presence.enter();
                Connection::serve(socket, plugin, node);
            }
        };
        // A host whose connection ends at once tries again.
        let _ = thread::Builder::new().name("connection".into()).spawn(serve);
    }
}

/// Lets in who knows the secret.
fn accept(stream: TcpStream, secret: &[u8; SECRET]) -> io::Result<Socket> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let seal = Seal::respond(&stream, secret)?;
    stream.set_read_timeout(None)?;
    let socket = Socket::sealed(stream.into(), seal).stay_awake();
    socket.notice_silence()?;
    Ok(socket)
}

/// # Errors
/// [`Usage`](ErrorKind::Usage) when it is none.
fn read_secret() -> Result<[u8; SECRET]> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    secret_of(line.trim()).ok_or_else(|| {
        PluginError::new(ErrorKind::Usage, "the first line of standard input is no secret of 64 hex digits")
    })
}

/// A secret from its hex digits.
pub(crate) fn secret_of(text: &str) -> Option<[u8; SECRET]> {
    let mut secret = [0; SECRET];
    let digits = text.as_bytes();
    if digits.len() != 2 * SECRET {
        return None;
    }
    for (byte, pair) in secret.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(secret)
}

/// The agent ends, and its workers with it.
static ENDING: AtomicBool = AtomicBool::new(false);

/// Whether a worker that ends now ends because the agent does.
fn is_ending() -> bool {
    ENDING.load(Ordering::Acquire)
}

fn end_with_standard_input() -> Result<()> {
    let wait = || {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        ENDING.store(true, Ordering::Release);
        std::process::exit(0);
    };
    thread::Builder::new().name("standard input".into()).spawn(wait)?;
    Ok(())
}

fn end_when_idle(presence: Arc<Presence>, idle: Duration) -> Result<()> {
    let look = (idle / 4).clamp(Duration::from_millis(50), Duration::from_secs(5));
    let watch = move || {
        loop {
            thread::sleep(look);
            if presence.absent_for() >= idle {
                std::process::exit(0);
            }
        }
    };
    thread::Builder::new().name("idle".into()).spawn(watch)?;
    Ok(())
}

/// Who is connected, and since when nobody is.
struct Presence {
    count: AtomicUsize,
    since: Mutex<Instant>,
}

impl Presence {
    fn new() -> Self {
        Self { count: AtomicUsize::new(0), since: Mutex::new(Instant::now() + FIRST) }
    }

    fn enter(self: &Arc<Self>) -> Present {
        self.count.fetch_add(1, Ordering::SeqCst);
        Present(Arc::clone(self))
    }

    fn absent_for(&self) -> Duration {
        match self.count.load(Ordering::SeqCst) {
            0 => self.since.lock().unwrap_or_else(PoisonError::into_inner).elapsed(),
            _ => Duration::ZERO,
        }
    }
}

struct Present(Arc<Presence>);

impl Drop for Present {
    fn drop(&mut self) {
        *self.0.since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.count.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_64_hex_digits() {
        assert_eq!(secret_of(&"0f".repeat(32)), Some([15; SECRET]));
        for wrong in ["", "0f", &"0g".repeat(32), &"0f".repeat(33), &"é".repeat(32)] {
            assert_eq!(secret_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn it_is_idle_only_while_nobody_is_there() {
        let presence = Arc::new(Presence::new());
        let here = presence.enter();
        thread::sleep(Duration::from_millis(2));
        assert_eq!(presence.absent_for(), Duration::ZERO);
        drop(here);
        thread::sleep(Duration::from_millis(2));
        assert!(presence.absent_for() >= Duration::from_millis(2));
    }
}
