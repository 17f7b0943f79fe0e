//! What a client knows about the way to one peer.

use std::time::Duration;

use byway_base::{Moment, PublicKey, limits::MESSAGING_IDLE};

/// A server that said it does not have the peer is believed for this long. Longer than the notice takes, shorter than a
/// person waits: the peer may be about to reconnect.
const GONE_BELIEVED: Duration = Duration::from_secs(2);
/// The same where another way is proven, so that nothing is lost by waiting.
const GONE_REMEMBERED: Duration = Duration::from_secs(15);
/// Hops of one peer that are known not to lead to it: those through every own server to every server of its record.
const GONE: usize = 64;
/// A record is not looked up again before this, however badly the peer is wanted.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(1);
/// A look-up without an answer counts as failed after this, since the shell may have dropped it under load.
const LOOK_UP_LOST: Duration = Duration::from_secs(15);
/// A record in use is looked up again this long before it expires.
const RENEW_BEFORE: Duration = Duration::from_secs(30);
/// Datagrams relayed to one peer within [`BULK_TIME`] from which on a link of its own is worth its cost: about a megabyte.
const BULK: u32 = 64;
/// See [`BULK`].
const BULK_TIME: Duration = Duration::from_secs(10);

/// The peer's contact record, as far as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contact {
    /// Never asked.
    Unknown,
    /// The directory could not be asked, or there is none.
    Unavailable { since: Moment },
    /// There is no record, as the peer itself said by a tombstone that is valid until `expires`, or the directory did.
    Absent { sequence: u64, since: Moment, expires: Moment },
    /// The record names these servers.
    Known { servers: Vec<PublicKey>, sequence: u64, since: Moment, expires: Moment },
}

impl Contact {
    /// The sequence that the peer signed; zero if it signed nothing.
    fn sequence(&self) -> u64 {
        match self {
            Self::Known { sequence, .. } | Self::Absent { sequence, .. } => *sequence,
            Self::Unknown | Self::Unavailable { .. } => 0,
        }
    }
}

/// One way that a datagram can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hop {
    /// Through one server, on which both are.
    Through(PublicKey),
    /// Through an own server and the peer's.
    Relayed { via: PublicKey, at: PublicKey },
}

impl Hop {
    /// The server that the client itself is connected to.
    pub(super) fn first(self) -> PublicKey {
        let (Self::Through(first) | Self::Relayed { via: first, .. }) = self;
        first
    }
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) contact: Contact,
    asked: Option<Moment>,
    /// The hop that last brought something from the peer: the one way that is proven.
    pub(super) heard: Option<Hop>,
    gone: Vec<(Hop, Moment)>,
    /// Datagrams relayed to it since then.
    relayed: (Moment, u32),
}

impl Peer {
    pub(super) fn new() -> Self {
        let relayed = (Moment::ZERO, 0);
        Self { contact: Contact::Unknown, asked: None, heard: None, gone: Vec::new(), relayed }
    }

    pub(super) fn heard_by(&mut self, hop: Hop) {
        self.heard = Some(hop);
        self.gone.retain(|(gone, _)| *gone != hop);
    }

    pub(super) fn gone_from(&mut self, hop: Hop, now: Moment) {
        if self.heard == Some(hop) {
            self.heard = None;
        }
        self.gone.retain(|(gone, since)| *gone != hop && now - *since < GONE_REMEMBERED);
        if self.gone.len() < GONE {
            self.gone.push((hop, now));
        }
    }

    pub(super) fn is_gone_from(&self, hop: Hop, now: Moment) -> bool {
        let believed = if self.heard.is_some() { GONE_REMEMBERED } else { GONE_BELIEVED };
        self.gone.iter().any(|(gone, since)| *gone == hop && now - *since < believed)
    }

    /// Whether anything said recently that the peer is nowhere.
    pub(super) fn is_gone_somewhere(&self, now: Moment) -> bool {
        self.gone.iter().any(|(_, since)| now - *since < GONE_BELIEVED)
    }

    /// The record's servers while it is valid.
    pub(super) fn servers(&self, now: Moment) -> &[PublicKey] {
        match &self.contact {
            Contact::Known { servers, expires, .. } if *expires > now => servers,
            _ => &[],
        }
    }

    /// Whether what a server forwards in this peer's name is the peer's. Its record must name the server; while the
    /// directory does not answer, what was proven before stays good.
    pub(super) fn vouches_for(&self, at: PublicKey, now: Moment) -> bool {
        match &self.contact {
            Contact::Known { servers, expires, .. } if *expires > now => servers.contains(&at),
            Contact::Known { .. } | Contact::Unavailable { .. } => {
                matches!(self.heard, Some(Hop::Relayed { at: proven, .. }) if proven == at)
            }
            Contact::Unknown | Contact::Absent { .. } => false,
        }
    }

    /// Whether the record, which is in use, is about to expire.
    pub(super) fn expires_soon(&self, now: Moment) -> bool {
        matches!(&self.contact, Contact::Known { expires, .. } if *expires < now + RENEW_BEFORE)
    }

    /// Counts a datagram that is relayed; whether it is time to do something for a link of its own: at every so many.
    pub(super) fn is_bulk(&mut self, now: Moment) -> bool {
        let (since, count) = &mut self.relayed;
        if now.saturating_since(*since) >= BULK_TIME {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
        count.is_multiple_of(BULK)
    }

    /// Whether anything was relayed to it lately.
    pub(super) fn is_relayed(&self, now: Moment) -> bool {
        self.relayed.1 > 0 && now.saturating_since(self.relayed.0) < MESSAGING_IDLE
    }

    /// Whether a look-up is under way.
    pub(super) fn is_asked(&self, now: Moment) -> bool {
        self.asked.is_some_and(|since| now - since < LOOK_UP_LOST)
    }

    /// Whether to look the record up now: it is unknown, or old enough that another look may help.
    pub(super) fn ask(&mut self, now: Moment) -> bool {
        let since = match &self.contact {
            Contact::Unknown => None,
            Contact::Unavailable { since } | Contact::Absent { since, .. } | Contact::Known { since, .. } => {
                Some(*since)
            }
        };
        let due = !self.is_asked(now) && since.is_none_or(|since| now - since >= LOOK_UP_AGAIN);
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// A look-up was answered. What is older than what the peer signed last, as a lagging or lying directory gives, changes
    /// nothing, and neither does the mere word of the directory that there is no record.
    pub(super) fn answered(&mut self, contact: Contact, now: Moment) {
        self.asked = None;
        if let Contact::Known { sequence: known, since, expires, .. }
        | Contact::Absent { sequence: known, since, expires } = &mut self.contact
            && *expires > now
            && contact.sequence() < *known
        {
            *since = now;
            return;
        }
        // Other servers than before: the peer moved, and what was said of it before proves nothing.
        if let (Contact::Known { servers: old, .. }, Contact::Known { servers: new, .. }) =
            (&self.contact, &contact)
            && old != new
        {
            self.gone.clear();
        }
        self.contact = contact;
        if let Some(Hop::Relayed { at, .. }) = self.heard
            && !self.vouches_for(at, now)
        {
            self.heard = None;
        }
    }

    /// A look-up failed. What was known before stays.
    pub(super) fn unanswered(&mut self, now: Moment) {
        self.asked = None;
        match &mut self.contact {
            Contact::Known { since, expires, .. } if *expires > now => *since = now,
            contact => *contact = Contact::Unavailable { since: now },
        }
    }
}
