//! Reading transports.

use std::collections::BTreeMap;

use byway_api::transport_discovery::{NodeView, StateCount, TransportState, TransportStats, TransportView};
use byway_base::{PublicKey, TransportId};

use super::{
    Filter, Transports,
    held::{Held, select_transports},
};
use crate::{
    StoreError,
    db::{Query, Value, query},
};

impl Transports<'_> {
    /// One transport.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if it is not registered.
    pub async fn get(&self, id: &TransportId) -> Result<TransportView, StoreError> {
        let found = self.store.fetch(query(select_transports!("WHERE t.id = $1")).bind(id)).await?;
        Ok(Held::from_row(found.first().ok_or(StoreError::NotFound)?)?.view)
    }

    /// Up to `limit` transports in the order of their ids.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn list(&self, filter: &Filter, limit: usize) -> Result<Vec<TransportView>, StoreError> {
        let mut read = query(select_transports!("WHERE TRUE"));
        if let Some(edge) = &filter.edge {
            let place = read.next();
            read = and(read, &format!("(t.edge_a = ${place} OR t.edge_b = ${place})"), edge);
        }
        if let Some(kind) = &filter.kind {
            let place = read.next();
            read = and(read, &format!("t.kind = ${place}"), kind.as_str());
        }
        if let Some(state) = filter.state {
            let place = read.next();
            read = and(read, &format!("t.up = ${place}"), state == TransportState::Up);
        }
        if let Some(after) = &filter.after {
            let place = read.next();
            read = and(read, &format!("t.id > ${place}"), after);
        }
        let place = read.next();
        read.push(&format!(" ORDER BY t.id LIMIT ${place}"));
        let found = self.store.fetch(read.bind(limit as u64)).await?;
        found.iter().map(|row| Ok(Held::from_row(row)?.view)).collect()
    }

    /// Up to `limit` nodes that have reported, in the order of their keys, from the one after `after` on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn nodes(&self, after: Option<&PublicKey>, limit: usize) -> Result<Vec<NodeView>, StoreError> {
        let after = after.map_or(Value::Bytes(Vec::new()), Value::from);
        let read = "SELECT node, transit FROM nodes WHERE transit IS NOT NULL AND node > $1 \
            ORDER BY node LIMIT $2";
        let found = self.store.fetch(query(read).bind(after).bind(limit as u64)).await?;
        found
            .iter()
            .map(|row| Ok(NodeView { key: row.key("node")?, transit: row.bool("transit")? }))
            .collect()
    }

    /// Counts; those of readers are the service's to add.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
    pub async fn stats(&self) -> Result<TransportStats, StoreError> {
        let mut transports = StateCount::default();
        let mut by_type: BTreeMap<String, StateCount> = BTreeMap::new();
        let counts = "SELECT kind, up, n FROM transport_counts WHERE n > 0";
        for row in &self.store.fetch(query(counts)).await? {
            let (up, n) = (row.bool("up")?, row.count("n")?);
            for count in [&mut transports, by_type.entry(row.text("kind")?).or_default()] {
                *(if up { &mut count.up } else { &mut count.down }) += n;
            }
        }
        let nodes = self.store.fetch(query("SELECT value FROM counters WHERE name = 'nodes'")).await?;
        let nodes = nodes.first().map_or(Ok(0), |row| row.count("value"))?;
        Ok(TransportStats { sequence: self.newest().await?, nodes, transports, by_type, readers: 0 })
    }
}

fn and(mut query: Query, condition: &str, value: impl Into<Value>) -> Query {
    query.push(" AND ");
    query.push(condition);
    query.bind(value)
}
