//! Datagrams on a connection of the local API.
//!
//! `POST /v1/datagrams/dial` with a [`DialRequest`](super::DialRequest), `POST /v1/datagrams/listen/{port}` and `POST
//! /v1/datagrams/accept/{port}` work as for streams, with `Upgrade: byway-datagrams`. What follows are frames, both ways:
//! `u16` length of the rest, big endian, then `u8` kind and the content.

/// The protocol that a connection is upgraded to.
pub const DATAGRAM_PROTOCOL: &str = "byway-datagrams";
/// Bytes of a frame's length.
pub const FRAME_LENGTH: usize = 2;
/// Bytes of a frame at most, its length excepted: every datagram of a session fits.
pub const FRAME_MAX: usize = 16 * 1024;

/// A frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatagramFrame<'a> {
    /// Kind 1, both ways: a datagram.
    Datagram(&'a [u8]),
    /// Kind 2, to the app: bytes of the largest datagram that the path carries from now on, as `u16`. The first frame is
    /// one. A larger datagram that comes all the same is dropped and answered by another.
    Maximum(usize),
}

/// Bytes that are no frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is no frame of datagrams")]
pub struct BadFrame;

const DATAGRAM: u8 = 1;
const MAXIMUM: u8 = 2;

impl<'a> DatagramFrame<'a> {
    /// Reads a frame from what stands behind its length.
    ///
    /// # Errors
    /// [`BadFrame`] for an unknown kind, or a maximum of another length than two bytes.
    pub fn read(bytes: &'a [u8]) -> Result<Self, BadFrame> {
        match bytes {
            [DATAGRAM, datagram @ ..] => Ok(Self::Datagram(datagram)),
            [MAXIMUM, high, low] => Ok(Self::Maximum(u16::from_be_bytes([*high, *low]).into())),
            _ => Err(BadFrame),
        }
    }

    /// The whole frame. A datagram must be shorter than [`FRAME_MAX`]: what exceeds it is cut off.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let number = |count: usize| u16::try_from(count).unwrap_or(u16::MAX).to_be_bytes();
        match self {
            Self::Datagram(datagram) => {
                let datagram = &datagram[..datagram.len().min(FRAME_MAX - 1)];
                [&number(1 + datagram.len())[..], &[DATAGRAM], datagram].concat()
            }
            Self::Maximum(max) => [&number(3)[..], &[MAXIMUM], &number(max)].concat(),
        }
    }
}

#[cfg(test)]
mod tests {
    use byway_base::limits::SESSION_MTU;

    use super::*;

    #[test]
    fn every_frame_reads_back_and_the_largest_datagram_fits() {
        let largest = vec![7; SESSION_MTU];
        for frame in [
            DatagramFrame::Datagram(b""),
            DatagramFrame::Datagram(&largest),
            DatagramFrame::Maximum(0),
            DatagramFrame::Maximum(SESSION_MTU),
        ] {
            let bytes = frame.to_bytes();
            let (length, rest) = bytes.split_at(FRAME_LENGTH);
            assert_eq!(length, u16::try_from(rest.len()).unwrap().to_be_bytes());
            assert!(rest.len() <= FRAME_MAX);
            assert_eq!(DatagramFrame::read(rest), Ok(frame));
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        for bytes in [&b""[..], &[0], &[3, 1], &[MAXIMUM], &[MAXIMUM, 1], &[MAXIMUM, 1, 2, 3]] {
            assert_eq!(DatagramFrame::read(bytes), Err(BadFrame), "{bytes:?}");
        }
    }
}
