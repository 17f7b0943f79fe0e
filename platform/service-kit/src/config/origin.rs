//! Where a value came from.

use std::{fmt, path::PathBuf};

use serde::Serialize;

/// Where a value came from. The order is the precedence: later overrides earlier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "from", rename_all = "kebab-case")]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// The configuration file.
    File {
        /// The file.
        path: PathBuf,
        /// The line of the key, from 1.
        line: usize,
        /// The column of the key in characters, from 1.
        column: usize,
    },
    /// A variable of the environment.
    Env {
        /// Its name.
        name: String,
    },
    /// A file that a variable of the environment names.
    EnvFile {
        /// The variable's name.
        name: String,
        /// The file.
        path: PathBuf,
    },
    /// The command line.
    Flag,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Env { name } => write!(f, "env {name}"),
            Self::EnvFile { name, path } => write!(f, "env {name}, file {}", path.display()),
            Self::Flag => f.write_str("command line"),
        }
    }
}

/// A setting as it came out, and who set it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sourced {
    /// The setting's name.
    pub key: String,
    /// The value as TOML, masked if secret; empty if there is none.
    pub value: String,
    /// Who set it.
    pub origin: Origin,
}
