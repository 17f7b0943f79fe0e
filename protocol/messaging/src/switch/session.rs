//! One connection as the switch sees it.

use std::time::Duration;

use byway_base::{Moment, PublicKey};

use super::{SessionId, egress::Egress, gone::GoneNotices};
use crate::rate::{Rate, TokenBucket};

/// Who is over its rate hears so at most this often.
const LIMITED_INTERVAL: Duration = Duration::from_secs(1);

/// What a connection is for. Each role may send frames of its own only, which is what keeps datagrams from circling.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    /// A client.
    Client,
    /// A server that dialled this one: it carries here, and hears who is not here.
    Inbound(Use),
    /// A server that this one dialled: datagrams are carried there.
    Outbound {
        link: Use,
        /// When it came up.
        since: Moment,
        /// The pause before it would be dialled again if it ended now.
        pause: Duration,
        /// Datagrams carried of which nobody heard that their destination is not there.
        unanswered: u64,
    },
}

/// When a link carried something last.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) last: Moment,
}

#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: PublicKey,
    pub(super) id: SessionId,
    pub(super) role: Role,
    pub(super) egress: Egress,
    pub(super) bucket: TokenBucket,
    pub(super) gone: GoneNotices,
    /// Already on the list of connections to wake.
    pub(super) announced: bool,
    limited: Option<Moment>,
}

impl Session {
    pub(super) fn new(key: PublicKey, id: SessionId, role: Role, rate: Option<Rate>, now: Moment) -> Self {
        Self {
            key,
            id,
            role,
            egress: Egress::default(),
            bucket: TokenBucket::new(rate, now),
            gone: GoneNotices::default(),
            announced: false,
            limited: None,
        }
    }

    /// Whether the peer should be told now that it is over a limit; if so it counts as told.
    pub(super) fn limited_due(&mut self, now: Moment) -> bool {
        let due = self.limited.is_none_or(|told| now - told >= LIMITED_INTERVAL);
        if due {
            self.limited = Some(now);
        }
        due
    }

    /// It carries something.
    pub(super) fn used(&mut self, now: Moment) {
        if let Role::Inbound(link) | Role::Outbound { link, .. } = &mut self.role {
            link.last = now;
        }
    }
}
