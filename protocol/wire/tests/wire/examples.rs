//! The table of all messages. A new message is one row here; vectors, codec checks, fuzz seeds and the examples in the
//! documents follow from it.

use bytes::Bytes;
use byway_base::{Code, RoutingId, Signature};
use byway_wire::{
    Kind, Packet, Reason, Record, RouteRequest, TransportEntry,
    link::{self, Agree, Offer},
    messaging::Frame,
    packet::{FLAG_ANSWER, FLAG_BLOCKED, FLAG_PROBE, FLAG_RETURN, PROBE_BYTES},
    punch::{Half, Mapping, PunchAnswer, PunchOffer, Refusal},
    route_request::path_digest,
    setup::{Failure, InitiatorTag, NodeMessage, Reply, Role, Side, SourceMessage},
};

use crate::{
    form::{Example, frame, packet, setup_message, signed_bytes, whole},
    samples::{
        candidates, entry, hops, key, label, node_record, request, route, secret, server_record,
        signed_entry, signed_record, signed_request, silent_node_record, tombstone_record, transport,
    },
};

/// Every message of every protocol, with fixed keys.
pub(crate) fn all() -> Vec<Example> {
    [packets(), frames(), link_and_entries(), punches(), records(), route_requests(), setup_messages()]
        .into_iter()
        .flatten()
        .collect()
}

fn packets() -> Vec<Example> {
    let flow = label(0x0102_0304);
    let opaque = || Bytes::from_static(b"opaque");
    let probe =
        |direction| Packet { flags: FLAG_PROBE, ..Packet::new(Kind::Data, flow, probe_payload(direction)) };
    let trace = |hops: u8| [&[hops][..], &0x99_u64.to_be_bytes()].concat();
    vec![
        Example::new("packets/data", packet(), Packet::new(Kind::Data, flow, opaque())),
        Example::new(
            "packets/data-empty",
            packet(),
            Packet::new(Kind::Data, RoutingId(u32::MAX), Bytes::new()),
        ),
        Example::new(
            "packets/data-blocked",
            packet(),
            Packet { flags: FLAG_BLOCKED, ..Packet::new(Kind::Data, flow, opaque()) },
        ),
        Example::new("packets/data-probe-asks", packet(), probe(0)),
        Example::new("packets/data-probe-answers", packet(), probe(1)),
        Example::new("packets/datagram", packet(), Packet::new(Kind::Datagram, flow, opaque())),
        Example::new("packets/credit", packet(), Packet::credit(flow, 131_072)),
        Example::new(
            "packets/credit-return",
            packet(),
            Packet { flags: FLAG_RETURN, ..Packet::credit(flow, 1_048_576) },
        ),
        Example::new("packets/close", packet(), Packet::ending(Kind::Close, flow, Reason::Closed, 0)),
        Example::new("packets/fault", packet(), Packet::ending(Kind::Fault, flow, Reason::TransportLost, 2)),
        Example::new("packets/ping", packet(), Packet::liveness(Kind::Ping, 42)),
        Example::new("packets/pong", packet(), Packet::liveness(Kind::Pong, 42)),
        Example::new("packets/trace", packet(), Packet::new(Kind::Trace, flow, trace(3).into())),
        Example::new(
            "packets/trace-answer",
            packet(),
            Packet { flags: FLAG_ANSWER, ..Packet::new(Kind::Trace, flow, trace(0).into()) },
        ),
    ]
}

fn probe_payload(direction: u8) -> Bytes {
    let mut payload = [direction; PROBE_BYTES];
    payload[1..].copy_from_slice(&0x1122_3344_5566_7788_u64.to_be_bytes());
    Bytes::copy_from_slice(&payload)
}

fn frames() -> Vec<Example> {
    let payload = || Bytes::from_static(b"sealed");
    vec![
        Example::new("messaging/send", frame(), Frame::Send { destination: key(2), payload: payload() }),
        Example::new(
            "messaging/send-empty",
            frame(),
            Frame::Send { destination: key(2), payload: Bytes::new() },
        ),
        Example::new("messaging/receive", frame(), Frame::Receive { source: key(1), payload: payload() }),
        Example::new("messaging/gone", frame(), Frame::Gone { destination: key(2) }),
        Example::new("messaging/draining", frame(), Frame::Draining),
        Example::new("messaging/limited", frame(), Frame::Limited),
        Example::new("messaging/ping", frame(), Frame::Ping(42)),
        Example::new("messaging/pong", frame(), Frame::Pong(42)),
        Example::new(
            "messaging/forward",
            frame(),
            Frame::Forward { server: key(8), destination: key(2), payload: payload() },
        ),
        Example::new(
            "messaging/carry",
            frame(),
            Frame::Carry { source: key(1), destination: key(2), payload: payload() },
        ),
        Example::new(
            "messaging/forwarded",
            frame(),
            Frame::Forwarded { server: key(9), source: key(1), payload: payload() },
        ),
        Example::new("messaging/gone-at", frame(), Frame::GoneAt { server: key(8), destination: key(2) }),
        Example::new("messaging/not-here", frame(), Frame::NotHere { source: key(1), destination: key(2) }),
    ]
}

