//! The base images.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::command::{Failure, run};

/// Time for installing Debian into a folder, once, and copying Rust into an image.
const WITHIN: Duration = Duration::from_secs(30 * 60);

/// Makes stand-ins for the base images. Returns the lines of `.env` that name them.
///
/// # Errors
/// If a tool or a package cannot be had.
pub(crate) fn make(cache: &Path) -> Result<String, Failure> {
    let made = fs::create_dir_all(cache);
    made.map_err(|error| Failure::new(format_args!("create {}", cache.display()), error))?;
    run(Command::new(here().join("bases/make")).arg(cache), WITHIN)
}

/// The folder of this crate.
pub(crate) fn here() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
