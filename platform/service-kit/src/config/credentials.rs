//! What systemd hands over: files by name in `$CREDENTIALS_DIRECTORY` (systemd.exec(5), "LoadCredential=").

use std::{collections::BTreeMap, path::PathBuf};

/// Names the directory; set by systemd where a unit has credentials.
pub(super) const DIRECTORY: &str = "CREDENTIALS_DIRECTORY";

/// The credential of that name, if it was handed over.
pub(super) fn find(name: &str, variables: &BTreeMap<String, String>) -> Option<PathBuf> {
    let directory = variables.get(DIRECTORY).filter(|directory| !directory.is_empty())?;
    Some(PathBuf::from(directory).join(name)).filter(|path| path.is_file())
}
