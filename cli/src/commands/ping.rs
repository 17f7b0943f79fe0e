//! `byway ping`: round-trip times over the overlay, and the path.

use std::{process::ExitCode, time::Duration};

use byway_api::local::{PingReply, PingRequest, SendPing};
use byway_base::limits::DIAL_TIMEOUT;
use clap::Args;

use crate::{
    args::ChoiceArgs,
    context::Context,
    output::{Paint, plain, routes, units},
    stop::Stop,
};

/// Whom to ping, and how.
#[derive(Debug, Args)]
pub struct PingArgs {
    /// The node.
    peer: String,
    /// How many messages.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100))]
    count: Option<u32>,
    #[command(flatten)]
    choice: ChoiceArgs,
}

pub(crate) async fn run(args: PingArgs, context: &Context) -> Result<ExitCode, Stop> {
    let (policy, path) = args.choice.choice()?.into_parts();
    let request = PingRequest { peer: args.peer.clone(), count: args.count, policy, path };
    // A dial and then one message after the other: the node bounds each.
    let patient = DIAL_TIMEOUT * 2 + Duration::from_secs(args.count.unwrap_or_default().into());
    let reply = context.node.clone().with_deadline(patient).call::<SendPing>((), (), request).await?;
    context.out.one(&reply, |paint| describe(&args.peer, &reply, paint))?;
    Ok(ExitCode::SUCCESS)
}

fn describe(peer: &str, reply: &PingReply, paint: Paint) -> String {
    let mut text = format!("{} {}\n", paint.strong(&plain(peer)), paint.dim(&reply.peer.to_string()));
    for route in &reply.routes {
        text.push_str(&format!("{:6}  {}\n", routes::state(route), plain(&routes::path(&route.hops))));
    }
    for (number, rtt) in reply.rtt_us.iter().enumerate() {
        text.push_str(&format!("{:>6}  {}\n", number + 1, units::rtt(*rtt)));
    }
    if let (Some(least), Some(most)) = (reply.rtt_us.iter().min(), reply.rtt_us.iter().max()) {
        let mean = reply.rtt_us.iter().sum::<u64>() / reply.rtt_us.len() as u64;
        let [least, mean, most] = [*least, mean, *most].map(units::rtt);
        text.push_str(&format!("least {least}, mean {mean}, most {most}\n"));
    }
    text
}
