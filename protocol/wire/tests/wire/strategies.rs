//! Arbitrary values of every message, within what their binary form can hold.

use std::net::SocketAddr;

use bytes::Bytes;
use byway_base::{
    Code, OverlayAddress, Port, PublicKey, RouteId, RoutingId, SecretKey, Signature, TransportId,
    TransportType, UnixTime,
    limits::{HOPS_MAX, PUNCH_CANDIDATES, RECORD_ENTRIES},
};
use byway_wire::{
    Candidate, Hop, Kind, Packet, Record, RecordBody, RouteRequest, SignedRouteRequest, TransportEntry,
    link::{Agree, Offer},
    messaging::Frame,
    packet::{FLAG_ANSWER, FLAG_BLOCKED, FLAG_PROBE, FLAG_RETURN, PROBE_BYTES},
    punch::{Candidates, Half, Mapping, PunchAnswer, PunchOffer, Refusal},
    setup::{Failure, InitiatorTag, NodeMessage, Reply, Role, Side, SourceMessage},
};
use proptest::{collection::vec, prelude::*, sample::select};

pub(crate) fn key() -> impl Strategy<Value = PublicKey> {
    any::<[u8; 32]>().prop_map(|seed| SecretKey::from_seed(seed).public())
}

fn signature() -> impl Strategy<Value = Signature> {
    any::<[u8; 32]>().prop_map(|half| {
        let mut bytes = [0; 64];
        bytes[..32].copy_from_slice(&half);
        bytes[32..].copy_from_slice(&half);
        Signature::from_bytes(bytes)
    })
}

fn kind() -> impl Strategy<Value = TransportType> {
    "[a-z0-9-]{1,16}".prop_map(|name| TransportType::new(&name).unwrap())
}

fn time() -> impl Strategy<Value = UnixTime> {
    any::<u64>().prop_map(UnixTime)
}

fn label() -> impl Strategy<Value = RoutingId> {
    any::<u32>().prop_map(RoutingId)
}

fn route() -> impl Strategy<Value = RouteId> {
    any::<[u8; 16]>().prop_map(RouteId::from_bytes)
}

fn transport() -> impl Strategy<Value = TransportId> {
    any::<[u8; 16]>().prop_map(TransportId::from_bytes)
}

fn address() -> impl Strategy<Value = SocketAddr> {
    prop_oneof![
        any::<([u8; 4], u16)>().prop_map(SocketAddr::from),
        any::<([u8; 16], u16)>().prop_map(SocketAddr::from)
    ]
}

fn overlay_address() -> impl Strategy<Value = OverlayAddress> {
    (key(), 1..=u16::MAX).prop_map(|(key, port)| OverlayAddress { key, port: Port(port) })
}

/// Text that its length byte can count.
fn text() -> impl Strategy<Value = String> {
    "\\PC{0,63}"
}

fn payload() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

/// A packet that its sender may send: the payload's size fits the kind, and only pings have routing ID 0.
pub(crate) fn packet() -> impl Strategy<Value = Packet> {
    let flow = || (1..=u32::MAX).prop_map(RoutingId);
    let sized = |kind, size| {
        (flow(), vec(any::<u8>(), size)).prop_map(move |(id, bytes)| Packet::new(kind, id, bytes.into()))
    };
    prop_oneof![
        (flow(), payload()).prop_map(|(id, payload)| Packet::new(Kind::Data, id, payload)),
        (flow(), payload())
            .prop_map(|(id, payload)| Packet { flags: FLAG_BLOCKED, ..Packet::new(Kind::Data, id, payload) }),
        (flow(), payload()).prop_map(|(id, payload)| Packet::new(Kind::Datagram, id, payload)),
        sized(Kind::Data, PROBE_BYTES).prop_map(|packet| Packet { flags: FLAG_PROBE, ..packet }),
        sized(Kind::Credit, 4),
        sized(Kind::Credit, 4).prop_map(|packet| Packet { flags: FLAG_RETURN, ..packet }),
        sized(Kind::Close, 2),
        sized(Kind::Fault, 2),
        sized(Kind::Trace, 9),
        sized(Kind::Trace, 9).prop_map(|packet| Packet { flags: FLAG_ANSWER, ..packet }),
        any::<u64>().prop_map(|token| Packet::liveness(Kind::Ping, token)),
        any::<u64>().prop_map(|token| Packet::liveness(Kind::Pong, token)),
    ]
}

pub(crate) fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![
        (key(), payload()).prop_map(|(destination, payload)| Frame::Send { destination, payload }),
        (key(), payload()).prop_map(|(source, payload)| Frame::Receive { source, payload }),
        key().prop_map(|destination| Frame::Gone { destination }),
        Just(Frame::Draining),
        Just(Frame::Limited),
        any::<u64>().prop_map(Frame::Ping),
        any::<u64>().prop_map(Frame::Pong),
        (key(), key(), payload()).prop_map(|(server, destination, payload)| Frame::Forward {
            server,
            destination,
            payload
        }),
        (key(), key(), payload()).prop_map(|(source, destination, payload)| Frame::Carry {
            source,
            destination,
            payload
        }),
        (key(), key(), payload()).prop_map(|(server, source, payload)| Frame::Forwarded {
            server,
            source,
            payload
        }),
        (key(), key()).prop_map(|(server, destination)| Frame::GoneAt { server, destination }),
        (key(), key()).prop_map(|(source, destination)| Frame::NotHere { source, destination }),
    ]
}