fn link_and_entries() -> Vec<Example> {
    let [first, second] = signed_entry().signatures;
    let entry = entry();
    let offer = Offer { version: link::VERSION, issued: entry.issued, signature: entry.sign(&secret(1)) };
    let agree = Agree { version: link::VERSION, signature: entry.sign(&secret(2)) };
    vec![
        Example::new("transport-link/offer", whole::<Offer>(), offer),
        Example::new("transport-link/agree", whole::<Agree>(), agree),
        Example::new("transport-link/entry", whole::<TransportEntry>(), entry.clone()),
        Example::new(
            "transport-link/entry-signed-bytes",
            signed_bytes(b"byway transport entry v1\0", TransportEntry::signed_bytes),
            entry.clone(),
        ),
        Example::new("transport-link/entry-signature-of-edge-0", whole::<Signature>(), first),
        Example::new("transport-link/entry-signature-of-edge-1", whole::<Signature>(), second),
        Example::new("transport-link/transport-id", whole(), entry.id()),
    ]
}

fn punches() -> Vec<Example> {
    let offer = PunchOffer {
        half: Half(*b"half of a secret"),
        mapping: Mapping::Independent,
        candidates: candidates(&["192.168.1.2:49152", "203.0.113.7:61000"]),
    };
    let ready = PunchAnswer::Ready {
        half: Half(*b"the other half :"),
        mapping: Mapping::Open,
        candidates: candidates(&["[2001:db8::2]:7070"]),
    };
    let refused = PunchAnswer::Refused { why: Refusal::Off };
    vec![
        Example::new("punch/offer", whole(), offer),
        Example::new("punch/answer-ready", whole(), ready),
        Example::new("punch/answer-refused", whole(), refused),
    ]
}

fn records() -> Vec<Example> {
    vec![
        Example::new("records/node", whole::<Record>(), node_record()),
        Example::new("records/node-without-addresses", whole::<Record>(), silent_node_record()),
        Example::new("records/server", whole::<Record>(), server_record()),
        Example::new("records/tombstone", whole::<Record>(), tombstone_record()),
        Example::new(
            "records/node-signed-bytes",
            signed_bytes(b"byway contact record v1\0", Record::signed_bytes),
            node_record(),
        ),
        Example::new("records/node-signature", whole::<Signature>(), signed_record().signature),
    ]
}

fn route_requests() -> Vec<Example> {
    vec![
        Example::new("setup/hop", whole(), hops()[0]),
        Example::new("setup/path-digest", whole(), path_digest(&hops())),
        Example::new("setup/route-request", whole::<RouteRequest>(), request()),
        Example::new(
            "setup/route-request-signed-bytes",
            signed_bytes(b"byway route request v1\0", RouteRequest::signed_bytes),
            request(),
        ),
        Example::new("setup/signed-route-request", whole(), signed_request()),
    ]
}

fn setup_messages() -> Vec<Example> {
    let (label_in, label_out) = (label(0x0a0b_0c0d), label(0x1a1b_1c1d));
    let establish = SourceMessage::Establish { request: signed_request(), hops: hops(), label_in };
    let initiator = InitiatorTag(*b"whose route it i");
    let previous = Side { transport: transport(1, 2), label_in, label_out };
    let next =
        Side { transport: transport(2, 3), label_in: label(0x2a2b_2c2d), label_out: label(0x3a3b_3c3d) };
    let install = |role| NodeMessage::Install { route: route(), initiator, previous, role };
    let failure = Failure { code: Code::TransportDown, why: "the transport to cph4 is down".into() };
    let destination = Role::Destination { request: signed_request() };
    let (inspect, none) = (NodeMessage::Inspect { routes: vec![route()] }, Vec::new());
    vec![
        Example::new("setup/establish", setup_message(), establish),
        Example::new("setup/ping", setup_message(), SourceMessage::Ping {}),
        Example::new("setup/install-intermediate", setup_message(), install(Role::Intermediate { next })),
        Example::new("setup/install-destination", setup_message(), install(destination)),
        Example::new("setup/undo", setup_message(), NodeMessage::Undo { route: route() }),
        Example::new("setup/inspect", setup_message(), inspect),
        Example::new("setup/reply-done", setup_message(), Reply::Done {}),
        Example::new("setup/reply-established", setup_message(), Reply::Established { label_out }),
        Example::new("setup/reply-failed", setup_message(), Reply::Failed { failure }),
        Example::new("setup/reply-held", setup_message(), Reply::Held { routes: vec![route()] }),
        Example::new("setup/reply-held-none", setup_message(), Reply::Held { routes: none }),
    ]
}
