//! Machines that are a network: a control plane on one, and two nodes.

use crate::machine::{Machine, free_address};

/// The services of the control plane, in an order in which each finds those that it needs.
pub(crate) const CONTROL_PLANE: [&str; 5] =
    ["transport-discovery", "messaging-discovery", "messaging-server", "route-finder", "setup-node"];

/// Where the services of a control plane listen.
pub(crate) struct Addresses {
    pub(crate) transport_discovery: String,
    messaging_discovery: String,
    route_finder: String,
}

/// A machine with the settings of a whole control plane. Nothing runs yet. With the URL of a database the registries are
/// there.
pub(crate) fn control_plane(database: Option<&str>) -> (Machine, Addresses) {
    let mut machine = Machine::new();
    let [transports, messaging, finder] = [(); 3].map(|()| free_address());
    let store = database.map(|url| format!("[store]\nurl = \"{url}\"\n")).unwrap_or_default();
    machine.settings("transport-discovery", &format!("listen = \"{transports}\"\n{store}"));
    machine.settings("messaging-discovery", &format!("listen = \"{messaging}\"\n{store}"));
    let directory = format!("messaging_discovery = [\"http://{messaging}\"]\n");
    machine.settings("messaging-server", &format!("listen = [\"{}\"]\n{directory}", free_address()));
    let mirrored = format!("transport_discovery = [\"http://{transports}\"]\n");
    machine.settings("route-finder", &format!("listen = \"{finder}\"\n{mirrored}"));
    machine.settings("setup-node", &format!("listen = \"{}\"\n{directory}", free_address()));
    if let Some(url) = database {
        machine.set("DATABASE_URL", url);
    }
    let addresses =
        Addresses { transport_discovery: transports, messaging_discovery: messaging, route_finder: finder };
    (machine, addresses)
}

/// Starts every service of a control plane.
pub(crate) fn start(machine: &Machine) {
    for service in CONTROL_PLANE {
        machine.types(&format!("systemctl start byway-{service}"));
    }
}

/// A machine with a node's settings, `more` of its own among them. Nothing runs yet.
pub(crate) fn node(addresses: &Addresses, trusted: &str, more: &str) -> Machine {
    let mut machine = Machine::new();
    let Addresses { transport_discovery, messaging_discovery, route_finder } = addresses;
    machine.settings(
        "node",
        &format!(
            "transport_discovery = \"http://{transport_discovery}\"\nroute_finder = \"http://{route_finder}\"\n\
             messaging_discovery = [\"http://{messaging_discovery}\"]\ntrusted_setup_nodes = [\"{trusted}\"]\n{more}"
        ),
    );
    let socket = machine.path("run/node.sock");
    machine.set("BYWAY_SOCKET", socket.to_str().unwrap());
    machine
}

/// The public key in what `byway key` printed.
pub(crate) fn key(printed: &str) -> String {
    printed.lines().find_map(|line| line.strip_prefix("base32")).unwrap().trim().to_owned()
}
