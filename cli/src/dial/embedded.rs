//! Through a node within this process.

use byway_base::{Code, OverlayAddress, Problem};
use byway_node::{Listener, Node, PathChoice};

use super::{Accept, BoxedStream, Dial, Dialled};
use crate::{choice::Choice, target::Target};

impl Dial for Node {
    async fn dial(&self, to: &Target, choice: &Choice) -> Result<Dialled, Problem> {
        let address = OverlayAddress { key: self.resolve(&to.peer)?, port: to.port };
        let choice = path_choice(self, choice)?;
        let (stream, routes) = self.dial(address, choice).await?;
        let routes = routes.iter().map(|info| self.route_view(info)).collect();
        Ok(Dialled { stream: Box::new(stream), routes })
    }
}

fn path_choice(node: &Node, choice: &Choice) -> Result<PathChoice, Problem> {
    Ok(match choice {
        Choice::Any => PathChoice::default(),
        Choice::Policy(text) => PathChoice::by_policy(&node.read_policy(text)?),
        Choice::Path { transports, others: None } => PathChoice::exactly(transports.clone()),
        Choice::Path { transports, others: Some(text) } => {
            PathChoice::first(transports.clone(), &node.read_policy(text)?)
        }
    })
}

impl Accept for Listener {
    type Channel = BoxedStream;

    async fn accept(&mut self) -> Result<(OverlayAddress, BoxedStream), Problem> {
        let port = self.port();
        let incoming = self.accept().await.ok_or_else(|| {
            Problem::new(
                Code::NodeUnreachable,
                format!("cannot accept on port {port}"),
                "the node has stopped",
            )
        })?;
        Ok((incoming.from, Box::new(incoming.stream)))
    }
}
