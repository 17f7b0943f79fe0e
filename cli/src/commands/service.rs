//! `byway service`: any service of the network as this process.

use std::{ffi::OsString, process::ExitCode};

use byway_base::Problem;
use byway_service_kit::{Service, run_service};
use clap::Args;

use crate::services::{self, Visit};

/// Which service, and its own arguments.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub struct ServiceArgs {
    /// node, transport-discovery, route-finder, setup-node, messaging-discovery or messaging-server.
    role: String,
    /// Arguments of the service; `--help` lists them.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    args: Vec<OsString>,
}

pub(crate) fn run(args: ServiceArgs) -> Result<ExitCode, Problem> {
    services::with(&args.role, Run(args.args))
}

struct Run(Vec<OsString>);

impl Visit for Run {
    type Output = ExitCode;

    fn visit<S: Service>(self) -> ExitCode {
        let program = OsString::from(format!("byway service {}", S::NAME));
        run_service::<S>([program].into_iter().chain(self.0))
    }
}
