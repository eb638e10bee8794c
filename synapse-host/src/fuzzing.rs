//! Ways in for the programs of `fuzz/`: each feeds bytes to something that
//! reads what comes from outside. Only built by them.

use std::io::Cursor;

use crate::worker::event_codec::{self, Entry};
use crate::worker::frame::FrameReader;
use crate::worker::protocol::{Hello, Kind, ServiceCall, read_answer, read_invoke};

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
