//! What strangers, eavesdroppers and a hostile peer get out of an attempt: nothing, and little traffic.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use byway_base::{Moment, limits::PUNCH_CANDIDATES};
use byway_traversal::{
    Attempt, Candidates, Half, Mapping, Offer, Role, Secret,
    stun::{self, Kind, Message, TransactionId},
};
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use crate::dice::Dice;

const START: Moment = Moment::ZERO;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn offer(candidates: &[&str]) -> Offer {
    let candidates = Candidates::new(candidates.iter().map(|text| address(text)));
    Offer { candidates, mapping: Mapping::Independent }
}

fn secret() -> Secret {
    Secret::new(Half([1; 16]), Half([2; 16]))
}

/// An attempt of ours with a peer that may be hostile.
fn ours(role: Role, theirs: &[&str]) -> Attempt {
    Attempt::new(&offer(&["198.51.100.1:9"]), &offer(theirs), &secret(), role, 7, START)
}

/// The same attempt as the peer makes it.
fn theirs(role: Role) -> Attempt {
    Attempt::new(&offer(&["192.0.2.1:1"]), &offer(&["198.51.100.1:9"]), &secret(), role, 8, START)
}

/// Datagrams and bytes to each address until the attempt is over.
fn drain(attempt: &mut Attempt) -> BTreeMap<SocketAddr, (usize, usize)> {
    let mut sent = BTreeMap::<_, (usize, usize)>::new();
    while let Some(due) = attempt.poll_timeout() {
        while let Some((to, bytes)) = attempt.poll_transmit(due) {
            let (datagrams, total) = sent.entry(to).or_default();
            (*datagrams, *total) = (*datagrams + 1, *total + bytes.len());
            assert!(bytes.len() < 110, "{}", bytes.len());
        }
    }
    assert!(attempt.is_over());
    sent
}

/// A check of a hostile peer, which says that it is the chosen one.
fn chosen_by(role: Role, number: u8) -> Vec<u8> {
    let check = check_of(&mut theirs(role));
    let name = Message::parse(&check).unwrap().username().unwrap();
    let secret = Sha256::digest([&b"byway punch v1\0"[..], &[1; 16], &[2; 16]].concat());
    let password = stun::Password::new(&secret[4..16]);
    stun::binding_request_authenticated(TransactionId([number; 12]), name, &password, true)
}

/// One check of the peer, as it goes out.
fn check_of(attempt: &mut Attempt) -> Vec<u8> {
    attempt.poll_transmit(attempt.poll_timeout().unwrap()).unwrap().1
}

#[test]
fn addresses_of_third_parties_that_a_peer_names_get_a_handful_of_small_datagrams() {
    for role in [Role::Initiator, Role::Responder] {
        let named: Vec<_> = (1..=9).map(|last| format!("192.0.2.{last}:53")).collect();
        let named: Vec<_> = named.iter().map(String::as_str).collect();
        let sent = drain(&mut ours(role, &named));
        assert_eq!(sent.len(), PUNCH_CANDIDATES);
        assert!(sent.values().all(|(datagrams, bytes)| *datagrams <= 6 && *bytes <= 500), "{sent:?}");
        assert!(sent.values().map(|(datagrams, _)| datagrams).sum::<usize>() <= 50);
    }
}

#[test]
fn no_host_of_the_own_machine_or_site_and_no_group_is_disturbed_from_outside() {
    let named = [
        "127.0.0.1:22",
        "10.0.0.1:80",
        "[::1]:22",
        "[fd00::1]:80",
        "224.0.0.251:5353",
        "255.255.255.255:9",
        "0.0.0.0:9",
    ];
    let mut attempt = ours(Role::Initiator, &named);
    assert_eq!(drain(&mut attempt), BTreeMap::new());
}

