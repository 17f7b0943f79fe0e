//! What commands work with.

use std::{env, path::PathBuf};

use byway_app_sdk::LocalNode;
use byway_base::Problem;
use byway_node::RawConfig;
use byway_service_kit::{Loaded, Loader, OutputFormat, telemetry};

use crate::{
    args::{ChoiceArgs, Global},
    choice::Choice,
    output::{Format, Output, Paint},
};

/// The variables that say where a node keeps its files.
const PLACES: &[&str] = &[
    "HOME",
    "XDG_STATE_HOME",
    "STATE_DIRECTORY",
    "BYWAY_DATA_DIR",
    "BYWAY_NODE_DATA_DIR",
    "BYWAY_KEY_FILE",
    "BYWAY_NODE_KEY_FILE",
    "BYWAY_SOCKET",
    "BYWAY_NODE_SOCKET",
];

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

/// The node's settings as far as they tell where its files are.
pub(crate) fn places() -> Result<Loaded<RawConfig>, Problem> {
    let variables = PLACES.iter().filter_map(|name| Some(((*name).to_owned(), env::var(name).ok()?)));
    Loader::new("node").env(variables).load()
}

fn default_socket() -> Result<PathBuf, Problem> {
    let loaded = places()?;
    Ok(loaded.config.socket.unwrap_or_else(|| loaded.common.data_dir.join("node.sock")))
}

impl ChoiceArgs {
    pub(crate) fn choice(&self) -> Result<Choice, Problem> {
        Choice::read(self.policy.as_deref(), self.path.as_deref())
    }
}
