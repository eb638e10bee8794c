//! `synapse` at a terminal: what a person sees there, and types.

use std::io::{Read, Write};
use std::num::NonZero;
use std::os::fd::AsRawFd;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::{Pty, open};
use vt100::Parser;

const ROWS: u16 = 40;
const COLUMNS: u16 = 100;

/// No answer may take longer.
const LIMIT: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(2);

/// The return key.
pub const ENTER: &str = "\r";
/// An arrow key.
pub const UP: &str = "\x1b[A";
/// An arrow key.
pub const DOWN: &str = "\x1b[B";
/// What interrupts.
pub const CTRL_C: &str = "\x03";

/// A terminal in which a command runs. The command ends with it.
pub struct Terminal {
    child: Child,
    pty: Arc<Pty>,
    screen: Arc<Mutex<Parser>>,
    /// Ends with the last process at the terminal.
    reader: JoinHandle<()>,
}

impl Terminal {
    pub(crate) fn start(mut command: Command) -> Self {
        let (pty, pts) = open().expect("a pseudo-terminal");
        pty.resize(Size::new(ROWS, COLUMNS)).expect("a size");
        command.env("TERM", "xterm-256color");
        let child = pty_process::blocking::Command::from(command).spawn(pts).expect("it can be started");
        let of = |count| NonZero::new(count).expect("it has a size");
        let screen = Arc::new(Mutex::new(Parser::new(of(ROWS), of(COLUMNS), 0)));
        let pty = Arc::new(pty);
        let (output, shown) = (Arc::clone(&pty), Arc::clone(&screen));
        let reader = thread::spawn(move || {
            let mut buffer = [0; 4096];
            // An error is how the end of the last process at a terminal is told.
            while let Ok(count @ 1..) = (&*output).read(&mut buffer) {
                shown.lock().unwrap_or_else(PoisonError::into_inner).process(&buffer[..count]);
            }
        });
        Self { child, pty, screen, reader }
    }

    /// What is on the screen, without blanks at the ends of lines.
    pub fn shown(&self) -> String {
        let contents = self.screen.lock().unwrap_or_else(PoisonError::into_inner).screen().contents();
        contents.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    /// Waits until `text` is on the screen.
    #[track_caller]
    pub fn until_it_shows(&self, text: &str) -> &Self {
        let deadline = Instant::now() + LIMIT;
        while !self.shown().contains(text) {
            assert!(Instant::now() < deadline, "`{text}` does not appear:\n{}", self.shown());
            thread::sleep(LOOK);
        }
        self
    }

    /// Presses keys. One that interrupts is pressed once keys are read one by one: before that the
    /// terminal itself would make a signal of it.
    #[track_caller]
    pub fn types(&self, keys: &str) -> &Self {
        let deadline = Instant::now() + LIMIT;
        while keys == CTRL_C && self.reads_lines() {
            assert!(Instant::now() < deadline, "no key is waited for:\n{}", self.shown());
            thread::sleep(LOOK);
        }
        (&*self.pty).write_all(keys.as_bytes()).expect("it reads what is typed");
        self
    }

    #[expect(unsafe_code, reason = "asks the system how the terminal is set")]
    fn reads_lines(&self) -> bool {
        let mut set = std::mem::MaybeUninit::<libc::termios>::uninit();
        // SAFETY: the descriptor is open, and what was filled in is read only if it was.
        let set = unsafe {
            assert_eq!(
                libc::tcgetattr(self.pty.as_raw_fd(), set.as_mut_ptr()),
                0,
                "a terminal is set somehow"
            );
            set.assume_init()
        };
        set.c_lflag & libc::ICANON != 0
    }

    /// Waits for its end, which has to have this exit code, and gives what is on
    /// the screen then.
    #[track_caller]
    pub fn code(mut self, code: i32) -> String {
        let deadline = Instant::now() + LIMIT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            assert!(Instant::now() < deadline, "it did not end:\n{}", self.shown());
            thread::sleep(LOOK);
        };
        // What it wrote last may not have been read yet.
        while !self.reader.is_finished() {
            assert!(Instant::now() < deadline, "something else is at the terminal still:\n{}", self.shown());
            thread::sleep(LOOK);
        }
        assert_eq!(status.code(), Some(code), "exit code of what showed\n{}", self.shown());
        self.shown()
    }

    /// Whether the cursor can be seen.
    pub fn has_cursor(&self) -> bool {
        !self.screen.lock().unwrap_or_else(PoisonError::into_inner).screen().hide_cursor()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