#[test]
fn a_peer_that_calls_from_a_thousand_false_addresses_has_us_send_no_more_than_it_sends() {
    let mut attempt = ours(Role::Responder, &["192.0.2.1:1"]);
    let secret = [Half([1; 16]), Half([2; 16])];
    let mut peer = Vec::new();
    // A hostile peer is not bound to its own limits: it makes one attempt after the other under the same secret.
    for seed in 0..60 {
        let secret = Secret::new(secret[0], secret[1]);
        let target = offer(&["198.51.100.1:9"]);
        let mut machine =
            Attempt::new(&offer(&["192.0.2.1:1"]), &target, &secret, Role::Initiator, seed, START);
        while let Some(due) = machine.poll_timeout() {
            while let Some((_, check)) = machine.poll_transmit(due) {
                peer.push(check);
            }
        }
    }
    let mut sent = 0;
    let mut received = 0;
    for number in 0..1_000_u16 {
        let from = SocketAddr::from(([203, 0, 113, 9], 1_000 + number));
        let check = &peer[usize::from(number) % peer.len()];
        received += 1;
        attempt.handle(from, check, START);
        while attempt.poll_transmit(START).is_some() {
            sent += 1;
        }
    }
    sent += drain(&mut attempt).values().map(|(datagrams, _)| datagrams).sum::<usize>();
    assert!(peer.len() > 300, "{}", peer.len());
    assert!(sent <= 128 + 50, "{sent} for {received}");
}

#[test]
fn a_captured_check_that_is_sent_again_from_elsewhere_is_not_answered() {
    let mut attempt = ours(Role::Responder, &["192.0.2.1:1"]);
    let check = check_of(&mut theirs(Role::Initiator));
    assert!(attempt.handle(address("192.0.2.1:1"), &check, START));
    let victim = address("203.0.113.66:6");
    attempt.handle(victim, &check, START);
    assert!(!drain(&mut attempt).contains_key(&victim));
}

#[test]
fn what_a_stranger_sends_is_ignored_and_what_abuses_the_name_is_counted() {
    let mut attempt = ours(Role::Responder, &["192.0.2.1:1"]);
    let stranger = address("203.0.113.66:6");
    let check = check_of(&mut theirs(Role::Initiator));
    let name = Message::parse(&check).unwrap().username().unwrap().to_owned();
    let guess = stun::Password::new(&[0; 12]);
    let forged = stun::binding_request_authenticated(TransactionId([1; 12]), &name, &guess, true);
    assert!(!attempt.handle(stranger, &forged, START));
    assert_eq!(attempt.forged(), 1);
    let mut altered = check.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert!(!attempt.handle(stranger, &altered, START));
    assert_eq!(attempt.forged(), 2);
    let other = Secret::new(Half([3; 16]), Half([2; 16]));
    let (target, own) = (offer(&["198.51.100.1:9"]), offer(&["192.0.2.1:1"]));
    let mut another = Attempt::new(&own, &target, &other, Role::Initiator, 8, START);
    assert!(!attempt.handle(stranger, &check_of(&mut another), START), "another attempt's check");
    assert!(!attempt.handle(stranger, &stun::binding_request(TransactionId([1; 12])), START));
    assert_eq!(attempt.forged(), 2);
    assert!(!drain(&mut attempt).contains_key(&stranger));
}

#[test]
fn own_checks_thrown_back_convince_nobody() {
    for role in [Role::Initiator, Role::Responder] {
        let mut attempt = ours(role, &["192.0.2.1:1"]);
        let own = check_of(&mut attempt);
        assert!(!attempt.handle(address("192.0.2.1:1"), &own, START));
        assert!(!attempt.handle(address("203.0.113.66:6"), &own, START));
        assert!(!drain(&mut attempt).contains_key(&address("203.0.113.66:6")));
        assert!(attempt.outcome().unwrap().is_err());
    }
}

#[test]
fn an_answer_counts_only_from_where_the_check_went() {
    let (mut attempt, mut peer) = (ours(Role::Initiator, &["192.0.2.1:1"]), theirs(Role::Responder));
    let check = check_of(&mut attempt);
    assert!(peer.handle(address("198.51.100.1:9"), &check, START));
    let (_, answer) = peer.poll_transmit(START).unwrap();
    assert_eq!(Message::parse(&answer).unwrap().kind(), Kind::Success);
    assert!(!attempt.handle(address("203.0.113.66:6"), &answer, START));
    let mut forged = answer.clone();
    *forged.last_mut().unwrap() ^= 1;
    assert!(!attempt.handle(address("192.0.2.1:1"), &forged, START), "by one who saw the check");
    assert!(attempt.handle(address("192.0.2.1:1"), &answer, START));
}

