//! When an attempt sends what.

use std::{net::SocketAddr, time::Duration};

use byway_base::{Moment, limits::PUNCH_CANDIDATES};
use byway_traversal::{Attempt, Candidates, Half, Mapping, Offer, Role, Secret};

const START: Moment = Moment::ZERO;

fn host(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 1))
}

fn offer(candidates: impl IntoIterator<Item = SocketAddr>) -> Offer {
    Offer { candidates: Candidates::new(candidates), mapping: Mapping::Open }
}

fn attempt(role: Role, own: SocketAddr, theirs: impl IntoIterator<Item = SocketAddr>) -> Attempt {
    let secret = Secret::new(Half([1; 16]), Half([2; 16]));
    Attempt::new(&offer([own]), &offer(theirs), &secret, role, u64::from(own.port()), START)
}

/// What goes out until the attempt is over, in milliseconds from the start.
fn sent(attempt: &mut Attempt) -> Vec<(u128, SocketAddr)> {
    let mut sent = Vec::new();
    while let Some(due) = attempt.poll_timeout() {
        sent.extend(
            std::iter::from_fn(|| attempt.poll_transmit(due)).map(|(to, _)| ((due - START).as_millis(), to)),
        );
    }
    sent
}

#[test]
fn each_candidate_has_its_turn_twenty_milliseconds_after_the_one_before() {
    let candidates = (1..=8).map(host);
    let sent = sent(&mut attempt(Role::Initiator, host(9), candidates.clone()));
    let first: Vec<_> = sent[..PUNCH_CANDIDATES].to_vec();
    assert!(first.into_iter().eq((0..).step_by(20).zip(candidates)));
    assert!(sent.is_sorted_by(|(one, _), (next, _)| one + 20 <= *next));
    let last = sent.last().unwrap().0;
    assert!((3_000..4_000).contains(&last), "{last}: late peers are waited for");
}

#[test]
fn the_initiator_gives_up_after_five_seconds_and_the_responder_waits_for_late_ones() {
    for (role, seconds) in [(Role::Initiator, 5), (Role::Responder, 8)] {
        let mut attempt = attempt(role, host(9), [host(1)]);
        let mut end = START;
        while let Some(due) = attempt.poll_timeout() {
            end = due;
            attempt.poll_transmit(due);
            assert_eq!(attempt.outcome().is_some(), due == START + Duration::from_secs(seconds));
        }
        assert_eq!(end, START + Duration::from_secs(seconds));
    }
}

#[test]
fn the_responder_keeps_the_chosen_way_open_for_ten_seconds_and_the_initiator_is_silent() {
    let mut first = attempt(Role::Initiator, host(1), [host(2)]);
    let mut second = attempt(Role::Responder, host(2), [host(1)]);
    // One datagram each in turn, without delay, until both know the way.
    while second.outcome().is_none() || first.outcome().is_none() {
        let now = first.poll_timeout().min(second.poll_timeout()).unwrap();
        while let Some((_, bytes)) = first.poll_transmit(now) {
            second.handle(host(1), &bytes, now);
        }
        while let Some((_, bytes)) = second.poll_transmit(now) {
            first.handle(host(2), &bytes, now);
        }
        assert!(now < START + Duration::from_secs(1), "it takes no time");
    }
    assert_eq!((first.outcome(), second.outcome()), (Some(Ok(host(2))), Some(Ok(host(1)))));
    assert_eq!(sent(&mut first), []);
    let kept = sent(&mut second);
    assert_eq!(kept.iter().map(|(at, _)| at / 1_000).collect::<Vec<_>>(), [2, 4, 6, 8]);
    assert!(kept.into_iter().all(|(_, to)| to == host(1)));
}
