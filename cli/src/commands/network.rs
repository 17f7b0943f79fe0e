//! `byway network`: what the services and nodes of a network need before their first start.

mod init;
mod nodes;

use std::{fs, path::Path, process::ExitCode};

use byway_base::{Code, Problem, PublicKey};
use byway_service_kit::{key_file, replace_file};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    output::{Output, Paint, Table},
    stop::Stop,
};

/// What to do with a network.
#[derive(Debug, Args)]
pub struct NetworkArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Makes the keys of a network's services, and the settings that its nodes share. Leaves keys that exist as they
    /// are.
    Init(init::InitArgs),
    /// Makes the keys of nodes, and settings in which these know each other by name. Leaves keys that exist as they are.
    Nodes(nodes::NodesArgs),
}

/// Who has a key now.
#[derive(Debug, Serialize)]
struct Initialised {
    name: String,
    key: PublicKey,
    file: std::path::PathBuf,
}

impl Initialised {
    /// Makes the key of `name` in its directory, for a program that calls itself `program`, unless there is one.
    fn make(directory: &Path, name: &str, program: &str) -> Result<Self, Problem> {
        let file = directory.join(name).join(format!("{program}.key"));
        let key = key_file::load_or_create(&file)?.public();
        Ok(Self { name: name.to_owned(), key, file })
    }
}

pub(crate) fn run(args: NetworkArgs, out: Output) -> Result<ExitCode, Stop> {
    let (made, settings) = match args.action {
        Action::Init(args) => init::run(&args)?,
        Action::Nodes(args) => nodes::run(&args)?,
    };
    out.list(&made, |paint| describe(&made, &settings, paint))?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that everybody who reaches its directory may read.
fn write(directory: &Path, name: &str, text: &str) -> Result<(), Problem> {
    let file = directory.join(name);
    let written = fs::create_dir_all(directory).and_then(|()| replace_file(&file, text.as_bytes(), 0o444));
    written.map_err(|error| Problem::new(Code::File, format!("cannot write {}", file.display()), error))
}

fn describe(made: &[Initialised], settings: &Path, paint: Paint) -> String {
    let mut table = Table::new(["NAME", "KEY"]);
    for one in made {
        table.row([one.name.clone(), one.key.to_string()]);
    }
    format!("{}nodes start with --config {}\n", table.render(paint), settings.display())
}