#[test]
fn a_peer_that_chooses_again_and_again_does_not_keep_an_attempt_alive() {
    let mut attempt = ours(Role::Responder, &["192.0.2.1:1"]);
    let (mut now, mut sent) = (START, 0);
    for number in 0..100 {
        let from = SocketAddr::from(([192, 0, 2, 1], 1_000 + u16::from(number)));
        attempt.handle(from, &chosen_by(Role::Initiator, number), now);
        sent += std::iter::from_fn(|| attempt.poll_transmit(now)).count();
        now = now + Duration::from_secs(1);
    }
    assert!(attempt.is_over());
    assert!(sent < 40, "{sent}");
}

#[test]
fn only_the_initiator_chooses() {
    let mut attempt = ours(Role::Initiator, &["192.0.2.1:1"]);
    let chosen = chosen_by(Role::Responder, 1);
    assert!(attempt.handle(address("192.0.2.1:1"), &chosen, START));
    assert_eq!(attempt.outcome(), None);
}

#[test]
fn a_peer_that_stops_answering_once_chosen_is_given_up() {
    let (mut attempt, mut peer) = (ours(Role::Initiator, &["192.0.2.1:1"]), theirs(Role::Responder));
    let check = check_of(&mut attempt);
    peer.handle(address("198.51.100.1:9"), &check, START);
    let (_, answer) = peer.poll_transmit(START).unwrap();
    attempt.handle(address("192.0.2.1:1"), &answer, START);
    let sent = drain(&mut attempt);
    assert!(sent.values().all(|(datagrams, _)| *datagrams <= 12), "{sent:?}");
    assert!(attempt.outcome().unwrap().is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn whatever_arrives_the_traffic_is_bounded_and_nothing_panics(seed: u64, steps in 1..300_usize) {
        let mut dice = Dice::new(seed);
        let mut attempt = ours(if dice.happens(50) { Role::Initiator } else { Role::Responder }, &["192.0.2.1:1", "192.0.2.2:2"]);
        let mut peers = [theirs(Role::Initiator), theirs(Role::Responder)];
        let (mut now, mut sent, mut received) = (START, 0_usize, 0_usize);
        let mut seen: Vec<Vec<u8>> = Vec::new();
        for _ in 0..steps {
            now = now + Duration::from_millis(dice.below(100));
            for peer in &mut peers {
                seen.extend(peer.poll_transmit(now).map(|(_, bytes)| bytes));
            }
            while let Some((to, bytes)) = attempt.poll_transmit(now) {
                sent += 1;
                prop_assert!(to.port() != 0 && !to.ip().is_unspecified() && !to.ip().is_multicast());
                for peer in &mut peers {
                    peer.handle(address("198.51.100.1:9"), &bytes, now);
                }
                seen.push(bytes);
            }
            if seen.is_empty() {
                continue;
            }
            let mut bytes = seen[usize::try_from(dice.below(seen.len() as u64)).unwrap()].clone();
            if dice.happens(30) {
                let at = usize::try_from(dice.below(bytes.len() as u64)).unwrap();
                bytes[at] ^= 1 << dice.below(8);
            }
            let ip = [[192, 0, 2, 1], [192, 0, 2, 2], [203, 0, 113, 9], [224, 0, 0, 1], [0, 0, 0, 0]];
            let from = SocketAddr::from((ip[usize::try_from(dice.below(5)).unwrap()], u16::try_from(dice.below(3)).unwrap()));
            attempt.handle(from, &bytes, now);
            received += 1;
        }
        // Checks, those to the chosen way, and an answer each.
        prop_assert!(sent <= 50 + 6 + 6 + received, "{} for {}", sent, received);
    }
}
