//! Peers in the same site, and peers with IPv6.

use std::net::SocketAddr;

use byway_traversal::{Candidates, Failure, Mapping, Offer};

use crate::{
    matrix::{Outcome, attempt, attempt_with},
    nat::Kind::{Blocked, Open, PortRestricted, Symmetric},
    world::{CALM, World},
};

fn v6(last: u8) -> SocketAddr {
    format!("[2001:db8:{last}::2]:5000").parse().unwrap()
}

#[test]
fn neighbours_behind_one_nat_that_does_not_hairpin_meet_inside() {
    for kind in [PortRestricted, Symmetric, Blocked] {
        for seed in 0..20 {
            let mut world = World::new(CALM, seed);
            let site = world.site(kind);
            let (first, second) = (world.host(site), world.host(site));
            assert_eq!(attempt(&mut world, first, second), Outcome::Direct, "{kind:?}, seed {seed}");
        }
    }
}

#[test]
fn peers_whose_nats_are_in_the_way_meet_over_ipv6() {
    for seed in 0..20 {
        let mut world = World::new(CALM, seed);
        let hosts = [1, 2].map(|last| {
            let site = world.site(Symmetric);
            let host = world.host(site);
            world.hosts[host].addresses.push(v6(last));
            host
        });
        assert_eq!(attempt(&mut world, hosts[0], hosts[1]), Outcome::Direct, "seed {seed}");
    }
}

#[test]
fn peers_with_ipv6_alone_meet() {
    let mut world = World::new(CALM, 1);
    let hosts = [1, 2].map(|last| {
        let site = world.site(Open);
        let host = world.host(site);
        world.hosts[host].addresses = vec![v6(last)];
        host
    });
    assert_eq!(world.survey(hosts[0]).mapping, Mapping::Open);
    assert_eq!(attempt(&mut world, hosts[0], hosts[1]), Outcome::Direct);
}

#[test]
fn peers_without_a_common_ip_version_know_it_at_once() {
    let mut world = World::new(CALM, 1);
    let hosts = [1, 2].map(|_| {
        let site = world.site(Open);
        world.host(site)
    });
    world.hosts[1].addresses = vec![v6(2)];
    let offers = hosts.map(|host| world.survey(host));
    let before = world.now;
    let failure = Failure::NoCommonFamily;
    assert_eq!(attempt_with(&mut world, hosts, &offers), Outcome::Relayed(failure, failure));
    assert!(world.now - before < std::time::Duration::from_secs(1));
}

#[test]
fn a_peer_that_named_no_address_is_met_where_it_comes_from() {
    let mut world = World::new(CALM, 1);
    let hosts = [Symmetric, Open].map(|kind| {
        let site = world.site(kind);
        world.host(site)
    });
    let silent = Offer { candidates: Candidates::default(), mapping: Mapping::Unknown };
    let offers = [silent.clone(), world.survey(hosts[1])];
    assert_eq!(attempt_with(&mut world, hosts, &offers), Outcome::Direct);
    let failure = Failure::NoCandidates;
    assert_eq!(
        attempt_with(&mut world, hosts, &[silent.clone(), silent]),
        Outcome::Relayed(failure, failure)
    );
}
