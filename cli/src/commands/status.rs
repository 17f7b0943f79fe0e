//! `byway status`: how the node does, on one screen.

use std::process::ExitCode;

use byway_api::local::{ForwardingView, GetStatus, RefusedView, Status};

use super::{routes::session, transports};
use crate::{
    context::Context,
    output::{Paint, Table, plain, reachability, units},
    stop::Stop,
};

/// The exit code of a node that lacks something.
const DEGRADED: u8 = 1;

pub(crate) async fn run(context: &Context) -> Result<ExitCode, Stop> {
    let status = context.node.call::<GetStatus>((), (), ()).await?;
    context.out.one(&status, |paint| describe(&status, paint))?;
    Ok(if status.ready { ExitCode::SUCCESS } else { ExitCode::from(DEGRADED) })
}

fn describe(status: &Status, paint: Paint) -> String {
    let sections = [
        head(status, paint),
        messaging(status, paint),
        traffic(status, paint),
        sessions(status, paint),
        problems(status, paint),
    ];
    sections.concat()
}

/// A section's name and what is said first of it.
fn section(name: &str, text: &str, paint: Paint) -> String {
    format!("{}  {text}\n", paint.strong(&format!("{name:10}")))
}

fn head(status: &Status, paint: Paint) -> String {
    let state = if status.ready { paint.good("ready") } else { paint.bad("degraded") };
    let up = units::span(status.uptime_s);
    let transit = if status.transit { "on" } else { "off" };
    let about = format!("{state}, up {up}, transit {transit}, release {}", plain(&status.release));
    let streams = status.listening.iter().map(ToString::to_string);
    let datagrams = status.listening_datagrams.iter().map(|port| format!("{port}/udp"));
    let ports = streams.chain(datagrams).collect::<Vec<_>>().join(", ");
    [
        section("node", &status.key.to_string(), paint),
        section("", &about, paint),
        section("listening", if ports.is_empty() { "-" } else { &ports }, paint),
        section("reached", &reachability::line(&status.reachability), paint),
    ]
    .concat()
}

fn messaging(status: &Status, paint: Paint) -> String {
    let connected = status.messaging.iter().filter(|server| server.connected).count();
    let text =
        section("messaging", &format!("{connected} of {} servers connected", status.messaging.len()), paint);
    if status.messaging.is_empty() {
        return text;
    }
    let mut table = Table::new(["SERVER", "ADDRESS", "STATE", "RTT"]).indented(2);
    for server in &status.messaging {
        let state = if server.connected { "up" } else { "down" };
        table.row([
            server.key.short(),
            server.address.clone(),
            state.to_owned(),
            units::rtt_or_dash(server.rtt_us),
        ]);
    }
    text + &table.render(paint)
}

fn traffic(status: &Status, paint: Paint) -> String {
    let forwarded = format!("{} for others, {} rules", units::bytes(status.forwarded_bytes), status.rules);
    let mut text = section("transports", &status.transports.len().to_string(), paint);
    if !status.transports.is_empty() {
        text += &transports::table(&status.transports).indented(2).render(paint);
    }
    text += &reachability::missing(&status.down, &status.relayed, paint);
    text + &section("forwarded", &forwarded, paint) + &limits(&status.forwarding, paint)
}

/// The caps that there are, and what was refused.
fn limits(view: &ForwardingView, paint: Paint) -> String {
    let queued = format!("{} of {}", units::bytes(view.queued_bytes), units::bytes(view.memory_bytes));
    let mut text = section("queued", &queued, paint);
    let rate = |bytes: u64, of: &str| format!("{}/s {of}", units::bytes(bytes));
    let rates = view.rate_bytes.map(|bytes| rate(bytes, "for others"));
    let per_peer = view.rate_per_peer_bytes.map(|bytes| rate(bytes, "for each neighbour"));
    let rates: Vec<_> = rates.into_iter().chain(per_peer).collect();
    if !rates.is_empty() {
        text += &section("rate", &format!("at most {}", rates.join(" and ")), paint);
    }
    if let Some(volume) = &view.volume {
        let [used, cap] = [volume.used_bytes, volume.cap_bytes].map(units::bytes);
        let state = if volume.used_bytes >= volume.cap_bytes { ", used up: transit is off" } else { "" };
        text += &section("volume", &format!("{used} of {cap} in {}{state}", plain(&volume.period)), paint);
    }
    text + &refused(&view.refused, paint)
}

fn refused(view: &RefusedView, paint: Paint) -> String {
    let reasons = [
        (view.untrusted, "from untrusted setup nodes"),
        (view.node_quota, "beyond this node's quota"),
        (view.setup_node_quota, "beyond a setup node's quota"),
        (view.peer_quota, "beyond a neighbour's quota"),
        (view.initiator_quota, "beyond a source's quota"),
        (view.transit, "without transit"),
        (view.otherwise, "otherwise"),
    ];
    let reasons: Vec<_> = reasons.iter().filter(|(count, _)| *count > 0).collect();
    let text = reasons.iter().map(|(count, reason)| format!("{count} {reason}")).collect::<Vec<_>>();
    if text.is_empty() { String::new() } else { section("refused", &text.join(", "), paint) }
}

fn sessions(status: &Status, paint: Paint) -> String {
    let each = status.sessions.iter().map(session).collect::<String>();
    section("sessions", &status.sessions.len().to_string(), paint) + &each
}

fn problems(status: &Status, paint: Paint) -> String {
    let mut text = section("problems", &status.problems.len().to_string(), paint);
    for problem in &status.problems {
        let [part, why, hint] = [&problem.part, &problem.why, &problem.hint].map(|text| plain(text));
        text.push_str(&format!("  {}  {why} ({})\n    try: {hint}\n", paint.bad(&part), problem.code));
    }
    text
}
