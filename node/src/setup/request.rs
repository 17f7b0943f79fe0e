//! Asking a trusted setup node for a route.

use byway_base::{
    Code, Problem, PublicKey,
    limits::{SETUP_MESSAGE_MAX, SETUP_TIMEOUT},
};
use byway_messaging_client::{ALPN_SETUP, MessagingClient};
use byway_wire::{
    Hop, SignedRouteRequest,
    setup::{Reply, SourceMessage, decode_message, encode_message},
};
use tokio::time::timeout;

use crate::exchange;

/// The setup nodes that this node asks, in the order in which it tries them.
pub(crate) struct SetupNodes {
    messaging: MessagingClient,
    trusted: Vec<PublicKey>,
}

impl SetupNodes {
    pub(crate) fn new(messaging: MessagingClient, trusted: Vec<PublicKey>) -> Self {
        Self { messaging, trusted }
    }

    /// Has a route installed on every node of `hops`.
    ///
    /// # Errors
    /// The setup node's refusal, or [`Code::SetupUnreachable`] if none answered. Nothing stays installed then.
    pub(crate) async fn establish(&self, request: &SignedRouteRequest, hops: &[Hop]) -> Result<(), Problem> {
        let what = "cannot set up the route";
        let message = SourceMessage::Establish { request: request.clone(), hops: hops.to_vec() };
        let bytes = encode_message(&message);
        let mut last = "`trusted_setup_nodes` is empty".to_owned();
        for node in &self.trusted {
            match timeout(SETUP_TIMEOUT, self.ask(*node, &bytes)).await {
                Ok(Ok(Reply::Failed { failure })) => {
                    return Err(Problem::new(failure.code, what, failure.why));
                }
                Ok(Ok(Reply::Done {})) => return Ok(()),
                Ok(Ok(Reply::Reserved { .. })) => {
                    return Err(Problem::new(
                        Code::Protocol,
                        what,
                        "the setup node gave another answer than asked for",
                    ));
                }
                // Nothing was answered, so that another may be asked.
                Ok(Err(why)) => last = format!("{}: {why}", node.short()),
                // It may have been installed; the request's route is abandoned, never used, so its lease ends it.
                Err(_) => {
                    let why = format!("{} did not answer within {SETUP_TIMEOUT:?}", node.short());
                    return Err(Problem::new(Code::Timeout, what, why));
                }
            }
        }
        Err(Problem::new(Code::SetupUnreachable, what, last))
    }

    async fn ask(&self, node: PublicKey, message: &[u8]) -> Result<Reply, String> {
        let answer = exchange::ask(&self.messaging, node, ALPN_SETUP, message, SETUP_MESSAGE_MAX).await;
        decode_message(&answer.map_err(|error| error.to_string())?).map_err(|error| error.to_string())
    }
}
