//! Through the local API of a node of this machine.

use byway_api::local::DialRequest;
use byway_app_sdk::{Listener, LocalNode};
use byway_base::{OverlayAddress, Problem};

use super::{Accept, BoxedStream, Dial, Dialled};
use crate::{choice::Choice, target::Target};

impl Dial for LocalNode {
    async fn dial(&self, to: &Target, choice: &Choice) -> Result<Dialled, Problem> {
        let (policy, path) = choice.clone().into_parts();
        let request = DialRequest { peer: to.peer.clone(), port: to.port, policy, path };
        let (stream, routes) = self.dial(request).await?;
        Ok(Dialled { stream: Box::new(stream), routes })
    }
}

impl Accept for Listener {
    async fn accept(&mut self) -> Result<(OverlayAddress, BoxedStream), Problem> {
        let (from, stream) = self.accept().await?;
        Ok((from, Box::new(stream)))
    }
}
