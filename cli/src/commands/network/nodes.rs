//! `byway network nodes`.

use std::{fs, path::PathBuf};

use byway_base::{Code, Problem};
use clap::Args;
use toml::{Table, Value};

use super::{Initialised, write};

/// Which nodes.
#[derive(Debug, Args)]
pub(super) struct NodesArgs {
    /// The directory that `byway network init` filled. Gets a directory with a key for each node, and
    /// `nodes/node.toml`.
    directory: PathBuf,
    /// What the nodes call each other: each name a petname.
    #[arg(required = true)]
    names: Vec<String>,
}

/// The keys, and the nodes' file: what all nodes of the network are told, and the petnames.
pub(super) fn run(args: &NodesArgs) -> Result<(Vec<Initialised>, PathBuf), Problem> {
    let shared = args.directory.join("public").join("node.toml");
    let unreadable = |why: String| {
        Problem::new(Code::File, format!("cannot use {}", shared.display()), why)
            .with_hint("run `byway network init` on this directory first")
    };
    let text = fs::read_to_string(&shared).map_err(|error| unreadable(error.to_string()))?;
    let mut settings: Table = toml::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
    let wrong = args.names.iter().find(|name| !byway_node::is_petname(name));
    if let Some(name) = wrong {
        let why = format!("'{name}': a petname is {}", byway_node::PETNAME_FORM);
        return Err(Problem::new(Code::Usage, "cannot name a node", why));
    }
    let make = |name: &String| Initialised::make(&args.directory, name, "node");
    let made = args.names.iter().map(make).collect::<Result<Vec<_>, _>>()?;
    let petnames = made.iter().map(|node| Value::String(format!("{}={}", node.name, node.key)));
    settings.insert("petnames".to_owned(), Value::Array(petnames.collect()));
    let nodes = args.directory.join("nodes");
    let head = "# What nodes that know each other by name are told. Written by `byway network nodes`.\n";
    let text = toml::to_string(&settings)
        .map_err(|error| Problem::new(Code::Internal, "cannot write the nodes' settings", error))?;
    write(&nodes, "node.toml", &format!("{head}{text}"))?;
    Ok((made, nodes.join("node.toml")))
}
