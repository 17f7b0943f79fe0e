//! The node as a service of its own process.

use byway_base::{Problem, PublicKey};
use byway_service_kit::{Common, Health, Service, Shutdown};

use crate::{
    Node,
    config::{Config, RawConfig},
    local, telemetry,
};

/// A running node with its local API.
pub struct NodeService {
    node: Node,
}

impl Service for NodeService {
    const NAME: &'static str = "node";
    const ABOUT: &'static str =
        "Forwards packets by rules and carries sessions; runs on every member of the overlay.";
    type Raw = RawConfig;
    type Config = Config;

    fn configure(raw: RawConfig, common: &Common) -> Result<Config, Problem> {
        Config::try_from((raw, common))
    }

    async fn bind(config: Config) -> Result<Self, Problem> {
        Ok(Self { node: Node::start(config).await? })
    }

    fn health(&self) -> Health {
        self.node.health()
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        let listen = self.node.listen_address().map(|address| ("tcp", address.to_string()));
        let quic = self.node.quic_listen_address().map(|address| ("quic", address.to_string()));
        let socket = self.node.config().socket.as_ref().map(|path| ("socket", path.display().to_string()));
        listen.into_iter().chain(quic).chain(socket).collect()
    }

    fn identity(&self) -> Option<PublicKey> {
        Some(self.node.key())
    }

    async fn serve(self, shutdown: Shutdown) -> Result<(), Problem> {
        let api = match &self.node.config().socket {
            Some(path) => Some(local::serve(self.node.clone(), path, shutdown.token()).await?),
            None => None,
        };
        let api = api.map(tokio::spawn);
        let metrics = tokio::spawn(telemetry::publish(self.node.clone(), shutdown.token()));
        shutdown.begun().await;
        self.node.stop().await;
        if let Some(api) = api {
            // It ends with the token; a panic in it was logged where it happened.
            let _ = api.await;
        }
        let _ = metrics.await;
        Ok(())
    }
}
