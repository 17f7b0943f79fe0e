//! Reads server-sent events (WHATWG HTML, section 9.2) from chunks of bytes.

use std::collections::VecDeque;

use bytes::Bytes;
use byway_api::Event;
use byway_base::{Code, Problem};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use serde::de::DeserializeOwned;

use super::{Events, reply::not_of_form};

/// The events in a stream of chunks; ends after the first error and after a reset.
pub(super) fn read<T: DeserializeOwned + Send + 'static>(
    chunks: impl Stream<Item = Result<Bytes, Problem>> + Send + 'static,
    event_max: usize,
) -> Events<T> {
    let mut parser = Parser::new(event_max);
    chunks
        .map(move |chunk| parser.feed(&chunk?))
        .flat_map(|events| match events {
            Ok(events) => stream::iter(events).map(Ok).left_stream(),
            Err(problem) => stream::iter([Err(problem)]).right_stream(),
        })
        .and_then(|raw: Raw| std::future::ready(raw.decode()))
        .scan(false, |ended, event| {
            let last = matches!(event, Err(_) | Ok(Event::Reset { .. }));
            std::future::ready((!std::mem::replace(ended, last)).then_some(event))
        })
        .boxed()
}

/// One event as sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Raw {
    id: String,
    event: String,
    data: String,
}

impl Raw {
    fn decode<T: DeserializeOwned>(self) -> Result<Event<T>, Problem> {
        let sequence = self.id.parse().map_err(|_| not_of_form("an event has no sequence number"))?;
        match self.event.as_str() {
            "item" => {
                let item = serde_json::from_str(&self.data).map_err(not_of_form)?;
                Ok(Event::Item { sequence, item })
            }
            "reset" => Ok(Event::Reset { sequence }),
            other => {
                Err(not_of_form(format_args!("an event is of the unknown kind '{}'", other.escape_default())))
            }
        }
    }
}

/// Cuts bytes into lines and lines into events; holds at most one event.
#[derive(Debug)]
struct Parser {
    max: usize,
    line: Vec<u8>,
    event: Raw,
}

impl Parser {
    fn new(max: usize) -> Self {
        Self { max, line: Vec::new(), event: Raw::default() }
    }

    fn feed(&mut self, mut chunk: &[u8]) -> Result<VecDeque<Raw>, Problem> {
        let mut events = VecDeque::new();
        while let Some(end) = chunk.iter().position(|byte| *byte == b'\n') {
            self.hold(&chunk[..end])?;
            chunk = &chunk[end + 1..];
            let line = std::mem::take(&mut self.line);
            let line = line.strip_suffix(b"\r").unwrap_or(&line);
            let line = std::str::from_utf8(line).map_err(not_of_form)?;
            events.extend(self.line(line));
        }
        self.hold(chunk)?;
        Ok(events)
    }

    fn hold(&mut self, bytes: &[u8]) -> Result<(), Problem> {
        let Raw { id, event, data } = &self.event;
        if self.line.len() + bytes.len() + id.len() + event.len() + data.len() > self.max {
            let why = format!("an event has more than {} bytes", self.max);
            return Err(Problem::new(Code::TooLarge, "cannot read the change stream", why));
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    /// Takes one line; an empty one completes the event.
    fn line(&mut self, line: &str) -> Option<Raw> {
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (event != Raw::default()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "id" => value.clone_into(&mut self.event.id),
            "event" => value.clone_into(&mut self.event.event),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments have an empty name; other fields do not concern us.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str =
        ": hello\n\nid: 7\nevent: item\ndata: [1,\ndata: 2]\n\nid: 8\r\nevent: reset\r\ndata: {}\r\n\r\n";

    async fn read_all(parts: Vec<Bytes>, max: usize) -> Vec<Result<Event<Vec<u8>>, Code>> {
        let events = read(stream::iter(parts.into_iter().map(Ok)), max);
        events.map(|event| event.map_err(|problem| problem.code)).collect().await
    }

    proptest! {
        #[test]
        fn events_are_the_same_however_the_bytes_are_cut(cuts in prop::collection::vec(0..TEXT.len(), 0..8)) {
            let (mut cuts, mut parts, mut from) = (cuts, Vec::new(), 0);
            cuts.sort_unstable();
            for cut in cuts.into_iter().chain([TEXT.len()]) {
                parts.push(Bytes::from(&TEXT[from..cut]));
                from = cut;
            }
            let events = futures_util::FutureExt::now_or_never(read_all(parts, 64)).unwrap();
            let expected = vec![Ok(Event::Item { sequence: 7, item: vec![1, 2] }), Ok(Event::Reset { sequence: 8 })];
            prop_assert_eq!(events, expected);
        }

        #[test]
        fn no_bytes_make_the_reader_panic_or_hold_more_than_one_event(bytes: Vec<u8>) {
            let mut parser = Parser::new(16);
            let _ = parser.feed(&bytes);
            prop_assert!(parser.line.len() <= 16);
        }
    }

    #[tokio::test]
    async fn an_event_beyond_its_bound_ends_the_stream() {
        let events = read_all(vec![Bytes::from(TEXT), Bytes::from(TEXT)], 12).await;
        assert_eq!(events, [Err(Code::TooLarge)]);
    }

    #[tokio::test]
    async fn nothing_follows_a_reset_or_an_error() {
        let events = read_all(vec![Bytes::from(TEXT), Bytes::from(TEXT)], 64).await;
        assert_eq!(events.len(), 2);
        let broken = "id: x\nevent: item\ndata: []\n\n";
        assert_eq!(read_all(vec![broken.into(), TEXT.into()], 64).await, [Err(Code::Protocol)]);
    }
}
