//! What happens to the network, in order. Each step finds what the ones before it left.

mod database;
mod demo;
mod package;

use std::{sync::OnceLock, thread, time::Duration};

use serde_json::Value;

use crate::{
    command::{Failure, until},
    network::{Network, SERVICES},
    node::{self, Node},
};

/// A sentence, and what shows that it is true.
pub(crate) type Step = (&'static str, fn(&Network) -> Result<(), Failure>);

/// The steps.
pub(crate) const STEPS: &[Step] = &[
    ("the compose file brings every service up, healthy, with nothing edited", bring_up),
    ("the image is small and its program runs as nobody in particular", look_at_image),
    ("nodes on separate networks join", join),
    ("bytes cross three hops between containers on separate networks", carry),
    ("each service is killed in turn, no transfer fails, and it comes back", kill_each),
    ("every service is restarted in turn, and no transfer fails", restart_each),
    ("a network is cut and healed under a transfer", cut_and_heal),
    ("the database is backed up, lost and restored", database::back_up_and_restore),
    ("the profile `demo` carries a download from one home to another while a hop is killed", demo::homes),
    ("the Debian package installs, runs every service in its sandbox, and goes", package::install),
];

/// Compressed bytes that the image may have.
const IMAGE_MAX: u64 = 25_000_000;
/// Time for a state that the overlay reaches by itself.
const SOON: Duration = Duration::from_secs(90);
/// The transfer that goes on while something breaks: bytes, and bytes per second.
const TRANSFER: (&str, &str) = ("40000000", "4000000");
/// Time for it, and for what it waits for.
const TRANSFERRED: Duration = Duration::from_secs(180);
/// Where the app is beside bob, and where alice has its port.
const APP: &str = "127.0.0.1:8000";
const FORWARD: &str = "127.0.0.1:7000";

/// The nodes and the wires between them: alice – n1 – n2 – bob.
struct Overlay {
    alice: Node,
    n2: Node,
    middle: String,
}

static OVERLAY: OnceLock<Overlay> = OnceLock::new();

fn overlay() -> Result<&'static Overlay, Failure> {
    OVERLAY.get().ok_or_else(|| Failure::new("use the nodes", "they were not started"))
}

fn bring_up(network: &Network) -> Result<(), Failure> {
    network.up()?;
    SERVICES.iter().try_for_each(|service| network.healthy(service))
}

fn look_at_image(network: &Network) -> Result<(), Failure> {
    let user = network.docker(&["inspect", "--format", "{{.Config.User}}", "byway:local"])?;
    if user.trim() != "65532:65532" {
        return Err(Failure::new("accept the image's user", user));
    }
    let size: u64 = network
        .shell("docker save byway:local | gzip -6 | wc -c")?
        .trim()
        .parse()
        .map_err(|error| Failure::new("read the image's size", error))?;
    if size > IMAGE_MAX {
        return Err(Failure::new("accept the image", format_args!("it has {size} bytes compressed")));
    }
    Ok(())
}

fn join(network: &Network) -> Result<(), Failure> {
    let (left, middle, right) =
        (node::wire(network, "left")?, node::wire(network, "middle")?, node::wire(network, "right")?);
    let to = |node: &Node, wire: &str| {
        Ok::<_, Failure>(vec![format!("transports=tcp:{}@{}:9070", node.key, node.address(network, wire)?)])
    };
    let n1 = Node::start(network, "n1", &[&left, &middle], &[])?;
    let n2 = Node::start(network, "n2", &[&middle, &right], &to(&n1, &middle)?)?;
    let alice = Node::start(network, "alice", &[&left], &to(&n1, &left)?)?;
    let bob = Node::start(network, "bob", &[&right], &to(&n2, &right)?)?;
    network.app(&bob.container, &["serve", APP])?;
    bob.byway_on(network, &["expose", "8000"])?;
    let target = format!("{}:8000", bob.key);
    alice.byway_on(network, &["connect", &target, "--local", FORWARD, "--policy", "hops>=3"])?;
    OVERLAY
        .set(Overlay { alice, n2, middle })
        .map_err(|_| Failure::new("start the nodes", "they run already"))
}

fn carry(network: &Network) -> Result<(), Failure> {
    let Overlay { alice, .. } = overlay()?;
    until("a first transfer", SOON, || fetch(network, ("1000000", "1000000000")))?;
    fetch(network, ("50000000", "1000000000"))?;
    let routes = alice.json(network, &["routes"])?;
    let hops = routes["sessions"][0]["routes"][0]["hops"].as_array().map_or(0, Vec::len);
    if hops == 3 { Ok(()) } else { Err(Failure::new("see three hops", routes)) }
}

fn fetch(network: &Network, (count, rate): (&str, &str)) -> Result<(), Failure> {
    let Overlay { alice, .. } = overlay()?;
    network.tool(&alice.container, &["fetch", FORWARD, count, rate], TRANSFERRED).map(drop)
}

/// Waits until a stream of the node is open, as its `byway routes` says: one that is only begun has a deadline of its own.
fn under_way(routes: impl Fn() -> Result<Value, Failure>) -> Result<(), Failure> {
    until("a transfer under way", SOON, || {
        let routes = routes()?;
        let sessions = routes["sessions"].as_array().into_iter().flatten();
        let open: u64 = sessions.filter_map(|session| session["streams"].as_u64()).sum();
        if open > 0 { Ok(()) } else { Err(Failure::new("see a stream", routes)) }
    })
}

/// Does something while a transfer is under way, which must end well.
fn under_transfer(network: &Network, act: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    thread::scope(|scope| {
        let transfer = scope.spawn(|| fetch(network, TRANSFER));
        let alice = &overlay()?.alice;
        let done = under_way(|| alice.json(network, &["routes"])).and_then(|()| act());
        let transferred = transfer.join().map_err(|_| Failure::new("transfer", "it panicked"))?;
        done.and(transferred)
    })
}

fn kill_each(network: &Network) -> Result<(), Failure> {
    SERVICES.iter().try_for_each(|service| {
        let killed = under_transfer(network, || {
            network.kill(service)?;
            network.start(service)?;
            network.healthy(service)
        });
        killed.map_err(|failure| failure.during(&format!("{service} may be killed")))
    })
}

fn restart_each(network: &Network) -> Result<(), Failure> {
    SERVICES.iter().try_for_each(|service| {
        let restarted = under_transfer(network, || {
            network.restart(service)?;
            network.healthy(service)
        });
        restarted.map_err(|failure| failure.during(&format!("{service} may be restarted")))
    })
}

fn cut_and_heal(network: &Network) -> Result<(), Failure> {
    let Overlay { n2, middle, .. } = overlay()?;
    under_transfer(network, || {
        network.docker(&["network", "disconnect", middle, &n2.container])?;
        until("n2 without its transport to n1", SOON, || {
            let transports = n2.json(network, &["transports"])?;
            let left = transports["items"].as_array().map_or(0, Vec::len);
            if left < 2 { Ok(()) } else { Err(Failure::new("see it go", transports)) }
        })?;
        network.docker(&["network", "connect", middle, &n2.container]).map(drop)
    })
}
