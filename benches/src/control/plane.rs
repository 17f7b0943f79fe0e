//! The services under load, and a registry that is full from the start.

use std::time::Duration;

use anyhow::{Context, Result};
use byway_base::{Stamp, UnixTime};
use byway_clock::unix_now;
use byway_store::Store;
use futures_util::future::try_join_all;

use super::{Selection, crowd::Crowd, database::Database};
use crate::{process, role::server::Program, service::ServiceProcess};

/// Registrations under way at once while the registry is filled.
const FILLING: usize = 256;

/// Transport discovery and its database.
pub(super) struct Plane {
    pub(super) database: Database,
    pub(super) discovery: ServiceProcess,
}

/// Seconds of processor time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cpu {
    pub(super) discovery: f64,
    pub(super) database: f64,
    pub(super) generator: f64,
}

impl Plane {
    pub(super) async fn start(selection: &Selection) -> Result<Self> {
        let database = Database::start(selection.store)?;
        let variables = [("BYWAY_STORE_URL".to_owned(), database.url())];
        let discovery = ServiceProcess::start_with(Program::TransportDiscovery, &[], &variables).await?;
        Ok(Self { database, discovery })
    }

    /// Puts a crowd's transports and reports into the registry, past the service, `ahead` of the clock.
    pub(super) async fn fill(&self, crowd: &Crowd, ahead: Duration) -> Result<()> {
        let store = Store::open(&self.database.url()).await?;
        let now = unix_now().plus(ahead);
        for some in crowd.transports.chunks(FILLING) {
            let registered = some.iter().map(async |(node, signed)| {
                let edge = crowd.secret(*node).public();
                store.transports().register(signed, &edge, now).await
            });
            try_join_all(registered).await.context("cannot fill the registry")?;
        }
        for first in (0..crowd.len()).step_by(FILLING) {
            let reported = (first..crowd.len().min(first + FILLING)).map(async |node| {
                let (key, report) = (crowd.secret(node).public(), crowd.report(node)?);
                // Older than whatever the node will say by itself.
                let stamp = Stamp { created: UnixTime(0), mark: 0 };
                store.transports().heartbeat(&key, report.transit, &report.transports, stamp, now).await?;
                anyhow::Ok(())
            });
            try_join_all(reported).await.context("cannot fill the registry")?;
        }
        store.close().await;
        Ok(())
    }

    /// Used so far.
    pub(super) fn cpu(&self) -> Result<Cpu> {
        Ok(Cpu {
            discovery: self.discovery.cpu()?,
            database: self.database.cpu()?,
            generator: process::cpu_seconds(std::process::id())?,
        })
    }
}

impl Cpu {
    /// Used since then.
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            discovery: self.discovery - before.discovery,
            database: self.database - before.database,
            generator: self.generator - before.generator,
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.discovery += other.discovery;
        self.database += other.database;
        self.generator += other.generator;
    }

    pub(super) const NONE: Self = Self { discovery: 0.0, database: 0.0, generator: 0.0 };
}
