//! A node of this machine, by its socket.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use byway_base::{Problem, limits::HTTP_TIMEOUT};

use crate::connection;

/// A node of this machine, reached by its local API. Cheap to clone; every call has a connection of its own, so that
/// none waits for another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalNode {
    socket: PathBuf,
    deadline: Duration,
}

impl LocalNode {
    /// The time for one call unless told otherwise: half as long again as the node takes at most, so that its reason
    /// is heard rather than ours.
    const DEADLINE: Duration =
        HTTP_TIMEOUT.saturating_add(HTTP_TIMEOUT.checked_div(2).expect("two is not zero"));

    /// The node that serves on `socket`. Opens nothing yet.
    #[must_use]
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), deadline: Self::DEADLINE }
    }

    /// [`Self::at`], and makes sure that somebody answers there.
    ///
    /// # Errors
    /// [`Code::NodeUnreachable`](byway_base::Code::NodeUnreachable) if nobody does,
    /// [`Code::Denied`](byway_base::Code::Denied) if the socket is another user's.
    pub async fn connect(socket: impl Into<PathBuf>) -> Result<Self, Problem> {
        let node = Self::at(socket);
        connection::open(&node.socket).await?;
        Ok(node)
    }

    /// Gives each call this much time, from opening the connection to the last byte of the reply. 15 s by default.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// The node's socket.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn deadline(&self) -> Duration {
        self.deadline
    }
}
