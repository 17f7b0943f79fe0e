//! The database's backup, as docs/operations tells it.

use super::SOON;
use crate::{
    command::{Failure, until},
    network::Network,
};

/// Services that keep what they know in the database.
const REGISTRIES: [&str; 2] = ["transport-discovery", "messaging-discovery"];

pub(super) fn back_up_and_restore(network: &Network) -> Result<(), Failure> {
    let before = registered(network)?;
    let dump = "pg_dump --username=byway --format=custom --file=/tmp/byway.dump byway";
    network.exec("database", &["sh", "-c", dump])?;
    for service in REGISTRIES {
        network.stop(service)?;
    }
    let lose = "dropdb --username=byway --force byway && createdb --username=byway byway";
    network.exec("database", &["sh", "-c", lose])?;
    let restore = "pg_restore --username=byway --dbname=byway --exit-on-error /tmp/byway.dump";
    network.exec("database", &["sh", "-c", restore])?;
    for service in REGISTRIES {
        network.start(service)?;
        network.healthy(service)?;
    }
    until("what was registered", SOON, || {
        let after = registered(network)?;
        if after == before { Ok(()) } else { Err(Failure::new("see the same transports", after)) }
    })
}

/// The ids of all transports, as transport discovery has them.
fn registered(network: &Network) -> Result<String, Failure> {
    let all = "select encode(id, 'hex') from transports order by id";
    let psql = ["psql", "--username=byway", "--dbname=byway", "--tuples-only", "--command", all];
    let ids = network.exec("database", &psql)?;
    if ids.trim().is_empty() { Err(Failure::new("see transports", "there are none")) } else { Ok(ids) }
}
