//! `keys.md`: a setup node's key is changed, and routes are set up all the time.

use std::fs;

use crate::{
    machine::{Machine, free_address},
    network,
};

const PAGE: &str = "keys.md";

/// A network of two nodes, whose setup node's key is changed.
struct Scene {
    setup: Machine,
    alice: Machine,
    bob: Machine,
    bobs_key: String,
}

impl Scene {
    fn start() -> Self {
        let (setup, addresses) = network::control_plane(None);
        network::start(&setup);
        let trusted = network::key(&setup.types("byway key show $STATE/setup-node/setup-node.key"));
        let listen = free_address();
        let bob = network::node(&addresses, &trusted, &format!("listen = \"{listen}\"\n"));
        bob.types("systemctl start byway-node");
        let bobs_key = bob.types("byway whoami").trim().to_owned();
        let more = format!("transports = [\"tcp:{bobs_key}@{listen}\"]\n");
        let alice = network::node(&addresses, &trusted, &more);
        alice.types("systemctl start byway-node");
        Self { setup, alice, bob, bobs_key }
    }

    /// A route that was not there before: each policy has a session of its own.
    fn a_route_is_set_up(&self, policy: &str) {
        let ping = format!("byway ping {} --count 1 --policy '{policy}'", self.bobs_key);
        let ready = "byway wait --ready\n";
        self.bob.types(ready);
        // A node that has just come back may not be in the route finder's mirror yet.
        self.alice.types(&format!("{ready}until {ping}; do sleep 0.2; done"));
    }

    /// What the page says for every node is done on each, with these public keys.
    fn on_every_node(&mut self, section: &str, keys: [&str; 2]) {
        for node in [&mut self.bob, &mut self.alice] {
            node.set("OLD", keys[0]);
            node.set("NEXT", keys[1]);
            node.follow(PAGE, section);
        }
    }
}

#[test]
fn routes_are_set_up_at_every_step_of_the_rotation_of_a_setup_nodes_key() {
    let mut scene = Scene::start();
    scene.a_route_is_set_up("hops=1");
    let printed = scene.setup.follow(PAGE, "On the setup node: make the next key");
    let keys: Vec<_> =
        printed.lines().filter_map(|line| line.strip_prefix("base32")).map(str::trim).collect();
    let [old, next] = keys[..] else { panic!("two keys: {printed}") };
    assert_ne!(old, next);

    scene.on_every_node("On every node: trust both", [old, next]);
    scene.a_route_is_set_up("hops=1");
    scene.setup.follow(PAGE, "On the setup node: switch");
    let serving = fs::read_to_string(scene.setup.path("run/setup-node.json")).unwrap();
    assert!(serving.contains(next), "{serving}");
    scene.a_route_is_set_up("hops<=1");
    scene.on_every_node("On every node: forget the old one", [old, next]);
    scene.a_route_is_set_up("hops=1");
    scene.setup.follow(PAGE, "On the setup node: destroy the old one");
    scene.setup.types("systemctl restart byway-setup-node");
    scene.a_route_is_set_up("hops<=1");
}
