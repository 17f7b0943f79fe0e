//! Packets and frames in a stream that arrives in chunks of any size.

use bytes::{Bytes, BytesMut};
use byway_base::{
    RoutingId,
    limits::{MESSAGING_PAYLOAD_MAX, PACKET_PAYLOAD_MAX},
};
use byway_wire::{DecodeError, Kind, Packet, messaging::Frame};
use proptest::{collection::vec, prelude::*};

use crate::{samples, strategies};

/// Feeds `stream` in chunks of the given sizes, over and over, and takes whatever is complete after each.
fn take_all<T>(
    stream: &[u8],
    sizes: &[usize],
    take: fn(&mut BytesMut) -> Result<Option<T>, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let (mut buffer, mut taken, mut rest) = (BytesMut::new(), Vec::new(), stream);
    for size in sizes.iter().cycle() {
        let (chunk, after) = rest.split_at(rest.len().min(*size));
        buffer.extend_from_slice(chunk);
        while let Some(item) = take(&mut buffer)? {
            taken.push(item);
        }
        rest = after;
        if rest.is_empty() {
            break;
        }
    }
    if buffer.is_empty() { Ok(taken) } else { Err(DecodeError::Short) }
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    vec(1..400_usize, 1..20)
}

proptest! {
    #[test]
    fn packets_come_out_as_they_went_in_however_the_stream_is_cut(
        packets in vec(strategies::packet(), 1..20),
        sizes in sizes(),
    ) {
        let mut stream = Vec::new();
        packets.iter().for_each(|packet| packet.write(&mut stream));
        prop_assert_eq!(stream.len(), packets.iter().map(Packet::encoded_len).sum::<usize>());
        prop_assert_eq!(take_all(&stream, &sizes, Packet::take), Ok(packets));
    }

    #[test]
    fn frames_come_out_as_they_went_in_however_the_stream_is_cut(
        frames in vec(strategies::frame(), 1..20),
        sizes in sizes(),
    ) {
        let mut stream = Vec::new();
        frames.iter().for_each(|frame| frame.write(&mut stream));
        prop_assert_eq!(stream.len(), frames.iter().map(Frame::encoded_len).sum::<usize>());
        prop_assert_eq!(take_all(&stream, &sizes, Frame::take), Ok(frames));
    }

    #[test]
    fn a_damaged_stream_gives_the_same_answer_however_it_is_cut(
        packets in vec(strategies::packet(), 1..8),
        sizes in sizes(),
        at: prop::sample::Index,
        change: u8,
    ) {
        let mut stream = Vec::new();
        packets.iter().for_each(|packet| packet.write(&mut stream));
        let at = at.index(stream.len());
        stream[at] ^= change;
        let whole = take_all(&stream, &[stream.len()], Packet::take);
        prop_assert_eq!(take_all(&stream, &sizes, Packet::take), whole);
    }
}

#[test]
fn the_largest_payloads_pass_and_one_byte_more_is_refused() {
    let packet = Packet::new(Kind::Data, RoutingId(1), Bytes::from(vec![7; PACKET_PAYLOAD_MAX]));
    let mut bytes = Vec::new();
    packet.write(&mut bytes);
    assert_eq!(Packet::take(&mut BytesMut::from(&bytes[..])), Ok(Some(packet)));
    bytes[2..4].copy_from_slice(&(PACKET_PAYLOAD_MAX as u16 + 1).to_be_bytes());
    assert_eq!(Packet::take(&mut BytesMut::from(&bytes[..])), Err(DecodeError::Length));

    let payload = Bytes::from(vec![7; MESSAGING_PAYLOAD_MAX]);
    let frame = Frame::Send { destination: samples::key(1), payload };
    let mut bytes = Vec::new();
    frame.write(&mut bytes);
    assert_eq!(Frame::take(&mut BytesMut::from(&bytes[..])), Ok(Some(frame)));
    bytes[2..4].copy_from_slice(&(32 + MESSAGING_PAYLOAD_MAX as u16 + 1).to_be_bytes());
    assert_eq!(Frame::take(&mut BytesMut::from(&bytes[..])), Err(DecodeError::Length));
}

#[test]
fn payloads_share_the_memory_of_the_buffer_that_they_arrived_in() {
    let mut buffer = BytesMut::new();
    buffer.extend_from_slice(&[1, 0, 0, 3, 0, 0, 0, 1, b'a', b'b', b'c']);
    let place = buffer[8..].as_ptr();
    let packet = Packet::take(&mut buffer).unwrap().unwrap();
    assert_eq!(packet.payload.as_ptr(), place);
}
