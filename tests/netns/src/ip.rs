//! The `ip` command.

use std::process::Command;

use crate::LabError;

/// Runs a command and returns what it printed.
///
/// # Errors
/// If it cannot be started or does not end well, with what it said.
pub(crate) fn run(command: &mut Command) -> Result<String, LabError> {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let failed = |why: String| LabError::Command { command: words.join(" "), why };
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(failed(format!("{}: {}", output.status, said.trim())))
}

/// Runs `ip` with these words.
///
/// # Errors
/// As [`run`].
pub(crate) fn ip(words: &str) -> Result<String, LabError> {
    run(Command::new("ip").args(words.split_whitespace()))
}
