//! What commands work with.

use std::{env, path::PathBuf};

use byway_app_sdk::LocalNode;
use byway_base::Problem;
use byway_node::NodeService;
use byway_service_kit::{Loaded, Loader, OutputFormat, Service, telemetry};

use crate::{
    args::{ChoiceArgs, Global},
    choice::Choice,
    output::{Format, Output, Paint},
};

/// The variables that say where the files of every service are.
const PLACES: &[&str] = &["HOME", "XDG_STATE_HOME", "STATE_DIRECTORY"];
/// The settings that say where files of one service are, as the ends of variables. The socket is a node's.
const OWN_PLACES: &[&str] = &["DATA_DIR", "KEY_FILE", "SOCKET"];

/// Variables that begin like settings and need not be some of a service.
const NOT_SETTINGS: &[&str] = &["BYWAY_CONFIG", "BYWAY_ANNOUNCE", "BYWAY_SOCKET"];

/// What commands work with.
#[derive(Debug, Clone)]
pub(crate) struct Context {
    pub(crate) node: LocalNode,
    pub(crate) out: Output,
}

impl Context {
    pub(crate) fn new(global: &Global) -> Result<Self, Problem> {
        let socket = match &global.socket {
            Some(path) => path.clone(),
            None => default_socket()?,
        };
        Ok(Self { node: LocalNode::at(socket), out: output(global) })
    }

    /// Logs of commands that go on, on standard error.
    pub(crate) fn log(&self) -> Result<(), Problem> {
        let level = env::var("BYWAY_LOG_LEVEL").unwrap_or_else(|_| "info".to_owned());
        telemetry::init(&level, problem_format(self.out.format))
    }
}

pub(crate) fn output(global: &Global) -> Output {
    Output { format: global.output, paint: Paint::for_stdout(global.no_color) }
}

pub(crate) fn problem_format(format: Format) -> OutputFormat {
    match format {
        Format::Table => OutputFormat::Human,
        Format::Json | Format::Jsonl => OutputFormat::Json,
    }
}

/// A service's settings as far as they tell where its files are.
pub(crate) fn places<S: Service>() -> Result<Loaded<S::Raw>, Problem> {
    let service = S::NAME.replace('-', "_").to_ascii_uppercase();
    let own = OWN_PLACES.iter().flat_map(|key| [format!("BYWAY_{key}"), format!("BYWAY_{service}_{key}")]);
    let names = PLACES.iter().map(|name| (*name).to_owned()).chain(own);
    let variables = names.filter_map(|name| env::var(&name).ok().map(|value| (name, value)));
    Loader::new(S::NAME).env(variables).also_known(NOT_SETTINGS).load()
}

fn default_socket() -> Result<PathBuf, Problem> {
    let loaded = places::<NodeService>()?;
    Ok(loaded.config.socket.unwrap_or_else(|| loaded.common.data_dir.join("node.sock")))
}

impl ChoiceArgs {
    pub(crate) fn choice(&self) -> Result<Choice, Problem> {
        Choice::read(self.policy.as_deref(), self.path.as_deref())
    }
}
