//! `byway status`: how the node does, on one screen.

use std::process::ExitCode;

use byway_api::local::{GetStatus, Status};

use super::{routes::session, transports};
use crate::{
    context::Context,
    output::{Paint, Table, plain, units},
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
    let ports = status.listening.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    [
        section("node", &status.key.to_string(), paint),
        section("", &about, paint),
        section("listening", if ports.is_empty() { "-" } else { &ports }, paint),
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
    text + &section("forwarded", &forwarded, paint)
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
