//! `monitoring.md` and `incidents.md`: the first look at a service.

use crate::{network, pages::TOP};

#[test]
fn the_first_look_at_a_service_tells_how_it_does() {
    let (machine, _) = network::control_plane(None);
    machine.types("systemctl start byway-transport-discovery\nsystemctl start byway-route-finder");
    machine.types("until byway health --ready --admin $(sed -n 's/^admin_listen = \"\\(.*\\)\"/\\1/p' $ETC/route-finder.toml); do sleep 0.1; done");
    let told = machine.follow("monitoring.md", "At once");
    assert!(told.contains("ready") && told.contains("byway_ready 1"), "{told}");
    let told = machine.follow("incidents.md", TOP);
    for part in ["active", "mirror", "exit code 6"] {
        assert!(told.contains(part), "{told}");
    }
}
