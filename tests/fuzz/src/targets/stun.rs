//! STUN: the format, and an attempt at NAT traversal in the hands of whoever reaches its socket, a hostile peer included.

use std::{net::SocketAddr, time::Duration};

use byway_base::Moment;
use byway_traversal::{
    Attempt, Candidates, Half, Mapping, Offer, Role, Secret,
    candidates::is_usable,
    stun::{self, Kind, Message, Password},
};

/// Checks of a search, then those of a way that was chosen or is kept open.
const CHECKS_MAX: usize = 50 + 6 + 6;

pub(super) fn message(data: &[u8]) {
    let from = SocketAddr::from(([192, 0, 2, 1], 1));
    let read = Message::parse(data);
    if let Some(message) = &read {
        assert!(stun::is_stun(data), "what QUIC gets was read as STUN");
        assert!(!message.verify(&Password::new(b"not guessable")), "a password was guessed");
        let _ = (message.mapped(), message.username(), message.is_chosen());
    }
    if let Some(answer) = stun::answer(data, from) {
        let request = read.expect("what is answered is well formed");
        assert!(request.kind() == Kind::Request && !request.is_authenticated());
        assert!(answer.len() <= data.len() + 24, "the answer amplifies");
        let answer = Message::parse(&answer).expect("answers are well formed");
        assert_eq!(answer.id(), request.id());
        assert!(answer.kind() == Kind::Error || answer.mapped() == Some(from));
    }
}

/// A step is a byte that says how much later it is and from where a datagram comes: the next of the real peer, else what
/// was sent last; or the bytes that follow, whose first is their number.
pub(super) fn attempt(data: &[u8]) {
    let role =
        if data.first().is_some_and(|first| first & 1 == 1) { Role::Initiator } else { Role::Responder };
    let candidate = |last| SocketAddr::from(([192, 0, 2, last], 1));
    let offer = |from: u8| Offer {
        candidates: Candidates::new([from, from + 1].map(candidate)),
        mapping: Mapping::Independent,
    };
    let secret = Secret::new(Half([1; 16]), Half([2; 16]));
    let mut now = Moment::ZERO;
    let mut attempt = Attempt::new(&offer(1), &offer(3), &secret, role, 7, now);
    let mut peer = Attempt::new(&offer(3), &offer(1), &secret, other(role), 8, now);
    let (mut sent, mut received, mut last) = (0, 0, Vec::new());
    let mut rest = data;
    while let Some((step, after)) = rest.split_first() {
        rest = after;
        now = now + Duration::from_millis(u64::from(step >> 4) * 20);
        while let Some((to, bytes)) = attempt.poll_transmit(now) {
            assert!(is_usable(to) && bytes.len() < 110);
            peer.handle(candidate(1), &bytes, now);
            (sent, last) = (sent + 1, bytes);
        }
        let from = candidate(step & 7);
        let datagram = match step >> 3 & 1 {
            0 => peer.poll_transmit(now).map_or_else(|| last.clone(), |(_, bytes)| bytes),
            _ => {
                let length = usize::from(rest.first().copied().unwrap_or(0)).min(rest.len());
                let (datagram, after) = rest.split_at(length);
                rest = after;
                datagram.to_vec()
            }
        };
        attempt.handle(from, &datagram, now);
        received += 1;
    }
    while let Some(due) = attempt.poll_timeout() {
        now = now.max(due);
        sent += std::iter::from_fn(|| attempt.poll_transmit(now)).count();
    }
    assert!(sent <= CHECKS_MAX + received, "{sent} for {received}");
    assert!(attempt.is_over() && attempt.outcome().is_some());
}

fn other(role: Role) -> Role {
    match role {
        Role::Initiator => Role::Responder,
        Role::Responder => Role::Initiator,
    }
}
