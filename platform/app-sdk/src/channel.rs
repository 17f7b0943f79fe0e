//! What a connection of the local API can become.

use byway_api::local::STREAM_PROTOCOL;
use byway_base::Problem;

use crate::Stream;

/// What leads from app to app through a node: a [`Stream`], or [`Datagrams`](crate::Datagrams). No other types have it.
pub trait Channel: Sized + Send + 'static {
    /// The word for it in the header `Upgrade`.
    #[doc(hidden)]
    const PROTOCOL: &'static str;
    /// What the paths of its requests begin with.
    #[doc(hidden)]
    const PATH: &'static str;

    /// Begins it on a connection that has been upgraded.
    #[doc(hidden)]
    fn begin(connection: Stream) -> impl Future<Output = Result<Self, Problem>> + Send;
}

impl Channel for Stream {
    const PROTOCOL: &'static str = STREAM_PROTOCOL;
    const PATH: &'static str = "/v1";

    async fn begin(connection: Stream) -> Result<Self, Problem> {
        Ok(connection)
    }
}
