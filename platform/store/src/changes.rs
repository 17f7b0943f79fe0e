//! The change log: what changed, in the order of the commits, without gaps.
//!
//! An entry names a subject and what kind of change it saw; a reader is given the subject's *present* state with it.
//! A reader that applies entries in order therefore ends where the registry is, however far behind it began, and
//! applying an entry twice does no harm.
//!
//! Who changes transports first locks one row, the counter, until the commit: of all replicas one at a time. So an entry
//! can be read only when all with smaller numbers can, a reader that is at N has seen everything up to N, and what a
//! transaction has read of transports stays true until it commits.

use byway_api::transport_discovery::{Change, ChangeKind, NodeView};
use byway_base::{
    PublicKey, TransportId, UnixTime,
    limits::{EVENTS_KEPT, STORE_BATCH},
};

use crate::{
    Store, StoreError,
    db::{Query, Row, Table, Tx, Value, query, wrong},
    notify::notify_replicas,
    transports::held::{Held, select_transports},
};

/// What follows a number in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tail {
    /// The next entries; empty if there are none yet.
    Changes {
        /// In order. Entries about what has been removed since are left out; the removal follows.
        items: Vec<Change>,
        /// The number to go on from.
        upto: u64,
    },
    /// The number is from before what the log still holds, or from another database: start from a snapshot.
    Reset {
        /// The newest number.
        newest: u64,
    },
}

/// What is appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) kind: Kind,
    pub(crate) subject: Subject,
}

/// Whom an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Transport(TransportId),
    Node(PublicKey),
}

/// What happened, as a number that the database keeps. Numbers are added, never changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Registered = 1,
    State = 2,
    Metrics = 3,
    Expired = 4,
    Removed = 5,
    Node = 6,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::Registered, Self::State, Self::Metrics, Self::Expired, Self::Removed, Self::Node];

    fn from_code(code: i64) -> Result<Self, StoreError> {
        Self::ALL.into_iter().find(|kind| *kind as i64 == code).ok_or_else(|| wrong("kind"))
    }
}

/// Waits until no other transaction changes transports; until the commit none will. SQLite has one writer anyway.
pub(crate) async fn lock(tx: &mut Tx) -> Result<(), StoreError> {
    if tx.is_pg() {
        tx.fetch(query("SELECT value FROM counters WHERE name = 'changes' FOR UPDATE")).await?;
    }
    Ok(())
}

/// Takes `count` numbers, answers the first. The transaction has the [lock].
pub(crate) async fn take(tx: &mut Tx, count: usize) -> Result<u64, StoreError> {
    let count = count as u64;
    let take = "UPDATE counters SET value = value + $1 WHERE name = 'changes' RETURNING value";
    let taken = tx.fetch(query(take).bind(count)).await?;
    Ok(taken.first().ok_or_else(no_counter)?.count("value")? + 1 - count)
}

/// Appends entries under numbers that were [taken](take), from `first` on.
pub(crate) async fn append(
    tx: &mut Tx,
    first: u64,
    entries: &[Entry],
    now: UnixTime,
) -> Result<(), StoreError> {
    let mut table = Table::new(&["sequence", "kind", "subject"]);
    for (sequence, Entry { kind, subject }) in (first..).zip(entries) {
        let subject = match subject {
            Subject::Transport(id) => Value::from(id),
            Subject::Node(node) => Value::from(node),
        };
        table.row([sequence.into(), Value::Int(*kind as i64), subject]);
    }
    let append = "INSERT INTO changes (sequence, happened, kind, subject) \
        SELECT v.sequence, CAST($1 AS BIGINT), v.kind, v.subject FROM v";
    for chunk in table.chunks(STORE_BATCH) {
        tx.execute(query(append).bind(now).with(chunk)).await?;
    }
    notify_replicas(tx).await
}

/// The number of the newest entry ever appended; 0 if there was none.
pub(crate) async fn newest(store: &Store) -> Result<u64, StoreError> {
    let counter = store.fetch(query("SELECT value FROM counters WHERE name = 'changes'")).await?;
    counter.first().ok_or_else(no_counter)?.count("value")
}

/// The smallest number that [`Tail::Reset`] is not the answer to.
pub(crate) async fn oldest_kept(store: &Store) -> Result<u64, StoreError> {
    let oldest = store.fetch(query("SELECT sequence FROM changes ORDER BY sequence LIMIT 1")).await?;
    match oldest.first() {
        Some(row) => Ok(row.count("sequence")?.saturating_sub(1)),
        None => newest(store).await,
    }
}

