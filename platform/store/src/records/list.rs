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
    /// Only those after this one: [`ServerPage::next`] of the page before.
    pub after: Option<ServerCursor>,
}

/// A server's place in the order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerCursor {
    /// Draining servers come last.
    pub draining: bool,
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
    /// Up to `limit` servers: the least loaded first, those that drain last. Loads change while one turns pages, so
    /// a server may be met twice or not at all.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn servers(
        &self,
        filter: &ServerFilter,
        limit: usize,
        now: UnixTime,
    ) -> Result<ServerPage, StoreError> {
        let mut read = query("SELECT * FROM records WHERE kind = $1 AND expires > $2").bind(SERVER).bind(now);
        if let Some(region) = &filter.region {
            let place = read.next();
            read.push(&format!(" AND region = ${place}"));
            read = read.bind(region.as_str());
        }
        if let Some(after) = &filter.after {
            let (a, b, c) = (read.next(), read.next() + 1, read.next() + 2);
            read.push(&format!(" AND (draining, load, subject) > (${a}, ${b}, ${c})"));
            read = read.bind(after.draining).bind(after.load).bind(&after.subject);
        }
        let place = read.next();
        read.push(&format!(" ORDER BY draining, load, subject LIMIT ${place}"));
        let found = self.store.fetch(read.bind(limit as u64)).await?;
        let next = match found.last() {
            Some(last) if found.len() == limit => Some(ServerCursor {
                draining: last.bool("draining")?,
                load: last.int("load")?,
                subject: last.key("subject")?,
            }),
            _ => None,
        };
        Ok(ServerPage { servers: found.iter().map(record).collect::<Result<_, _>>()?, next })
    }
}
