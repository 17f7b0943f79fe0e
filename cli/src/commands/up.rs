//! `byway up`: a node in the foreground.

use std::{ffi::OsString, path::PathBuf, process::ExitCode};

use byway_node::NodeService;
use byway_service_kit::{OutputFormat, run_service};
use clap::Args;

use crate::{args::Global, context::problem_format};

/// How to run it.
#[derive(Debug, Args)]
pub struct UpArgs {
    /// Settings file (TOML). A node needs none.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one setting, above environment and file. Repeatable; `byway config show` lists them.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<OsString>,
}

pub(crate) fn run(args: UpArgs, global: &Global) -> ExitCode {
    run_service::<NodeService>(arguments(args, global))
}

/// The same as arguments of the service.
fn arguments(args: UpArgs, global: &Global) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = vec!["byway up".into()];
    let mut add = |name: &str, value: OsString| arguments.extend([name.into(), value]);
    if let Some(path) = args.config {
        add("--config", path.into());
    }
    if let Some(path) = &global.socket {
        let mut setting = OsString::from("socket=");
        setting.push(path);
        add("--set", setting);
    }
    for setting in args.set {
        add("--set", setting);
    }
    if problem_format(global.output) == OutputFormat::Json {
        add("--log-format", "json".into());
    }
    arguments
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Cli, Command};

    #[test]
    fn flags_of_the_command_become_settings_of_the_node() {
        let line = "byway --socket /s up --config c.toml --set transit=false --output json";
        let cli = Cli::try_parse_from(line.split(' ')).unwrap();
        let Command::Up(args) = cli.command else { panic!("another command") };
        let expected = [
            "byway up",
            "--config",
            "c.toml",
            "--set",
            "socket=/s",
            "--set",
            "transit=false",
            "--log-format",
            "json",
        ];
        assert_eq!(arguments(args, &cli.global), expected);
    }
}
