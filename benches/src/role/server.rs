//! A child that is a messaging server or a setup node: the whole service, as its executable runs it.

use std::{ffi::OsString, fs, io, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail};
use byway_service_kit::{Announcement, Service, run_service_here};
use serde::{Deserialize, Serialize};
use tokio::time::sleep;

use super::Answer;

/// How often it is looked whether the server serves.
const LOOK: Duration = Duration::from_millis(5);

/// What a server child should be.
#[derive(Serialize, Deserialize)]
pub(crate) struct ServerPlan {
    /// Where it keeps its key and says where it listens.
    pub(crate) directory: PathBuf,
    /// Its settings, by name.
    pub(crate) settings: Vec<(String, String)>,
}

/// Starts the service; it says under `address` where it listens.
pub(super) async fn start<S: Service>(plan: ServerPlan, address: &str) -> Result<Answer> {
    let announcement = plan.directory.join("announcement.json");
    match fs::remove_file(&announcement) {
        // Left behind by a server that was killed.
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let mut arguments: Vec<OsString> = vec![S::NAME.into(), "--announce".into(), announcement.clone().into()];
    for (key, value) in plan.settings {
        arguments.extend(["--set".into(), format!("{key}={value}").into()]);
    }
    let mut serving = tokio::spawn(async { Box::pin(run_service_here::<S>(arguments)).await });
    loop {
        if let Some(found) = Announcement::read(&announcement)? {
            let address = found.addresses.get(address).context("it does not say where it listens")?;
            return Ok(Answer { address: address.clone(), key: found.key, ..Answer::default() });
        }
        tokio::select! {
            code = &mut serving => bail!("the service ended: {code:?}"),
            () = sleep(LOOK) => {}
        }
    }
}
