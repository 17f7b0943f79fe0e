//! Two ends without a network, and what each must notice.

use std::time::Duration;

use byway_base::SecretKey;

use super::*;

const KEYS: [[u8; 32]; 3] = [[1; 32], [2; 32], [3; 32]];

/// Two ends with `count` streams, `bytes` each way; each expects the key of the other or that of a third.
fn ends(salts: [u64; 2], count: usize, bytes: u64, expected: [usize; 2]) -> [End; 2] {
    let secrets = KEYS.map(SecretKey::from_seed);
    [0, 1].map(|side| {
        let mut end = End::new(Streams::new(salts[side], side, count, bytes));
        let start = Start {
            identity: Identity::new(secrets[side].clone()),
            peer: secrets[expected[side]].public(),
            dials: side == 0,
            mtu: 2_000,
            seed: [side as u8; 32],
        };
        end.start(Moment::ZERO, start);
        end
    })
}

/// Lets both work for a time, with a path that takes 10 ms and loses what `loses` says. Gives the sizes of all packets.
fn talk(ends: &mut [End; 2], seconds: u64, mut loses: impl FnMut() -> bool) -> Result<Vec<usize>, Fault> {
    let (mut now, mut sizes) = (Moment::ZERO, Vec::new());
    while now < Moment::ZERO + Duration::from_secs(seconds) {
        for side in [0, 1] {
            ends[side].handle_timeout(now);
            ends[side].work()?;
            while let Some(packet) = ends[side].next_packet(now) {
                sizes.push(packet.len());
                if !loses() {
                    ends[1 - side].handle(now, &packet);
                }
            }
        }
        now = now + Duration::from_millis(10);
    }
    Ok(sizes)
}

#[test]
fn every_stream_arrives_unchanged_over_a_path_that_loses_every_fifth_packet() {
    let (mut ends, mut count) = (ends([7, 7], 3, 100_001, [1, 0]), 0);
    let every_fifth = || {
        count += 1;
        count % 5 == 0
    };
    talk(&mut ends, 20, every_fifth).unwrap();
    assert!(ends.iter().all(|end| end.streams().are_open() && end.streams().received() == 100_001));
    assert!(ends[0].lost_packets() > 0);
}

#[test]
fn the_same_seeds_send_packets_of_the_same_sizes_in_the_same_order() {
    let [first, second] = [0, 1].map(|_| talk(&mut ends([7, 7], 2, 50_000, [1, 0]), 5, || false).unwrap());
    assert!(first.len() > 50);
    assert_eq!(first, second);
}

#[test]
fn bytes_of_another_session_are_noticed() {
    let fault = talk(&mut ends([7, 8], 1, 10_000, [1, 0]), 5, || false);
    assert!(matches!(fault, Err(Fault::Bytes { stream: 0, from: 0, .. })), "{fault:?}");
}

#[test]
fn a_source_that_is_not_the_one_of_the_routes_is_noticed() {
    assert_eq!(talk(&mut ends([7, 7], 1, 10_000, [1, 2]), 5, || false), Err(Fault::Peer));
}

#[test]
fn a_dial_of_another_key_fails() {
    let mut ends = ends([7, 7], 1, 10_000, [2, 0]);
    talk(&mut ends, 1, || false).unwrap();
    assert!(ends[0].dial_failed(Moment::ZERO + Duration::from_secs(1)));
    assert_eq!(ends[1].streams().received(), 0);
}

#[test]
fn a_connection_that_is_lost_is_noticed() {
    let mut ends = ends([7, 7], 1, 10_000, [1, 0]);
    talk(&mut ends, 1, || false).unwrap();
    let mut now = Moment::ZERO + Duration::from_secs(1);
    let lost = std::iter::repeat_with(|| {
        now = now + Duration::from_secs(1);
        ends[0].handle_timeout(now);
        while ends[0].next_packet(now).is_some() {}
        ends[0].work()
    });
    assert!(matches!(lost.take(300).find(Result::is_err), Some(Err(Fault::Lost(_)))));
}

#[test]
fn an_app_that_does_not_read_holds_its_own_stream_back_and_no_other() {
    let mut ends = ends([7, 7], 2, 20_000_000, [1, 0]);
    ends[1].streams_mut().set_reads(0, false);
    talk(&mut ends, 5, || false).unwrap();
    assert_eq!([0, 1].map(|stream| ends[1].streams().received_on(stream)), [0, 10_000_000]);
}
