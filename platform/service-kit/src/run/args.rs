//! The command line that every service has.

use std::{env, ffi::OsString, fmt::Write as _, path::PathBuf};

use byway_base::Problem;
use clap::{CommandFactory, FromArgMatches, Parser, ValueEnum};

use crate::{ConfigKeys, Loaded, Loader, OutputFormat, Service};

/// The variables that stand for flags, not for settings.
const FLAG_VARIABLES: &[&str] = &["BYWAY_CONFIG", "BYWAY_ANNOUNCE"];

#[derive(Debug, Parser)]
#[command(disable_help_subcommand = true)]
pub(super) struct Args {
    /// Settings file (TOML).
    #[arg(long, value_name = "FILE", env = "BYWAY_CONFIG")]
    pub(super) config: Option<PathBuf>,

    /// Sets one setting, above environment and file. Repeatable.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub(super) set: Vec<(String, String)>,

    /// Checks the settings and ends.
    #[arg(long)]
    pub(super) check: bool,

    /// Prints a settings file with every setting, described and at its default, and ends.
    #[arg(long)]
    pub(super) print_config: bool,

    /// Prints every setting with its value and who set it, and ends.
    #[arg(long)]
    pub(super) show_origin: bool,

    /// How to log and to report problems, on standard error.
    #[arg(long, value_name = "FORMAT")]
    pub(super) log_format: Option<OutputFormat>,

    /// Writes this file once serving: JSON with the bound addresses and the public key. Removed at the end.
    #[arg(long, value_name = "FILE", env = "BYWAY_ANNOUNCE")]
    pub(super) announce: Option<PathBuf>,
}

impl Args {
    /// Parses the arguments, the program's name first.
    pub(super) fn parse<S: Service>(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let command = Self::command()
            .name(format!("byway-{}", S::NAME))
            .about(S::ABOUT)
            .version(env!("CARGO_PKG_VERSION"))
            .after_help("`--help` lists every setting.")
            .after_long_help(settings_help::<S>());
        Self::from_arg_matches(&command.try_get_matches_from(args)?)
    }

    /// Loads the settings.
    pub(super) fn load<S: Service>(&self) -> Result<Loaded<S::Raw>, Problem> {
        let variables = env::vars_os()
            .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()));
        let mut loader =
            Loader::new(S::NAME).file(self.config.clone()).env(variables).also_known(FLAG_VARIABLES);
        for (key, value) in &self.set {
            loader = loader.flag(key, value);
        }
        if let Some(value) = self.log_format.and_then(|format| format.to_possible_value()) {
            loader = loader.flag("log_format", value.get_name());
        }
        loader.load()
    }

    /// How to report a problem with the settings themselves, before they could say it.
    pub(super) fn early_format(&self) -> OutputFormat {
        let of_environment = || OutputFormat::from_str(&env::var("BYWAY_LOG_FORMAT").ok()?, true).ok();
        self.log_format.or_else(of_environment).unwrap_or_default()
    }
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

/// The settings, one paragraph each.
fn settings_help<S: Service>() -> String {
    let mut help =
        "Settings, as keys of --set and of the file; as variables with BYWAY_ before them, for example\n\
                    BYWAY_LOG_LEVEL. --print-config shows them with their defaults.\n"
            .to_owned();
    for key in S::Raw::keys().iter().chain(&crate::config::common_keys()) {
        let doc = key.doc.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let _ = write!(help, "\n  {}\n          {}\n", key.name, doc.trim());
    }
    help
}
