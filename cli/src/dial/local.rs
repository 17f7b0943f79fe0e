//! Through the local API of a node of this machine.

use bytes::Bytes;
use byway_api::local::{DialRequest, RouteView};
use byway_app_sdk::{Datagrams, Listener, LocalNode};
use byway_base::{DatagramError, OverlayAddress, Problem};

use super::{Accept, BoxedStream, DatagramChannel, Dial, DialDatagrams, Dialled};
use crate::{choice::Choice, target::Target};

impl Dial for LocalNode {
    async fn dial(&self, to: &Target, choice: &Choice) -> Result<Dialled, Problem> {
        let (stream, routes) = self.dial(request(to, choice)).await?;
        Ok(Dialled { stream: Box::new(stream), routes })
    }
}

impl DialDatagrams for LocalNode {
    type Channel = Datagrams;

    async fn dial_datagrams(
        &self,
        to: &Target,
        choice: &Choice,
    ) -> Result<(Datagrams, Vec<RouteView>), Problem> {
        self.dial_datagrams(request(to, choice)).await
    }
}

fn request(to: &Target, choice: &Choice) -> DialRequest {
    let (policy, path) = choice.clone().into_parts();
    DialRequest { peer: to.peer.clone(), port: to.port, policy, path }
}

impl DatagramChannel for Datagrams {
    async fn send(&self, datagram: &[u8]) -> Result<(), DatagramError> {
        self.send(datagram).await
    }

    async fn recv(&self) -> Option<Bytes> {
        self.recv().await
    }

    fn max_size(&self) -> usize {
        self.max_size()
    }
}

impl Accept for Listener {
    type Channel = BoxedStream;

    async fn accept(&mut self) -> Result<(OverlayAddress, BoxedStream), Problem> {
        let (from, stream) = self.accept().await?;
        Ok((from, Box::new(stream)))
    }
}

impl Accept for Listener<Datagrams> {
    type Channel = Datagrams;

    async fn accept(&mut self) -> Result<(OverlayAddress, Datagrams), Problem> {
        self.accept().await
    }
}
