//! What tells one signed message of a sender from its others.

use crate::UnixTime;

/// When its sender signed a message, and which of that second's messages it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stamp {
    /// By the sender's clock.
    pub created: UnixTime,
    /// Drawn at random by the sender.
    pub mark: u64,
}
