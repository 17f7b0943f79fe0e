//! A running finder, and callers.

use std::time::Duration;

use byway_api::route_finder::{
    ExplainPath, ExplainReply, ExplainRequest, FindPaths, FindReply, FindRequest, FinderStats,
    GetFinderStats, PathView,
};
use byway_base::{Policy, Problem, PublicKey, TransportId, limits::MIRROR_AGE_MAX};
use byway_http::{ServiceAddress, client::Client};
use byway_messaging_client::Messaging;
use byway_route_finder::{Config, Mirrored, RouteFinder};
use byway_service_kit::{Health, Service, Shutdown};

use crate::discovery::{Discovery, Registry, key, secret};

/// After this a test gives up; none takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running finder. It ends with the test's runtime.
pub(crate) struct Finder {
    pub(crate) health: Health,
    pub(crate) key: PublicKey,
    address: String,
    mirrored: Mirrored,
    _directory: tempfile::TempDir,
}

impl Finder {
    /// Follows these, the first one first.
    pub(crate) async fn start(discoveries: &[&Discovery]) -> Self {
        Self::start_with(discoveries, |_| ()).await
    }

    pub(crate) async fn start_with(discoveries: &[&Discovery], adjust: impl FnOnce(&mut Config)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = |discovery: &&Discovery| ServiceAddress { url: discovery.url(), key: None };
        let mut config = Config {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_url: None,
            transport_discovery: discoveries.iter().map(address).collect(),
            messaging: Messaging::default(),
            mirror_age_max: MIRROR_AGE_MAX,
            workers: 2,
            key_file: directory.path().join("key"),
        };
        adjust(&mut config);
        let finder = RouteFinder::bind(config).await.unwrap();
        let (health, key, mirrored) = (finder.health(), finder.key(), finder.mirrored());
        let address = finder.address().to_string();
        tokio::spawn(finder.serve(Shutdown::new(Duration::from_secs(1))));
        Self { health, key, address, mirrored, _directory: directory }
    }

    /// Waits until its answers contain this change.
    pub(crate) async fn reached(&self, sequence: u64) {
        tokio::time::timeout(PATIENCE, self.mirrored.reached(sequence)).await.expect("the mirror gets there");
    }

    /// Waits until it reads the registry's change stream.
    pub(crate) async fn follows(&self, registry: &Registry) {
        self.ready().await;
        while registry.readers() == 0 {
            self.stats().await;
        }
    }

    pub(crate) async fn ready(&self) {
        tokio::time::timeout(PATIENCE, self.health.ready()).await.expect("the finder becomes ready");
    }

    /// A caller that signs with the key of `seed`, and believes only this finder.
    pub(crate) fn client(&self, seed: u8) -> Client {
        self.client_expecting(seed, self.key)
    }

    pub(crate) fn client_expecting(&self, seed: u8, key: PublicKey) -> Client {
        Client::new(&format!("http://{}", self.address), Some(secret(seed)), Some(key)).unwrap()
    }

    /// Asks as the source.
    pub(crate) async fn find(&self, from: u8, to: u8, policy: &str) -> Result<Vec<PathView>, Problem> {
        Ok(self.ask(query(from, to, policy)).await?.paths)
    }

    pub(crate) async fn ask(&self, (from, request): (u8, FindRequest)) -> Result<FindReply, Problem> {
        self.client(from).call::<FindPaths>((), (), request).await
    }

    /// Asks as somebody else.
    pub(crate) async fn explain(
        &self,
        from: u8,
        to: u8,
        policy: &str,
        transports: &[TransportId],
    ) -> Result<ExplainReply, Problem> {
        let transports = transports.to_vec().try_into().unwrap();
        let request = ExplainRequest { from: key(from), to: key(to), policy: parse(policy), transports };
        self.client(99).call::<ExplainPath>((), (), request).await
    }

    pub(crate) async fn stats(&self) -> FinderStats {
        self.client(99).call::<GetFinderStats>((), (), ()).await.unwrap()
    }
}

/// A query and who asks it.
pub(crate) fn query(from: u8, to: u8, policy: &str) -> (u8, FindRequest) {
    (from, FindRequest { from: key(from), to: key(to), policy: parse(policy), k: None, why_not: false })
}

fn parse(policy: &str) -> Policy {
    policy.parse().unwrap()
}

/// The nodes that a path comes to, in order.
pub(crate) fn reaches(path: &PathView) -> Vec<PublicKey> {
    path.hops.iter().map(|hop| hop.to).collect()
}