/// Removes entries beyond the newest [`EVENTS_KEPT`].
pub(crate) fn prune(newest: u64) -> Query {
    query("DELETE FROM changes WHERE sequence <= $1").bind(newest.saturating_sub(EVENTS_KEPT))
}

/// Reads up to `limit` entries after `since`.
pub(crate) async fn since(store: &Store, since: u64, limit: usize) -> Result<Tail, StoreError> {
    let read = select_transports!(
        "FROM changes c LEFT JOIN transports t ON t.id = c.subject LEFT JOIN nodes n ON n.node = c.subject",
        "WHERE c.sequence > $1 ORDER BY c.sequence LIMIT $2",
        ", c.sequence AS number, c.kind AS change, c.subject, n.transit "
    );
    let found = store.fetch(query(read).bind(since).bind(limit as u64)).await?;
    let Some(first) = found.first() else {
        // Nothing follows: the reader is at the end, unless its number is not one of this log.
        let newest = newest(store).await?;
        let at_end = newest == since;
        return Ok(if at_end {
            Tail::Changes { items: Vec::new(), upto: since }
        } else {
            late(since, newest)
        });
    };
    if first.count("number")? != since.saturating_add(1) {
        return Ok(Tail::Reset { newest: newest(store).await? });
    }
    let mut items = Vec::with_capacity(found.len());
    let mut upto = since;
    for row in &found {
        upto = row.count("number")?;
        items.extend(event(row)?.map(|event| Change { sequence: upto, event }));
    }
    Ok(Tail::Changes { items, upto })
}

/// Nothing was found after `since` although it is not the newest number: either an entry came in between the two
/// reads, or the number is not one of this log.
fn late(since: u64, newest: u64) -> Tail {
    if since < newest { Tail::Changes { items: Vec::new(), upto: since } } else { Tail::Reset { newest } }
}

fn event(row: &Row) -> Result<Option<ChangeKind>, StoreError> {
    let kind = Kind::from_code(row.int("change")?)?;
    if kind == Kind::Node {
        if row.is_null("transit")? {
            return Ok(None);
        }
        let node = NodeView { key: row.key("subject")?, transit: row.bool("transit")? };
        return Ok(Some(ChangeKind::Node { node }));
    }
    let id = row.transport_id("subject")?;
    match kind {
        Kind::Expired => return Ok(Some(ChangeKind::Expired { id })),
        Kind::Removed => return Ok(Some(ChangeKind::Removed { id })),
        _ if row.is_null("id")? => return Ok(None),
        _ => {}
    }
    let transport = Held::from_row(row)?.view;
    Ok(Some(match kind {
        Kind::Registered => ChangeKind::Registered { transport },
        Kind::State => ChangeKind::State { transport },
        _ => ChangeKind::Metrics { transport },
    }))
}

fn no_counter() -> StoreError {
    StoreError::Corrupt("the counter of changes is missing".into())
}

#[cfg(test)]
mod tests {
    use byway_base::Stamp;

    use super::*;

    #[tokio::test]
    async fn only_the_newest_changes_are_kept_and_readers_from_before_are_told() {
        let store = Store::open("sqlite::memory:").await.unwrap();
        let node = byway_base::SecretKey::from_seed([1; 32]).public();
        for beat in 0..5 {
            let (now, stamp) = (UnixTime(beat), Stamp { created: UnixTime(beat), mark: 0 });
            store.transports().heartbeat(&node, beat % 2 == 0, &[], stamp, now).await.unwrap();
        }
        let mut tx = store.begin().await.unwrap();
        tx.execute(query("UPDATE counters SET value = $1").bind(EVENTS_KEPT + 2)).await.unwrap();
        tx.commit().await.unwrap();
        store.transports().sweep(UnixTime(5)).await.unwrap();
        assert_eq!(oldest_kept(&store).await, Ok(2));
        assert_eq!(since(&store, 1, 10).await, Ok(Tail::Reset { newest: EVENTS_KEPT + 2 }));
        let Ok(Tail::Changes { items, upto }) = since(&store, 2, 10).await else {
            panic!("the log was lost")
        };
        assert_eq!((items.len(), upto), (3, 5));
    }
}
