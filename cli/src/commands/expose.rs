//! `byway expose`: a port of the overlay that leads to a local app.

use std::{
    net::{Ipv4Addr, SocketAddr},
    process::ExitCode,
};

use byway_api::local::GetStatus;
use byway_base::OverlayAddress;
use clap::Args;
use serde::Serialize;

use crate::{context::Context, expose, output::Paint, stop::Stop, target::port, udp};

/// Ports below this one take privileges to bind.
const UNPRIVILEGED: u16 = 1024;

/// Which app, and under which port.
#[derive(Debug, Args)]
pub struct ExposeArgs {
    /// The app's port on this machine.
    port: String,
    /// The port of the overlay, if it is to be another one.
    #[arg(long = "as", value_name = "PORT")]
    overlay_port: Option<String>,
    /// Where the app is, if not on 127.0.0.1:PORT.
    #[arg(long, value_name = "IP:PORT")]
    to: Option<SocketAddr>,
    /// UDP instead of TCP: datagrams that may be lost, at most as large as the path carries.
    #[arg(long)]
    udp: bool,
}

#[derive(Serialize)]
struct Exposed {
    address: OverlayAddress,
    to: SocketAddr,
    connect: String,
}

pub(crate) async fn run(args: ExposeArgs, context: &Context) -> Result<ExitCode, Stop> {
    let local = port(&args.port)?;
    let overlay = args.overlay_port.as_deref().map_or(Ok(local), port)?;
    let to = args.to.unwrap_or_else(|| (Ipv4Addr::LOCALHOST, local.0).into());
    context.log()?;
    let key = context.node.call::<GetStatus>((), (), ()).await?.key;
    let exposed = Exposed::new(OverlayAddress { key, port: overlay }, to, args.udp);
    let announce = || context.out.one(&exposed, |paint| describe(&exposed, paint));
    if args.udp {
        let listener = context.node.listen_datagrams(overlay).await?;
        announce()?;
        udp::serve(listener, to).await?;
    } else {
        let listener = context.node.listen(overlay).await?;
        announce()?;
        expose::serve(listener, to).await?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Exposed {
    fn new(address: OverlayAddress, to: SocketAddr, udp: bool) -> Self {
        let udp = if udp { " --udp" } else { "" };
        let local = match to.port() {
            privileged if privileged < UNPRIVILEGED => String::new(),
            port => format!(" --local 127.0.0.1:{port}"),
        };
        Self { address, to, connect: format!("byway connect {address}{local}{udp}") }
    }
}

fn describe(exposed: &Exposed, paint: Paint) -> String {
    let Exposed { address, to, connect } = exposed;
    format!("port {} leads to {to}; on the other side:\n{}\n", address.port, paint.strong(connect))
}
