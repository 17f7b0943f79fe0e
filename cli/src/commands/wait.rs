//! `byway wait`: until the node is ready.

use std::{process::ExitCode, time::Duration};

use byway_api::local::GetStatus;
use byway_base::{Code, Problem};
use clap::Args;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{context::Context, stop::Stop};

/// How often the node is asked.
const ASK_AGAIN: Duration = Duration::from_millis(200);

/// For what, and for how long.
#[derive(Debug, Args)]
pub struct WaitArgs {
    /// Until the node has everything that it needs.
    #[arg(long, required = true)]
    ready: bool,
    /// Seconds to wait at most.
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    timeout: u32,
}

pub(crate) async fn run(args: WaitArgs, context: &Context) -> Result<ExitCode, Stop> {
    let deadline = Instant::now() + Duration::from_secs(args.timeout.into());
    let mut lacking = "it was not asked in time".to_owned();
    let ready = async {
        while let Err(why) = ask(context).await {
            lacking = why;
            sleep(ASK_AGAIN).await;
        }
    };
    if timeout_at(deadline, ready).await.is_err() {
        let what = format!("the node was not ready within {} s", args.timeout);
        return Err(Problem::new(Code::Timeout, what, lacking).with_hint("see `byway status`").into());
    }
    Ok(ExitCode::SUCCESS)
}

/// Why the node is not ready.
async fn ask(context: &Context) -> Result<(), String> {
    let status = context.node.call::<GetStatus>((), (), ()).await.map_err(|problem| problem.to_string())?;
    match status.problems.first() {
        _ if status.ready => Ok(()),
        Some(problem) => Err(format!("{}: {}", problem.part, problem.why)),
        None => Err("it does not say what it lacks".to_owned()),
    }
}
