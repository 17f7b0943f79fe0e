//! From the command line to a served service and an exit code.

mod args;
mod manager;

use std::{
    ffi::OsString,
    fs,
    io::{self, Write},
    path::Path,
    process::{self, ExitCode},
    time::Duration,
};

use byway_base::{Code, Problem};
use sd_notify::NotifyState;
use tokio::runtime;
use tokio_util::sync::CancellationToken;

use crate::{
    Admin, Announcement, Health, Loaded, OutputFormat, Service, Shutdown, metrics, render_problem, sample,
    telemetry,
};
use args::Args;

/// How long what blocks in threads may hold up the end of the process.
const BLOCKING_GRACE: Duration = Duration::from_secs(1);

/// Runs a service as a process of its own: reads the command line (`args`, the program's name first), environment and
/// file; logs; serves; stops on signals. Returns the exit code of the problem that ended it, 0 otherwise.
pub fn run_service<S: Service>(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    match runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(Box::pin(run_service_here::<S>(args)));
            runtime.shutdown_timeout(BLOCKING_GRACE);
            code
        }
        Err(error) => {
            let problem = Problem::new(Code::Internal, "cannot start the runtime", error);
            fail(&problem, OutputFormat::Human)
        }
    }
}

/// [`run_service`] within a runtime that exists already.
pub async fn run_service_here<S: Service>(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let args = match Args::parse::<S>(args) {
        Ok(args) => args,
        Err(error) => {
            // Help and version come this way too; they go to standard output and are no failure.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(Code::Usage.exit_code()));
        }
    };
    if args.print_config {
        return print(&sample::<S::Raw>(S::NAME));
    }
    let loaded = match args.load::<S>() {
        Ok(loaded) => loaded,
        Err(problem) => return fail(&problem, args.early_format()),
    };
    let format = loaded.common.log_format;
    let report = args.show_origin.then(|| loaded.report());
    match configured::<S>(loaded, &args, report).await {
        Ok(code) => code,
        Err(problem) => fail(&problem, format),
    }
}

async fn configured<S: Service>(
    loaded: Loaded<S::Raw>,
    args: &Args,
    report: Option<String>,
) -> Result<ExitCode, Problem> {
    let common = loaded.common;
    telemetry::filter(&common.log_level)?;
    let config = S::configure(loaded.config, &common)?;
    if let Some(report) = report {
        return Ok(print(&report));
    }
    if args.check {
        return Ok(print("the configuration is valid\n"));
    }
    telemetry::init(&common.log_level, common.log_format)?;
    metrics::install()?;
    let shutdown = Shutdown::new(common.drain_timeout);
    let heard = shutdown.listen_to_signals();
    heard.map_err(|error| Problem::new(Code::Internal, "cannot listen to signals", error))?;

    let bound = tokio::select! {
        bound = Box::pin(S::bind(config)) => bound?,
        () = shutdown.begun() => return Ok(ExitCode::SUCCESS),
    };
    let admin = match &common.admin_listen {
        Some(address) => Some(Admin::bind(address, bound.health()).await?.with(bound.admin())),
        None => None,
    };
    let announcement = announcement(&bound, admin.as_ref());
    serve(bound, admin, &shutdown, announcement, args.announce.as_deref()).await?;
    Ok(ExitCode::SUCCESS)
}

fn announcement<S: Service>(bound: &S, admin: Option<&Admin>) -> Announcement {
    let own = bound.addresses().into_iter();
    let admin = admin.map(|admin| ("admin", admin.address().to_string()));
    Announcement {
        version: 1,
        service: S::NAME.to_owned(),
        release: env!("CARGO_PKG_VERSION").to_owned(),
        pid: process::id(),
        key: bound.identity(),
        addresses: own.chain(admin).map(|(name, address)| (name.to_owned(), address)).collect(),
    }
}

async fn serve<S: Service>(
    bound: S,
    admin: Option<Admin>,
    shutdown: &Shutdown,
    announcement: Announcement,
    announce: Option<&Path>,
) -> Result<(), Problem> {
    let health = bound.health();
    let stop_admin = CancellationToken::new();
    let _stop_at_the_end = stop_admin.clone().drop_guard();
    let admin = admin.map(|admin| tokio::spawn(admin.serve(stop_admin.clone())));
    if let Some(path) = announce {
        announcement.write(path)?;
    }
    let key = announcement.key.map_or_else(|| "none".to_owned(), |key| key.to_string());
    tracing::info!(
        service = S::NAME,
        release = announcement.release,
        key,
        listening = announcement.listening(),
        "serving"
    );
    manager::notify(&[NotifyState::Ready, NotifyState::Status(&announcement.listening())]);
    let alive = stop_admin.clone();
    tokio::spawn(async move { alive.run_until_cancelled(manager::keep_alive()).await });

    let outcome = until_done(bound, &health, shutdown).await;

    if let Some(path) = announce {
        // Nobody must be led to an address that is no longer served.
        let _ = fs::remove_file(path);
    }
    stop_admin.cancel();
    if let Some(admin) = admin {
        let _ = admin.await;
    }
    if outcome.is_ok() {
        tracing::info!(service = S::NAME, "stopped");
    }
    outcome
}

/// Serves until the service ends by itself or, once asked to stop, until it has drained or its time has run out.
async fn until_done<S: Service>(bound: S, health: &Health, shutdown: &Shutdown) -> Result<(), Problem> {
    let mut serving = Box::pin(bound.serve(shutdown.clone()));
    tokio::select! {
        // In this order: a service that ends at once must still be seen to stop.
        biased;
        () = shutdown.begun() => {}
        outcome = &mut serving => return outcome,
    }
    health.drain();
    manager::notify(&[NotifyState::Stopping]);
    tokio::select! {
        outcome = &mut serving => outcome,
        () = shutdown.expired() => {
            tracing::warn!(service = S::NAME, "the time for draining has run out; what is under way is dropped");
            Ok(())
        }
    }
}

fn print(text: &str) -> ExitCode {
    match io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn fail(problem: &Problem, format: OutputFormat) -> ExitCode {
    let _ = writeln!(io::stderr(), "{}", render_problem(problem, format));
    ExitCode::from(problem.code.exit_code())
}
