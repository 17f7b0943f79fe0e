//! Why a datagram was not taken.

/// Why a datagram was refused by a channel between two apps. What was taken may still be lost: datagrams are not repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DatagramError {
    /// It is larger than the path carries now.
    #[error("a datagram has at most {max} bytes on this path at present")]
    TooLarge {
        /// The most that it carries now, bytes. It changes with the path.
        max: usize,
    },
    /// The channel is closed, by either end or because no route was left for too long.
    #[error("the channel is closed")]
    Closed,
}
