//! One attempt to find a direct way to one peer.
//!
//! This is ICE (RFC 8445) less what two nodes with one socket each do not need: one component, no foundations, no freezing
//! of pairs, no role conflict since signalling settles who is the initiator. What remains of it: paced checks under a
//! secret, checks that answer a check (triggered ones), peer-reflexive candidates, and a nomination that gives both sides
//! the same pair of addresses.

mod targets;

use std::{
    collections::{BTreeSet, VecDeque},
    net::SocketAddr,
    time::Duration,
};

use byway_base::Moment;
use byway_wire::punch::{Candidates, Mapping};

use crate::{
    Failure, Secret,
    candidates::{canonical, is_usable, worth_trying},
    ids::Ids,
    stun::{self, Kind, Message, Password, TransactionId},
};
use targets::Targets;

/// Time between two checks (RFC 8445, 14.2: not below 5 ms; NATs set up state for each).
const PACE: Duration = Duration::from_millis(20);

/// How long the initiator looks for a way. The last checks go out after three seconds.
const SEARCH: Duration = Duration::from_secs(5);

/// What the responder adds: it begins earlier by the time that its answer takes to the initiator, and the initiator may
/// need a second to settle on a way.
const SEARCH_MORE: Duration = Duration::from_secs(3);

/// How often the responder sends something on the way that was chosen, until the initiator's first packet of QUIC takes
/// over, and for how long at most. NATs forget silent ways after 30 seconds at the earliest that are seen.
const KEEP_EVERY: Duration = Duration::from_secs(2);
const KEEP: Duration = Duration::from_secs(10);

/// Requests of the peer that are answered, more than it may send; also what an attacker can have of answers, who repeats
/// them from false addresses.
const ANSWERS: usize = 128;

/// Answers that wait to be sent.
const ANSWERS_WAITING: usize = 16;

/// Who sent the offer chooses the way and dials; the other follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Sent the offer.
    Initiator,
    /// Answered it.
    Responder,
}

/// What one side tells the other of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Offer {
    /// Where it may be reached.
    pub candidates: Candidates,
    /// What its NAT does.
    pub mapping: Mapping,
}

/// An attempt under way. Both sides make theirs at about the same time, after they exchanged offers.
///
/// Give what arrives to [`Self::handle`], send what [`Self::poll_transmit`] gives until it gives none, and call that
/// again at [`Self::poll_timeout`] and after each datagram. It goes on after an outcome: the peer may not know yet. Drop it
/// when [`Self::is_over`].
pub struct Attempt {
    role: Role,
    name: String,
    password: Password,
    here: Mapping,
    there: Mapping,
    ids: Ids,
    targets: Targets,
    /// Answers on their way out.
    answers: VecDeque<(SocketAddr, Vec<u8>)>,
    /// Requests of the peer that were answered.
    answered: BTreeSet<TransactionId>,
    /// Requests under this attempt's name that the peer cannot have sent.
    forged: u64,
    /// No check goes out before.
    pace: Moment,
    /// When the search ends, or the way is no longer kept open.
    end: Moment,
    outcome: Option<Result<SocketAddr, Failure>>,
    over: bool,
}

impl Attempt {
    /// Begins an attempt. `seed` is to be random.
    ///
    /// Where nothing can be tried, the outcome is there at once.
    #[must_use]
    pub fn new(own: &Offer, peer: &Offer, secret: &Secret, role: Role, seed: u64, now: Moment) -> Self {
        let (ours, theirs) = (own.candidates.as_slice(), peer.candidates.as_slice());
        let candidates = worth_trying(theirs, ours);
        let search = match role {
            Role::Initiator => SEARCH,
            Role::Responder => SEARCH + SEARCH_MORE,
        };
        let mut this = Self {
            role,
            name: secret.name(),
            password: secret.password(),
            here: own.mapping,
            there: peer.mapping,
            ids: Ids::new(seed),
            targets: Targets::new(&candidates, now),
            answers: VecDeque::new(),
            answered: BTreeSet::new(),
            forged: 0,
            pace: now,
            end: now + search,
            outcome: None,
            over: false,
        };
        if let Some(failure) = hopeless(ours, theirs) {
            this.conclude(Err(failure), now);
        }
        this
    }

    /// The next datagram to send now, and where to. All have less than 110 bytes.
    pub fn poll_transmit(&mut self, now: Moment) -> Option<(SocketAddr, Vec<u8>)> {
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        if self.over {
            return None;
        }
        if now >= self.end && self.outcome.is_some() {
            self.over = true;
            return None;
        }
        let gave_up = now >= self.end && !self.targets.is_choosing();
        if self.outcome.is_none() && (gave_up || self.targets.is_stuck(now)) {
            let failure = Failure::explain(self.here, self.there, self.targets.had_candidates());
            self.conclude(Err(failure), now);
            return None;
        }
        if now < self.pace {
            return None;
        }
        let id = self.ids.draw();
        let check = self.targets.next(id, now)?;
        self.pace = now + PACE;
        let username = format!("{}:{}", self.name, letter(self.role));
        let request = stun::binding_request_authenticated(id, &username, &self.password, check.chosen);
        Some((check.to, request))
    }

