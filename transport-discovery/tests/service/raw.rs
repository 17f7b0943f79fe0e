//! Requests as bytes, for what a well-behaved client cannot be made to send.

use byway_base::{SecretKey, UnixTime};
use byway_http::signature::{Target, fresh_nonce, sign_request};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A bodiless request to `host`, signed if there is a key.
pub(crate) fn request(
    method: &str,
    host: &str,
    path: &str,
    signer: Option<(&SecretKey, UnixTime)>,
) -> String {
    with_body(method, host, path, signer, "")
}

/// A request with a body of JSON.
pub(crate) fn with_body(
    method: &str,
    host: &str,
    path: &str,
    signer: Option<(&SecretKey, UnixTime)>,
    body: &str,
) -> String {
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\ncontent-type: application/json\r\n\
        content-length: {}\r\n",
        body.len()
    );
    if let Some((secret, now)) = signer {
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let target = Target::new(method, host, path, query);
        for (name, value) in sign_request(secret, &target, body.as_bytes(), now, &fresh_nonce()) {
            text.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
        }
    }
    text + "\r\n" + body
}

/// Sends bytes to a service; answers the status, and the body as far as it is text.
pub(crate) async fn send(address: &str, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await.unwrap();
    let reply = String::from_utf8_lossy(&reply).into_owned();
    let status = reply.split(' ').nth(1).unwrap().parse().unwrap();
    (status, reply)
}
