//! `byway man`: manual pages, for packages.

use std::{fs, path::PathBuf, process::ExitCode};

use byway_base::{Code, Problem};
use clap::{Args, CommandFactory};
use clap_mangen::Man;

use crate::{args::Cli, output::print, stop::Stop};

/// Where to.
#[derive(Debug, Args)]
pub struct ManArgs {
    /// Writes a page for every command into this directory. Without it the page of `byway` itself is printed.
    #[arg(long, value_name = "DIRECTORY")]
    directory: Option<PathBuf>,
}

pub(crate) fn run(args: ManArgs) -> Result<ExitCode, Stop> {
    match args.directory {
        Some(directory) => {
            let written = fs::create_dir_all(&directory)
                .and_then(|()| clap_mangen::generate_to(Cli::command(), &directory));
            written.map_err(|error| {
                let what = format!("cannot write manual pages into {}", directory.display());
                Problem::new(Code::File, what, error)
            })?;
        }
        None => {
            let mut page = Vec::new();
            let rendered = Man::new(Cli::command()).render(&mut page);
            rendered.map_err(|error| Problem::new(Code::Internal, "cannot write the manual page", error))?;
            print(&String::from_utf8_lossy(&page))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