    /// When to call [`Self::poll_transmit`] next; `None` if the attempt is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        if !self.answers.is_empty() {
            return Some(Moment::ZERO);
        }
        if self.over {
            return None;
        }
        let check = self.targets.poll_timeout().map(|due| due.max(self.pace));
        // While it settles on a way, that has its own end.
        let settling = self.outcome.is_none() && self.targets.is_choosing();
        check.into_iter().chain((!settling).then_some(self.end)).min()
    }

    /// Takes a datagram. Whether the peer sent it for this attempt; other datagrams change nothing.
    pub fn handle(&mut self, from: SocketAddr, datagram: &[u8], now: Moment) -> bool {
        let from = canonical(from);
        if self.over || !is_usable(from) {
            return false;
        }
        let Some(message) = Message::parse(datagram) else { return false };
        match message.kind() {
            Kind::Request => self.asked(from, &message, now),
            Kind::Success => self.was_answered(from, &message, now),
            Kind::Error => false,
        }
    }

    /// Where the peer is reached, or why it is not; `None` while it is looked for. For the responder it may still change to
    /// another address, if the initiator does not get its answers. The initiator's stays.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<SocketAddr, Failure>> {
        self.outcome
    }

    /// Whether nothing more is to be done for the peer either.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.over && self.answers.is_empty()
    }

    /// Requests under the name of this attempt that were not the peer's: from one who read the name on the way.
    #[must_use]
    pub fn forged(&self) -> u64 {
        self.forged
    }

    /// A check of the peer. It is answered, once, and checked back: its address may be one that nobody knew.
    fn asked(&mut self, from: SocketAddr, message: &Message<'_>, now: Moment) -> bool {
        let peer = match self.role {
            Role::Initiator => Role::Responder,
            Role::Responder => Role::Initiator,
        };
        let meant = |(name, role): (&str, &str)| name == self.name && role == letter(peer);
        if !message.username().and_then(|username| username.split_once(':')).is_some_and(meant) {
            return false;
        }
        if !message.verify(&self.password) {
            self.forged += 1;
            return false;
        }
        if self.answered.len() >= ANSWERS
            || self.answers.len() >= ANSWERS_WAITING
            || !self.answered.insert(message.id())
        {
            return true;
        }
        self.answers.push_back((from, stun::answer_authenticated(message.id(), from, &self.password)));
        let chosen = self.role == Role::Responder && message.is_chosen();
        if chosen && !matches!(self.outcome, Some(Ok(known)) if known == from) {
            self.conclude(Ok(from), now);
        }
        if self.outcome.is_none() {
            self.targets.trigger(from, now);
        }
        true
    }

    /// An answer to a check. It counts only from where the check went, so that the way is the same in both directions (RFC
    /// 8445, 7.2.5.2.1).
    fn was_answered(&mut self, from: SocketAddr, message: &Message<'_>, now: Moment) -> bool {
        if !self.targets.is_asked(message.id(), from) || !message.verify(&self.password) {
            return false;
        }
        let was_chosen = self.targets.answered(message.id(), self.role == Role::Initiator, now);
        if was_chosen && self.role == Role::Initiator && self.outcome.is_none() {
            self.conclude(Ok(from), now);
        }
        true
    }

    fn conclude(&mut self, outcome: Result<SocketAddr, Failure>, now: Moment) {
        if self.outcome.is_none() {
            self.end = now + KEEP;
        }
        self.outcome = Some(outcome);
        match (outcome, self.role) {
            (Ok(way), Role::Responder) => self.targets.keep(way, KEEP_EVERY, now),
            (Ok(_), Role::Initiator) => self.targets.stop(),
            (Err(_), _) => {
                self.targets.stop();
                self.over = true;
            }
        }
    }
}

/// What shows before any datagram.
fn hopeless(ours: &[SocketAddr], theirs: &[SocketAddr]) -> Option<Failure> {
    if theirs.is_empty() && ours.is_empty() {
        return Some(Failure::NoCandidates);
    }
    let has = |list: &[SocketAddr], ipv4| list.iter().any(|address| canonical(*address).is_ipv4() == ipv4);
    let common = [true, false].into_iter().any(|ipv4| has(ours, ipv4) && has(theirs, ipv4));
    (!common && !theirs.is_empty() && !ours.is_empty()).then_some(Failure::NoCommonFamily)
}

fn letter(role: Role) -> &'static str {
    match role {
        Role::Initiator => "i",
        Role::Responder => "r",
    }
}

impl std::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Attempt")
            .field("role", &self.role)
            .field("name", &self.name)
            .field("outcome", &self.outcome)
            .finish_non_exhaustive()
    }
}
