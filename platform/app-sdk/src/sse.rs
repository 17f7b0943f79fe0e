//! Server-sent events (HTML Living Standard, 9.2), as far as a node sends them.

use byway_base::limits::HTTP_EVENT_MAX;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct SentEvent {
    pub(crate) kind: String,
    pub(crate) data: String,
}

/// An event or a line is larger than [`HTTP_EVENT_MAX`], or is no UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

/// Bytes in, events out.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Received and not yet read.
    bytes: Vec<u8>,
    event: SentEvent,
}

impl Decoder {
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Unreadable> {
        if self.bytes.len() + bytes.len() > HTTP_EVENT_MAX {
            return Err(Unreadable);
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    /// The next whole event, if it is there.
    pub(crate) fn next(&mut self) -> Result<Option<SentEvent>, Unreadable> {
        while let Some(end) = self.bytes.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.bytes.drain(..=end).collect();
            let line = std::str::from_utf8(&line).map_err(|_| Unreadable)?.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                let event = std::mem::take(&mut self.event);
                // Comments alone, which only show that the node lives, make no event.
                if event != SentEvent::default() {
                    return Ok(Some(event));
                }
            } else {
                self.field(line)?;
            }
        }
        Ok(None)
    }

    fn field(&mut self, line: &str) -> Result<(), Unreadable> {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "event" => value.clone_into(&mut self.event.kind),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            _ => {}
        }
        if self.event.data.len() > HTTP_EVENT_MAX { Err(Unreadable) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(kind: &str, data: &str) -> SentEvent {
        SentEvent { kind: kind.to_owned(), data: data.to_owned() }
    }

    proptest! {
        #[test]
        fn events_are_the_same_wherever_the_bytes_are_cut(cut in 0..70usize) {
            let text = ": alive\n\nid: 1\nevent: item\ndata: {\"a\":1}\n\nevent:item\r\ndata:x\r\ndata:y\r\n\r\n";
            let (first, second) = text.as_bytes().split_at(cut);
            let mut decoder = Decoder::default();
            let mut events = Vec::new();
            for part in [first, second] {
                decoder.push(part).unwrap();
                while let Some(event) = decoder.next().unwrap() {
                    events.push(event);
                }
            }
            prop_assert_eq!(events, vec![event("item", "{\"a\":1}"), event("item", "x\ny")]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let mut decoder = Decoder::default();
            let _ = decoder.push(&bytes);
            while let Ok(Some(_)) = decoder.next() {}
        }
    }

    #[test]
    fn an_endless_line_and_an_endless_event_are_given_up() {
        let mut decoder = Decoder::default();
        decoder.push(&vec![b'x'; HTTP_EVENT_MAX]).unwrap();
        assert_eq!(decoder.push(b"x"), Err(Unreadable));
        let mut decoder = Decoder::default();
        let line = format!("data:{}\n", "x".repeat(HTTP_EVENT_MAX / 2 - 1));
        let outcomes = [(); 3].map(|()| decoder.push(line.as_bytes()).and_then(|()| decoder.next()));
        assert_eq!(outcomes, [Ok(None), Ok(None), Err(Unreadable)]);
    }
}
