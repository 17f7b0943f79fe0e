//! `byway demo`: a whole network in this process, to look at and to break.

mod check;
mod console;
pub mod network;
pub mod services;
mod show;
mod site;
mod transfer;

use std::{
    io::{IsTerminal, Write},
    net::SocketAddr,
    process::ExitCode,
    time::{Duration, Instant},
};

use byway_base::{Code, OverlayAddress, Problem};
use byway_node::{Node, OverlayStream, PathChoice};
use clap::Args;
use tokio::task::JoinHandle;

use crate::{
    choice::Choice,
    context::problem_format,
    dial::{Dial, Dialled},
    output::Output,
    proxy::Proxy,
    run::fail,
    target::Target,
};
use network::Network;

/// Time for the network to come up.
const START: Duration = Duration::from_secs(30);

/// What `byway demo` can be told.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Send 256 MiB through the proxy while a hop and a messaging server are killed, report what held, and end.
    #[arg(long)]
    pub check: bool,
    /// Address of the SOCKS5 proxy; a free port by default.
    #[arg(long, default_value = "127.0.0.1:0")]
    pub socks: SocketAddr,
    /// Serve nothing but bob's web page, on this address: for a node of another network to expose.
    #[arg(long, value_name = "IP:PORT", conflicts_with_all = ["check", "socks"])]
    pub site: Option<SocketAddr>,
}

/// Runs the demonstration until the user quits, or the check until it is done.
pub async fn run(arguments: DemoArgs, out: Output) -> ExitCode {
    let ended = match arguments.site {
        Some(listen) => site::serve_locally(listen).await.map(|never| match never {}),
        None => demonstrate(&arguments, out).await,
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => fail(&problem, problem_format(out.format)),
    }
}

async fn demonstrate(arguments: &DemoArgs, out: Output) -> Result<(), Problem> {
    let directory = tempfile::tempdir()
        .map_err(|error| Problem::new(Code::File, "cannot make a directory for the demonstration", error))?;
    let started = Instant::now();
    let progress = |what: &str| say(&format!("[{:5.1} s] {what}", started.elapsed().as_secs_f64()));
    let mut network = Network::start(directory.path(), START, &progress).await?;
    let result = match begin(&network, arguments.socks, &progress).await {
        Ok((proxy, _serving)) if arguments.check => check(&mut network, proxy, out, &progress).await,
        Ok((proxy, _serving)) => {
            progress("ready");
            say(&show::invitation(&network, proxy));
            console::run(&mut network).await
        }
        Err(problem) => Err(problem),
    };
    network.stop().await;
    result
}

/// Opens bob's site, the first session and the proxy.
async fn begin(
    network: &Network,
    socks: SocketAddr,
    progress: &impl Fn(&str),
) -> Result<(SocketAddr, Serving), Problem> {
    let missing = || Problem::new(Code::Internal, "cannot start the demonstration", "a node is missing");
    let (alice, bob) = network.node("alice").zip(network.node("bob")).ok_or_else(missing)?;
    site::serve(bob)?;
    progress("building the route alice → n1 → n2 → bob, and a spare over n3");
    let way = Way {
        node: alice.clone(),
        site: OverlayAddress { key: bob.key(), port: site::PORT },
        path: network.first_path(),
    };
    drop(way.dial_site().await?);
    with_spare(alice).await?;
    say(&show::routes(network));
    let proxy = Proxy::bind(socks, way, Choice::Any).await?;
    let address = proxy.address();
    Ok((address, Serving(tokio::spawn(async move { proxy.serve().await }))))
}

/// Waits until the session has its spare.
async fn with_spare(alice: &Node) -> Result<(), Problem> {
    let ready = async {
        while !alice.sessions().iter().any(|session| session.routes.len() > 1) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let why = "the spare route did not come up";
    let waited = tokio::time::timeout(START, ready).await;
    waited.map_err(|_| Problem::new(Code::Timeout, "cannot start the demonstration", why))
}

async fn check(
    network: &mut Network,
    proxy: SocketAddr,
    out: Output,
    progress: &impl Fn(&str),
) -> Result<(), Problem> {
    let report = check::run(network, proxy, progress).await?;
    // A reader that left is no reason to call the check failed.
    let _ = out.one(&report, |_| report.to_text());
    let failed = || {
        Problem::new(Code::CheckFailed, "the demonstration's check failed", "a line of the report says no")
    };
    if report.ok() { Ok(()) } else { Err(failed()) }
}

/// The proxy while it serves; dropping it ends it.
struct Serving(JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// How the proxy dials: to bob's site over the path of the demonstration, elsewhere as the node thinks best.
#[derive(Clone)]
struct Way {
    node: Node,
    site: OverlayAddress,
    path: PathChoice,
}

impl Way {
    async fn dial_site(&self) -> Result<OverlayStream, Problem> {
        Ok(self.node.dial(self.site, self.path.clone()).await?.0)
    }
}

impl Dial for Way {
    async fn dial(&self, to: &Target, choice: &Choice) -> Result<Dialled, Problem> {
        let to_site = self.node.resolve(&to.peer)? == self.site.key && to.port == self.site.port;
        if !to_site || *choice != Choice::Any {
            return Dial::dial(&self.node, to, choice).await;
        }
        let (stream, routes) = self.node.dial(self.site, self.path.clone()).await?;
        let routes = routes.iter().map(|info| self.node.route_view(info)).collect();
        Ok(Dialled { stream: Box::new(stream), routes })
    }
}

/// For people, beside the data.
fn say(text: &str) {
    // A closed stderr is no reason to stop.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// A prompt, where somebody sits in front of it.
fn prompt() {
    if std::io::stdin().is_terminal() {
        let _ = write!(std::io::stderr(), "demo> ");
        let _ = std::io::stderr().flush();
    }
}
