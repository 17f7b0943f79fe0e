//! Reading frames at line rate.

use bytes::{Buf, BytesMut};
use byway_base::PublicKey;
use byway_wire::{
    DecodeError,
    messaging::{FRAME_BODY_MAX, FRAME_HEADER, Frame},
};

/// Kinds of the two frames that carry a payload, as in [`byway_wire::messaging`].
const SEND: u8 = 1;
const RECEIVE: u8 = 2;
/// Enough for the peers that one connection talks to at a time; 33 bytes each, for every client of a server.
const SLOTS: usize = 8;

/// Reads frames, and remembers the keys that it met.
///
/// To check that 32 bytes are a curve point costs more than to switch the 16 kB behind them. The peers of one
/// connection are few, so that a comparison with the keys last seen replaces the check nearly always.
#[derive(Debug, Default, Clone)]
pub struct KeyMemo {
    slots: [Option<PublicKey>; SLOTS],
}

impl KeyMemo {
    /// Takes one frame off the front of `buffer`, exactly as [`Frame::take`] does, only faster.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes begin no frame; the connection is then of no more use.
    pub fn take(&mut self, buffer: &mut BytesMut) -> Result<Option<Frame>, DecodeError> {
        let (kind, length) = match buffer.first_chunk::<FRAME_HEADER>() {
            Some(&[kind @ (SEND | RECEIVE), 0, high, low]) => {
                (kind, usize::from(u16::from_be_bytes([high, low])))
            }
            _ => return Frame::take(buffer),
        };
        if !(32..=FRAME_BODY_MAX).contains(&length) {
            return Err(DecodeError::Length);
        }
        if buffer.len() < FRAME_HEADER + length {
            return Ok(None);
        }
        let mut key = [0; 32];
        key.copy_from_slice(&buffer[FRAME_HEADER..FRAME_HEADER + 32]);
        let key = self.key(key)?;
        let mut payload = buffer.split_to(FRAME_HEADER + length).freeze();
        payload.advance(FRAME_HEADER + 32);
        Ok(Some(match kind {
            SEND => Frame::Send { destination: key, payload },
            _ => Frame::Receive { source: key, payload },
        }))
    }

    fn key(&mut self, bytes: [u8; 32]) -> Result<PublicKey, DecodeError> {
        let slot = &mut self.slots[usize::from(bytes[0]) % SLOTS];
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
        (0u8..7, key, payload, any::<u64>()).prop_map(|(kind, key, payload, token)| match kind {
            0 => Frame::Send { destination: key, payload },
            1 => Frame::Receive { source: key, payload },
            2 => Frame::Gone { destination: key },
            3 => Frame::Draining,
            4 => Frame::Limited,
            5 => Frame::Ping(token),
            _ => Frame::Pong(token),
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
