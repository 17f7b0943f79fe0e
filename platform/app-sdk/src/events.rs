//! What happens at the node, as it happens.

use byway_api::{
    Endpoint,
    local::{LocalEvent, WatchEvents},
};
use byway_base::{Code, Problem, limits::STREAM_KEEPALIVE};
use http::{Response, header::ACCEPT};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use crate::{
    LocalNode,
    call::{finish, request},
    connection::{self, Driver},
    reply,
    sse::{Decoder, Unreadable},
};

/// The events of a node from the moment on at which it was asked.
#[derive(Debug)]
pub struct Events {
    body: Incoming,
    decoder: Decoder,
    _driver: Driver,
}

impl LocalNode {
    /// Watches what happens at the node from now on.
    ///
    /// # Errors
    /// As [`Self::call`].
    pub async fn events(&self) -> Result<Events, Problem> {
        let request =
            request(WatchEvents::METHOD.as_str(), WatchEvents::PATH).header(ACCEPT, "text/event-stream");
        let request = finish(request, &())?;
        let exchange = async {
            let (response, driver) = connection::exchange(self.socket(), request).await?;
            Ok((reply::successful(response).await?, driver))
        };
        let (response, driver): (Response<Incoming>, _) = self.in_time(exchange).await?;
        Ok(Events { body: response.into_body(), decoder: Decoder::default(), _driver: driver })
    }
}

impl Events {
    /// The next event; `None` when the node ends the stream, as it does when it stops. A reader that is too slow gets
    /// [`LocalEvent::Missed`].
    ///
    /// # Errors
    /// [`Code::Timeout`] if the node has gone silent, [`Code::NodeUnreachable`] if it died, [`Code::Protocol`] if it
    /// sends what is no event. The stream is of no use then.
    ///
    /// # Cancel safety
    /// No event is lost if the future is dropped.
    pub async fn next(&mut self) -> Result<Option<LocalEvent>, Problem> {
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
