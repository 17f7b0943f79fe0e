//! Requests as bytes, for what a well-behaved client cannot be made to send.

use std::net::SocketAddr;

use byway_base::SecretKey;
use byway_clock::unix_now;
use byway_http::signature::{Target, fresh_nonce, sign_request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::PATIENCE;

/// A request, of which each part can be replaced after it was signed.
#[derive(Debug, Clone)]
pub struct RawRequest {
    /// The method.
    pub method: String,
    /// The `host` header.
    pub host: String,
    /// With the query, if there is one.
    pub path: String,
    /// The body, sent as JSON unless it is empty.
    pub body: String,
    /// The signature's headers.
    pub signature: String,
}

impl RawRequest {
    /// A request that `secret` signed just now.
    #[must_use]
    pub fn signed(secret: &SecretKey, method: &str, host: SocketAddr, path: &str, body: &str) -> Self {
        let host = host.to_string();
        let (bare, query) = path.split_once('?').map_or((path, None), |(bare, query)| (bare, Some(query)));
        let target = Target::new(method, &host, bare, query);
        let headers = sign_request(secret, &target, body.as_bytes(), unix_now(), &fresh_nonce());
        let lines = headers
            .iter()
            .map(|(name, value)| format!("{name}: {}\r\n", value.to_str().expect("it is text")));
        let signature = lines.collect();
        let [method, path, body] = [method, path, body].map(str::to_owned);
        Self { method, host, path, body, signature }
    }

    /// The request as it is sent; the service closes the connection after its answer.
    #[must_use]
    pub fn bytes(&self) -> String {
        let Self { method, host, path, body, signature } = self;
        let kind = if body.is_empty() { "" } else { "content-type: application/json\r\n" };
        format!(
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{kind}content-length: {}\r\n{signature}\r\n{body}",
            body.len()
        )
    }

    /// Status and code of the answer that a service gives to exactly these bytes.
    ///
    /// # Panics
    /// As [`send_raw`].
    pub async fn send(&self, to: SocketAddr) -> (u16, String) {
        verdict(&send_raw(to, self.bytes().as_bytes()).await)
    }
}

/// Sends bytes on a connection of their own and reads until the service closes it.
///
/// # Panics
/// If nobody listens, or the service does not close the connection within [`PATIENCE`].
pub async fn send_raw(to: SocketAddr, bytes: &[u8]) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(to).await.expect("the service listens");
        // The service may refuse before it has read everything.
        let _ = stream.write_all(bytes).await;
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    timeout(PATIENCE, exchange).await.expect("the service ends the connection")
}

/// Status and code of an answer; zero and nothing if it is none.
#[must_use]
pub fn verdict(answer: &str) -> (u16, String) {
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    let code = answer.split("\"code\":\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap_or_default();
    (status, code.to_owned())
}
