//! `byway config`: the settings of a service, checked and shown without starting it.

use std::{env, path::PathBuf, process::ExitCode};

use byway_base::Problem;
use byway_service_kit::{Loaded, Loader, Service, Sourced};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    output::{Output, Paint},
    services::{self, Visit},
    stop::Stop,
};

/// Variables that stand for flags of a service: those that it leaves out itself, so that both agree on what is valid.
const FLAGS: &[&str] = &["BYWAY_CONFIG", "BYWAY_ANNOUNCE"];

/// What to do with settings.
#[derive(Debug, Args)]
pub struct ConfigArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Checks the settings.
    Check(Source),
    /// Shows every setting with its value and who set it. Secrets are masked.
    Show(Source),
}

#[derive(Debug, Args)]
struct Source {
    /// Settings file (TOML).
    #[arg(long, value_name = "FILE", env = "BYWAY_CONFIG")]
    config: Option<PathBuf>,
    /// Whose settings: node, transport-discovery, route-finder, setup-node, messaging-discovery or messaging-server.
    #[arg(long, value_name = "NAME", default_value = "node")]
    service: String,
}

#[derive(Serialize)]
struct Checked {
    service: String,
    valid: bool,
}

pub(crate) fn run(args: ConfigArgs, out: Output) -> Result<ExitCode, Stop> {
    let (source, show) = match args.action {
        Action::Check(source) => (source, false),
        Action::Show(source) => (source, true),
    };
    let (settings, report) = services::with(&source.service, Load(source.config))??;
    if show {
        out.list(&settings, |_: Paint| report)?;
    } else {
        let checked = Checked { service: source.service, valid: true };
        out.one(&checked, |_| format!("the settings of {} are valid\n", checked.service))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Loads the settings of a service and has it check them.
struct Load(Option<PathBuf>);

impl Visit for Load {
    type Output = Result<(Vec<Sourced>, String), Problem>;

    fn visit<S: Service>(self) -> Self::Output {
        let variables = env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        let loader = Loader::new(S::NAME).file(self.0).env(variables).also_known(FLAGS);
        let loaded: Loaded<S::Raw> = loader.load()?;
        let report = loaded.report();
        S::configure(loaded.config, &loaded.common)?;
        Ok((loaded.settings, report))
    }
}
