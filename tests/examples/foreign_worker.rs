//! A worker that knows `docs/worker-protocol.md` and nothing of `synapse`: it
//! loads no library, but plays a few actions itself. It takes two invocations at
//! a time and ends when a host sends more.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::time::Duration;

const OUTSTANDING: usize = 2;
/// What is sent ahead has come by then.
const MOMENT: Duration = Duration::from_millis(20);

struct Frame {
    kind: u16,
    id: u64,
    payload: Vec<u8>,
}

struct Worker {
    socket: UnixStream,
    batch: u64,
}

fn main() -> io::Result<()> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [command, descriptor, number, parent, _] = &arguments[..] else { exit(2) };
    assert_eq!([command, descriptor, number, parent], ["serve", "--descriptor", "0", "--parent"]);
    let stdin = io::stdin().as_fd().try_clone_to_owned()?;
    let mut worker = Worker { socket: UnixStream::from(stdin), batch: 0 };
    worker.greet()?;
    let mut waiting = VecDeque::new();
    loop {
        let frame = match waiting.pop_front() {
            Some(frame) => frame,
            None => worker.receive()?,
        };
        if frame.kind == 5 {
            worker.receive_ahead(&mut waiting)?;
        }
        worker.take(&frame)?;
    }
}

impl Worker {
    fn greet(&mut self) -> io::Result<()> {
        let hello = self.receive()?;
        assert_eq!((hello.kind, hello.id, &hello.payload[..10]), (1, 0, &b"SYNWORK\0\x01\0"[..]));
        let facts = br#"{"software":"by the book","max_outstanding":2,"threads":1}"#;
        self.send(1, 0, &[b"SYNWORK\0\x01\0\0\0", facts])
    }

    /// What has been sent ahead must not be more than this worker takes.
    fn receive_ahead(&mut self, waiting: &mut VecDeque<Frame>) -> io::Result<()> {
        while let Some(frame) = self.receive_soon()? {
            waiting.push_back(frame);
        }
        if waiting.iter().filter(|frame| frame.kind == 5).count() >= OUTSTANDING {
            exit(9);
        }
        Ok(())
    }

    fn take(&mut self, frame: &Frame) -> io::Result<()> {
        match frame.kind {
            2 => self.send(3, frame.id, &[br#"{"plugin":"by the book"}"#]),
            4 => self.send(6, frame.id, &[b"null"]),
            5 => self.invoke(frame),
            14 => self.send(15, frame.id, &[&frame.payload]),
            16 => exit(0),
            // Of something that has ended.
            9 | 12 | 13 | 19 => Ok(()),
            kind => {
                let known = format!(r#"{{"kind":{kind},"protocol":"1.0"}}"#);
                self.send(17, frame.id, &[known.as_bytes()])
            }
        }
    }

    fn invoke(&mut self, frame: &Frame) -> io::Result<()> {
        let length = u32::from_le_bytes(number(&frame.payload)) as usize;
        let (action, params) = frame.payload[4..].split_at(length);
        match action {
            b"echo" => {
                self.report(frame.id, &[1, 3], b"spoken by the book")?;
                self.send(6, frame.id, &[params])
            }
            b"state" => {
                self.call(frame.id, "state.save/1", b"kept")?;
                let (status, kept) = self.call(frame.id, "state.load/1", b"")?;
                let text = format!("[{status},\"{}\"]", String::from_utf8_lossy(&kept));
                self.send(6, frame.id, &[text.as_bytes()])
            }
            b"waits" => self.wait_to_be_cancelled(frame.id),
            b"exits" => exit(7),
            _ => self.send(7, frame.id, &[br#"{"kind":"action_not_found","message":"not in the book"}"#]),
        }
    }

    fn wait_to_be_cancelled(&mut self, id: u64) -> io::Result<()> {
        self.report(id, &[1, 1], b"waiting")?;
        loop {
            if self.receive_soon()?.is_some_and(|frame| (frame.kind, frame.id) == (9, id)) {
                return self.send(7, id, &[br#"{"kind":"cancelled","message":"stopped by the book"}"#]);
            }
        }
    }

    /// One event: its type and level, no step, and the rest.
    fn report(&mut self, id: u64, kind: &[u8; 2], text: &[u8]) -> io::Result<()> {
        self.batch += 1;
        let length = 8 + 8 + 2 + 4 + text.len() as u32;
        let (id, time) = (id.to_le_bytes(), 1_700_000_000_000_000_000_u64.to_le_bytes());
        let parts = [&length.to_le_bytes()[..], &id, &time, kind, &[0xFF; 4], text];
        self.send(8, self.batch, &parts)
    }

    fn call(&mut self, id: u64, service: &str, body: &[u8]) -> io::Result<(i32, Vec<u8>)> {
        let (length, request) = ((service.len() as u32).to_le_bytes(), br#"{"key":"page"}"#);
        let id = id.to_le_bytes();
        let parts =
            [&id[..], &length, service.as_bytes(), &(request.len() as u32).to_le_bytes(), request, body];
        self.send(10, 77, &parts)?;
        let answer = self.receive()?;
        assert_eq!((answer.kind, answer.id), (11, 77));
        Ok((i32::from_le_bytes(number(&answer.payload)), answer.payload[4..].to_vec()))
    }

    fn send(&mut self, kind: u16, id: u64, parts: &[&[u8]]) -> io::Result<()> {
        let payload = parts.concat();
        let mut frame = (payload.len() as u32).to_le_bytes().to_vec();
        frame.extend(kind.to_le_bytes());
        frame.extend([0, 0]);
        frame.extend(id.to_le_bytes());
        frame.extend(payload);
        self.socket.write_all(&frame)
    }

    /// Waits a moment for a frame to begin.
    fn receive_soon(&mut self) -> io::Result<Option<Frame>> {
        self.socket.set_read_timeout(Some(MOMENT))?;
        let mut first = [0];
        let got = self.socket.read(&mut first);
        self.socket.set_read_timeout(None)?;
        match got {
            Ok(0) => exit(0),
            Ok(_) => self.receive_after(&first).map(Some),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The host is gone at the end of the connection.
    fn receive(&mut self) -> io::Result<Frame> {
        self.receive_after(&[])
    }

    fn receive_after(&mut self, first: &[u8]) -> io::Result<Frame> {
        let mut header = [0; 16];
        header[..first.len()].copy_from_slice(first);
        if self.socket.read_exact(&mut header[first.len()..]).is_err() {
            exit(0);
        }
        let mut payload = vec![0; u32::from_le_bytes(number(&header)) as usize];
        self.socket.read_exact(&mut payload)?;
        let (kind, id) = (u16::from_le_bytes(number(&header[4..])), u64::from_le_bytes(number(&header[8..])));
        Ok(Frame { kind, id, payload })
    }
}

fn number<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes[..N].try_into().expect("as many bytes")
}
