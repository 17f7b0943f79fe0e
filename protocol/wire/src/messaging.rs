//! Frames between a messaging server and its client: `kind u8 · zero u8 · length u16`, then `length` bytes.
//!
//! A datagram's body is 32 bytes of public key, then the payload, which the server cannot read. Decoding takes slices
//! of the input buffer: nothing is copied.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use byway_base::{PublicKey, limits::MESSAGING_PAYLOAD_MAX};

use crate::DecodeError;

/// Bytes of the frame header.
pub const FRAME_HEADER: usize = 4;
/// Largest body of a frame.
pub const FRAME_BODY_MAX: usize = 32 + MESSAGING_PAYLOAD_MAX;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Client → server: carry `payload` to `destination`.
    Send {
        /// Whose client it is for.
        destination: PublicKey,
        /// At most [`MESSAGING_PAYLOAD_MAX`] bytes.
        payload: Bytes,
    },
    /// Server → client: `payload` from `source`, whom the server authenticated.
    Receive {
        /// Who sent it.
        source: PublicKey,
        /// At most [`MESSAGING_PAYLOAD_MAX`] bytes.
        payload: Bytes,
    },
    /// Server → client: `destination` is no client of this server (any more).
    Gone {
        /// Who is not here.
        destination: PublicKey,
    },
    /// Server → client: this server will close; move to another.
    Draining,
    /// Server → client: a limit was reached, and datagrams are being dropped.
    Limited,
    /// Either way: answer with the same token.
    Ping(u64),
    /// The answer.
    Pong(u64),
}

const SEND: u8 = 1;
const RECEIVE: u8 = 2;
const GONE: u8 = 3;
const DRAINING: u8 = 4;
const LIMITED: u8 = 5;
const PING: u8 = 6;
const PONG: u8 = 7;

impl Frame {
    /// Bytes of the whole frame.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        FRAME_HEADER + self.body_len()
    }

    fn body_len(&self) -> usize {
        match self {
            Self::Send { payload, .. } | Self::Receive { payload, .. } => 32 + payload.len(),
            Self::Gone { .. } => 32,
            Self::Draining | Self::Limited => 0,
            Self::Ping(_) | Self::Pong(_) => 8,
        }
    }

    /// Appends the part of the frame before its payload; the payload follows as it is, by reference.
    /// Returns the payload, empty for frames without one.
    pub fn write_head<'a>(&'a self, out: &mut impl BufMut) -> &'a [u8] {
        let kind = match self {
            Self::Send { .. } => SEND,
            Self::Receive { .. } => RECEIVE,
            Self::Gone { .. } => GONE,
            Self::Draining => DRAINING,
            Self::Limited => LIMITED,
            Self::Ping(_) => PING,
            Self::Pong(_) => PONG,
        };
        debug_assert!(self.body_len() <= FRAME_BODY_MAX);
        out.put_slice(&[kind, 0]);
        out.put_u16(self.body_len() as u16);
        match self {
            Self::Send { destination: key, payload } | Self::Receive { source: key, payload } => {
                out.put_slice(key.as_bytes());
                payload
            }
            Self::Gone { destination } => {
                out.put_slice(destination.as_bytes());
                &[]
            }
            Self::Draining | Self::Limited => &[],
            Self::Ping(token) | Self::Pong(token) => {
                out.put_u64(*token);
                &[]
            }
        }
    }

    /// Appends the whole frame.
    pub fn write(&self, out: &mut Vec<u8>) {
        let payload = self.write_head(out);
        out.extend_from_slice(payload);
    }

    /// Takes one frame off the front of `buffer`; `None` while it is incomplete. The payload shares the buffer's memory.
    ///
    /// # Errors
    /// [`DecodeError`] if the bytes begin no frame; the connection is then of no more use.
    pub fn take(buffer: &mut BytesMut) -> Result<Option<Self>, DecodeError> {
        let Some(&[kind, zero, high, low]) = buffer.first_chunk::<FRAME_HEADER>() else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let expected = match kind {
            SEND | RECEIVE => 32..=FRAME_BODY_MAX,
            GONE => 32..=32,
            DRAINING | LIMITED => 0..=0,
            PING | PONG => 8..=8,
            other => return Err(DecodeError::Kind(other)),
        };
        if zero != 0 {
            return Err(DecodeError::Value);
        }
        if !expected.contains(&length) {
            return Err(DecodeError::Length);
        }
        if buffer.len() < FRAME_HEADER + length {
            return Ok(None);
        }
        buffer.advance(FRAME_HEADER);
        let mut body = buffer.split_to(length).freeze();
        Ok(Some(match kind {
            SEND => Self::Send { destination: key(&mut body)?, payload: body },
            RECEIVE => Self::Receive { source: key(&mut body)?, payload: body },
            GONE => Self::Gone { destination: key(&mut body)? },
            DRAINING => Self::Draining,
            LIMITED => Self::Limited,
            PING => Self::Ping(body.get_u64()),
            _ => Self::Pong(body.get_u64()),
        }))
    }
}

fn key(body: &mut Bytes) -> Result<PublicKey, DecodeError> {
    let mut bytes = [0; 32];
    body.copy_to_slice(&mut bytes);
    PublicKey::from_bytes(bytes).map_err(|_| DecodeError::Value)
}
