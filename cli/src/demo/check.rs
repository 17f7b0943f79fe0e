//! `byway demo --check`: a transfer through the proxy across a killed hop and a killed messaging server.

use std::{net::SocketAddr, time::Duration};

use byway_base::{Code, Problem, limits::DIAL_TIMEOUT};
use byway_node::{NodeEvent, SessionInfo};
use serde::Serialize;
use tokio::{
    sync::{broadcast, mpsc, watch},
    time::{Instant, timeout},
};

use super::{
    network::Network,
    site,
    transfer::{Download, Watcher, download},
};

/// Bytes of the transfer: 256 MiB.
const BYTES: u64 = 256 * 1024 * 1024;
/// The hop is killed when this many bytes have come, the messaging server when so many.
const KILL_HOP_AT: u64 = BYTES / 4;
const KILL_SERVER_AT: u64 = BYTES / 2;

/// What was checked, and what was measured.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Version of this report; it only grows.
    version: u32,
    /// Everything held.
    ok: bool,
    checks: Vec<Check>,
    /// Bytes transferred.
    bytes: u64,
    /// SHA-256 of what came.
    sha256: String,
    /// From the first to the last byte, milliseconds.
    transfer_ms: f64,
    /// Payload per second, millions of bytes.
    throughput_mb_s: f64,
    /// From the kill of the hop until the session's packets went over the spare, milliseconds.
    switch_ms: Option<f64>,
    /// Longest pause of the transfer after the hop was killed, milliseconds.
    longest_pause_after_hop_ms: f64,
    /// Longest pause of the transfer after the messaging server was killed, milliseconds.
    longest_pause_after_server_ms: f64,
    path_before: String,
    path_after: String,
}

#[derive(Debug, Serialize)]
struct Check {
    what: &'static str,
    ok: bool,
    seen: String,
}

/// Reports how far the download is, and its longest pauses.
struct Progress {
    bytes: watch::Sender<u64>,
    pauses: mpsc::UnboundedSender<(u64, Duration)>,
}

impl Watcher for Progress {
    fn progress(&mut self, bytes: u64, pause: Duration) {
        self.bytes.send_replace(bytes);
        if pause > Duration::from_millis(1) {
            // The receiver lives until the report is written.
            let _ = self.pauses.send((bytes, pause));
        }
    }
}

/// Runs the check on a network whose first session is up.
///
/// # Errors
/// If the transfer breaks: then there is nothing to report.
pub(super) async fn run(
    network: &mut Network,
    proxy: SocketAddr,
    progress: &impl Fn(&str),
) -> Result<Report, Problem> {
    let path_before = active_path(network)?;
    let mut events = events(network)?;
    let (bytes, mut came) = watch::channel(0);
    let (pauses, mut paused) = mpsc::unbounded_channel();
    let host = format!("{}.byway", bob(network));
    progress("sending 256 MiB from bob to alice through the proxy");
    let transfer =
        tokio::spawn(async move { download(proxy, &host, BYTES, &mut Progress { bytes, pauses }).await });
    let mut killed_hop = String::new();
    let mut switch = None;
    // The sender goes with the transfer; its result says why.
    if came.wait_for(|bytes| *bytes >= KILL_HOP_AT).await.is_ok() {
        killed_hop = first_intermediate(network)?;
        progress(&format!("killing {killed_hop}, a hop of the active route"));
        let killed = Instant::now();
        network.kill(&killed_hop);
        switch = timeout(DIAL_TIMEOUT, switched(&mut events)).await.ok().map(|()| killed.elapsed());
    }
    let mut killed_server = String::new();
    if came.wait_for(|bytes| *bytes >= KILL_SERVER_AT).await.is_ok() {
        let server = &network.services.messaging_servers[0];
        killed_server.clone_from(&server.name);
        progress(&format!("killing {killed_server}"));
        server.kill();
    }
    let download =
        transfer.await.map_err(|error| Problem::new(Code::Internal, "the download failed", error))??;
    paused.close();
    let mut longest = [Duration::ZERO; 2];
    while let Some((bytes, pause)) = paused.recv().await {
        if bytes >= KILL_HOP_AT {
            let after = &mut longest[usize::from(bytes >= KILL_SERVER_AT)];
            *after = (*after).max(pause);
        }
    }
    let path_after = active_path(network)?;
    let kills = Kills { hop: killed_hop, server: killed_server, switch, longest };
    Ok(report(&download, &kills, path_before, path_after))
}

struct Kills {
    hop: String,
    server: String,
    switch: Option<Duration>,
    longest: [Duration; 2],
}

