//! The unix socket under the local API.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path, time::Duration};

use byway_api::local::Local;
use byway_base::{Code, Problem};
use byway_http::server::{Limits, Server};
use tokio::net::{UnixListener, UnixStream};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{Api, channels};
use crate::{Datagrams, Node, OverlayStream};

/// Who may use the node: its owner. An operator who wants a group to, changes the directory's mode and the socket's.
const MODE: u32 = 0o600;
/// Time for a request: a ping dials and then sends up to a hundred messages.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(60);

/// Binds the socket and serves the local API on it until `stop`, then removes it.
///
/// # Errors
/// [`Code::Bind`] if another node serves on it, or the path cannot be used.
pub(crate) async fn serve(
    node: Node,
    path: &Path,
    stop: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static, Problem> {
    let listener = bind(path).await.map_err(|error| {
        let why = if error.kind() == io::ErrorKind::AddrInUse {
            "another node serves on it".to_owned()
        } else {
            error.to_string()
        };
        Problem::new(Code::Bind, format!("cannot serve the local API on {}", path.display()), why)
    })?;
    let api = Api::new(node);
    let limits = Limits { timeout: REQUEST_TIMEOUT, ..Limits::default() };
    // What becomes a channel may wait for as long as its caller does, so it stays outside of the server's timeout.
    let endpoints = Server::<Local>::new(api.clone()).limits(limits).router(stop.clone());
    let router = endpoints
        .merge(channels::router::<OverlayStream>(api.clone()))
        .merge(channels::router::<Datagrams>(api));
    let path = path.to_owned();
    Ok(async move {
        if let Err(error) = axum::serve(listener, router).with_graceful_shutdown(stop.cancelled_owned()).await
        {
            warn!(%error, "the local API ended");
        }
        // Somebody else may have removed it.
        let _ = fs::remove_file(path);
    })
}

async fn bind(path: &Path) -> io::Result<UnixListener> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    if path.exists() {
        // A socket that nobody answers on was left by a node that was killed.
        match UnixStream::connect(path).await {
            Ok(_) => return Err(io::ErrorKind::AddrInUse.into()),
            Err(_) => fs::remove_file(path)?,
        }
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(MODE))?;
    Ok(listener)
}
