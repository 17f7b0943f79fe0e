//! Tells transport discovery which transports this node has, and how they do.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use byway_api::{
    Bounded,
    transport_discovery::{
        Heartbeat, HeartbeatRequest, Metrics, PutTransport, TransportPath, TransportReport,
    },
};
use byway_base::{Code, Problem, TransportId, limits::HEARTBEAT_INTERVAL};
use byway_http::client::Client;
use byway_net::Backoff;
use byway_service_kit::Check;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

use crate::{
    dataplane::Dataplane,
    setup::Obedience,
    transports::{Measured, Transports},
};

/// After a transport came or went, this is waited for more of the same before the report.
const GATHER: Duration = Duration::from_millis(20);

/// Registers each transport once and sends heartbeats, at once when transports come or go.
pub(crate) struct Reporter {
    pub(crate) client: Client,
    pub(crate) transports: Transports,
    pub(crate) dataplane: Arc<Dataplane>,
    /// Knows whether the node forwards for others at present.
    pub(crate) obedience: Arc<Obedience>,
    pub(crate) check: Check,
}

impl Reporter {
    /// Runs until dropped. While discovery is away, live routes are not concerned; the report is repeated until it
    /// arrives.
    pub(crate) async fn run(self) {
        let mut changes = self.transports.changes();
        let mut registered = BTreeSet::new();
        let mut known: BTreeSet<TransportId> = BTreeSet::new();
        let mut backoff = Backoff::default();
        loop {
            changes.mark_unchanged();
            let wait = match self.report(&mut registered, &mut known).await {
                Ok(()) => {
                    backoff.reset();
                    self.check.ok();
                    HEARTBEAT_INTERVAL
                }
                Err(problem) => {
                    self.check.degraded(problem.to_string());
                    backoff.next(rand::random()).min(HEARTBEAT_INTERVAL)
                }
            };
            let deadline = Instant::now() + wait;
            tokio::select! {
                () = sleep_until(deadline) => {}
                // The sender lives as long as `self`.
                _ = changes.changed() => tokio::time::sleep(GATHER).await,
            }
        }
    }

    async fn report(
        &self,
        registered: &mut BTreeSet<TransportId>,
        known: &mut BTreeSet<TransportId>,
    ) -> Result<(), Problem> {
        let mut present = BTreeSet::new();
        let mut refused = None;
        for signed in self.transports.entries() {
            let id = signed.entry.id();
            present.insert(id);
            if registered.contains(&id) {
                continue;
            }
            match self.client.call::<PutTransport>(TransportPath { id }, (), signed).await {
                Ok(_) => _ = registered.insert(id),
                Err(problem) if is_about_the_entry(problem.code) => refused = Some((id, problem)),
                Err(problem) => return Err(problem),
            }
        }
        // One refused entry keeps no other transport from being reported. Only a newer entry can be accepted, and the
        // edges sign one when they open the transport anew.
        if let Some((id, problem)) = &refused {
            warn!(transport = %id.short(), %problem, "transport discovery refuses a transport; opening it anew");
            self.transports.close(id);
        }
        // What was there at the last report and is not any more is reported down once; then its lease speaks.
        let gone = known.difference(&present).map(|id| TransportReport {
            id: *id,
            up: false,
            metrics: Metrics::default(),
        });
        let reports: Vec<_> = gone.chain(self.measured()).collect();
        let transports = Bounded::try_from(reports).map_err(|_| too_many())?;
        let request = HeartbeatRequest { transit: self.obedience.carries_transit(), transports };
        let reply = self.client.call::<Heartbeat>((), (), request).await?;
        registered.retain(|id| present.contains(id) && !reply.unknown.contains(id));
        *known = present;
        if known.iter().any(|id| !registered.contains(id)) { Err(unknown()) } else { Ok(()) }
    }

    fn measured(&self) -> Vec<TransportReport> {
        self.transports.with_table(|table| {
            let report = |(id, live): (&TransportId, &crate::transports::Live)| {
                let view = self.dataplane.transport(live.slot);
                let rtt = view.and_then(|view| view.rtt).unwrap_or_default();
                let bytes = view.map(|view| (view.sent_bytes, view.received_bytes)).unwrap_or_default();
                let Measured { loss_ppm, throughput_bps } = live.quality.measure(bytes);
                let rtt_us = u32::try_from(rtt.as_micros()).unwrap_or(u32::MAX);
                // The report has no word for "unknown": no loss that is known is none.
                let metrics = Metrics { rtt_us, loss_ppm: loss_ppm.unwrap_or_default(), throughput_bps };
                TransportReport { id: *id, up: true, metrics }
            };
            table.iter().map(report).collect()
        })
    }
}

/// Whether a refusal concerns this entry alone, and not the service or the whole report.
fn is_about_the_entry(code: Code) -> bool {
    matches!(code, Code::Conflict | Code::Denied | Code::BadSignature | Code::ClockSkew | Code::Usage)
}

fn too_many() -> Problem {
    Problem::new(Code::Limit, "cannot report the transports", "there are more than one report holds")
}

fn unknown() -> Problem {
    let why = "transport discovery does not know some of them (any more)";
    Problem::new(Code::NotReady, "cannot report the transports", why)
}
