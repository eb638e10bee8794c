//! Server-sent events, as an endpoint sends them.

/// Puts events together from the pieces that come.
#[derive(Default)]
pub(super) struct SentEvents {
    bytes: Vec<u8>,
}

impl SentEvents {
    /// Takes a piece, and gives name and data of the events that are whole now.
    pub(super) fn take(&mut self, piece: &[u8]) -> Vec<(String, String)> {
        self.bytes.extend_from_slice(piece);
        let mut events = Vec::new();
        while let Some(end) = self.bytes.windows(2).position(|pair| pair == b"\n\n") {
            let whole: Vec<u8> = self.bytes.drain(..end + 2).collect();
            events.extend(event(&String::from_utf8_lossy(&whole)));
        }
        events
    }
}

/// None for what is said only so that something is.
fn event(text: &str) -> Option<(String, String)> {
    let field = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
    Some((field("event: ")?, field("data: ")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_whole_however_they_are_cut() {
        let sent = "event: message\ndata: {\"é\": 1}\n\n:\n\nevent: result\ndata: 7\n\nevent: cut";
        for step in [1, 3, sent.len()] {
            let mut events = SentEvents::default();
            let all: Vec<_> = sent.as_bytes().chunks(step).flat_map(|piece| events.take(piece)).collect();
            let expected = [("message", "{\"é\": 1}"), ("result", "7")];
            assert_eq!(all, expected.map(|(name, data)| (name.to_owned(), data.to_owned())), "{step}");
        }
    }
}
