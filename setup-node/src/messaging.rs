//! Calls to nodes over messaging: one stream for each message and its reply.

use byway_base::{PublicKey, limits::SETUP_MESSAGE_MAX};
use byway_messaging_client::{ALPN_SETUP, MessagingClient};
use byway_setup::CallFailure;
use byway_wire::setup::{NodeMessage, Reply, decode_message, encode_message};
use quinn::{Connection, ReadToEndError, VarInt};

use crate::NodeCaller;

/// QUIC code of a connection that is given up because the node went silent.
const CLOSE_SILENT: VarInt = VarInt::from_u32(1);

/// Reaches nodes through the messaging client, which keeps the connections warm.
#[derive(Debug, Clone)]
pub(crate) struct MessagingCaller(pub(crate) MessagingClient);

impl NodeCaller for MessagingCaller {
    async fn call(&self, node: PublicKey, message: NodeMessage) -> Result<Reply, CallFailure> {
        let connection = self.0.connect(node, ALPN_SETUP).await.map_err(|error| {
            tracing::debug!(node = %node.short(), %error, "cannot connect to a node");
            CallFailure::Unreachable
        })?;
        let silence = Silence::since_now(&connection);
        let bytes = exchange(&connection, &encode_message(&message)).await.inspect_err(|failure| {
            tracing::debug!(node = %node.short(), %failure, "a call to a node failed");
        });
        silence.broken();
        decode_message(&bytes?).map_err(|_| CallFailure::Malformed)
    }
}

/// Sends one message on a stream of its own and reads the reply, at most [`SETUP_MESSAGE_MAX`] bytes.
pub(crate) async fn exchange(connection: &Connection, message: &[u8]) -> Result<Vec<u8>, CallFailure> {
    let (mut send, mut receive) = connection.open_bi().await.map_err(|_| CallFailure::Unreachable)?;
    send.write_all(message).await.map_err(|_| CallFailure::Unreachable)?;
    send.finish().map_err(|_| CallFailure::Unreachable)?;
    receive.read_to_end(SETUP_MESSAGE_MAX).await.map_err(|error| match error {
        ReadToEndError::TooLong => CallFailure::Malformed,
        ReadToEndError::Read(_) => CallFailure::Unreachable,
    })
}

/// Watches over one call. If the call is given up and not one packet came meanwhile, the node has probably restarted and
/// knows nothing of the connection; it is closed, so that the next call opens a new one instead of waiting for the idle
/// timeout.
struct Silence<'a> {
    connection: Option<&'a Connection>,
    received: u64,
}

impl<'a> Silence<'a> {
    fn since_now(connection: &'a Connection) -> Self {
        Self { connection: Some(connection), received: received(connection) }
    }

    /// The call came to an end.
    fn broken(mut self) {
        self.connection = None;
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection
            && received(connection) == self.received
        {
            connection.close(CLOSE_SILENT, b"silent");
        }
    }
}

fn received(connection: &Connection) -> u64 {
    connection.stats().udp_rx.datagrams
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::connected;

    #[tokio::test]
    async fn a_connection_on_which_nothing_came_during_a_call_that_was_given_up_is_closed() {
        let (_endpoints, near, _far) = connected(1).await;
        drop(Silence::since_now(&near));
        assert!(near.close_reason().is_some());
    }

    #[tokio::test]
    async fn a_connection_on_which_packets_still_come_outlives_a_call_that_was_given_up() {
        let (_endpoints, near, far) = connected(1).await;
        let silence = Silence::since_now(&near);
        let (mut send, _receive) = near.open_bi().await.unwrap();
        send.write_all(b"a question").await.unwrap();
        let _unanswered = far.accept_bi().await.unwrap();
        while received(&near) == silence.received {
            tokio::task::yield_now().await;
        }
        drop(silence);
        assert!(near.close_reason().is_none());
    }

    #[tokio::test]
    async fn a_reply_that_is_too_large_is_no_reply() {
        let (_endpoints, near, far) = connected(1).await;
        let answering = async {
            let (mut send, _receive) = far.accept_bi().await.unwrap();
            // The asker stops reading midway.
            let _ = send.write_all(&vec![0; SETUP_MESSAGE_MAX + 1]).await;
            let _ = send.finish();
        };
        let (answer, ()) = tokio::join!(exchange(&near, b"a question"), answering);
        assert_eq!(answer, Err(CallFailure::Malformed));
    }
}
