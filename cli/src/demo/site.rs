//! The web site that bob serves on the overlay: a page, and as many bytes as one asks for.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Path,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use byway_base::{Port, Problem};
use byway_node::{Listener, Node};
use futures_util::stream;
use hyper::server::conn::http1;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use sha2::{Digest, Sha256};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinSet,
};
use tracing::debug;

use crate::relay;

/// Where the site listens.
pub(super) const PORT: Port = Port(80);
/// Most bytes that one request gets.
const BYTES_MAX: u64 = 64 * 1024 * 1024 * 1024;
/// Bytes made at once.
const CHUNK: usize = 64 * 1024;
/// Connections at once.
const CONNECTIONS: usize = 256;

/// Serves the site on a node until the node stops.
///
/// # Errors
/// If another app listens on [`PORT`].
pub(super) fn serve(node: &Node) -> Result<(), Problem> {
    let listener = node.listen(PORT)?;
    tokio::spawn(accept(listener));
    Ok(())
}

async fn accept(mut listener: Listener) {
    let router = router();
    let mut connections = JoinSet::new();
    while let Some(incoming) = listener.accept().await {
        if connections.len() >= CONNECTIONS {
            connections.join_next().await;
        }
        while connections.try_join_next().is_some() {}
        connections.spawn(visit(router.clone(), incoming.stream));
    }
}

/// Serves the site on a local address, for a node that exposes it, until it is dropped.
///
/// # Errors
/// If the address cannot be listened on.
pub(super) async fn serve_locally(listen: SocketAddr) -> Result<Infallible, Problem> {
    let (listener, _) = relay::bind(listen).await?;
    let router = router();
    relay::serve_each(listener, |visitor, _| visit(router.clone(), visitor)).await
}

fn router() -> Router {
    Router::new().route("/", get(page)).route("/bytes/{count}", get(bytes))
}

async fn visit(router: Router, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    let service = TowerToHyperService::new(router);
    if let Err(error) = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await {
        debug!(%error, "a visitor left");
    }
}

async fn page() -> Html<&'static str> {
    Html(
        "<!doctype html>\n<title>bob</title>\n<h1>Hello from bob</h1>\n\
         <p>This page came over the overlay: by a path that you chose, encrypted from end to end.</p>\n",
    )
}

async fn bytes(Path(count): Path<u64>) -> Response {
    if count > BYTES_MAX {
        return (StatusCode::BAD_REQUEST, format!("at most {BYTES_MAX} bytes\n")).into_response();
    }
    let chunks = stream::unfold((Content::new(), count), |(mut content, left)| async move {
        let chunk = content.next((left > 0).then_some(left)?);
        let left = left - chunk.len() as u64;
        Some((Ok::<_, Infallible>(chunk), (content, left)))
    });
    ([(header::CONTENT_LENGTH, count.to_string())], Body::from_stream(chunks)).into_response()
}

/// The bytes that the site serves: no two chunks alike, so that a lost, doubled or moved one shows. Blocks of SHA-256 of
/// a counter would cost more than the transfer; each chunk is one fixed block with its number mixed in.
pub(super) struct Content {
    block: [u8; CHUNK],
    number: u64,
}

impl Content {
    /// From the beginning.
    #[must_use]
    pub(super) fn new() -> Self {
        let mut block = [0; CHUNK];
        for (index, part) in block.chunks_mut(32).enumerate() {
            part.copy_from_slice(&Sha256::digest((index as u64).to_be_bytes()));
        }
        Self { block, number: 0 }
    }

    /// The next chunk, `left` bytes at most.
    pub(super) fn next(&mut self, left: u64) -> Bytes {
        self.number += 1;
        for part in self.block.chunks_mut(4096) {
            part[..8].copy_from_slice(&self.number.to_be_bytes());
        }
        let count = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        Bytes::copy_from_slice(&self.block[..count])
    }
}

impl Default for Content {
    fn default() -> Self {
        Self::new()
    }
}
