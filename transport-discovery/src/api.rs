//! The endpoints.

use byway_api::{
    Page, page_limit,
    transport_discovery::{
        Change, DeleteTransport, GetSnapshot, GetTransport, GetTransportStats, Heartbeat, HeartbeatReply,
        ListTransports, PutTransport, SnapshotPart, TransportStats, TransportView, WatchTransports,
    },
};
use byway_base::{Code, Problem, TransportId, UnixTime, limits::CLOCK_SKEW};
use byway_clock::Clock;
use byway_http::server::{Call, EventStream, Feed, Handle, LineStream, Watch};
use byway_store::{Store, StoreError, transports::Filter};
use byway_wire::{SignedTransportEntry, transport_entry::EntryError};

use crate::{
    events::{self, Readers},
    snapshot,
};

/// What every handler shares.
#[derive(Debug)]
pub(crate) struct Api {
    store: Store,
    clock: Clock,
    readers: Readers,
}

impl Api {
    pub(crate) fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock, readers: Readers::default() }
    }
}

impl Handle<PutTransport> for Api {
    async fn handle(&self, call: Call<PutTransport>) -> Result<TransportView, Problem> {
        const WHAT: &str = "cannot register the transport";
        let (caller, signed, now) = (call.caller, call.body, self.clock.now());
        if signed.entry.other_edge(&caller).is_none() {
            return Err(not_an_edge(WHAT));
        }
        if call.path.id != signed.entry.id() {
            return Err(Problem::new(Code::Usage, WHAT, "the path names another transport than the entry"));
        }
        check_entry(&signed, now).map_err(|(code, why)| Problem::new(code, WHAT, why))?;
        let registered = self.store.transports().register(&signed, &caller, now).await;
        let registered = registered.map_err(|error| match error {
            StoreError::Conflict { newer } => {
                let why = format!("it was registered or deleted at {newer}, after this entry was issued");
                Problem::new(Code::Conflict, WHAT, why).with_hint("let both edges sign an entry issued later")
            }
            StoreError::Full { limit } => {
                Problem::new(Code::Limit, WHAT, format!("the node has {limit} transports already"))
            }
            other => Problem::from(other).while_doing(WHAT),
        })?;
        if registered.new {
            tracing::debug!(id = ?call.path.id, by = ?caller, kind = %signed.entry.kind, "transport registered");
            metrics::counter!("byway_transports_registered_total").increment(1);
        }
        Ok(registered.transport)
    }
}

/// What holds for an entry whoever brings it.
fn check_entry(signed: &SignedTransportEntry, now: UnixTime) -> Result<(), (Code, String)> {
    let issued = signed.entry.issued;
    if issued > now.plus(CLOCK_SKEW) {
        let why = format!("the entry is dated {} s after the service's time", issued.abs_diff(now).as_secs());
        return Err((Code::ClockSkew, why));
    }
    signed.verify().map_err(|error| match error {
        EntryError::Edges => (Code::Usage, error.to_string()),
        EntryError::Signature { .. } => (Code::BadSignature, error.to_string()),
    })
}

impl Handle<DeleteTransport> for Api {
    async fn handle(&self, call: Call<DeleteTransport>) -> Result<(), Problem> {
        const WHAT: &str = "cannot remove the transport";
        let (id, registry) = (call.path.id, self.store.transports());
        let held = registry.get(&id).await.map_err(|error| lookup(WHAT, id, error))?;
        if held.signed.entry.other_edge(&call.caller).is_none() {
            return Err(not_an_edge(WHAT));
        }
        let removed = registry.remove(&id, call.query.issued, self.clock.now()).await;
        removed.map_err(|error| match error {
            StoreError::Conflict { newer } => {
                Problem::new(Code::Conflict, WHAT, format!("it was registered anew with an entry of {newer}"))
            }
            other => lookup(WHAT, id, other),
        })?;
        tracing::debug!(?id, by = ?call.caller, "transport removed");
        metrics::counter!("byway_transports_removed_total").increment(1);
        Ok(())
    }
}

impl Handle<GetTransport> for Api {
    async fn handle(&self, call: Call<GetTransport>) -> Result<TransportView, Problem> {
        let id = call.path.id;
        self.store.transports().get(&id).await.map_err(|error| lookup("cannot show the transport", id, error))
    }
}

impl Handle<ListTransports> for Api {
    async fn handle(&self, call: Call<ListTransports>) -> Result<Page<TransportView>, Problem> {
        const WHAT: &str = "cannot list transports";
        let limit = page_limit(call.query.limit);
        let after = call.query.cursor.map(|cursor| cursor.parse()).transpose();
        let after = after.map_err(|_| {
            Problem::new(Code::Usage, WHAT, "the cursor is not one of this service")
                .with_hint("give `next` of the page before, or no cursor")
        })?;
        let filter = Filter { edge: call.query.edge, kind: call.query.kind, state: call.query.state, after };
        let items = self.store.transports().list(&filter, limit).await;
        let items = items.map_err(|error| Problem::from(error).while_doing(WHAT))?;
        let next = (items.len() == limit).then(|| items.last().map(|view| view.id.to_string())).flatten();
        Ok(Page { items, next })
    }
}

impl Handle<Heartbeat> for Api {
    async fn handle(&self, call: Call<Heartbeat>) -> Result<HeartbeatReply, Problem> {
        let (transit, reports) = (call.body.transit, call.body.transports);
        let now = self.clock.now();
        let unknown =
            self.store.transports().heartbeat(&call.caller, transit, &reports, call.stamp, now).await;
        metrics::counter!("byway_heartbeats_total").increment(1);
        unknown
            .map(HeartbeatReply::new)
            .map_err(|error| Problem::from(error).while_doing("cannot take the heartbeat"))
    }
}

impl Watch<WatchTransports> for Api {
    async fn watch(&self, call: Call<WatchTransports>) -> Result<EventStream<Change>, Problem> {
        let since = match call.last_event_id.or(call.query.since) {
            Some(since) => since,
            None => self.store.transports().newest().await?,
        };
        Ok(events::follow(self.store.clone(), since, &self.readers))
    }
}

impl Feed<GetSnapshot> for Api {
    async fn feed(&self, _: Call<GetSnapshot>) -> Result<LineStream<SnapshotPart>, Problem> {
        Ok(snapshot::begin(self.store.clone()).await?)
    }
}

impl Handle<GetTransportStats> for Api {
    async fn handle(&self, _: Call<GetTransportStats>) -> Result<TransportStats, Problem> {
        let stats = self.store.transports().stats().await?;
        Ok(TransportStats { readers: self.readers.count(), ..stats })
    }
}

fn not_an_edge(what: &str) -> Problem {
    Problem::new(Code::Denied, what, "the caller is none of its edges")
}

fn lookup(what: &str, id: TransportId, error: StoreError) -> Problem {
    match error {
        StoreError::NotFound => Problem::new(Code::NotFound, what, format!("{id} is not registered")),
        other => Problem::from(other).while_doing(what),
    }
}
