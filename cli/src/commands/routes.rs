//! `byway routes`: the sessions that this node began, and every route over it.

use std::process::ExitCode;

use byway_api::local::{ListRoutes, LocalEvent, LocalRoutes, SessionView};
use clap::{Args, Subcommand};

use super::watch;
use crate::{
    context::Context,
    output::{Paint, Table, plain, routes, units},
    stop::Stop,
};

/// What to do with routes; without a word, lists them.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct RoutesArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    list: ListArgs,
}

#[derive(Debug, Args)]
struct ListArgs {
    /// Goes on and prints what changes.
    #[arg(long)]
    watch: bool,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Lists sessions and routes.
    Ls(ListArgs),
}

pub(crate) async fn run(args: RoutesArgs, context: &Context) -> Result<ExitCode, Stop> {
    let list = args.action.map_or(args.list, |Action::Ls(list)| list);
    let events = watch::begin(context, list.watch).await?;
    let reply = context.node.call::<ListRoutes>((), (), ()).await?;
    context.out.one(&reply, |paint| describe(&reply, paint))?;
    if let Some(events) = events {
        let wanted = |event: &LocalEvent| {
            !matches!(event, LocalEvent::TransportUp { .. } | LocalEvent::TransportDown { .. })
        };
        watch::follow(events, context, wanted).await?;
    }
    Ok(ExitCode::SUCCESS)
}

fn describe(reply: &LocalRoutes, paint: Paint) -> String {
    let mut text = format!("{} {}\n", paint.strong("sessions"), reply.sessions.len());
    for each in &reply.sessions {
        text.push_str(&session(each));
    }
    text.push_str(&format!("{} {}\n", paint.strong("routes here"), reply.installed.len()));
    if !reply.installed.is_empty() {
        let mut table = Table::new(["ROUTE", "ROLE", "FORWARD", "BACKWARD", "WAITING"]).indented(2);
        for route in &reply.installed {
            let bytes = [route.forward_bytes, route.backward_bytes, route.waiting_bytes].map(units::bytes);
            let [forward, backward, waiting] = bytes;
            table.row([route.route.short(), route.role.clone(), forward, backward, waiting]);
        }
        text.push_str(&table.render(paint));
    }
    text
}

/// A session with its routes, one line each.
pub(super) fn session(view: &SessionView) -> String {
    let end = view.routes.iter().find_map(|route| route.hops.last()).and_then(|hop| hop.name.as_deref());
    let to = format!("{}:{}", routes::peer(&view.to.key, end), view.to.port);
    let mut text = format!("  {}  {}  {} streams\n", plain(&to), units::rtt(view.rtt_us), view.streams);
    for route in &view.routes {
        let rtt = units::rtt_or_dash(route.rtt_us);
        text.push_str(&format!(
            "    {:6}  {rtt}  {}\n",
            routes::state(route),
            plain(&routes::path(&route.hops))
        ));
    }
    text
}
