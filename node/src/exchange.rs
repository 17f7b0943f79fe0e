//! One message and its reply over messaging, on a stream of their own.

use byway_base::{PublicKey, limits::SETUP_STEP_TIMEOUT};
use byway_messaging_client::{ConnectError, MessagingClient};
use quinn::{Connection, VarInt};
use tokio::time::sleep;

/// QUIC code of a connection that is given up because the peer went silent.
const CLOSE_SILENT: VarInt = VarInt::from_u32(1);

/// Why there was no reply.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unanswered {
    /// There is no connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The connection broke, or the peer sent too much.
    #[error("{0}")]
    Broken(String),
}

/// Sends `message` to a peer and reads its reply of at most `most` bytes. A connection that the peer forgot, because it
/// was restarted, is replaced by a new one. The caller sets the deadline.
pub(crate) async fn ask(
    messaging: &MessagingClient,
    peer: PublicKey,
    alpn: &'static [u8],
    message: &[u8],
    most: usize,
) -> Result<Vec<u8>, Unanswered> {
    let connection = messaging.connect(peer, alpn).await?;
    tokio::select! {
        reply = exchange(&connection, message, most) => return reply,
        () = silence(&connection) => connection.close(CLOSE_SILENT, b"silent"),
    }
    let connection = messaging.connect(peer, alpn).await?;
    exchange(&connection, message, most).await
}

async fn exchange(connection: &Connection, message: &[u8], most: usize) -> Result<Vec<u8>, Unanswered> {
    let broken = |error: &dyn std::fmt::Display| Unanswered::Broken(error.to_string());
    let (mut send, mut receive) = connection.open_bi().await.map_err(|e| broken(&e))?;
    send.write_all(message).await.map_err(|e| broken(&e))?;
    send.finish().map_err(|e| broken(&e))?;
    receive.read_to_end(most).await.map_err(|e| broken(&e))
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
