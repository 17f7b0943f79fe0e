//! `byway key`: keys and their forms. Secrets stay in their files.

use std::{path::PathBuf, process::ExitCode};

use byway_base::{Code, Problem, PublicKey};
use byway_service_kit::{Service, key_file};
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    context::places,
    output::Output,
    services::{self, Visit},
    stop::Stop,
};

/// What to do with keys.
#[derive(Debug, Args)]
pub struct KeyArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Shows the public key of a key file.
    Show(Place),
    /// Makes a key and keeps it in a file of mode 0600. Leaves a file that exists as it is.
    Generate(Place),
    /// Shows a public key in its other forms.
    Convert {
        /// The key in any form.
        key: String,
    },
}

#[derive(Debug, Args)]
struct Place {
    /// The file; by default where the service keeps its key.
    file: Option<PathBuf>,
    /// Whose key: node, transport-discovery, route-finder, setup-node, messaging-discovery or messaging-server.
    #[arg(long, value_name = "NAME", default_value = "node", conflicts_with = "file")]
    service: String,
}

impl Place {
    fn path(self) -> Result<PathBuf, Problem> {
        self.file.map_or_else(|| services::with(&self.service, KeyFile)?, Ok)
    }
}

/// Tells where a service keeps its key.
struct KeyFile;

impl Visit for KeyFile {
    type Output = Result<PathBuf, Problem>;

    fn visit<S: Service>(self) -> Self::Output {
        Ok(places::<S>()?.common.key_file)
    }
}

/// A public key in its three forms.
#[derive(Debug, Serialize)]
pub(crate) struct Forms {
    key: PublicKey,
    hex: String,
    base58: String,
}

impl From<PublicKey> for Forms {
    fn from(key: PublicKey) -> Self {
        Self { key, hex: key.to_hex(), base58: key.to_base58() }
    }
}

pub(crate) fn run(args: KeyArgs, out: Output) -> Result<ExitCode, Stop> {
    let key = match args.action {
        Action::Show(place) => key_file::load(&place.path()?)?.public(),
        Action::Generate(place) => key_file::load_or_create(&place.path()?)?.public(),
        Action::Convert { key } => {
            let what = || format!("cannot convert '{}'", shortened(&key));
            key.parse().map_err(|error| Problem::new(Code::BadKey, what(), error))?
        }
    };
    show(&Forms::from(key), out)
}

pub(crate) fn show(forms: &Forms, out: Output) -> Result<ExitCode, Stop> {
    out.one(forms, |paint| {
        let line = |name: &str, text: &str| format!("{}  {text}\n", paint.dim(&format!("{name:6}")));
        let lines =
            [line("base32", &forms.key.to_string()), line("hex", &forms.hex), line("base58", &forms.base58)];
        lines.concat()
    })?;
    Ok(ExitCode::SUCCESS)
}

/// What a user took for a public key may be a secret one: it is not shown in full.
fn shortened(text: &str) -> String {
    let start: String = text.chars().take(8).collect();
    if start.len() < text.len() { format!("{start}…") } else { start }
}
