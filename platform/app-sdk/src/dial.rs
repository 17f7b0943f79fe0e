//! Dials an app on another node.

use byway_api::local::{DialRequest, ROUTES_HEADER, RouteView};
use byway_base::{Problem, limits::DIAL_TIMEOUT};
use http::{
    HeaderMap,
    header::{CONNECTION, UPGRADE},
    request::Builder,
};

use crate::{
    Channel, Datagrams, LocalNode, Stream,
    call::{finish, request},
    connection, reply,
};

impl LocalNode {
    /// Opens a stream to an app on another node; says over which routes it goes, the active one first.
    ///
    /// # Errors
    /// The node's reason: no path, no route, no app, a wrong key or policy, too slow. Else as [`Self::call`]; the
    /// deadline is at least that of a dial and a little more.
    ///
    /// # Cancel safety
    /// Dropping the future gives the stream up.
    pub async fn dial(&self, to: DialRequest) -> Result<(Stream, Vec<RouteView>), Problem> {
        self.open(to).await
    }

    /// Opens a channel for datagrams to an app on another node; says over which routes it goes, the active one first.
    ///
    /// # Errors
    /// As [`Self::dial`].
    ///
    /// # Cancel safety
    /// Dropping the future gives the channel up.
    pub async fn dial_datagrams(&self, to: DialRequest) -> Result<(Datagrams, Vec<RouteView>), Problem> {
        self.open(to).await
    }

    async fn open<C: Channel>(&self, to: DialRequest) -> Result<(C, Vec<RouteView>), Problem> {
        let patient = self.clone().with_deadline(self.deadline().max(DIAL_TIMEOUT + DIAL_TIMEOUT / 2));
        let request = finish(upgrade::<C>(request("POST", &format!("{}/dial", C::PATH))), &to)?;
        let exchange = async {
            let (response, _driver) = connection::exchange(self.socket(), request).await?;
            let (stream, headers) = Stream::upgraded(response, C::PROTOCOL).await?;
            Ok((C::begin(stream).await?, headers))
        };
        let (channel, headers) = patient.in_time(exchange).await?;
        Ok((channel, reply::parse(header(&headers, ROUTES_HEADER)?.as_bytes())?))
    }
}

/// Asks for the connection to become a channel.
pub(crate) fn upgrade<C: Channel>(request: Builder) -> Builder {
    request.header(CONNECTION, "upgrade").header(UPGRADE, C::PROTOCOL)
}

/// What the answer says beside the channel.
pub(crate) fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, Problem> {
    let text = headers.get(name).and_then(|value| value.to_str().ok());
    text.ok_or_else(|| reply::foreign(format!("its answer has no header `{name}`")))
}
