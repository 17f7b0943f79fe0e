//! `byway trace`: a route hop by hop, and where it is broken.

use std::process::ExitCode;

use byway_api::local::{RouteHop, TraceEvent, TraceHop, TraceRequest, TraceVerdict};
use byway_base::{Code, Problem, PublicKey, RouteId, limits::TRACE_COUNT_MAX};
use clap::Args;
use serde::Serialize;

use crate::{
    args::ChoiceArgs,
    context::Context,
    output::{Format, Paint, plain, print, routes, units},
    stop::Stop,
};

/// The exit code where the route is broken.
const BROKEN: u8 = 1;

/// Which route to trace, and how.
#[derive(Debug, Args)]
pub struct TraceArgs {
    /// The node at its end.
    peer: String,
    /// How many answers each node is asked for.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(TRACE_COUNT_MAX)))]
    count: Option<u32>,
    /// This route of a session; `byway routes --output json` lists them.
    #[arg(long, value_name = "ID", conflicts_with_all = ["policy", "path"])]
    route: Option<RouteId>,
    #[command(flatten)]
    choice: ChoiceArgs,
}

/// A whole trace as one document.
#[derive(Debug, Serialize)]
struct Traced {
    peer: PublicKey,
    route: RouteId,
    in_use: bool,
    path: Vec<RouteHop>,
    hops: Vec<TraceHop>,
    #[serde(flatten)]
    verdict: TraceVerdict,
}

pub(crate) async fn run(args: TraceArgs, context: &Context) -> Result<ExitCode, Stop> {
    let (policy, path) = args.choice.choice()?.into_parts();
    let request =
        TraceRequest { peer: args.peer.clone(), count: args.count, route: args.route, policy, path };
    let mut events = context.node.trace(&request).await?;
    let mut show = Show { context, peer: &args.peer, width: 0 };
    let mut traced: Option<Traced> = None;
    while let Some(event) = events.next().await? {
        show.event(&event)?;
        match (event, &mut traced) {
            (TraceEvent::Began { peer, route, in_use, hops }, None) => {
                let verdict = TraceVerdict { whole: false, broken_hop: None, why: None };
                traced = Some(Traced { peer, route, in_use, path: hops, hops: Vec::new(), verdict });
            }
            (TraceEvent::Hop(hop), Some(traced)) => traced.hops.push(hop),
            (TraceEvent::Ended(verdict), Some(traced)) => {
                let whole = verdict.whole;
                traced.verdict = verdict;
                if context.out.format == Format::Json {
                    context.out.one(traced, |_| String::new())?;
                }
                return Ok(if whole { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) });
            }
            _ => break,
        }
    }
    let why = "the trace has no end, or does not begin with its route";
    Err(Problem::new(Code::Protocol, format!("cannot trace a route to {}", args.peer), why).into())
}

/// Prints events as they come.
struct Show<'a> {
    context: &'a Context,
    peer: &'a str,
    /// Of the column of nodes.
    width: usize,
}

impl Show<'_> {
    fn event(&mut self, event: &TraceEvent) -> Result<(), Stop> {
        let out = self.context.out;
        match out.format {
            Format::Json => Ok(()),
            Format::Jsonl => out.line(event, String::new),
            Format::Table => print(&self.describe(event, out.paint)),
        }
    }

    fn describe(&mut self, event: &TraceEvent, paint: Paint) -> String {
        match event {
            TraceEvent::Began { route, in_use, hops, .. } => {
                let name = |hop: &RouteHop| plain(&routes::peer(&hop.to, hop.name.as_deref()));
                self.width = hops.iter().map(|hop| name(hop).chars().count()).max().unwrap_or(0).max(4);
                let state = if *in_use { "carries a session" } else { "set up for this trace" };
                let head = format!("{} route {} ({state})\n", paint.strong(&plain(self.peer)), route.short());
                head + &paint
                    .dim(&row(self.width, ["HOP", "NODE", "TYPE", "LOSS", "BEST", "MEDIAN", "ADDED"]))
                    + "\n"
            }
            TraceEvent::Hop(hop) => {
                let percent = 100 - 100 * u64::from(hop.answered) / u64::from(hop.sent.max(1));
                let cells = [
                    &hop.number.to_string(),
                    &plain(&routes::peer(&hop.to, hop.name.as_deref())),
                    hop.transport_type.as_str(),
                    &format!("{percent} %"),
                    &units::rtt_or_dash(hop.least_us),
                    &units::rtt_or_dash(hop.median_us),
                    &units::rtt_or_dash(hop.added_us),
                ];
                row(self.width, cells) + "\n"
            }
            TraceEvent::Ended(TraceVerdict { whole, why, .. }) => match why {
                _ if *whole => format!("{}\n", paint.good("whole: the far end answers")),
                Some(why) => format!("{}\n", paint.bad(&plain(why))),
                None => format!("{}\n", paint.bad("broken")),
            },
        }
    }
}

fn row(width: usize, [hop, node, kind, loss, best, median, added]: [&str; 7]) -> String {
    format!("{hop:>3}  {node:width$}  {kind:10}  {loss:>5}  {best:>8}  {median:>8}  {added:>8}")
}

#[cfg(test)]
mod tests {
    use byway_app_sdk::LocalNode;
    use byway_base::{SecretKey, TransportId, TransportType};

    use super::*;
    use crate::output::Output;

    fn hop(number: u8, name: &str, answered: u32) -> TraceHop {
        TraceHop {
            number,
            to: SecretKey::from_seed([number; 32]).public(),
            name: Some(name.to_owned()),
            transport_type: TransportType::new("tcp").unwrap(),
            sent: 4,
            answered,
            least_us: (answered > 0).then_some(1_000),
            median_us: (answered > 0).then_some(2_500),
            added_us: (answered > 0).then_some(400),
        }
    }

    #[test]
    fn rows_stand_under_their_heading_as_they_come_and_the_last_line_names_the_break() {
        let context = Context { node: LocalNode::at("/nowhere"), out: Output::default() };
        let mut show = Show { context: &context, peer: "bob", width: 0 };
        let path = |hop: TraceHop| RouteHop {
            transport: TransportId::from_bytes([1; 16]),
            kind: hop.transport_type,
            to: hop.to,
            name: hop.name,
            rtt_us: 0,
        };
        let hops = [hop(1, "n1\u{7}", 4), hop(2, "a-long-name", 0)];
        let events = [
            TraceEvent::Began {
                peer: hops[1].to,
                route: RouteId::from_bytes([7; 16]),
                in_use: true,
                hops: hops.clone().map(path).to_vec(),
            },
            TraceEvent::Hop(hops[0].clone()),
            TraceEvent::Hop(hops[1].clone()),
            TraceEvent::Ended(TraceVerdict {
                whole: false,
                broken_hop: Some(2),
                why: Some("broken at hop 2: n1 → a-long-name (tcp)".to_owned()),
            }),
        ];
        let text: String = events.iter().map(|event| show.describe(event, Paint::default())).collect();
        let route = RouteId::from_bytes([7; 16]).short();
        let expected = format!(
            "bob route {route} (carries a session)\n\
             HOP  NODE         TYPE         LOSS      BEST    MEDIAN     ADDED\n\
             \x20 1  n1           tcp           0 %    1.0 ms    2.5 ms    0.4 ms\n\
             \x20 2  a-long-name  tcp         100 %         -         -         -\n\
             broken at hop 2: n1 → a-long-name (tcp)\n"
        );
        assert_eq!(text, expected);
    }
}
