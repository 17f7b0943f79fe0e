//! The settings that every service has.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use byway_base::limits;

use super::{ConfigKeys, Key, credentials};
use crate::OutputFormat;

/// The settings that every service has, resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Common {
    /// Where `/livez`, `/readyz` and `/metrics` are served. `None`: nowhere.
    pub admin_listen: Option<String>,
    /// What is logged: a level, or directives by module.
    pub log_level: String,
    /// How it is logged.
    pub log_format: OutputFormat,
    /// Where the service keeps its files.
    pub data_dir: PathBuf,
    /// Where the service keeps its secret key.
    pub key_file: PathBuf,
    /// Time for finishing what is under way when asked to stop.
    pub drain_timeout: Duration,
}

crate::settings! {
    /// The settings that every service has, as written.
    pub(super) struct RawCommon {
        /// Address of the admin listener: /livez, /readyz, /metrics, POST /drain. Keep it on an internal network.
        /// Port 0 takes a free one, told by the log and by --announce; "off" opens none.
        pub admin_listen: String = "127.0.0.1:0".to_owned();
        /// What is logged: error, warn, info, debug, trace, or directives such as "info,byway_routing=debug".
        pub log_level: String = "info".to_owned();
        /// How it is logged: "human", or "json" with one object a line.
        pub log_format: OutputFormat = OutputFormat::Human;
        /// Directory for the service's files. By default systemd's $STATE_DIRECTORY, else
        /// $XDG_STATE_HOME/byway/SERVICE or ~/.local/state/byway/SERVICE, else /var/lib/byway/SERVICE.
        pub data_dir: Option<PathBuf> = None, example "/var/lib/byway";
        /// File of the service's secret key, created with mode 0600 if absent. By default systemd's credential
        /// SERVICE.key if there is one, else SERVICE.key in the data directory.
        pub key_file: Option<PathBuf> = None, example "/var/lib/byway/key";
        /// Seconds for finishing what is under way when asked to stop.
        pub drain_timeout_s: u64 = limits::DRAIN_TIMEOUT.as_secs();
    }
}

/// The keys of [`Common`], for help texts.
pub(crate) fn common_keys() -> Vec<Key> {
    RawCommon::keys()
}

impl RawCommon {
    /// Fills what depends on the service and on the environment.
    pub(super) fn resolve(self, service: &str, variables: &BTreeMap<String, String>) -> Common {
        let data_dir = self.data_dir.unwrap_or_else(|| default_data_dir(service, variables));
        let name = format!("{service}.key");
        let handed_over = || credentials::find(&name, variables);
        let key_file = self.key_file.or_else(handed_over).unwrap_or_else(|| data_dir.join(&name));
        let off = self.admin_listen.is_empty() || self.admin_listen == "off";
        Common {
            admin_listen: (!off).then_some(self.admin_listen),
            log_level: self.log_level,
            log_format: self.log_format,
            data_dir,
            key_file,
            drain_timeout: Duration::from_secs(self.drain_timeout_s),
        }
    }
}

fn default_data_dir(service: &str, variables: &BTreeMap<String, String>) -> PathBuf {
    let set = |name: &str| variables.get(name).filter(|value| !value.is_empty());
    // systemd separates several directories by colons; the first is ours.
    if let Some(directory) = set("STATE_DIRECTORY").and_then(|all| all.split(':').next()) {
        return PathBuf::from(directory);
    }
    let state = set("XDG_STATE_HOME").map(PathBuf::from);
    let state = state.or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    state.unwrap_or_else(|| PathBuf::from("/var/lib")).join("byway").join(service)
}
