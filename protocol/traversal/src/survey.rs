//! From which address a node's datagrams come, and whether each destination sees the same.

use std::{net::SocketAddr, time::Duration};

use byway_base::{Moment, limits::STUN_SERVERS};
use byway_wire::punch::Mapping;

use crate::{
    candidates::{canonical, is_usable},
    ids::Ids,
    stun::{self, Kind, Message, TransactionId},
};

/// Wait before a request is repeated the first time; doubled each time. RFC 8489, 6.2.1 starts with 500 ms for paths whose
/// round trip is unknown. Servers of this network are chosen near, and a repetition too early costs 20 bytes.
const REPEAT: Duration = Duration::from_millis(100);

/// Times that a server is asked, so that it is given up after 3.1 seconds.
const ASK: u32 = 5;

/// Asks STUN servers. One use; a node makes a new one when its network changed, and every few minutes.
///
/// Give what arrives to [`Self::handle`], send what [`Self::poll_transmit`] gives until it gives none, and call that
/// again at [`Self::poll_timeout`].
#[derive(Debug)]
pub struct Survey {
    questions: Vec<Question>,
    local: Vec<SocketAddr>,
}

/// One server and what it said.
#[derive(Debug)]
struct Question {
    server: SocketAddr,
    id: TransactionId,
    asked: u32,
    first: Moment,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Asks, again or for the last time, or gives up then.
    Waiting(Moment),
    Answered {
        mapped: SocketAddr,
        /// Known only if the request was not repeated (Karn's algorithm).
        rtt: Option<Duration>,
    },
    GaveUp,
}

/// What a survey found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reachability {
    /// Over IPv4.
    pub ipv4: Family,
    /// Over IPv6.
    pub ipv6: Family,
    /// The servers asked, and the round-trip time of those that answered the first request.
    pub servers: Vec<(SocketAddr, Option<Duration>)>,
}

/// What a survey found for one version of IP.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Family {
    /// Addresses that the servers see, each once. Through a symmetric NAT, no peer will see the same.
    pub reflexive: Vec<SocketAddr>,
    /// What the NAT does.
    pub mapping: Mapping,
}

impl Survey {
    /// Asks the first [`STUN_SERVERS`] of `servers`; it takes two of a family to know the NAT. `local` are the
    /// node's own addresses, with the socket's port: servers of a family that it does not have are not asked. `seed` is
    /// to be random.
    #[must_use]
    pub fn new(servers: &[SocketAddr], local: &[SocketAddr], seed: u64, now: Moment) -> Self {
        let local: Vec<_> = local.iter().copied().map(canonical).collect();
        let (mut ids, mut questions) = (Ids::new(seed), Vec::<Question>::new());
        for server in servers.iter().copied().map(canonical) {
            let has_way = local.iter().any(|local| local.is_ipv4() == server.is_ipv4());
            let is_new = questions.iter().all(|question| question.server != server);
            if has_way && is_new && is_usable(server) && questions.len() < STUN_SERVERS {
                let state = State::Waiting(now);
                questions.push(Question { server, id: ids.draw(), asked: 0, first: now, state });
            }
        }
        Self { questions, local }
    }

    /// The next request to send now, and where to.
    pub fn poll_transmit(&mut self, now: Moment) -> Option<(SocketAddr, Vec<u8>)> {
        self.questions.iter_mut().find_map(|question| question.ask(now))
    }

