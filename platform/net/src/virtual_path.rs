//! Datagram paths that are no sockets: what QUIC runs over when its packets travel through a route group or a messaging
//! server.
//!
//! The owner of a path implements [`VirtualPath`]; [`crate::quic::endpoint`] puts a QUIC endpoint on it. Peers are told
//! apart by addresses that mean nothing outside: [`synthetic_address`] derives one from a key.

mod address;
mod batch;
mod socket;
mod waker_set;

use std::{
    fmt::Debug,
    net::SocketAddr,
    task::{Context, Poll},
};

pub use address::synthetic_address;
pub use batch::RecvBatch;
pub(crate) use socket::VirtualSocket;
pub use waker_set::{WakerSet, WakerSlot};

/// A path has no room for a packet now. Not an error: the endpoint waits for [`VirtualPath::poll_writable`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path has no room for a packet")]
pub struct PathFull;

/// One side of a virtual datagram path under a QUIC endpoint.
///
/// Readiness is that of the path as a whole: when it is full, all connections of its endpoint wait. Paths that must not
/// block each other get an endpoint each.
///
/// Three rules keep an endpoint live:
/// - `try_send` and `poll_writable` agree. A path that just refused a packet is not writable before it has room for a
///   packet of its MTU; otherwise the endpoint spins. Measure room in whole packets, not in bytes.
/// - A path that is gone for good takes packets and drops them. QUIC's idle timeout then ends the connections; the owner
///   who knows better closes the endpoint.
/// - No method blocks, and none wakes a task while it holds a lock that the woken task needs.
pub trait VirtualPath: Send + Sync + Debug + 'static {
    /// Offers one QUIC packet for `to`, at most the path's MTU long. The path copies what it keeps, best straight
    /// behind the header of its own frame: that is the only copy.
    ///
    /// # Errors
    /// [`PathFull`] if there is no room; the packet is offered again later. Anything else that goes wrong is loss, which
    /// QUIC repairs: take the packet and drop it.
    fn try_send(&self, to: SocketAddr, packet: &[u8]) -> Result<(), PathFull>;

    /// Ready when the path has room for at least one packet. Otherwise keeps the waker and wakes it once there is.
    /// Only the waker of the latest call need be kept: it stands for every waiting connection of the endpoint.
    fn poll_writable(&self, cx: &mut Context<'_>) -> Poll<()>;

    /// Pushes received packets while the batch has room, then is ready. Without any packet keeps the waker, wakes it on
    /// the next one and is pending. Only the waker of the latest call need be kept.
    fn poll_recv(&self, cx: &mut Context<'_>, batch: &mut RecvBatch<'_, '_>) -> Poll<()>;
}
