//! How many clients a server takes in, per second of its processor time.

use anyhow::Result;

use super::{Extent, clients::AT_ONCE, server};
use crate::{
    Options,
    bare::place,
    child::Child,
    process,
    role::{Command, bare::Bare, crowd::CrowdCommand, stream::Place},
    stats::median,
    target::Line,
};

/// Clients that join before the first look.
const FIRST: u32 = 50;

pub(super) async fn measure(extent: Extent, options: Options) -> Result<Vec<Line>> {
    let (mut per_core, mut per_second, mut bare) = (vec![], vec![], vec![]);
    for _ in 0..options.runs {
        let mut server = server::start().await?;
        let place = server.place;
        let rate = join(server.child(), place, extent.connects).await?;
        per_core.push(rate.per_core);
        per_second.push(rate.per_second);
        bare.push(of_bare_handshakes(extent.connects).await?);
    }
    let line = Line::new("connects per second of a server's processor time", "/s", median(per_core))
        .target(1_000.0, 1_500.0)
        .known("75", "–", "handshakes 2000")
        .beside("TLS handshakes alone", median(bare))
        .beside("per second, server and clients on all cores", median(per_second));
    Ok(vec![line])
}

struct Rate {
    per_core: f64,
    per_second: f64,
}

async fn of_bare_handshakes(count: u32) -> Result<f64> {
    let mut child = Child::start()?;
    let place = place(&child.ask(&Command::Bare(Bare::Welcome)).await?)?;
    Ok(join(&child, place, count).await?.per_core)
}

async fn join(server: &Child, place: Place, count: u32) -> Result<Rate> {
    let mut crowd = Child::start()?;
    let join = |count| Command::Crowd(CrowdCommand::Join { server: place, count, at_once: AT_ONCE });
    crowd.ask(&join(FIRST)).await?;
    let before = process::cpu_seconds(server.pid()?)?;
    let joined = crowd.ask(&join(count)).await?;
    let used = process::cpu_seconds(server.pid()?)? - before;
    let count = f64::from(count);
    Ok(Rate { per_core: count / used, per_second: count / joined.seconds })
}
