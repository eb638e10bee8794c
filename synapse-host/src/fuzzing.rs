//! Ways in for the programs of `fuzz/`: each feeds bytes to something that
//! reads what comes from outside. Only built by them.

use std::io::{self, Cursor, Read, Write};
use std::os::unix::net::UnixStream;

use crate::worker::event_codec::{self, Entry};
use crate::worker::frame::FrameReader;
use crate::worker::protocol::{Hello, Kind, ServiceCall, read_answer, read_invoke};
use crate::worker::seal::Seal;

/// A connection's bytes: frames, and what lies in those that are known.
pub fn frames(bytes: &[u8]) {
    let (mut reader, mut source) = (FrameReader::new(), Cursor::new(bytes));
    while let Ok(frame) = reader.next(&mut source) {
        let payload = &*frame.payload;
        match Kind::of(frame.header.kind) {
            Some(Kind::Hello) => drop(Hello::decode(payload)),
            Some(Kind::Invoke | Kind::Validate) => drop(read_invoke(payload)),
            Some(Kind::Events) => events(payload),
            Some(Kind::Call) => assert_call_comes_back(payload),
            Some(Kind::Answer) => drop(read_answer(payload)),
            Some(Kind::Error) => drop(synapse_sdk::PluginError::from_json(payload)),
            _ => {}
        }
    }
}

/// A batch of events.
pub fn events(bytes: &[u8]) {
    for (invocation, entry) in event_codec::entries(bytes) {
        let again = match &entry {
            Entry::Event(event) => {
                let mut again = vec![0; event_codec::encoded_size(event)];
                event_codec::encode(invocation, event, &mut again);
                again
            }
            Entry::End(end, bytes) => {
                let mut again = vec![0; event_codec::end_size(bytes.len())];
                event_codec::encode_end(invocation, *end, bytes, &mut again);
                again
            }
        };
        let read: Vec<_> = event_codec::entries(&again).collect();
        let same =
            read.iter().any(|(id, one)| *id == invocation && format!("{one:?}") == format!("{entry:?}"));
        assert!(same, "{entry:?} came back as {read:?}");
    }
}

fn assert_call_comes_back(payload: &[u8]) {
    if let Some(call) = ServiceCall::decode(payload) {
        assert_eq!([&call.head(), call.body].concat(), payload);
    }
}

/// An encrypted connection. The bytes say how what is sent is damaged, and in
/// pieces of which size it comes; and they are what a stranger says.
pub fn seal(bytes: &[u8]) {
    let stranger = Stranger(Cursor::new(bytes));
    assert!(Seal::respond(stranger, &[7; 32]).is_err(), "a stranger was let in");
    let [size, damages, rest @ ..] = bytes else { return };
    let count = usize::from(*damages % 4).min(rest.len() / 3);
    let (damages, plain) = rest.split_at(3 * count);
    let (near, far) = ends();
    let mut wire = Vec::new();
    let sent = near.send(&[plain, b"the end"], |bytes| {
        wire.extend_from_slice(bytes);
        Ok(())
    });
    assert!(sent.is_ok(), "{sent:?}");
    let whole = wire.clone();
    for damage in damages.chunks_exact(3) {
        let place = usize::from(u16::from_le_bytes([damage[0], damage[1]])) % wire.len();
        wire[place] ^= damage[2];
    }
    let piece = 1 + usize::from(*size);
    let (mut source, mut out, mut buffer) = (&wire[..], Vec::new(), vec![0; piece]);
    let mut receive = |into: &mut [u8]| {
        let (now, later) = source.split_at(source.len().min(into.len()).min(piece));
        into[..now.len()].copy_from_slice(now);
        source = later;
        Ok(now.len())
    };
    while let Ok(count @ 1..) = far.receive(&mut buffer, &mut receive) {
        out.extend_from_slice(&buffer[..count]);
    }
    let meant = [plain, b"the end"].concat();
    assert!(meant.starts_with(&out), "something else came out");
    assert!(wire != whole || out == meant, "what was not damaged did not come out");
}

/// Both ends of a connection, which know each other.
fn ends() -> (Seal, Seal) {
    let (near, far) = UnixStream::pair().expect("a connection within this process");
    let listens = std::thread::spawn(move || Seal::respond(&far, &[7; 32]));
    let near = Seal::initiate(&near, &[7; 32]).expect("they share the secret");
    let far = listens.join().expect("it does not panic").expect("they share the secret");
    (near, far)
}

/// Says the bytes, and does not listen.
struct Stranger<'a>(Cursor<&'a [u8]>);

impl Read for Stranger<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.0.read(into)
    }
}

impl Write for Stranger<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
