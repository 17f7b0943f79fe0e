//! A child that is a service: the whole of it, as its executable runs it.

use std::{ffi::OsString, fs, io, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use byway_messaging_server::MessagingServer;
use byway_route_finder::RouteFinder;
use byway_service_kit::{Announcement, run_service_here};
use byway_setup_node::SetupNode;
use byway_transport_discovery::TransportDiscovery;
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::Answer;

/// How often it is looked whether the service serves.
const LOOK: Duration = Duration::from_millis(5);

/// Which service.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) enum Program {
    MessagingServer,
    TransportDiscovery,
    RouteFinder,
    SetupNode,
}

/// What a server child should be.
#[derive(Serialize, Deserialize)]
pub(crate) struct ServerPlan {
    pub(crate) program: Program,
    /// Where it keeps its key and says where it listens.
    pub(crate) directory: PathBuf,
    /// Its settings, by name.
    pub(crate) settings: Vec<(String, String)>,
}

pub(super) async fn start(plan: ServerPlan) -> Result<Answer> {
    let announcement = plan.directory.join("announcement.json");
    match fs::remove_file(&announcement) {
        // Left behind by a server that was killed.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let mut arguments: Vec<OsString> =
        vec!["byway-bench".into(), "--announce".into(), announcement.clone().into()];
    for (key, value) in plan.settings {
        arguments.extend(["--set".into(), format!("{key}={value}").into()]);
    }
    let mut serving = tokio::spawn(async move {
        match plan.program {
            Program::MessagingServer => Box::pin(run_service_here::<MessagingServer>(arguments)).await,
            Program::TransportDiscovery => Box::pin(run_service_here::<TransportDiscovery>(arguments)).await,
            Program::RouteFinder => Box::pin(run_service_here::<RouteFinder>(arguments)).await,
            Program::SetupNode => Box::pin(run_service_here::<SetupNode>(arguments)).await,
        }
    });
    loop {
        if let Some(found) = Announcement::read(&announcement)? {
            let address = ["messaging", "http"].iter().find_map(|name| found.addresses.get(*name));
            let address = address.context("the service does not say where it listens")?;
            return Ok(Answer { address: address.clone(), key: found.key, ..Answer::default() });
        }
        tokio::select! {
            code = &mut serving => bail!("the service ended: {code:?}"),
            () = sleep(LOOK) => {}
        }
    }
}
