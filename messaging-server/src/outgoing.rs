//! Frames on their way to a socket: small heads of our own, payloads by reference.

use std::{collections::VecDeque, io::IoSlice};

use bytes::{Buf, Bytes};
use byway_wire::messaging::{FRAME_HEAD_MAX, Frame};

/// Frames of one vectored write. The kernel takes 1 024 slices, TLS any number; this much fills a batch of the largest
/// datagrams, and the array stays small.
const AT_ONCE: usize = 32;

/// What was taken from the switch and not yet by the socket.
#[derive(Debug, Default)]
pub(crate) struct Outgoing {
    frames: VecDeque<Encoded>,
}

#[derive(Debug)]
struct Encoded {
    head: [u8; FRAME_HEAD_MAX],
    /// The part of the head that is yet to be sent.
    head_from: u8,
    head_to: u8,
    payload: Bytes,
}

impl Outgoing {
    pub(crate) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    pub(crate) fn push(&mut self, frame: Frame) {
        let mut head = [0; FRAME_HEAD_MAX];
        let mut room = &mut head[..];
        frame.write_head(&mut room);
        let head_to = (FRAME_HEAD_MAX - room.len()) as u8;
        let payload = match frame {
            Frame::Receive { payload, .. }
            | Frame::Carry { payload, .. }
            | Frame::Forwarded { payload, .. } => payload,
            _ => Bytes::new(),
        };
        self.frames.push_back(Encoded { head, head_from: 0, head_to, payload });
    }

    /// Gives the front to `write`, which says how many bytes it took.
    pub(crate) fn write<T>(&self, write: impl FnOnce(&[IoSlice<'_>]) -> T) -> T {
        let mut slices = [IoSlice::new(&[]); 2 * AT_ONCE];
        let mut used = 0;
        for frame in self.frames.iter().take(AT_ONCE) {
            slices[used] = IoSlice::new(frame.head());
            slices[used + 1] = IoSlice::new(&frame.payload);
            used += 2;
        }
        write(&slices[..used])
    }

    /// Forgets the first `bytes`: they were written.
    pub(crate) fn advance(&mut self, mut bytes: usize) {
        while bytes > 0
            && let Some(frame) = self.frames.front_mut()
        {
            let of_head = bytes.min(frame.head().len());
            frame.head_from += of_head as u8;
            let of_payload = (bytes - of_head).min(frame.payload.len());
            frame.payload.advance(of_payload);
            bytes -= of_head + of_payload;
            if frame.head().is_empty() && frame.payload.is_empty() {
                self.frames.pop_front();
            }
        }
        if self.frames.is_empty() {
            // Idle clients keep no table.
            self.frames = VecDeque::new();
        }
    }
}

impl Encoded {
    fn head(&self) -> &[u8] {
        &self.head[usize::from(self.head_from)..usize::from(self.head_to)]
    }
}

#[cfg(test)]
mod tests {
    use byway_base::SecretKey;

    use super::*;

    #[test]
    fn frames_written_in_pieces_of_any_size_are_the_bytes_of_the_frames() {
        let source = SecretKey::from_seed([1; 32]).public();
        let frames = [
            Frame::Receive { source, payload: Bytes::from_static(b"some payload") },
            Frame::Ping(7),
            Frame::Receive { source, payload: Bytes::new() },
            Frame::Draining,
        ];
        let mut expected = Vec::new();
        frames.iter().for_each(|frame| frame.write(&mut expected));
        for piece in 1..expected.len() {
            let mut outgoing = Outgoing::default();
            frames.iter().cloned().for_each(|frame| outgoing.push(frame));
            let mut written = Vec::new();
            while !outgoing.is_empty() {
                let all = outgoing
                    .write(|slices| slices.iter().flat_map(|s| s.iter().copied()).collect::<Vec<_>>());
                let taken = piece.min(all.len());
                written.extend_from_slice(&all[..taken]);
                outgoing.advance(taken);
            }
            assert_eq!(written, expected, "{piece}");
        }
    }
}
