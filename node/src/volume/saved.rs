//! The count as a file.

use std::{
    fs::{self, File},
    io::{self, Read},
    path::Path,
};

use byway_service_kit::replace_file;
use serde::{Deserialize, Serialize};

/// Of the file's form.
const VERSION: u32 = 1;
/// Bytes of the file; it has some fifty.
const FILE_MAX: u64 = 4_096;

/// What is written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Saved {
    version: u32,
    /// Name of the period.
    pub(super) period: String,
    /// Bytes carried in it.
    pub(super) bytes: u64,
}

impl Saved {
    pub(super) const fn new(period: String, bytes: u64) -> Self {
        Self { version: VERSION, period, bytes }
    }
}

/// What is written down; none if there is no file.
pub(super) fn read(file: &Path) -> Result<Option<Saved>, String> {
    let open = match File::open(file) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let mut bytes = Vec::new();
    open.take(FILE_MAX).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    let saved: Saved = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if saved.version == VERSION {
        Ok(Some(saved))
    } else {
        Err(format!("it is of version {}, and only {VERSION} is known", saved.version))
    }
}

/// Replaces the file; whoever reads it sees the old or the new one whole.
pub(super) fn write(file: &Path, saved: &Saved) -> Result<(), String> {
    let bytes = serde_json::to_vec(saved).map_err(|error| error.to_string())?;
    if let Some(directory) = file.parent() {
        fs::create_dir_all(directory).map_err(|error| format!("{}: {error}", directory.display()))?;
    }
    replace_file(file, &bytes, 0o600).map_err(|error| format!("{}: {error}", file.display()))
}
