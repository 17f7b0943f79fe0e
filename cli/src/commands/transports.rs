//! `byway transports`: what links this node to others.

use std::process::ExitCode;

use byway_api::local::{
    CloseTransport, ListLocalTransports, LocalEvent, LocalTransport, LocalTransportPath, OpenRequest,
    OpenTransport,
};
use byway_base::{Code, Problem, TransportId, TransportType, limits::DIAL_TIMEOUT};
use clap::{Args, Subcommand};

use super::watch;
use crate::{
    context::Context,
    output::{Table, routes, units},
    stop::Stop,
};

/// What to do with transports; without a word, lists them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct TransportsArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Default, Args)]
struct ListArgs {
    /// Goes on and prints what changes.
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists the transports that are up.
    Ls(ListArgs),
    /// Opens a transport; harmless if it is up.
    Add {
        /// Its type: tcp, messaging, …
        #[arg(value_name = "TYPE")]
        kind: TransportType,
        /// The node at the other edge.
        peer: String,
    },
    /// Closes a transport.
    Rm {
        /// Its id, or a unique prefix.
        id: String,
    },
}

pub(crate) async fn run(args: TransportsArgs, context: &Context) -> Result<ExitCode, Stop> {
    match args.action {
        None => list(context, &args.list).await?,
        Some(Action::Ls(list_args)) => list(context, &list_args).await?,
        Some(Action::Add { kind, peer }) => {
            let node = context.node.clone().with_deadline(DIAL_TIMEOUT * 2);
            let opened = node.call::<OpenTransport>((), (), OpenRequest { kind, peer }).await?;
            context.out.one(&opened, |paint| table(std::slice::from_ref(&opened)).render(paint))?;
        }
        Some(Action::Rm { id }) => {
            let items = context.node.call::<ListLocalTransports>((), (), ()).await?.items;
            let id = find(&items, &id)?;
            context.node.call::<CloseTransport>(LocalTransportPath { id }, (), ()).await?;
            context.out.one(&LocalTransportPath { id }, |_| format!("closed {id}\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(context: &Context, args: &ListArgs) -> Result<(), Stop> {
    let events = watch::begin(context, args.watch).await?;
    let items = context.node.call::<ListLocalTransports>((), (), ()).await?.items;
    context.out.list(&items, |paint| table(&items).render(paint))?;
    if let Some(events) = events {
        let wanted = |event: &LocalEvent| {
            matches!(event, LocalEvent::TransportUp { .. } | LocalEvent::TransportDown { .. })
        };
        watch::follow(events, context, wanted).await?;
    }
    Ok(())
}

pub(super) fn table(items: &[LocalTransport]) -> Table {
    let mut table = Table::new(["ID", "TYPE", "PEER", "RTT", "SENT", "RECEIVED", "ROUTES", "ADDRESS"]);
    for item in items {
        table.row([
            item.id.to_string(),
            item.kind.to_string(),
            routes::peer(&item.peer, item.name.as_deref()),
            units::rtt_or_dash(item.rtt_us),
            units::bytes(item.sent_bytes),
            units::bytes(item.received_bytes),
            // Each route has a flow each way.
            (item.flows / 2).to_string(),
            item.address.clone(),
        ]);
    }
    table
}

/// The one transport whose id begins like that.
fn find(items: &[LocalTransport], prefix: &str) -> Result<TransportId, Problem> {
    let what = || format!("cannot find the transport '{prefix}'");
    let mut fits = items.iter().filter(|item| !prefix.is_empty() && item.id.to_string().starts_with(prefix));
    match (fits.next(), fits.next()) {
        (Some(item), None) => Ok(item.id),
        (Some(_), Some(_)) => Err(Problem::new(Code::Ambiguous, what(), "several ids begin like that")
            .with_hint("give more characters of the id: `byway transports`")),
        (None, _) => Err(Problem::new(Code::NotFound, what(), "no transport that is up has an id like that")
            .with_hint("see `byway transports`")),
    }
}
