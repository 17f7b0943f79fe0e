//! `byway health`: asks a service's admin listener how it does. For health checks of containers that have no shell.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
};

use byway_base::{Code, Problem, limits::HTTP_TIMEOUT};
use byway_service_kit::{Condition, HealthReport, Readiness};
use clap::Args;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

use crate::{
    output::{Output, Paint, Table},
    stop::Stop,
};

/// The exit code of a service that lives and is not ready.
const NOT_READY: u8 = 1;
/// More than all checks of a service say.
const REPORT_MAX: usize = 64 * 1024;

/// Whom to ask.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Whether it is ready; without this, whether it is alive is enough.
    #[arg(long)]
    ready: bool,
    /// Its admin listener.
    #[arg(long, value_name = "IP:PORT", env = "BYWAY_ADMIN_LISTEN")]
    admin: SocketAddr,
}

pub(crate) async fn run(args: HealthArgs, out: Output) -> Result<ExitCode, Stop> {
    let at = reachable(args.admin);
    let what = || format!("cannot ask the service at {at}");
    let asked = timeout(HTTP_TIMEOUT, ask(at)).await;
    let report = asked
        .unwrap_or_else(|_| Err(format!("no answer within {HTTP_TIMEOUT:?}")))
        .map_err(|why| Problem::new(Code::ServiceUnreachable, what(), why))?;
    out.one(&report, |paint| describe(&report, paint))?;
    Ok(if report.status.is_ready() || !args.ready { ExitCode::SUCCESS } else { ExitCode::from(NOT_READY) })
}

/// A listener on every address is asked on this machine.
pub(super) fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}

async fn ask(at: SocketAddr) -> Result<HealthReport, String> {
    let stream = TcpStream::connect(at).await.map_err(|error| error.to_string())?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let request = Request::get("/readyz").header(header::HOST, at.to_string());
    let request = request.body(Empty::<Bytes>::new()).map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(|error| error.to_string())?;
    let body = Limited::new(response.into_body(), REPORT_MAX).collect().await;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    serde_json::from_slice(&body).map_err(|error| format!("its answer is no report: {error}"))
}

fn describe(report: &HealthReport, paint: Paint) -> String {
    let state = match report.status {
        Readiness::Ready => paint.good("ready"),
        Readiness::Degraded => paint.bad("degraded"),
        Readiness::NotReady => paint.bad("not ready"),
        Readiness::Draining => paint.bad("draining"),
    };
    let mut table = Table::new(["CHECK", "STATE", "WHY"]);
    for (name, condition) in &report.checks {
        let (state, why) = match condition {
            Condition::Ok => ("ok", ""),
            Condition::Degraded { why } => ("degraded", why.as_str()),
            Condition::Failing { why } => ("failing", why.as_str()),
        };
        table.row([name.clone(), state.to_owned(), why.to_owned()]);
    }
    format!("{state}\n{}", table.render(paint))
}