fn report(download: &Download, kills: &Kills, path_before: String, path_after: String) -> Report {
    let seconds = download.elapsed.as_secs_f64();
    let checks = vec![
        Check {
            what: "every byte came, once and in order",
            ok: download.matches,
            seen: format!("{} of {BYTES} bytes, SHA-256 {}…", download.bytes, &download.sha256[..16]),
        },
        Check {
            what: "a hop of the active route was killed during the transfer",
            ok: !kills.hop.is_empty(),
            seen: kills.hop.clone(),
        },
        Check {
            what: "the session went on over the spare",
            ok: kills.switch.is_some() && path_before != path_after,
            seen: format!("{path_before}  then  {path_after}"),
        },
        Check {
            what: "a messaging server was killed during the transfer",
            ok: !kills.server.is_empty(),
            seen: kills.server.clone(),
        },
    ];
    Report {
        version: 1,
        ok: checks.iter().all(|check| check.ok),
        checks,
        bytes: download.bytes,
        sha256: download.sha256.clone(),
        transfer_ms: seconds * 1e3,
        throughput_mb_s: download.bytes as f64 / 1e6 / seconds,
        switch_ms: kills.switch.map(|switch| switch.as_secs_f64() * 1e3),
        longest_pause_after_hop_ms: kills.longest[0].as_secs_f64() * 1e3,
        longest_pause_after_server_ms: kills.longest[1].as_secs_f64() * 1e3,
        path_before,
        path_after,
    }
}

impl Report {
    /// Whether everything held.
    #[must_use]
    pub(super) const fn ok(&self) -> bool {
        self.ok
    }

    /// The report as a person reads it.
    #[must_use]
    pub(super) fn to_text(&self) -> String {
        let mut lines = Vec::new();
        for Check { what, ok, seen } in &self.checks {
            lines.push(format!("{}  {what}\n      {seen}", if *ok { "yes" } else { " NO" }));
        }
        let ms = |value: Option<f64>| value.map_or_else(|| "never".to_owned(), |ms| format!("{ms:.1} ms"));
        lines.push(format!("switch-over        {}", ms(self.switch_ms)));
        lines.push(format!(
            "longest pause      {:.1} ms after the hop, {:.1} ms after the server",
            self.longest_pause_after_hop_ms, self.longest_pause_after_server_ms
        ));
        lines.push(format!("throughput         {:.0} MB/s", self.throughput_mb_s));
        lines.push(if self.ok { "all held".to_owned() } else { "NOT everything held".to_owned() });
        lines.join("\n") + "\n"
    }
}

fn bob(network: &Network) -> String {
    network.key("bob").map(|key| key.to_string()).unwrap_or_default()
}

fn session(network: &Network) -> Result<SessionInfo, Problem> {
    let missing =
        || Problem::new(Code::RouteLost, "cannot check the network", "alice has no session with bob");
    let sessions = network.node("alice").ok_or_else(missing)?.sessions();
    let to_bob = |info: &SessionInfo| Some(info.to.key) == network.key("bob") && info.to.port == site::PORT;
    sessions.into_iter().find(to_bob).ok_or_else(missing)
}

/// The path that carries the session, by names.
fn active_path(network: &Network) -> Result<String, Problem> {
    let session = session(network)?;
    let active = session.routes.iter().find(|route| route.active);
    Ok(active.map_or_else(|| "no route".to_owned(), |route| super::show::path(network, route)))
}

fn first_intermediate(network: &Network) -> Result<String, Problem> {
    let session = session(network)?;
    let first = session.routes.iter().find(|route| route.active).and_then(|route| route.hops.first());
    let first = first.map(|hop| network.name(&hop.to));
    first.ok_or_else(|| Problem::new(Code::RouteLost, "cannot kill a hop", "no route is active"))
}

fn events(network: &Network) -> Result<broadcast::Receiver<NodeEvent>, Problem> {
    let alice = network.node("alice");
    let missing = || Problem::new(Code::Internal, "cannot check the network", "there is no alice");
    Ok(alice.ok_or_else(missing)?.events())
}

/// Returns when a session's packets go over another route because the one before was lost.
async fn switched(events: &mut broadcast::Receiver<NodeEvent>) {
    loop {
        match events.recv().await {
            Ok(NodeEvent::RouteSwitched { reason: Some(_), .. }) => return,
            Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => {}
            // The node is gone; the caller's deadline ends the wait.
            Err(broadcast::error::RecvError::Closed) => std::future::pending().await,
        }
    }
}
