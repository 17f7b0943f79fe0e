use byway_base::{SecretKey, UnixTime};
use byway_wire::{Record, RecordBody, SignedRecord};

use super::*;

fn secret(n: u8) -> SecretKey {
    SecretKey::from_seed([n; 32])
}

fn key(n: u8) -> PublicKey {
    secret(n).public()
}

fn at(millis: u64) -> Moment {
    Moment::from_origin(Duration::from_millis(millis))
}

fn server(n: u8) -> ServerInfo {
    ServerInfo::configured(key(n), ([127, 0, 0, 1], 1_000 + u16::from(n)).into())
}

fn effects(core: &mut ClientCore) -> Vec<Effect> {
    std::iter::from_fn(|| core.poll_effect()).collect()
}

fn connects(core: &mut ClientCore) -> Vec<PublicKey> {
    let server = |effect| match effect {
        Effect::Connect { server, .. } => Some(server),
        _ => None,
    };
    effects(core).into_iter().filter_map(server).collect()
}

/// A client that wants two servers and is connected to those of `servers` that it chose.
fn connected(servers: &[ServerInfo]) -> ClientCore {
    let mut core = ClientCore::new(key(100), 2, 1);
    core.learn_servers(servers.to_vec(), at(0));
    for server in connects(&mut core) {
        core.link_up(server, at(0));
    }
    effects(&mut core);
    core
}

fn node_record(n: u8, servers: &[u8]) -> SignedRecord {
    node_record_of(n, servers, 1)
}

fn node_record_of(n: u8, servers: &[u8], sequence: u64) -> SignedRecord {
    let servers = servers.iter().map(|n| key(*n)).collect();
    let body = RecordBody::Node { servers, candidates: Vec::new(), transit: false };
    Record { subject: key(n), sequence, expires: UnixTime(1_000), body }.sign(&secret(n))
}

fn server_record(n: u8) -> SignedRecord {
    let body = RecordBody::Server {
        addresses: vec![([127, 0, 0, 1], u16::from(n)).into()],
        udp: Vec::new(),
        capacity: 10,
        clients: 0,
        region: String::new(),
        draining: false,
    };
    Record { subject: key(n), sequence: 1, expires: UnixTime(1_000), body }.sign(&secret(n))
}

/// Lets time pass in the steps that the core asks for, until there are effects; at most until `until`.
fn pass(core: &mut ClientCore, until: Moment) -> Moment {
    while !core.has_effects()
        && let Some(next) = core.poll_timeout().filter(|next| *next <= until)
    {
        core.handle_timeout(next);
        if core.has_effects() {
            return next;
        }
    }
    until
}

/// A peer whom nobody else is.
const PEER: u8 = 50;

mod homes;
mod relays;
mod simulation;
mod storms;
mod ways;
