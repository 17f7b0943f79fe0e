//! `byway version`.

use std::process::ExitCode;

use serde::Serialize;

use crate::{output::Output, stop::Stop};

#[derive(Serialize)]
struct Version {
    release: &'static str,
}

pub(crate) fn run(out: Output) -> Result<ExitCode, Stop> {
    let version = Version { release: env!("CARGO_PKG_VERSION") };
    out.one(&version, |_| format!("byway {}\n", version.release))?;
    Ok(ExitCode::SUCCESS)
}
