//! Datagrams between two apps: unreliable, unordered, bounded, over the routes of a session and beside it.
//!
//! Each channel is a QUIC connection of its own whose only frames with data are DATAGRAM frames (RFC 9221). Its packets
//! travel as `datagram` packets, which use no credit and are dropped where there is no room: so neither what waits in
//! the session nor a reader that takes nothing delays them, and they delay no other route. Neither end keeps anything
//! for channels before the first one.

mod dial;
mod path;
mod serve;
#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use byway_base::DatagramError;
use quinn::{Connection, SendDatagramError};

use crate::session::SessionHold;

pub(crate) use dial::ChannelDialler;
pub(crate) use serve::serve;

/// The protocol's name in the handshake.
const ALPN: &[u8] = b"byway-datagram/1";
/// Application close code: the side that closes is done.
const CLOSE_DONE: u32 = 0;
/// Application close code: the channel came over routes that are another node's.
const CLOSE_DENIED: u32 = 1;

/// A channel for datagrams between two apps. Dropping it closes it; what still waits is lost.
#[derive(Debug)]
pub struct Datagrams {
    connection: Connection,
    replaced: AtomicU64,
    /// Keeps the session, and with it the routes, while the channel is in use. The accepting end follows the dialling one.
    _hold: Option<SessionHold>,
}

impl Datagrams {
    fn new(connection: Connection, hold: Option<SessionHold>) -> Self {
        Self { connection, replaced: AtomicU64::new(0), _hold: hold }
    }

    /// Sends a datagram, at most [`Self::max_size`] bytes; it may be lost, come late, or overtake others. Never waits:
    /// where more wait than [`byway_base::limits::CHANNEL_BUFFER`], the oldest make room, which [`Self::replaced`] counts.
    ///
    /// # Errors
    /// [`DatagramError::TooLarge`] with the size that the path carries now, [`DatagramError::Closed`].
    pub fn send(&self, datagram: Bytes) -> Result<(), DatagramError> {
        let has_room = datagram.len() <= self.connection.datagram_send_buffer_space();
        self.connection.send_datagram(datagram).map_err(|error| match error {
            SendDatagramError::TooLarge => DatagramError::TooLarge { max: self.max_size() },
            SendDatagramError::ConnectionLost(_)
            | SendDatagramError::UnsupportedByPeer
            | SendDatagramError::Disabled => DatagramError::Closed,
        })?;
        if !has_room {
            self.replaced.fetch_add(1, Ordering::Relaxed);
            metrics::counter!("byway_channel_datagrams_replaced_total").increment(1);
        }
        Ok(())
    }

    /// The next datagram that came; `None` once the channel is closed. Who takes them too slowly gets the newest.
    ///
    /// # Cancel safety
    /// No datagram is lost if the future is dropped.
    pub async fn recv(&self) -> Option<Bytes> {
        self.connection.read_datagram().await.ok()
    }

    /// Bytes of the largest datagram that the path carries at present: at least 1 100, and up to some 16 000 once that is
    /// known to arrive. It changes with the route.
    #[must_use]
    pub fn max_size(&self) -> usize {
        self.connection.max_datagram_size().unwrap_or_default()
    }

    /// How many datagrams were sent so fast that older ones, which waited still, made room for them and were lost.
    #[must_use]
    pub fn replaced(&self) -> u64 {
        self.replaced.load(Ordering::Relaxed)
    }

    /// Waits until the channel is closed, by either end or for want of a route.
    pub async fn closed(&self) {
        self.connection.closed().await;
    }
}
