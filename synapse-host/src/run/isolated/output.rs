//! What a worker prints, line by line.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::json;
use synapse_sdk::Level;
use synapse_sdk::events::{Event, EventBody};

/// A longer line is passed on in parts.
const LINE: usize = 16 << 10;
/// How many lines are kept for whoever asks what was printed last.
const KEPT: usize = 20;
/// Of each, so many bytes.
const KEPT_LINE: usize = 500;

/// Standard output and standard error of a worker.
pub(super) struct Output(Mutex<Streams>);

struct Streams {
    both: [Lines; 2],
    last: VecDeque<String>,
}

struct Lines {
    name: &'static str,
    pipe: File,
    rest: Vec<u8>,
}

impl Output {
    /// The pipes have to be such that reading them does not wait.
    pub(super) fn new(stdout: OwnedFd, stderr: OwnedFd) -> Self {
        let lines = |name, pipe: OwnedFd| Lines { name, pipe: pipe.into(), rest: Vec::new() };
        let both = [lines("stdout", stdout), lines("stderr", stderr)];
        Self(Mutex::new(Streams { both, last: VecDeque::new() }))
    }

    pub(super) fn descriptors(&self) -> [RawFd; 2] {
        self.lock().both.each_ref().map(|lines| lines.pipe.as_raw_fd())
    }

    /// Reads what is there and hands lines on as events. A last line without
    /// an end is held back for more unless `all` is wanted. False for each pipe
    /// that has nothing more to come.
    pub(super) fn read(&self, all: bool, mut tell: impl FnMut(Event<'_>)) -> [bool; 2] {
        let mut streams = self.lock();
        let Streams { both, last } = &mut *streams;
        both.each_mut().map(|lines| {
            let mut line = |name: &str, bytes: &[u8]| {
                let text = String::from_utf8_lossy(bytes);
                keep(last, &text);
                tell(event(name, &json!({ "content": text })));
            };
            let open = lines.read(&mut line);
            if all {
                lines.end(&mut line);
            }
            open
        })
    }

    /// The last lines, oldest first.
    pub(super) fn last(&self) -> Vec<String> {
        self.lock().last.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Streams> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event<'a>(name: &'a str, data: &serde_json::Value) -> Event<'a> {
    let data = data.to_string().into();
    Event::now(None, EventBody::Log { name: name.into(), level: Level::Info, data, file: None })
}

fn keep(last: &mut VecDeque<String>, line: &str) {
    if last.len() == KEPT {
        last.pop_front();
    }
    last.push_back(line.chars().take(KEPT_LINE).collect());
}

impl Lines {
    /// False at the end of the pipe.
    fn read(&mut self, line: &mut impl FnMut(&str, &[u8])) -> bool {
        let mut buffer = [0; 16 << 10];
        loop {
            match (&self.pipe).read(&mut buffer) {
                Ok(0) => return false,
                Ok(count) => self.take(&buffer[..count], line),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
    }

    fn take(&mut self, bytes: &[u8], line: &mut impl FnMut(&str, &[u8])) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.rest.extend_from_slice(part);
            if part.ends_with(b"\n") || self.rest.len() >= LINE {
                self.end(line);
            }
        }
    }

    fn end(&mut self, line: &mut impl FnMut(&str, &[u8])) {
        if self.rest.is_empty() {
            return;
        }
        let text = self.rest.strip_suffix(b"\n").unwrap_or(&self.rest);
        line(self.name, text.strip_suffix(b"\r").unwrap_or(text));
        self.rest.clear();
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    use super::*;

    fn pipe() -> (UnixStream, OwnedFd) {
        let (writer, reader) = UnixStream::pair().unwrap();
        reader.set_nonblocking(true).unwrap();
        (writer, reader.into())
    }

    fn texts(output: &Output, all: bool) -> Vec<String> {
        let mut texts = Vec::new();
        output.read(all, |event| {
            let EventBody::Log { name, data, .. } = &event.body else { panic!("{event:?}") };
            let data: serde_json::Value = serde_json::from_str(data).unwrap();
            texts.push(format!("{name}: {}", data["content"].as_str().unwrap()));
        });
        texts
    }

    #[test]
    fn lines_are_told_whole_and_the_last_ones_kept() {
        let ((mut out, stdout), (mut err, stderr)) = (pipe(), pipe());
        let output = Output::new(stdout, stderr);
        out.write_all(b"one\ntw").unwrap();
        err.write_all(b"\xff\r\n").unwrap();
        assert_eq!(texts(&output, false), ["stdout: one", "stderr: \u{fffd}"]);
        out.write_all(b"o").unwrap();
        assert!(texts(&output, false).is_empty());
        assert_eq!(texts(&output, true), ["stdout: two"]);
        for number in 0..30 {
            writeln!(out, "{number}").unwrap();
        }
        assert_eq!(texts(&output, false).len(), 30);
        assert_eq!((output.last().len(), output.last()[0].as_str()), (KEPT, "10"));
    }

    #[test]
    fn a_line_without_an_end_takes_bounded_memory() {
        let ((mut out, stdout), (_err, stderr)) = (pipe(), pipe());
        let output = Output::new(stdout, stderr);
        for _ in 0..10 {
            out.write_all(&[b'x'; 10_000]).unwrap();
            texts(&output, false);
            assert!(output.lock().both[0].rest.capacity() < 4 * LINE);
        }
    }

    #[test]
    fn the_end_of_a_pipe_is_told() {
        let ((out, stdout), (_err, stderr)) = (pipe(), pipe());
        let output = Output::new(stdout, stderr);
        assert_eq!(output.read(false, |_| ()), [true, true]);
        drop(out);
        assert_eq!(output.read(false, |_| ()), [false, true]);
    }
}
