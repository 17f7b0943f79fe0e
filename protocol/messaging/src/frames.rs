//! Reading frames at line rate.

use bytes::{Buf, BytesMut};
use byway_base::{PublicKey, limits::MESSAGING_PAYLOAD_MAX};
use byway_wire::{
    DecodeError,
    messaging::{FRAME_HEADER, Frame},
};

/// Kinds of the frames that carry a payload, as in [`byway_wire::messaging`].
const SEND: u8 = 1;
const RECEIVE: u8 = 2;
const FORWARD: u8 = 8;
const CARRY: u8 = 9;
const FORWARDED: u8 = 10;
/// Enough for the peers that one client talks to at a time; 33 bytes each, for every busy client of a server.
const SLOTS: usize = 8;
/// Enough for most of the clients that talk over a link between two servers at a time.
const SLOTS_SERVER: usize = 512;
const KEY: usize = 32;

/// Reads frames, and remembers the keys that it met.
///
/// To check that 32 bytes are a curve point costs more than to switch the 16 kB behind them. The peers of one
/// connection are few, so that a comparison with the keys last seen replaces the check nearly always.
#[derive(Debug, Clone)]
pub struct KeyMemo {
    /// Empty until a key was met.
    slots: Box<[Option<PublicKey>]>,
    most: usize,
}

impl Default for KeyMemo {
    /// For the connection of one client with its server.
    fn default() -> Self {
        Self { slots: Box::default(), most: SLOTS }
    }
}

impl KeyMemo {
    /// For a link between two servers.
    #[must_use]
    pub fn between_servers() -> Self {
        Self { slots: Box::default(), most: SLOTS_SERVER }
    }

    /// Takes one frame off the front of `buffer`, exactly as [`Frame::take`] does, only faster.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes begin no frame; the connection is then of no more use.
    pub fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
        let (kind, length) = match buffer.first_chunk::<FRAME_HEADER>() {
            Some(&[kind @ (SEND | RECEIVE | FORWARD | CARRY | FORWARDED), 0, high, low]) => {
                (kind, usize::from(u16::from_be_bytes([high, low])))
            }
            _ => return Frame::take(buffer),
        };
        let keys = if matches!(kind, SEND | RECEIVE) { KEY } else { 2 * KEY };
        if !(keys..=keys + MESSAGING_PAYLOAD_MAX).contains(&length) {
            return Err(DecodeError::Length);
        }
        if buffer.len() < FRAME_HEADER + length {
            return Ok(None);
        }
        let first = self.key(&buffer[FRAME_HEADER..])?;
        let second = if keys > KEY { self.key(&buffer[FRAME_HEADER + KEY..])? } else { first };
        let mut payload = buffer.split_to(FRAME_HEADER + length).freeze();
        payload.advance(FRAME_HEADER + keys);
        Ok(Some(match kind {
            SEND => Frame::Send { destination: first, payload },
            RECEIVE => Frame::Receive { source: first, payload },
            FORWARD => Frame::Forward { server: first, destination: second, payload },
            CARRY => Frame::Carry { source: first, destination: second, payload },
            _ => Frame::Forwarded { server: first, source: second, payload },
        }))
    }

    /// The key that `bytes` begin with.
    fn key(&mut self, bytes: &[u8]) -> Result<PublicKey, DecodeError> {
        let bytes = *bytes.first_chunk::<KEY>().ok_or(DecodeError::Length)?;
        if self.slots.is_empty() {
            self.slots = vec![None; self.most].into();
        }
        // Keys are as good as random, unless somebody makes them collide, who pays for it.
        let place = usize::from(u16::from_be_bytes([bytes[0], bytes[1]])) % self.slots.len();
        let slot = &mut self.slots[place];
        match slot {
            Some(known) if *known.as_bytes() == bytes => Ok(*known),
            _ => {
                let key = PublicKey::from_bytes(bytes).map_err(|_| DecodeError::Value)?;
                *slot = Some(key);
                Ok(key)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use byway_base::SecretKey;
    use proptest::prelude::*;

    use super::*;

    fn any_frame() -> impl Strategy<Value = Frame> {
        let key = (0u8..20).prop_map(|n| SecretKey::from_seed([n; 32]).public());
        let payload = prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from);
        (0u8..12, key.clone(), key, payload, any::<u64>()).prop_map(|(kind, key, other, payload, token)| {
            match kind {
                0 => Frame::Send { destination: key, payload },
                1 => Frame::Receive { source: key, payload },
                2 => Frame::Gone { destination: key },
                3 => Frame::Draining,
                4 => Frame::Limited,
                5 => Frame::Ping(token),
                6 => Frame::Pong(token),
                7 => Frame::Forward { server: key, destination: other, payload },
                8 => Frame::Carry { source: key, destination: other, payload },
                9 => Frame::Forwarded { server: key, source: other, payload },
                10 => Frame::GoneAt { server: key, destination: other },
                _ => Frame::NotHere { source: key, destination: other },
            }
        })
    }

    /// Everything that `take` yields from `bytes`, and what is left of them.
    fn drain(
        mut bytes: BytesMut,
        mut take: impl FnMut(&mut BytesMut) -> Result<Option<Frame>, DecodeError>,
    ) -> (Vec<Result<Frame, DecodeError>>, BytesMut) {
        let mut frames = Vec::new();
        loop {
            match take(&mut bytes) {
                Ok(Some(frame)) => frames.push(Ok(frame)),
                Ok(None) => return (frames, bytes),
                Err(error) => {
                    frames.push(Err(error));
                    return (frames, BytesMut::new());
                }
            }
        }
    }

    proptest! {
        #[test]
        fn frames_read_with_a_memo_are_those_read_without(
            frames in prop::collection::vec(any_frame(), 0..30),
            tail: Vec<u8>,
        ) {
            let mut bytes = Vec::new();
            frames.iter().for_each(|frame| frame.write(&mut bytes));
            bytes.extend(tail);
            let mut memo = KeyMemo::default();
            let with = drain(BytesMut::from(&bytes[..]), |buffer| memo.take(buffer));
            prop_assert_eq!(with, drain(BytesMut::from(&bytes[..]), Frame::take));
        }

        #[test]
        fn no_bytes_make_reading_panic(bytes: Vec<u8>) {
            let mut memo = KeyMemo::default();
            drain(BytesMut::from(&bytes[..]), |buffer| memo.take(buffer));
        }
    }
}
