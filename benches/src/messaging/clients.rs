//! What a server holds for clients that do nothing but answer its pings.

use anyhow::{Result, ensure};
use tokio::time::{Duration, sleep};

use super::{Extent, server};
use crate::{
    Options,
    bare::place,
    child::Child,
    process,
    role::{Command, bare::Bare, crowd::CrowdCommand, stream::Place},
    stats::median,
    target::Line,
};

/// Clients that join before the first look, so that what is paid once is not counted.
const FIRST: u32 = 50;
/// Clients that join at once, as when the predecessor was measured.
pub(super) const AT_ONCE: usize = 16;
/// Time after the last one joined: what served handshakes is given back, and some were pinged.
const SETTLE: Duration = Duration::from_secs(6);

pub(super) async fn measure(extent: Extent, options: Options) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for &clients in extent.clients {
        let (mut resident, mut heap, mut bare) = (vec![], vec![], vec![]);
        for _ in 0..options.runs {
            let mut server = server::start().await?;
            let place = server.place;
            let each = grow(server.child(), place, clients).await?;
            resident.push(each.resident);
            heap.push(each.heap);
            bare.push(of_bare_connections(clients).await?);
        }
        let line = Line::new(format!("idle client of a server that has {clients}"), "kB", median(resident))
            .target(16.0, 10.0)
            .known("59", "rathole 17.9", "–")
            .beside("of it from the allocator", median(heap))
            .beside("a TLS connection alone", median(bare));
        lines.push(line);
    }
    Ok(lines)
}

/// Growth per connection, kB.
struct Each {
    resident: f64,
    heap: f64,
}

async fn of_bare_connections(count: u32) -> Result<f64> {
    let mut child = Child::start()?;
    let place = place(&child.ask(&Command::Bare(Bare::Welcome)).await?)?;
    Ok(grow(&mut child, place, count).await?.resident)
}

/// Lets clients join whoever serves at this place.
async fn grow(server: &mut Child, place: Place, count: u32) -> Result<Each> {
    let mut crowd = Child::start()?;
    let mut join = async |count| {
        let join = CrowdCommand::Join { server: place, count, at_once: AT_ONCE };
        crowd.ask(&Command::Crowd(join)).await?;
        sleep(SETTLE).await;
        anyhow::Ok(crowd.ask(&Command::Crowd(CrowdCommand::Count)).await?.bytes)
    };
    join(FIRST).await?;
    let before = held(server).await?;
    let connected = join(count).await?;
    let after = held(server).await?;
    ensure!(connected == u64::from(FIRST + count), "only {connected} clients are still connected");
    let each = |before: u64, after: u64| after.saturating_sub(before) as f64 / 1e3 / f64::from(count);
    Ok(Each { resident: each(before.0, after.0), heap: each(before.1, after.1) })
}

/// Bytes that are resident, and that the allocator gave out.
async fn held(server: &mut Child) -> Result<(u64, u64)> {
    let heap = server.ask(&Command::Heap).await?.bytes;
    Ok((process::resident_bytes(server.pid()?)?, heap))
}
