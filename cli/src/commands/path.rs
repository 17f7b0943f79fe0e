//! `byway path`: candidate paths, ranked, and why others lost.

use std::{
    collections::{BTreeMap, BTreeSet},
    process::ExitCode,
};

use byway_api::{
    local::{PathsRequest, RouteHop, ShowPaths},
    route_finder::{FindReply, PathView},
};
use byway_base::{PublicKey, limits::PATHS_MAX};
use clap::{Args, Subcommand};

use super::names;
use crate::{
    choice::Choice,
    context::Context,
    output::{Format, Paint, Table, plain, routes, units},
    stop::Stop,
};

const LANGUAGE: &str = "\
The path language, words separated by spaces:
  hops>=N hops<=N hops=N   number of hops
  disjoint=N               routes to hold that share no intermediate; by default the active ones and a spare
  stripe=N                 active routes at once, for throughput; 1 by default
  via=PEER,…  avoid=PEER,… nodes to cross in this order, nodes not to cross
  types=TYPE,…             transport types that may be used; !TYPE must not
  prefer=WORD              balanced, latency, hops, throughput or loss";

/// What to do with paths.
#[derive(Debug, Args)]
pub struct PathArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows candidate paths to a node, best first.
    #[command(after_help = LANGUAGE)]
    Show {
        /// The node.
        peer: String,
        /// What the path must and should be.
        #[arg(long, value_name = "POLICY")]
        policy: Option<String>,
        /// How many.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=PATHS_MAX as i64))]
        k: Option<u8>,
        /// Says why others lost.
        #[arg(long)]
        why_not: bool,
    },
}

pub(crate) async fn run(args: PathArgs, context: &Context) -> Result<ExitCode, Stop> {
    let Action::Show { peer, policy, k, why_not } = args.action;
    let (policy, _) = Choice::read(policy.as_deref(), None)?.into_parts();
    let reply = context.node.call::<ShowPaths>((), (), PathsRequest { peer, policy, k, why_not }).await?;
    let names = match context.out.format {
        Format::Table => {
            let keys: BTreeSet<_> =
                reply.paths.iter().flat_map(|path| &path.hops).map(|hop| hop.to).collect();
            names::petnames(&context.node, keys).await
        }
        Format::Json | Format::Jsonl => BTreeMap::new(),
    };
    context.out.one(&reply, |paint| describe(&reply, &names, paint))?;
    Ok(ExitCode::SUCCESS)
}

fn describe(reply: &FindReply, names: &BTreeMap<PublicKey, String>, paint: Paint) -> String {
    let mut table = Table::new(["#", "HOPS", "RTT", "COST", "PATH"]);
    for (number, path) in reply.paths.iter().enumerate() {
        table.row([
            (number + 1).to_string(),
            path.hops.len().to_string(),
            units::rtt(path.rtt_us),
            format!("{:.1}", path.cost),
            candidate(path, names),
        ]);
    }
    let mut text = table.render(paint);
    text.push_str("to take one, give its transports as --path\n");
    for (number, path) in reply.paths.iter().enumerate() {
        let ids: Vec<_> = path.hops.iter().map(|hop| hop.transport.to_string()).collect();
        text.push_str(&format!("{}  {}\n", number + 1, ids.join(",")));
    }
    if !reply.reasons.is_empty() {
        text.push_str("why others lost\n");
    }
    for reason in &reply.reasons {
        text.push_str(&format!("  {}\n", plain(reason)));
    }
    text
}

fn candidate(path: &PathView, names: &BTreeMap<PublicKey, String>) -> String {
    let mut hops = Vec::<RouteHop>::from(path);
    names::fill(&mut hops, names);
    routes::path(&hops)
}
