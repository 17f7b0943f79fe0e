//! How the setup node reaches the nodes of a path.

use std::future::Future;

use byway_base::PublicKey;
use byway_setup::CallFailure;
use byway_wire::setup::{NodeMessage, Reply};

/// Carries one message to a node and its reply back.
pub trait NodeCaller: Send + Sync + 'static {
    /// Asks `node`. The caller of this function limits the time.
    ///
    /// Cancel safe in that nothing leaks; the message may have been obeyed all the same.
    ///
    /// # Errors
    /// [`CallFailure`]; whether the message arrived is then unknown.
    fn call(
        &self,
        node: PublicKey,
        message: NodeMessage,
    ) -> impl Future<Output = Result<Reply, CallFailure>> + Send;
}
