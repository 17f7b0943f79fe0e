//! One connection to the node's socket and one request on it.

use std::{io, path::Path};

use bytes::Bytes;
use byway_base::{Code, Problem};
use http::{Request, Response};
use http_body_util::Full;
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::{net::UnixStream, task::AbortHandle};

/// Keeps a connection going; dropping it cuts the connection, an upgraded one excepted.
#[derive(Debug)]
pub(crate) struct Driver(AbortHandle);

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) async fn open(socket: &Path) -> Result<UnixStream, Problem> {
    UnixStream::connect(socket).await.map_err(|error| {
        let what = "cannot reach the node";
        let path = socket.display();
        match error.kind() {
            io::ErrorKind::NotFound => {
                Problem::new(Code::NodeUnreachable, what, format!("there is no socket {path}"))
            }
            io::ErrorKind::ConnectionRefused => {
                Problem::new(Code::NodeUnreachable, what, format!("nobody answers on the socket {path}"))
            }
            io::ErrorKind::PermissionDenied => {
                Problem::new(Code::Denied, what, format!("the socket {path} may not be used by this user"))
                    .with_hint("run this as the user who runs the node")
            }
            _ => Problem::new(Code::NodeUnreachable, what, format!("{path}: {error}")),
        }
    })
}

/// Sends one request on a new connection and waits for the reply's head.
pub(crate) async fn exchange(
    socket: &Path,
    request: Request<Full<Bytes>>,
) -> Result<(Response<Incoming>, Driver), Problem> {
    let io = TokioIo::new(open(socket).await?);
    let (mut sender, connection) = http1::handshake(io).await.map_err(|error| broke(&error))?;
    let driver = tokio::spawn(async move {
        // How it ends is told to whoever waits for the reply.
        let _ = connection.with_upgrades().await;
    });
    let driver = Driver(driver.abort_handle());
    let response = sender.send_request(request).await.map_err(|error| broke(&error))?;
    Ok((response, driver))
}

pub(crate) fn broke(error: &hyper::Error) -> Problem {
    let why = format!("the connection to its socket broke: {error}");
    Problem::new(Code::NodeUnreachable, "cannot hear the node out", why)
}
