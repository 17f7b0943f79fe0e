//! What a handler gets and gives.

use std::net::SocketAddr;

use byway_api::{AuthClass, Endpoint, Event};
use byway_base::{Problem, Stamp};
use futures_util::stream::BoxStream;

/// A request to an endpoint, authenticated and parsed.
#[non_exhaustive]
pub struct Call<E: Endpoint> {
    /// Who calls: the key that signed the request, or `()` if the endpoint is open.
    pub caller: <E::Auth as AuthClass>::Caller,
    /// Which of the caller's signed requests it is; zero if the endpoint is open.
    pub stamp: Stamp,
    /// The path's parameters.
    pub path: E::Path,
    /// The query.
    pub query: E::Query,
    /// The body.
    pub body: E::Request,
    /// The last event that a reader of a stream has seen, from its `Last-Event-ID` header.
    pub last_event_id: Option<u64>,
    /// The other end of the connection, which may be a proxy; `None` if it is no TCP connection.
    pub peer: Option<SocketAddr>,
    /// What the listener and its layers know of the request beside.
    pub extensions: http::Extensions,
}

/// What a change stream gives.
pub type EventStream<T> = BoxStream<'static, Event<T>>;

/// What a reply in lines gives: its parts, then nothing. A problem ends it.
pub type LineStream<T> = BoxStream<'static, Result<T, Problem>>;

/// Answers an endpoint.
///
/// The future is dropped when the caller leaves or the time for a request is over; what must be finished belongs in a
/// task of its own.
#[diagnostic::on_unimplemented(message = "`{Self}` does not handle the endpoint `{E}`")]
pub trait Handle<E: Endpoint>: Send + Sync + 'static {
    /// Answers one call.
    fn handle(&self, call: Call<E>) -> impl Future<Output = Result<E::Reply, Problem>> + Send;
}

/// Answers an endpoint whose reply is a stream.
#[diagnostic::on_unimplemented(message = "`{Self}` does not watch the endpoint `{E}`")]
pub trait Watch<E: Endpoint>: Send + Sync + 'static {
    /// Begins a stream. It is polled only as fast as the reader reads, so it must bound by itself what it holds for a
    /// slow one, and end with [`Event::Reset`] when that is exceeded. It is dropped when the reader leaves.
    fn watch(&self, call: Call<E>) -> impl Future<Output = Result<EventStream<E::Reply>, Problem>> + Send;
}

/// Answers an endpoint whose reply comes in lines.
#[diagnostic::on_unimplemented(message = "`{Self}` does not feed the endpoint `{E}`")]
pub trait Feed<E: Endpoint>: Send + Sync + 'static {
    /// Begins a reply. It is polled only as fast as the reader reads, holds one part at a time, each shorter than
    /// [`HTTP_EVENT_MAX`](byway_base::limits::HTTP_EVENT_MAX) as JSON, and is dropped when the reader leaves.
    fn feed(&self, call: Call<E>) -> impl Future<Output = Result<LineStream<E::Reply>, Problem>> + Send;
}