    /// When to call [`Self::poll_transmit`] next; `None` if the survey is over.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Moment> {
        let waiting = |question: &Question| match question.state {
            State::Waiting(until) => Some(until),
            _ => None,
        };
        self.questions.iter().filter_map(waiting).min()
    }

    /// Takes a datagram. Whether it answered this survey; other datagrams change nothing.
    pub fn handle(&mut self, from: SocketAddr, datagram: &[u8], now: Moment) -> bool {
        let Some(message) = Message::parse(datagram) else { return false };
        let from = canonical(from);
        let asked = |question: &&mut Question| {
            question.id == message.id() && question.server == from && question.asked > 0
        };
        let Some(question) = self.questions.iter_mut().find(asked) else { return false };
        if let State::Answered { .. } = question.state {
            return true;
        }
        let mapped =
            message.mapped().filter(|mapped| is_usable(*mapped) && mapped.is_ipv4() == from.is_ipv4());
        question.state = match (message.kind(), mapped) {
            (Kind::Request, _) => return false,
            (Kind::Success, Some(mapped)) => {
                let rtt = (question.asked == 1).then(|| now - question.first);
                State::Answered { mapped, rtt }
            }
            _ => State::GaveUp,
        };
        true
    }

    /// Whether every server answered or was given up.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.poll_timeout().is_none()
    }

    /// What is known so far.
    #[must_use]
    pub fn result(&self) -> Reachability {
        let rtt = |question: &Question| match question.state {
            State::Answered { rtt, .. } => rtt,
            _ => None,
        };
        Reachability {
            ipv4: self.family(SocketAddr::is_ipv4),
            ipv6: self.family(SocketAddr::is_ipv6),
            servers: self.questions.iter().map(|question| (question.server, rtt(question))).collect(),
        }
    }

    fn family(&self, is_in: fn(&SocketAddr) -> bool) -> Family {
        let questions = || self.questions.iter().filter(|question| is_in(&question.server));
        let answers: Vec<_> = questions()
            .filter_map(|question| match question.state {
                State::Answered { mapped, .. } => Some(mapped),
                _ => None,
            })
            .collect();
        // A server within the site sees the node as it is. That says nothing about the NAT before the others.
        let beyond: Vec<_> = answers.iter().copied().filter(|mapped| !self.local.contains(mapped)).collect();
        let mapping = match beyond.as_slice() {
            [] if !answers.is_empty() => Mapping::Open,
            [] if questions().next().is_some() && questions().all(Question::was_given_up) => Mapping::Blocked,
            [first, second, rest @ ..] => {
                if first == second && rest.iter().all(|mapped| mapped == first) {
                    Mapping::Independent
                } else {
                    Mapping::Dependent
                }
            }
            _ => Mapping::Unknown,
        };
        let mut reflexive = answers;
        reflexive.sort_unstable();
        reflexive.dedup();
        Family { reflexive, mapping }
    }
}

impl Question {
    fn ask(&mut self, now: Moment) -> Option<(SocketAddr, Vec<u8>)> {
        let State::Waiting(until) = self.state else { return None };
        if until > now {
            return None;
        }
        if self.asked == ASK {
            self.state = State::GaveUp;
            return None;
        }
        if self.asked == 0 {
            self.first = now;
        }
        self.state = State::Waiting(now + REPEAT * 2_u32.pow(self.asked));
        self.asked += 1;
        Some((self.server, stun::binding_request(self.id)))
    }

    fn was_given_up(&self) -> bool {
        matches!(self.state, State::GaveUp)
    }
}

impl Reachability {
    /// Every address that a server sees, IPv6 first.
    pub fn reflexive(&self) -> impl Iterator<Item = SocketAddr> {
        self.ipv6.reflexive.iter().chain(&self.ipv4.reflexive).copied()
    }

    /// What a peer is told: what the NAT of IPv4 does, where NATs are; if that is not known, that of IPv6.
    #[must_use]
    pub fn mapping(&self) -> Mapping {
        let is_known = |family: &&Family| !matches!(family.mapping, Mapping::Unknown | Mapping::Blocked);
        let families = [&self.ipv4, &self.ipv6];
        if let Some(known) = families.into_iter().find(is_known) {
            return known.mapping;
        }
        let blocked = families.iter().any(|family| family.mapping == Mapping::Blocked);
        let open = families.iter().any(|family| !family.reflexive.is_empty());
        if blocked && !open { Mapping::Blocked } else { Mapping::Unknown }
    }
}
