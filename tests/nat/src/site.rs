//! The control plane, in the middle of an internet that the test made.

use std::{
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use byway_base::PublicKey;
use byway_netns::{Family, Home, Internet, Lab, Namespace, NatKind, nat_lab_or_skip};
use byway_testkit::{Launch, Process, program};
use tempfile::TempDir;

use crate::Member;

/// Where the services listen that are asked over HTTP.
const FINDER: u16 = 9092;
const TRANSPORTS: u16 = 9091;
const RECORDS: u16 = 9093;
/// TCP and UDP.
const MESSAGING: u16 = 9094;

/// A running control plane. Dropping it ends every process and removes every namespace.
pub struct Site {
    _services: Vec<Process>,
    finder: PublicKey,
    setup_node: PublicKey,
    byway: PathBuf,
    internet: Internet,
    directory: TempDir,
    // Dropped last.
    lab: Lab,
}

impl Site {
    /// Both discoveries, two messaging servers at different addresses, a route finder and a setup node. None where there
    /// can be no such network; the test is skipped then, and says so.
    pub async fn start(family: Family) -> Option<Self> {
        let lab = nat_lab_or_skip()?;
        let internet = Internet::new(&lab, family).expect("a lab that was tried has an internet");
        let directory = tempfile::tempdir().expect("tests may write temporary files");
        let start = Start { internet: &internet, byway: program("byway"), directory: &directory };
        let records = ("messaging_discovery", url(internet.server(0), RECORDS));
        let services = [
            start.listening("transport-discovery", 0, TRANSPORTS, None).await,
            start.listening("messaging-discovery", 0, RECORDS, None).await,
            start.listening("messaging-server", 1, MESSAGING, Some(&records)).await,
            start.listening("messaging-server", 2, MESSAGING, Some(&records)).await,
        ];
        let transports = ("transport_discovery", url(internet.server(0), TRANSPORTS));
        let finder = start.listening("route-finder", 0, FINDER, Some(&transports)).await;
        let setup_node = start.launch("setup-node", "setup-node").set(records.0, records.1).start().await;
        let (finder_key, setup_key) = (finder.key(), setup_node.key());
        let byway = start.byway.clone();
        let _services = services.into_iter().chain([finder, setup_node]).collect();
        Some(Self { _services, finder: finder_key, setup_node: setup_key, byway, internet, directory, lab })
    }

    /// A home without a node.
    ///
    /// # Panics
    /// If there is one of that name.
    #[must_use]
    pub fn home(&self, name: &str, kind: NatKind) -> Home {
        self.internet.home(&self.lab, name, kind).expect("a lab that was tried has homes")
    }

    /// Starts a node behind a router of its own that keeps up transports of the type `messaging` to these peers.
    pub async fn member(&self, name: &str, kind: NatKind, peers: &[&Member]) -> Member {
        self.member_at(name, self.home(name, kind), peers).await
    }

    /// As [`Self::member`], in a home that is there already.
    pub async fn member_at(&self, name: &str, home: Home, peers: &[&Member]) -> Member {
        let wanted: Vec<_> = peers.iter().map(|peer| format!("messaging:{}", peer.key())).collect();
        let first = self.internet.server(0);
        let launch = launch(&self.byway, "node", name, home.host(), self.directory.path())
            // It only dials; what it accepts comes through its router or through messaging.
            .without("listen")
            .set("transport_discovery", url(first, TRANSPORTS))
            .set("messaging_discovery", url(first, RECORDS))
            .set("route_finder", format!("{}@{}", self.finder, url(first, FINDER)))
            .set("trusted_setup_nodes", self.setup_node.to_string());
        let launch = if wanted.is_empty() { launch } else { launch.set("transports", wanted.join(",")) };
        Member::new(home, launch.start().await, self.byway.clone())
    }
}

/// What starting a service takes.
struct Start<'a> {
    internet: &'a Internet,
    byway: PathBuf,
    directory: &'a TempDir,
}

impl Start<'_> {
    fn launch(&self, role: &str, name: &str) -> Launch {
        launch(&self.byway, role, name, self.internet.namespace(), self.directory.path())
    }

    /// Starts a service on a server's address.
    async fn listening(&self, role: &str, server: u8, port: u16, with: Option<&(&str, String)>) -> Process {
        let address = SocketAddr::new(self.internet.server(server), port);
        let launch = self.launch(role, &format!("{role}-{server}")).set("listen", address.to_string());
        with.into_iter().fold(launch, |launch, (key, value)| launch.set(key, value)).start().await
    }
}

/// A role of the program, to be run in a namespace. `ip` becomes the program, so that killing it kills that.
fn launch(byway: &Path, role: &str, name: &str, namespace: &Namespace, directory: &Path) -> Launch {
    let words: [OsString; 6] =
        ["netns".into(), "exec".into(), namespace.name().into(), byway.into(), "service".into(), role.into()];
    words.into_iter().fold(Launch::new(name, Path::new("ip"), directory), Launch::arg)
}

fn url(address: IpAddr, port: u16) -> String {
    format!("http://{}", SocketAddr::new(address, port))
}
