//! The `nft` command.

use std::{
    io::Write,
    process::{Command, Stdio},
};

use crate::{LabError, Namespace};

/// Whether it is installed.
pub(crate) fn is_installed() -> bool {
    let asked = Command::new("nft").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    asked.is_ok_and(|status| status.success())
}

/// Has a namespace obey a script: all of it, or nothing if it cannot.
///
/// # Errors
/// What `nft` said.
pub(crate) fn apply(namespace: &Namespace, script: &str) -> Result<(), LabError> {
    let mut nft = namespace.command("nft");
    nft.args(["-f", "-"]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    let failed = |why: String| LabError::Command { command: "nft -f -".to_owned(), why };
    let mut nft = nft.spawn().map_err(|error| failed(error.to_string()))?;
    if let Some(mut input) = nft.stdin.take() {
        // If it ended before it read everything, it says why.
        let _ = input.write_all(script.as_bytes());
    }
    let output = nft.wait_with_output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(format!("{}: {}\n{script}", output.status, said.trim())))
}
