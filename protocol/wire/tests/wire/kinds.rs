//! No kind without an example, no example without a kind: the table stays whole when a message is added.

use bytes::BytesMut;
use byway_base::limits::PACKET_HEADER;
use byway_wire::{
    DecodeError, Header, Packet, Reader, RecordBody, Wire,
    messaging::Frame,
    punch::{Mapping, PunchAnswer, Refusal},
    setup::{NodeMessage, Reply, Role, SourceMessage},
};

use crate::examples;

/// Asserts that exactly those kind bytes are known that stand at `offset` of the examples whose name begins as given.
fn assert_kinds(name: &str, offset: usize, decode: impl Fn(u8) -> Option<DecodeError>) {
    let examples = examples::all();
    let examples: Vec<_> = examples.iter().filter(|example| example.name.starts_with(name)).collect();
    assert!(!examples.is_empty(), "{name}");
    for kind in 0..=u8::MAX {
        let known = decode(kind) != Some(DecodeError::Kind(kind));
        let shown = examples.iter().any(|example| example.bytes[offset] == kind);
        assert_eq!(known, shown, "{name}: kind {kind}");
    }
}

fn first_byte<T: Wire>(kind: u8) -> Option<DecodeError> {
    T::read(&mut Reader::new(&[kind])).err()
}

#[test]
fn the_examples_show_every_kind_of_packet() {
    assert_kinds("packets/", 0, |kind| Header::decode(&[kind, 0, 0, 0, 0, 0, 0, 1]).err());
}

#[test]
fn the_examples_show_every_kind_of_messaging_frame() {
    assert_kinds("messaging/", 0, |kind| Frame::take(&mut BytesMut::from(&[kind, 0, 0, 0][..])).err());
}

#[test]
fn the_examples_show_every_body_of_a_record() {
    const SUBJECT_SEQUENCE_EXPIRES: usize = 32 + 8 + 8;
    let examples = examples::all();
    let shown = |kind: u8| {
        examples.iter().any(|example| {
            let is_record = example.name.starts_with("records/") && !example.name.contains("-sign");
            is_record && example.bytes[SUBJECT_SEQUENCE_EXPIRES] == kind
        })
    };
    for kind in 0..=u8::MAX {
        assert_eq!(
            first_byte::<RecordBody>(kind) != Some(DecodeError::Kind(kind)),
            shown(kind),
            "kind {kind}"
        );
    }
}

#[test]
fn the_examples_show_every_setup_message_role_and_reply() {
    const VERSION_KIND_ROUTE_INITIATOR_SIDE: usize = 1 + 1 + 16 + 16 + (16 + 4 + 4);
    assert_kinds("setup/reply-", 1, first_byte::<Reply>);
    assert_kinds("setup/install-", VERSION_KIND_ROUTE_INITIATOR_SIDE, first_byte::<Role>);
    assert_setup_kinds(&["establish", "ping"], first_byte::<SourceMessage>);
    assert_setup_kinds(&["install", "undo", "inspect"], first_byte::<NodeMessage>);
}

fn assert_setup_kinds(names: &[&str], decode: impl Fn(u8) -> Option<DecodeError>) {
    let examples = examples::all();
    for kind in 0..=u8::MAX {
        let known = decode(kind) != Some(DecodeError::Kind(kind));
        let shown = examples.iter().any(|example| {
            names.iter().any(|name| example.name.starts_with(&format!("setup/{name}")))
                && example.bytes[1] == kind
        });
        assert_eq!(known, shown, "{names:?}: kind {kind}");
    }
}

#[test]
fn the_examples_show_every_answer_to_a_punch_offer() {
    assert_kinds("punch/answer-", 0, first_byte::<PunchAnswer>);
}

#[test]
fn every_mapping_and_refusal_has_a_byte_of_its_own() {
    fn known<T: Wire + PartialEq + Copy>(all: &[T]) {
        let read = |byte| T::read(&mut Reader::new(&[byte])).ok();
        assert!((0..=u8::MAX).filter_map(read).eq(all.iter().copied()));
    }
    known(Mapping::ALL);
    known(Refusal::ALL);
}

#[test]
fn an_incomplete_packet_is_awaited_and_an_impossible_one_is_refused_at_its_header() {
    let mut buffer = BytesMut::from(&[1, 0, 0, 5, 0, 0, 0, 1, b'a'][..]);
    assert_eq!(Packet::take(&mut buffer), Ok(None));
    assert_eq!(buffer.len(), PACKET_HEADER + 1, "nothing is consumed while the packet is incomplete");
    let mut beyond = BytesMut::from(&[1, 0, 0xff, 0xff, 0, 0, 0, 1][..]);
    assert_eq!(Packet::take(&mut beyond), Err(DecodeError::Length));
}
