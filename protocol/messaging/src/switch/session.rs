//! One connected client as the switch sees it.

use std::time::Duration;

use byway_base::{Moment, PublicKey};

use super::{ClientId, egress::Egress, gone::GoneNotices};
use crate::rate::{Rate, TokenBucket};

/// A client over its rate hears so at most this often.
const LIMITED_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Session {
    pub(super) key: PublicKey,
    pub(super) id: ClientId,
    pub(super) egress: Egress,
    pub(super) bucket: TokenBucket,
    pub(super) gone: GoneNotices,
    /// Already on the list of clients to wake.
    pub(super) announced: bool,
    limited: Option<Moment>,
}

impl Session {
    pub(super) fn new(key: PublicKey, id: ClientId, rate: Option<Rate>, now: Moment) -> Self {
        Self {
            key,
            id,
            egress: Egress::default(),
            bucket: TokenBucket::new(rate, now),
            gone: GoneNotices::default(),
            announced: false,
            limited: None,
        }
    }

    /// Whether the client should be told now that it is over a limit; if so it counts as told.
    pub(super) fn limited_due(&mut self, now: Moment) -> bool {
        let due = self.limited.is_none_or(|told| now - told >= LIMITED_INTERVAL);
        if due {
            self.limited = Some(now);
        }
        due
    }
}
