//! Apps at the destination, and streams to them.

use byway_base::{OverlayAddress, Port};
use byway_node::{Node, OverlayStream, PathChoice};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, split},
    time::timeout,
};

use super::PATIENCE;

/// Where the echo listens.
pub(crate) const PORT: Port = Port(80);

/// Sends back whatever comes to [`PORT`] of a node, for ever.
pub(crate) fn echo(node: &Node) {
    let mut listener = node.listen(PORT).unwrap();
    tokio::spawn(async move {
        while let Some(incoming) = listener.accept().await {
            tokio::spawn(async move {
                let (mut receive, mut send) = split(incoming.stream);
                // Whoever breaks the stream knows it.
                let _ = tokio::io::copy(&mut receive, &mut send).await;
                let _ = send.shutdown().await;
            });
        }
    });
}

/// The address of a node's echo.
pub(crate) fn echo_of(node: &Node) -> OverlayAddress {
    OverlayAddress { key: node.key(), port: PORT }
}

/// Opens a stream to a node's echo.
pub(crate) async fn dial_echo(from: &Node, to: &Node, choice: PathChoice) -> OverlayStream {
    from.dial(echo_of(to), choice).await.unwrap().0
}

/// Sends bytes to an echo and compares what comes back with them, both at the same time.
pub(crate) async fn exchange(stream: &mut OverlayStream, bytes: &[u8]) {
    let (mut receive, mut send) = split(stream);
    let mut came = vec![0; bytes.len()];
    let sending = async {
        send.write_all(bytes).await.unwrap();
        send.flush().await.unwrap();
    };
    let both = async { tokio::join!(sending, receive.read_exact(&mut came)) };
    let ((), received) = timeout(PATIENCE, both).await.expect("the stream goes on");
    received.unwrap();
    // Not compared by `assert_eq`, which would print megabytes.
    assert!(came == bytes, "what came is what was sent");
}
