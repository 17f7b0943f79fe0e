//! `byway proxy`: SOCKS5 for names that end in `.byway`.

use std::{net::SocketAddr, process::ExitCode};

use byway_api::local::GetStatus;
use clap::Args;
use serde::Serialize;

use crate::{choice::Choice, context::Context, output::Paint, proxy::Proxy, stop::Stop};

/// Where, and over which paths.
#[derive(Debug, Args)]
pub struct ProxyArgs {
    /// The local address; port 0 takes a free one.
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:1080")]
    socks: SocketAddr,
    /// What paths must and should be, for clients whose user name says nothing else.
    #[arg(long, value_name = "POLICY")]
    policy: Option<String>,
}

#[derive(Serialize)]
struct Serving {
    socks: SocketAddr,
}

pub(crate) async fn run(args: ProxyArgs, context: &Context) -> Result<ExitCode, Stop> {
    let choice = Choice::read(args.policy.as_deref(), None)?;
    context.log()?;
    // A node that is away is told now, not to the first client.
    context.node.call::<GetStatus>((), (), ()).await?;
    let proxy = Proxy::bind(args.socks, context.node.clone(), choice).await?;
    let serving = Serving { socks: proxy.address() };
    if !serving.socks.ip().is_loopback() {
        tracing::warn!(address = %serving.socks, "whoever reaches this address uses the overlay as this node");
    }
    context.out.one(&serving, |paint| describe(&serving, paint))?;
    proxy.serve().await
}

fn describe(serving: &Serving, paint: Paint) -> String {
    let proxy = format!("socks5h://{}", serving.socks);
    format!("proxy for <key or petname>.byway on\n{}\n", paint.strong(&proxy))
}
