//! What a node tells bit by bit.

use std::marker::PhantomData;

use byway_api::{
    Endpoint,
    local::{LocalEvent, TraceEvent, TraceRequest, TraceRoute, WatchEvents},
};
use byway_base::{
    Code, Problem,
    limits::{DIAL_TIMEOUT, STREAM_KEEPALIVE},
};
use http::{Response, header::ACCEPT};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::{
    LocalNode,
    call::{finish, request},
    connection::{self, Driver},
    reply,
    sse::{Decoder, Unreadable},
};

/// What a node tells from the moment on at which it was asked: what happens at it, unless `T` is something else.
#[derive(Debug)]
pub struct Events<T = LocalEvent> {
    body: Incoming,
    decoder: Decoder,
    _driver: Driver,
    _item: PhantomData<fn() -> T>,
}

impl LocalNode {
    /// Watches what happens at the node from now on.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn events(&self) -> Result<Events, Problem> {
        self.watch::<WatchEvents>(&()).await
    }

    /// Measures a route to a node hop by hop: the route first, then each hop, last the verdict.
    ///
    /// # Errors
    /// The node's reason: no such route, or why none could be set up. Else as [`Self::call`]; the deadline is at least
    /// that of a dial and a little more.
    ///
    /// # Cancel safety
    /// Dropping the future, or the events, ends the trace.
    pub async fn trace(&self, request: &TraceRequest) -> Result<Events<TraceEvent>, Problem> {
        let patient = self.clone().with_deadline(self.deadline().max(DIAL_TIMEOUT + DIAL_TIMEOUT / 2));
        patient.watch::<TraceRoute>(request).await
    }

    async fn watch<E: Endpoint>(&self, body: &E::Request) -> Result<Events<E::Reply>, Problem> {
        let request = request(E::METHOD.as_str(), E::PATH).header(ACCEPT, "text/event-stream");
        let request = finish(request, body)?;
        let exchange = async {
            let (response, driver) = connection::exchange(self.socket(), request).await?;
            Ok((reply::successful(response).await?, driver))
        };
        let (response, driver): (Response<Incoming>, _) = self.in_time(exchange).await?;
        let (body, decoder) = (response.into_body(), Decoder::default());
        Ok(Events { body, decoder, _driver: driver, _item: PhantomData })
    }
}

impl<T: DeserializeOwned> Events<T> {
    /// The next event; `None` when the node ends the stream, as it does when there is no more to tell or it stops. A
    /// reader that is too slow gets [`LocalEvent::Missed`].
    ///
    /// # Errors
    /// [`Code::Timeout`] if the node has gone silent, [`Code::NodeUnreachable`] if it died, [`Code::Protocol`] if it
    /// sends what is no event. The stream is of no use then.
    ///
    /// # Cancel safety
    /// No event is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<Option<T>, Problem> {
        loop {
            if let Some(event) = self.decoder.next().map_err(|Unreadable| unreadable())? {
                return if event.kind == "item" {
                    reply::parse(event.data.as_bytes()).map(Some)
                } else {
                    Ok(None)
                };
            }
            // The node sends comments when it has nothing to say.
            let silence = STREAM_KEEPALIVE * 3;
            let frame = timeout(silence, self.body.frame()).await.map_err(|_| {
                Problem::new(
                    Code::Timeout,
                    "cannot follow the node's events",
                    format!("it was silent for {silence:?}"),
                )
            })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| connection::broke(&error))?;
            if let Some(data) = frame.data_ref() {
                self.decoder.push(data).map_err(|Unreadable| unreadable())?;
            }
        }
    }
}

fn unreadable() -> Problem {
    reply::foreign("an event is no text, or too large")
}
