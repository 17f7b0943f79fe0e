//! Frames between a messaging server and its client, and between two messaging servers: `kind u8 · zero u8 · length
//! u16`, then `length` bytes.
//!
//! A datagram's body is one or two public keys of 32 bytes, then the payload, which no server can read. Decoding takes
//! slices of the input buffer: nothing is copied.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use byway_base::{PublicKey, limits::MESSAGING_PAYLOAD_MAX};

use crate::DecodeError;

/// Bytes of the frame header.
pub const FRAME_HEADER: usize = 4;
/// Longest part of a frame before its payload: the header and two keys.
pub const FRAME_HEAD_MAX: usize = FRAME_HEADER + 64;
/// Largest body of a frame with one key.
pub const FRAME_BODY_MAX: usize = 32 + MESSAGING_PAYLOAD_MAX;
/// Largest body of a frame with two keys.
pub const FRAME_BODY_TWO_KEYS_MAX: usize = 64 + MESSAGING_PAYLOAD_MAX;

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
    /// Client → server: carry `payload` to `destination`, who is a client of another server.
    Forward {
        /// The server that the destination is connected to.
        server: PublicKey,
        /// Whose client it is for.
        destination: PublicKey,
        /// At most [`MESSAGING_PAYLOAD_MAX`] bytes.
        payload: Bytes,
    },
    /// Server → server: `payload` from `source`, whom the sending server authenticated, for a client of the receiving
    /// one. It goes no further than to that client.
    Carry {
        /// Who sent it.
        source: PublicKey,
        /// Whose client it is for.
        destination: PublicKey,
        /// At most [`MESSAGING_PAYLOAD_MAX`] bytes.
        payload: Bytes,
    },
    /// Server → client: `payload`, of which `server` says that it is from `source`.
    Forwarded {
        /// The server that vouches for the source.
        server: PublicKey,
        /// Who sent it.
        source: PublicKey,
        /// At most [`MESSAGING_PAYLOAD_MAX`] bytes.
        payload: Bytes,
    },
    /// Server → client: `destination` cannot be reached by forwarding to `server`: it is no client there, or the server
    /// is not reached.
    GoneAt {
        /// Where it was sought.
        server: PublicKey,
        /// Who is not there.
        destination: PublicKey,
    },
    /// Server → server: `destination`, to whom a datagram from `source` was carried, is no client here.
    NotHere {
        /// Who is to be told.
        source: PublicKey,
        /// Who is not here.
        destination: PublicKey,
    },
}

const SEND: u8 = 1;
const RECEIVE: u8 = 2;
const GONE: u8 = 3;
const DRAINING: u8 = 4;
const LIMITED: u8 = 5;
const PING: u8 = 6;
const PONG: u8 = 7;
const FORWARD: u8 = 8;
const CARRY: u8 = 9;
const FORWARDED: u8 = 10;
const GONE_AT: u8 = 11;
const NOT_HERE: u8 = 12;

impl Frame {
    /// Bytes of the whole frame.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        FRAME_HEADER + self.body_len()
    }

    fn body_len(&self) -> usize {
        match self {
            Self::Send { payload, .. } | Self::Receive { payload, .. } => 32 + payload.len(),
            Self::Forward { payload, .. } | Self::Carry { payload, .. } | Self::Forwarded { payload, .. } => {
                64 + payload.len()
            }
            Self::Gone { .. } => 32,
            Self::GoneAt { .. } | Self::NotHere { .. } => 64,
            Self::Draining | Self::Limited => 0,
            Self::Ping(_) | Self::Pong(_) => 8,
        }
    }

    /// The payload; empty for frames without one.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match self {
            Self::Send { payload, .. }
            | Self::Receive { payload, .. }
            | Self::Forward { payload, .. }
            | Self::Carry { payload, .. }
            | Self::Forwarded { payload, .. } => payload,
            _ => &[],
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
            Self::Forward { .. } => FORWARD,
            Self::Carry { .. } => CARRY,
            Self::Forwarded { .. } => FORWARDED,
            Self::GoneAt { .. } => GONE_AT,
            Self::NotHere { .. } => NOT_HERE,
        };
        debug_assert!(self.body_len() <= FRAME_BODY_TWO_KEYS_MAX);
        out.put_slice(&[kind, 0]);
        out.put_u16(self.body_len() as u16);
        match self {
            Self::Send { destination: key, payload } | Self::Receive { source: key, payload } => {
                out.put_slice(key.as_bytes());
                payload
            }
            Self::Forward { server: first, destination: second, payload }
            | Self::Carry { source: first, destination: second, payload }
            | Self::Forwarded { server: first, source: second, payload } => {
                out.put_slice(first.as_bytes());
                out.put_slice(second.as_bytes());
                payload
            }
            Self::Gone { destination } => {
                out.put_slice(destination.as_bytes());
                &[]
            }
            Self::GoneAt { server: first, destination } | Self::NotHere { source: first, destination } => {
                out.put_slice(first.as_bytes());
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
            FORWARD | CARRY | FORWARDED => 64..=FRAME_BODY_TWO_KEYS_MAX,
            GONE => 32..=32,
            GONE_AT | NOT_HERE => 64..=64,
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
            PONG => Self::Pong(body.get_u64()),
            _ => {
                let (first, second) = (key(&mut body)?, key(&mut body)?);
                match kind {
                    FORWARD => Self::Forward { server: first, destination: second, payload: body },
                    CARRY => Self::Carry { source: first, destination: second, payload: body },
                    FORWARDED => Self::Forwarded { server: first, source: second, payload: body },
                    GONE_AT => Self::GoneAt { server: first, destination: second },
                    _ => Self::NotHere { source: first, destination: second },
                }
            }
        }))
    }
}

fn key(body: &mut Bytes) -> Result<PublicKey, DecodeError> {
    let mut bytes = [0; 32];
    body.copy_to_slice(&mut bytes);
    PublicKey::from_bytes(bytes).map_err(|_| DecodeError::Value)
}
