//! Change streams as server-sent events.

use std::{convert::Infallible, sync::Arc};

use axum::response::{IntoResponse, Response, Sse, sse};
use byway_api::Event;
use byway_base::{Code, Problem, limits::STREAM_KEEPALIVE};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;

use super::{Context, EventStream};

/// Marks a response whose body has no end, so that nobody waits for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Streaming;

/// Room for one more stream.
pub(super) fn permit(context: &Context) -> Result<OwnedSemaphorePermit, Problem> {
    context.streams.clone().try_acquire_owned().map_err(|_| {
        let why = format!("{} streams are open already", context.limits.streams);
        Problem::new(Code::Limit, "cannot open another stream", why)
    })
}

/// Sends events until the stream ends, a reset was sent, the reader leaves or the service drains.
pub(super) fn respond<T: Serialize + Send + 'static>(
    events: EventStream<T>,
    permit: OwnedSemaphorePermit,
    context: &Arc<Context>,
) -> Response {
    let events = events.scan(false, |reset, event| {
        let after_reset = std::mem::replace(reset, matches!(event, Event::Reset { .. }));
        std::future::ready((!after_reset).then_some(event))
    });
    let events = events.map(move |event| {
        let _held = &permit;
        Ok::<_, Infallible>(encode(&event))
    });
    let events = events.take_until(context.shutdown.clone().cancelled_owned());
    let keep_alive = sse::KeepAlive::new().interval(STREAM_KEEPALIVE);
    let mut response = Sse::new(events).keep_alive(keep_alive).into_response();
    response.extensions_mut().insert(Streaming);
    response
}

fn encode<T: Serialize>(event: &Event<T>) -> sse::Event {
    let head = sse::Event::default().id(event.sequence().to_string());
    match event {
        Event::Item { item, .. } => match head.event("item").json_data(item) {
            Ok(event) => event,
            Err(error) => {
                // The reader takes a snapshot instead of missing a change without knowing.
                tracing::error!(%error, "an event cannot be written as JSON");
                sse::Event::default().id(event.sequence().to_string()).event("reset").data("{}")
            }
        },
        Event::Reset { .. } => head.event("reset").data("{}"),
    }
}
