//! Asking a trusted setup node for a route.

use byway_base::{
    Code, Problem, PublicKey,
    limits::{SETUP_MESSAGE_MAX, SETUP_STEP_TIMEOUT, SETUP_TIMEOUT},
};
use byway_messaging_client::{ALPN_SETUP, MessagingClient};
use byway_wire::{
    Hop, SignedRouteRequest,
    setup::{Reply, SourceMessage, decode_message, encode_message},
};
use quinn::{Connection, VarInt};
use tokio::time::{sleep, timeout};

/// QUIC code of a connection that is given up because the setup node went silent.
const CLOSE_SILENT: VarInt = VarInt::from_u32(1);

/// The setup nodes that this node asks, in the order in which it tries them.
pub(crate) struct SetupNodes {
    messaging: MessagingClient,
    trusted: Vec<PublicKey>,
}

/// An exchange failed before the setup node answered, so that another may be asked.
struct Unanswered(String);

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
                Ok(Err(Unanswered(why))) => last = format!("{}: {why}", node.short()),
                // It may have been installed; the request's route is abandoned, never used, so its lease ends it.
                Err(_) => {
                    let why = format!("{} did not answer within {SETUP_TIMEOUT:?}", node.short());
                    return Err(Problem::new(Code::Timeout, what, why));
                }
            }
        }
        Err(Problem::new(Code::SetupUnreachable, what, last))
    }

    /// One exchange. A connection that the setup node forgot, because it was restarted, is replaced by a new one.
    async fn ask(&self, node: PublicKey, message: &[u8]) -> Result<Reply, Unanswered> {
        let unanswered = |error: &dyn std::fmt::Display| Unanswered(error.to_string());
        let connection = self.messaging.connect(node, ALPN_SETUP).await.map_err(|e| unanswered(&e))?;
        tokio::select! {
            reply = exchange(&connection, message) => return reply,
            () = silence(&connection) => connection.close(CLOSE_SILENT, b"silent"),
        }
        let connection = self.messaging.connect(node, ALPN_SETUP).await.map_err(|e| unanswered(&e))?;
        exchange(&connection, message).await
    }
}

async fn exchange(connection: &Connection, message: &[u8]) -> Result<Reply, Unanswered> {
    let unanswered = |error: &dyn std::fmt::Display| Unanswered(error.to_string());
    let (mut send, mut receive) = connection.open_bi().await.map_err(|e| unanswered(&e))?;
    send.write_all(message).await.map_err(|e| unanswered(&e))?;
    send.finish().map_err(|e| unanswered(&e))?;
    let bytes = receive.read_to_end(SETUP_MESSAGE_MAX).await.map_err(|e| unanswered(&e))?;
    decode_message(&bytes).map_err(|e| unanswered(&e))
}

/// Returns if not one packet comes within [`SETUP_STEP_TIMEOUT`]: whoever knows the connection acknowledges what is sent
/// on it long before.
async fn silence(connection: &Connection) {
    let received = || connection.stats().udp_rx.datagrams;
    let before = received();
    sleep(SETUP_STEP_TIMEOUT).await;
    if received() > before {
        std::future::pending::<()>().await;
    }
}
