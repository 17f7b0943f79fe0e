//! Messaging servers in the order in which clients should try them.

use byway_base::{PublicKey, UnixTime};
use byway_wire::SignedRecord;

use super::{Records, SERVER, record};
use crate::{StoreError, db::query};

/// Which servers to list; empty means all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerFilter {
    /// Only those of this region.
    pub region: Option<String>,
    /// Those of this region first, as far as they have free places.
    pub near: Option<String>,
    /// Only those after this one: [`ServerPage::next`] of the page before.
    pub after: Option<ServerCursor>,
}

/// A server's place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerCursor {
    /// Draining servers come last.
    pub draining: bool,
    /// Those near the asker come before all others, if it said where it is.
    pub far: bool,
    /// Clients per million of capacity.
    pub load: i64,
    /// Breaks ties.
    pub subject: PublicKey,
}

/// Some of the servers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerPage {
    /// Their records.
    pub servers: Vec<SignedRecord>,
    /// The last one's place if more may follow.
    pub next: Option<ServerCursor>,
}

impl Records<'_> {
    /// Up to `limit` servers: those that are near and have free places first, then the least loaded, those that drain
    /// last. Loads change while one turns pages, so a server may be met twice or not at all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn servers(
        &self,
        filter: &ServerFilter,
        limit: usize,
        now: UnixTime,
    ) -> Result<ServerPage, StoreError> {
        // Servers are thousands at most, so that all of them may be looked at.
        let mut read = query(
            "WITH s AS (SELECT records.*, CAST(CASE WHEN region = $3 AND region <> '' AND load < 1000000 \
            THEN 0 ELSE 1 END AS BIGINT) AS far FROM records WHERE kind = $1 AND expires > $2) \
            SELECT * FROM s WHERE far >= 0",
        );
        read = read.bind(SERVER).bind(now).bind(filter.near.as_deref().unwrap_or_default());
        if let Some(region) = &filter.region {
            let place = read.next();
            read.push(&format!(" AND region = ${place}"));
            read = read.bind(region.as_str());
        }
        if let Some(after) = &filter.after {
            let [a, b, c, d] = [0, 1, 2, 3].map(|offset| read.next() + offset);
            read.push(&format!(" AND (draining, far, load, subject) > (${a}, ${b}, ${c}, ${d})"));
            read = read.bind(after.draining).bind(i64::from(after.far)).bind(after.load).bind(&after.subject);
        }
        let place = read.next();
        read.push(&format!(" ORDER BY draining, far, load, subject LIMIT ${place}"));
        let found = self.store.fetch(read.bind(limit as u64)).await?;
        let next = match found.last() {
            Some(last) if found.len() == limit => Some(ServerCursor {
                draining: last.bool("draining")?,
                far: last.int("far")? != 0,
                load: last.int("load")?,
                subject: last.key("subject")?,
            }),
            _ => None,
        };
        Ok(ServerPage { servers: found.iter().map(record).collect::<Result<_, _>>()?, next })
    }
}
