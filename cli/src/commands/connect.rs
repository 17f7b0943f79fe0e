//! `byway connect`: a local port that leads to an app on the overlay.

use std::{net::SocketAddr, process::ExitCode};

use byway_api::local::{Resolve, ResolveRequest};
use byway_base::OverlayAddress;
use clap::Args;
use serde::Serialize;

use crate::{args::ChoiceArgs, context::Context, forward::Forward, stop::Stop, target::Target, udp};

/// Which app, and under which local port.
#[derive(Debug, Args)]
pub struct ConnectArgs {
    /// The app.
    #[arg(value_name = "PEER:PORT")]
    to: String,
    /// The local address; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    local: SocketAddr,
    /// UDP instead of TCP: datagrams that may be lost, at most as large as the path carries.
    #[arg(long)]
    udp: bool,
    #[command(flatten)]
    choice: ChoiceArgs,
}

#[derive(Serialize)]
struct Connected {
    local: SocketAddr,
    to: OverlayAddress,
}

pub(crate) async fn run(args: ConnectArgs, context: &Context) -> Result<ExitCode, Stop> {
    let to: Target = args.to.parse()?;
    let choice = args.choice.choice()?;
    context.log()?;
    // A name that stands for nobody is told now, not to the first client.
    let key = context.node.call::<Resolve>((), (), ResolveRequest { name: to.peer.clone() }).await?.key;
    let address = OverlayAddress { key, port: to.port };
    let node = context.node.clone();
    if args.udp {
        let forward = udp::Forward::bind(args.local, node, to.clone(), choice).await?;
        announce(&to, Connected { local: forward.address(), to: address }, context)?;
        forward.serve().await
    } else {
        let forward = Forward::bind(args.local, node, to.clone(), choice).await?;
        announce(&to, Connected { local: forward.address(), to: address }, context)?;
        forward.serve().await
    }
}

fn announce(to: &Target, connected: Connected, context: &Context) -> Result<(), Stop> {
    context.out.line(&connected, || format!("{} leads to {to}", connected.local))
}
