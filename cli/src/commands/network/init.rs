//! `byway network init`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use byway_base::{Code, Problem, PublicKey};
use clap::Args;
use data_encoding::BASE32_NOPAD;
use serde::Serialize;

use super::{Initialised, write};
use crate::services;

/// Random bytes of a database's password.
const PASSWORD_BYTES: usize = 20;

/// Which services, and where they are.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Gets a directory with a key for each service, and `public/node.toml` for the nodes.
    directory: PathBuf,
    /// A service, or one of several of a kind: `messaging-server-1`. May be repeated.
    #[arg(long = "service", value_name = "NAME", default_values_t = default_services())]
    services: Vec<String>,
    /// Transport discovery's base URL, for the nodes.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9091")]
    transport_discovery: String,
    /// The route finder's base URL, for the nodes.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9092")]
    route_finder: String,
    /// Messaging discovery's base URL, for the nodes.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:9093")]
    messaging_discovery: String,
    /// Host and name of a PostgreSQL database: a password for it is made, as `database/password`, and `database/url`
    /// for the discoveries.
    #[arg(long, value_name = "HOST/NAME")]
    database: Option<String>,
}

fn default_services() -> Vec<String> {
    let control_plane = services::NAMES.iter().filter(|name| **name != "node");
    control_plane.map(|name| (*name).to_owned()).collect()
}

/// The keys, and the file for the nodes.
pub(super) fn run(args: &InitArgs) -> Result<(Vec<Initialised>, PathBuf), Problem> {
    let make = |name: &String| Initialised::make(&args.directory, name, kind(name)?);
    let made = args.services.iter().map(make).collect::<Result<Vec<_>, _>>()?;
    if let Some(database) = &args.database {
        write_database(&args.directory.join("database"), database)?;
    }
    let public = args.directory.join("public");
    write(&public, "node.toml", &node_settings(args, &made)?)?;
    Ok((made, public.join("node.toml")))
}

/// The service that `name` is one of: the name itself, or without a number behind it.
fn kind(name: &str) -> Result<&str, Problem> {
    let numbered = name.rsplit_once('-').filter(|(_, number)| number.parse::<u16>().is_ok());
    let kind = numbered.map_or(name, |(kind, _)| kind);
    if services::NAMES.contains(&kind) { Ok(kind) } else { Err(services::unknown(name)) }
}

fn node_settings(args: &InitArgs, made: &[Initialised]) -> Result<String, Problem> {
    let of_kind = |wanted: &'static str| {
        made.iter().filter(move |one| kind(&one.name).is_ok_and(|kind| kind == wanted)).map(|one| one.key)
    };
    let pinned = |kind: &'static str, url: &str| match of_kind(kind).next() {
        Some(key) => format!("{key}@{url}"),
        None => url.to_owned(),
    };
    let settings = NodeSettings {
        transport_discovery: pinned("transport-discovery", &args.transport_discovery),
        route_finder: pinned("route-finder", &args.route_finder),
        messaging_discovery: [args.messaging_discovery.clone()],
        trusted_setup_nodes: of_kind("setup-node").collect(),
    };
    let text = toml::to_string(&settings)
        .map_err(|error| Problem::new(Code::Internal, "cannot write the nodes' settings", error))?;
    Ok(format!("# What every node of this network is told. Written by `byway network init`.\n{text}"))
}

/// The shared part of a node's settings file.
#[derive(Debug, Serialize)]
struct NodeSettings {
    transport_discovery: String,
    route_finder: String,
    messaging_discovery: [String; 1],
    trusted_setup_nodes: Vec<PublicKey>,
}

/// A password, unless there is one, and the URL with it. Readable to every user who reaches the directory: the
/// database runs as another than the discoveries.
fn write_database(directory: &Path, database: &str) -> Result<(), Problem> {
    let (host, name) =
        database.split_once('/').filter(|(host, name)| !host.is_empty() && !name.is_empty()).ok_or_else(
            || Problem::new(Code::Usage, "cannot use --database", format!("'{database}' is not HOST/NAME")),
        )?;
    let file = directory.join("password");
    let password = match fs::read_to_string(&file) {
        Ok(password) => password.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let password = BASE32_NOPAD.encode(&rand::random::<[u8; PASSWORD_BYTES]>()).to_ascii_lowercase();
            write(directory, "password", &password)?;
            password
        }
        Err(error) => {
            return Err(Problem::new(Code::File, format!("cannot read {}", file.display()), error));
        }
    };
    write(directory, "url", &format!("postgres://byway:{password}@{host}/{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_of_a_kind_are_told_apart_by_a_number() {
        assert_eq!(kind("messaging-server-2").unwrap(), "messaging-server");
        assert_eq!(kind("setup-node").unwrap(), "setup-node");
        assert_eq!(kind("messaging-server-two").unwrap_err().code, Code::Usage);
    }
}
