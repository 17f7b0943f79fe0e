//! Calls an endpoint of the local API.

use bytes::Bytes;
use byway_api::Endpoint;
use byway_base::{Code, Problem};
use http::{
    Request,
    header::{ACCEPT, CONTENT_TYPE, HOST},
    request::Builder,
};
use http_body_util::Full;
use tokio::time::timeout;

use crate::{LocalNode, connection, reply, target::target};

impl LocalNode {
    /// Calls an endpoint of [`byway_api::local`] that is answered once.
    ///
    /// # Errors
    /// The node's own problem, unchanged; [`Code::NodeUnreachable`] if the node does not answer on its socket,
    /// [`Code::Timeout`] if it takes longer than the deadline, [`Code::Protocol`] if it is no node.
    ///
    /// # Cancel safety
    /// Dropping the future cuts the connection; whether the node acted on the request is then unknown.
    pub async fn call<E: Endpoint>(
        &self,
        path: E::Path,
        query: E::Query,
        body: E::Request,
    ) -> Result<E::Reply, Problem> {
        let request = request(E::METHOD.as_str(), &target(E::PATH, &path, &query)?);
        let request = finish(request.header(ACCEPT, "application/json"), &body)?;
        let exchange = async {
            let (response, _driver) = connection::exchange(self.socket(), request).await?;
            reply::read(response).await
        };
        self.in_time(exchange).await
    }

    pub(crate) async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, Problem>>,
    ) -> Result<T, Problem> {
        let deadline = self.deadline();
        timeout(deadline, exchange).await.unwrap_or_else(|_| {
            let why = format!("it did not answer within {deadline:?}");
            Err(Problem::new(Code::Timeout, "cannot hear the node out", why))
        })
    }
}

pub(crate) fn request(method: &str, target: &str) -> Builder {
    // A unix socket has no host, but HTTP/1.1 asks for the field.
    Request::builder().method(method).uri(target).header(HOST, "localhost")
}

/// Adds the body; `()` is none.
pub(crate) fn finish(
    request: Builder,
    body: &impl serde::Serialize,
) -> Result<Request<Full<Bytes>>, Problem> {
    let unusable = |why: String| Problem::new(Code::Usage, "cannot write the request", why);
    let json = serde_json::to_vec(body).map_err(|error| unusable(error.to_string()))?;
    let request = if json == b"null" {
        request.body(Full::default())
    } else {
        request.header(CONTENT_TYPE, "application/json").body(Full::from(json))
    };
    request.map_err(|error| unusable(error.to_string()))
}