pub(crate) fn offer() -> impl Strategy<Value = Offer> {
    (any::<u8>(), time(), signature()).prop_map(|(version, issued, signature)| Offer {
        version,
        issued,
        signature,
    })
}

pub(crate) fn agree() -> impl Strategy<Value = Agree> {
    (any::<u8>(), signature()).prop_map(|(version, signature)| Agree { version, signature })
}

fn candidates() -> impl Strategy<Value = Candidates> {
    vec(address(), 0..=PUNCH_CANDIDATES).prop_map(Candidates::new)
}

pub(crate) fn punch_offer() -> impl Strategy<Value = PunchOffer> {
    (any::<[u8; 16]>(), select(Mapping::ALL), candidates())
        .prop_map(|(half, mapping, candidates)| PunchOffer { half: Half(half), mapping, candidates })
}

pub(crate) fn punch_answer() -> impl Strategy<Value = PunchAnswer> {
    prop_oneof![
        punch_offer().prop_map(|PunchOffer { half, mapping, candidates }| PunchAnswer::Ready {
            half,
            mapping,
            candidates
        }),
        select(Refusal::ALL).prop_map(|why| PunchAnswer::Refused { why }),
    ]
}

pub(crate) fn entry() -> impl Strategy<Value = TransportEntry> {
    (key(), key(), kind(), time()).prop_map(|(a, b, kind, issued)| TransportEntry::new(a, b, kind, issued))
}

pub(crate) fn record() -> impl Strategy<Value = Record> {
    (key(), any::<u64>(), time(), body()).prop_map(|(subject, sequence, expires, body)| Record {
        subject,
        sequence,
        expires,
        body,
    })
}

fn body() -> impl Strategy<Value = RecordBody> {
    let candidate = (kind(), address()).prop_map(|(kind, address)| Candidate { kind, address });
    let node = (vec(key(), 0..RECORD_ENTRIES), vec(candidate, 0..RECORD_ENTRIES), any::<bool>());
    let addresses = || vec(address(), 0..RECORD_ENTRIES);
    let server = (addresses(), addresses(), any::<u32>(), any::<u32>(), text(), any::<bool>());
    prop_oneof![
        node.prop_map(|(servers, candidates, transit)| RecordBody::Node { servers, candidates, transit }),
        server.prop_map(|(addresses, udp, capacity, clients, region, draining)| RecordBody::Server {
            addresses,
            udp,
            capacity,
            clients,
            region,
            draining
        }),
        Just(RecordBody::Tombstone {}),
    ]
}

pub(crate) fn hop() -> impl Strategy<Value = Hop> {
    (transport(), key(), key()).prop_map(|(transport, from, to)| Hop { transport, from, to })
}

pub(crate) fn signed_request() -> impl Strategy<Value = SignedRouteRequest> {
    let request = (route(), overlay_address(), overlay_address(), any::<[u8; 32]>(), time());
    (request, signature()).prop_map(|((route, source, destination, path, expires), signature)| {
        SignedRouteRequest { request: RouteRequest { route, source, destination, path, expires }, signature }
    })
}

pub(crate) fn source_message() -> impl Strategy<Value = SourceMessage> {
    let establish = (signed_request(), vec(hop(), 0..=HOPS_MAX), label());
    prop_oneof![
        4 => establish.prop_map(|(request, hops, label_in)| {
            SourceMessage::Establish { request, hops, label_in }
        }),
        1 => Just(SourceMessage::Ping {}),
    ]
}

pub(crate) fn node_message() -> impl Strategy<Value = NodeMessage> {
    let install = (route(), any::<[u8; 16]>(), side(), role());
    prop_oneof![
        install.prop_map(|(route, tag, previous, role)| {
            NodeMessage::Install { route, initiator: InitiatorTag(tag), previous, role }
        }),
        route().prop_map(|route| NodeMessage::Undo { route }),
        vec(route(), 0..20).prop_map(|routes| NodeMessage::Inspect { routes }),
    ]
}

fn side() -> impl Strategy<Value = Side> {
    (transport(), label(), label()).prop_map(|(transport, label_in, label_out)| Side {
        transport,
        label_in,
        label_out,
    })
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![
        side().prop_map(|next| Role::Intermediate { next }),
        signed_request().prop_map(|request| Role::Destination { request }),
    ]
}

pub(crate) fn reply() -> impl Strategy<Value = Reply> {
    prop_oneof![
        Just(Reply::Done {}),
        label().prop_map(|label_out| Reply::Established { label_out }),
        (select(Code::ALL), text()).prop_map(|(code, why)| Reply::Failed { failure: Failure { code, why } }),
        vec(route(), 0..20).prop_map(|routes| Reply::Held { routes }),
    ]
}
