//! What a client knows about the way to one peer.

use std::time::Duration;

use byway_base::{Moment, PublicKey, limits::RECORD_ENTRIES};

/// A server that said it does not have the peer is believed for this long. Longer than the notice takes, shorter than a
/// person waits: the peer may be about to reconnect.
const GONE_BELIEVED: Duration = Duration::from_secs(2);
/// A record is not looked up again before this, however badly the peer is wanted.
const LOOK_UP_AGAIN: Duration = Duration::from_secs(1);
/// A look-up without an answer counts as failed after this, since the shell may have dropped it under load.
const LOOK_UP_LOST: Duration = Duration::from_secs(15);

/// The peer's contact record, as far as known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Contact {
    /// Never asked.
    Unknown,
    /// The directory could not be asked, or there is none.
    Unavailable { since: Moment },
    /// There is no record.
    Absent { since: Moment },
    /// The record names these servers.
    Known { servers: Vec<PublicKey>, sequence: u64, since: Moment, expires: Moment },
}

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) contact: Contact,
    asked: Option<Moment>,
    /// The server that last brought something from the peer: the one way that is proven.
    pub(super) heard: Option<PublicKey>,
    gone: Vec<(PublicKey, Moment)>,
}

impl Peer {
    pub(super) fn new() -> Self {
        Self { contact: Contact::Unknown, asked: None, heard: None, gone: Vec::new() }
    }

    pub(super) fn heard_through(&mut self, server: PublicKey) {
        self.heard = Some(server);
        self.gone.retain(|(gone, _)| *gone != server);
    }

    pub(super) fn gone_from(&mut self, server: PublicKey, now: Moment) {
        if self.heard == Some(server) {
            self.heard = None;
        }
        self.gone.retain(|(gone, since)| *gone != server && now - *since < GONE_BELIEVED);
        if self.gone.len() < 2 * RECORD_ENTRIES {
            self.gone.push((server, now));
        }
    }

    pub(super) fn is_gone_from(&self, server: &PublicKey, now: Moment) -> bool {
        self.gone.iter().any(|(gone, since)| gone == server && now - *since < GONE_BELIEVED)
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

    /// Whether a look-up is under way.
    pub(super) fn is_asked(&self, now: Moment) -> bool {
        self.asked.is_some_and(|since| now - since < LOOK_UP_LOST)
    }

    /// Whether to look the record up now: it is unknown, or old enough that another look may help.
    pub(super) fn ask(&mut self, now: Moment) -> bool {
        let since = match &self.contact {
            Contact::Unknown => None,
            Contact::Unavailable { since } | Contact::Absent { since } | Contact::Known { since, .. } => {
                Some(*since)
            }
        };
        let due = !self.is_asked(now) && since.is_none_or(|since| now - since >= LOOK_UP_AGAIN);
        if due {
            self.asked = Some(now);
        }
        due
    }

    /// A look-up was answered. An older record than the one known, as a lagging or lying directory gives, changes nothing.
    pub(super) fn answered(&mut self, contact: Contact, now: Moment) {
        self.asked = None;
        if let (
            Contact::Known { servers: old, sequence: known, since, expires },
            Contact::Known { servers: new, sequence, .. },
        ) = (&mut self.contact, &contact)
        {
            if sequence < known && *expires > now {
                *since = now;
                return;
            }
            // Other servers than before: the peer moved, and what was said of it before proves nothing.
            if old != new {
                self.gone.clear();
            }
        }
        self.contact = contact;
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
