//! `byway completion`: a script that lets a shell complete commands.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use crate::{args::Cli, output::print, stop::Stop};

/// For which shell.
#[derive(Debug, Args)]
pub struct CompletionArgs {
    /// The shell.
    shell: Shell,
}

pub(crate) fn run(args: CompletionArgs) -> Result<ExitCode, Stop> {
    let mut script = Vec::new();
    generate(args.shell, &mut Cli::command(), "byway", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
