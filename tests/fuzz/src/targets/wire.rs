//! Binary formats: what is accepted has one form, and every length is honoured.

use bytes::BytesMut;
use byway_base::{Signature, UnixTime, limits::PACKET_HEADER};
use byway_wire::{
    DecodeError, Header, Packet, Record, SignedRecord, SignedRouteRequest, TransportEntry, Wire,
    decode_whole, encode,
    link::{Agree, Offer},
    messaging::Frame,
    punch::{PunchAnswer, PunchOffer},
    setup::{self, NodeMessage, Reply, SourceMessage},
};

const NOW: UnixTime = UnixTime(1_700_000_000);

/// Accepted bytes are what the value is written as.
fn canonical<T: Wire>(data: &[u8]) -> Option<T> {
    let value = decode_whole::<T>(data).ok()?;
    assert_eq!(encode(&value), data, "an accepted value has a second form");
    Some(value)
}

fn canonical_message<T: Wire>(data: &[u8]) -> Option<T> {
    let value = setup::decode_message::<T>(data).ok()?;
    assert_eq!(setup::encode_message(&value), data, "an accepted message has a second form");
    Some(value)
}

/// Takes items off a stream until it ends or breaks; what was taken is, written again, what was consumed. Then feeds
/// the same stream byte by byte, which must give the same items and the same end.
fn stream<T: PartialEq + std::fmt::Debug>(
    data: &[u8],
    take: fn(&mut BytesMut) -> Result<Option<T>, DecodeError>,
    write: impl Fn(&T, &mut Vec<u8>),
) {
    let (mut at_once, mut written) = (BytesMut::from(data), Vec::new());
    let (mut bit_by_bit, mut taken, mut fed) = (BytesMut::new(), 0, 0);
    let end = loop {
        match take(&mut at_once) {
            Ok(Some(item)) => {
                write(&item, &mut written);
                taken += 1;
                assert_eq!(written, data[..written.len()], "an accepted item has a second form");
                let again = loop {
                    match take(&mut bit_by_bit) {
                        Ok(None) => {
                            bit_by_bit.extend_from_slice(&data[fed..=fed]);
                            fed += 1;
                        }
                        other => break other,
                    }
                };
                assert_eq!(again, Ok(Some(item)), "item {taken} depends on how the stream is cut");
                assert_eq!(fed, written.len(), "item {taken} needed bytes beyond its end");
            }
            end => break end,
        }
    };
    bit_by_bit.extend_from_slice(&data[fed..]);
    assert_eq!(take(&mut bit_by_bit), end, "the end depends on how the stream is cut");
}

pub(super) fn packet(data: &[u8]) {
    if let Some(bytes) = data.first_chunk::<PACKET_HEADER>()
        && let Ok(header) = Header::decode(bytes)
    {
        assert_eq!(&header.encode(), bytes, "an accepted header has a second form");
    }
    stream(data, Packet::take, |packet, out| {
        let _ = (packet.granted(), packet.reason(), packet.token());
        packet.write(out);
    });
}

pub(super) fn messaging_frame(data: &[u8]) {
    stream(data, Frame::take, Frame::write);
}

pub(super) fn punch_offer(data: &[u8]) {
    canonical::<PunchOffer>(data);
}

pub(super) fn punch_answer(data: &[u8]) {
    canonical::<PunchAnswer>(data);
}

pub(super) fn link_offer(data: &[u8]) {
    canonical::<Offer>(data);
}

pub(super) fn link_agree(data: &[u8]) {
    canonical::<Agree>(data);
}

pub(super) fn setup_source_message(data: &[u8]) {
    if let Some(SourceMessage::Establish { request, hops, .. }) = canonical_message(data) {
        let _ = request.verify_with_path(NOW, &hops);
    }
}

pub(super) fn setup_node_message(data: &[u8]) {
    canonical_message::<NodeMessage>(data);
}

pub(super) fn setup_reply(data: &[u8]) {
    canonical_message::<Reply>(data);
}

pub(super) fn record(data: &[u8]) {
    if let Some(record) = canonical::<Record>(data) {
        let unsigned = SignedRecord { record, signature: Signature::from_bytes([0; 64]) };
        assert!(unsigned.verify(NOW).is_err(), "a record without a signature verifies");
    }
}

pub(super) fn transport_entry(data: &[u8]) {
    if let Some(entry) = canonical::<TransportEntry>(data) {
        let [a, b] = entry.edges;
        let other_way = TransportEntry::new(b, a, entry.kind.clone(), entry.issued);
        assert_eq!(entry.id(), other_way.id(), "the id depends on the order of the edges");
    }
}

pub(super) fn route_request(data: &[u8]) {
    if let Some(request) = canonical::<SignedRouteRequest>(data) {
        let _ = request.verify(NOW);
    }
}
