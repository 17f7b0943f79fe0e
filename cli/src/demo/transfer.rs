//! A download through the SOCKS proxy, as any program would do it, watched while it runs.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use byway_base::{Code, Problem};
use http_body_util::{BodyExt, Empty};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use sha2::{Digest, Sha256};
use tokio::time::timeout;
use tokio_socks::tcp::Socks5Stream;

use super::site::Content;

/// A transfer that stands still for this long has failed.
const STALL: Duration = Duration::from_secs(30);

/// What a finished download showed.
pub(super) struct Download {
    /// Bytes that came.
    pub(super) bytes: u64,
    /// Whether they are what the site sent.
    pub(super) matches: bool,
    /// SHA-256 of what came, hexadecimal.
    pub(super) sha256: String,
    /// From the first to the last byte.
    pub(super) elapsed: Duration,
}

/// Watches a download.
pub(super) trait Watcher {
    /// `bytes` have come so far; `pause` passed since the piece before.
    fn progress(&mut self, bytes: u64, pause: Duration);
}

/// Downloads `count` bytes from the site on `host` and compares them with what it should send.
///
/// # Errors
/// If the transfer breaks or stands still; whatever came until then is not a result.
pub(super) async fn download(
    proxy: SocketAddr,
    host: &str,
    count: u64,
    watcher: &mut impl Watcher,
) -> Result<Download, Problem> {
    let failed = |why: &dyn std::fmt::Display| Problem::new(Code::CheckFailed, "the download failed", why);
    let socks = timeout(STALL, Socks5Stream::connect(proxy, (host, super::site::PORT.0))).await;
    let socks = socks.map_err(|_| failed(&"the proxy did not answer"))?.map_err(|error| failed(&error))?;
    let (mut client, connection) =
        http1::handshake(TokioIo::new(socks)).await.map_err(|error| failed(&error))?;
    let connection = tokio::spawn(connection);
    let request = Request::get(format!("/bytes/{count}")).header("host", host).body(Empty::<Bytes>::new());
    let request = request.map_err(|error| failed(&error))?;
    let mut response = client.send_request(request).await.map_err(|error| failed(&error))?;
    if !response.status().is_success() {
        return Err(failed(&format!("the site answered {}", response.status())));
    }
    let (mut came, mut bytes, started) = (Sha256::new(), 0, Instant::now());
    let mut last = started;
    while let Some(frame) = timeout(STALL, response.frame()).await.map_err(|_| failed(&"it stands still"))? {
        let Ok(piece) = frame.map_err(|error| failed(&error))?.into_data() else { continue };
        bytes += piece.len() as u64;
        came.update(&piece);
        watcher.progress(bytes, last.elapsed());
        last = Instant::now();
    }
    let elapsed = started.elapsed();
    drop(client);
    connection.abort();
    let sha256 = came.finalize();
    let matches = bytes == count && sha256[..] == expected(count)[..];
    Ok(Download { bytes, matches, sha256: data_encoding::HEXLOWER.encode(&sha256), elapsed })
}

/// SHA-256 of what the site should send, made again on this side.
fn expected(count: u64) -> Vec<u8> {
    let (mut content, mut hash, mut left) = (Content::new(), Sha256::new(), count);
    while left > 0 {
        let chunk = content.next(left);
        left -= chunk.len() as u64;
        hash.update(&chunk);
    }
    hash.finalize().to_vec()
}
