//! Packets out of a stream's chunks.

use std::collections::BTreeMap;

use bytes::{Buf, Bytes, BytesMut};
use byway_base::limits::PACKET_HEADER;
use byway_wire::{DecodeError, Header, Packet};

/// What has arrived of a packet.
#[derive(Debug, Default)]
pub(super) struct Frames {
    head: [u8; PACKET_HEADER],
    filled: usize,
    body: Option<(Header, BytesMut)>,
}

impl Frames {
    /// Takes the next bytes of the stream, and appends the packets that they complete. A payload gets memory of its own,
    /// of its own size: what the network brought it in can go.
    pub(super) fn push(&mut self, mut bytes: Bytes, packets: &mut Vec<Packet>) -> Result<(), DecodeError> {
        loop {
            let (header, mut payload) = match self.body.take() {
                Some(body) => body,
                None => {
                    let count = bytes.len().min(PACKET_HEADER - self.filled);
                    bytes.copy_to_slice(&mut self.head[self.filled..self.filled + count]);
                    self.filled += count;
                    if self.filled < PACKET_HEADER {
                        return Ok(());
                    }
                    self.filled = 0;
                    let header = Header::decode(&self.head)?;
                    (header, BytesMut::with_capacity(usize::from(header.length)))
                }
            };
            let missing = usize::from(header.length) - payload.len();
            payload.extend_from_slice(&bytes.split_to(missing.min(bytes.len())));
            if payload.len() < usize::from(header.length) {
                self.body = Some((header, payload));
                return Ok(());
            }
            let Header { kind, flags, routing_id, .. } = header;
            packets.push(Packet { kind, flags, routing_id, payload: payload.freeze() });
            if bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// Whether the stream may end here.
    pub(super) fn is_complete(&self) -> bool {
        self.filled == 0 && self.body.is_none()
    }
}

/// Chunks of a stream that came before others.
#[derive(Debug, Default)]
pub(super) struct Reorder {
    next: u64,
    chunks: BTreeMap<u64, Bytes>,
}

impl Reorder {
    /// Keeps a chunk. Chunks never overlap.
    pub(super) fn insert(&mut self, offset: u64, bytes: Bytes) {
        self.chunks.insert(offset, bytes);
    }

    /// The next chunk of the stream, if it has come.
    pub(super) fn next(&mut self) -> Option<Bytes> {
        let chunk = self.chunks.remove(&self.next)?;
        self.next += chunk.len() as u64;
        Some(chunk)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use byway_base::RoutingId;
    use byway_wire::Kind;

    use super::*;

    fn packets() -> Vec<Packet> {
        let long = Bytes::from((0..16_000u32).map(|number| number as u8).collect::<Vec<_>>());
        vec![
            Packet::new(Kind::Data, RoutingId(7), long),
            Packet::new(Kind::Data, RoutingId(8), Bytes::new()),
            Packet::credit(RoutingId(9), 1),
        ]
    }

    #[test]
    fn packets_come_out_whole_wherever_the_chunks_are_cut() {
        let mut bytes = Vec::new();
        packets().iter().for_each(|packet| packet.write(&mut bytes));
        for size in [1, 3, 8, 1_200, 16_008, 16_009, bytes.len()] {
            let (mut frames, mut out) = (Frames::default(), Vec::new());
            for chunk in bytes.chunks(size) {
                frames.push(Bytes::copy_from_slice(chunk), &mut out).unwrap();
            }
            assert!(out == packets() && frames.is_complete(), "in chunks of {size}");
        }
    }

    #[test]
    fn a_stream_may_not_end_within_a_packet() {
        let mut bytes = Vec::new();
        packets()[0].write(&mut bytes);
        for cut in [1, 8, bytes.len() - 1] {
            let (mut frames, mut out) = (Frames::default(), Vec::new());
            frames.push(Bytes::copy_from_slice(&bytes[..cut]), &mut out).unwrap();
            assert!(!frames.is_complete() && out.is_empty(), "after {cut}");
        }
    }

    #[test]
    fn what_is_no_packet_is_an_error_as_soon_as_its_header_is_there() {
        assert!(Frames::default().push(Bytes::from_static(&[0xff; 8]), &mut Vec::new()).is_err());
    }

    #[test]
    fn chunks_come_out_in_the_order_of_the_stream() {
        let mut reorder = Reorder::default();
        reorder.insert(3, Bytes::from_static(b"def"));
        reorder.insert(6, Bytes::from_static(b"g"));
        assert_eq!(reorder.next(), None);
        reorder.insert(0, Bytes::from_static(b"abc"));
        let all: Vec<u8> = std::iter::from_fn(|| reorder.next()).flatten().collect();
        assert!(all == b"abcdefg" && reorder.is_empty());
    }
}
