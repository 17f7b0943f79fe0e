//! An item of a change stream.

/// One server-sent event of a change stream.
///
/// An item carries its sequence number, with which a reader that lost the connection resumes. `Reset` says that the
/// number asked for is too old, or that the reader fell too far behind: the stream ends after it, and the reader takes
/// a snapshot and resumes from the snapshot's number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<T> {
    /// A change.
    Item {
        /// Its sequence number; grows within a stream.
        sequence: u64,
        /// The change.
        item: T,
    },
    /// What the reader has cannot be brought up to date by changes alone.
    Reset {
        /// The present sequence number.
        sequence: u64,
    },
}

impl<T> Event<T> {
    /// The sequence number to resume from after this event.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        match self {
            Self::Item { sequence, .. } | Self::Reset { sequence } => *sequence,
        }
    }
}
