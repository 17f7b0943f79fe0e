//! Streams as local connections: bytes both ways.

use byway_api::local::STREAM_PROTOCOL;
use byway_base::{OverlayAddress, Port, Problem};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional_with_sizes;
use tracing::debug;

use super::{
    Api,
    channels::{Channel, Holds},
};
use crate::{Incoming, Listener, Node, OverlayStream, PathChoice, RouteInfo};

/// Buffer of each direction between a local connection and an overlay stream, bytes.
const COPY_BUFFER: usize = 64 * 1024;

impl Channel for OverlayStream {
    const PROTOCOL: &'static str = STREAM_PROTOCOL;
    const DIAL: &'static str = "/v1/dial";
    const LISTEN: &'static str = "/v1/listen/{port}";
    const ACCEPT: &'static str = "/v1/accept/{port}";
    type Incoming = Incoming;

    fn holds(api: &Api) -> &Holds<Incoming> {
        &api.streams
    }

    fn listen(node: &Node, port: Port) -> Result<Listener, Problem> {
        node.listen(port)
    }

    async fn dial(
        node: &Node,
        to: OverlayAddress,
        choice: PathChoice,
    ) -> Result<(Self, Vec<RouteInfo>), Problem> {
        node.dial(to, choice).await
    }

    fn parts(incoming: Incoming) -> (OverlayAddress, Self) {
        (incoming.from, incoming.stream)
    }

    async fn carry(mut self, mut local: TokioIo<Upgraded>) {
        let copied = copy_bidirectional_with_sizes(&mut local, &mut self, COPY_BUFFER, COPY_BUFFER).await;
        if let Err(error) = copied {
            debug!(%error, "a local stream broke");
        }
    }
}
