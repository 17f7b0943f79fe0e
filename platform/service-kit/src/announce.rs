//! How a started service tells others where it listens: a file of JSON, written once it serves.

use std::{collections::BTreeMap, fs, io, path::Path};

use byway_base::{Code, Problem, PublicKey};
use serde::{Deserialize, Serialize};

use crate::atomic_file;

/// What a service says of itself once it serves. Fields are added, never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Announcement {
    /// Version of this form: 1.
    pub version: u32,
    /// The service's name.
    pub service: String,
    /// The release it is from.
    pub release: String,
    /// Its process.
    pub pid: u32,
    /// Its identity, if it has one.
    pub key: Option<PublicKey>,
    /// The addresses it listens on, by name; `admin` is the admin listener.
    pub addresses: BTreeMap<String, String>,
}

impl Announcement {
    /// Writes the file, in place of an older one. Who reads it sees it whole or not at all.
    ///
    /// # Errors
    /// [`Code::File`] if it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), Problem> {
        let text = serde_json::to_string(self).expect("names, numbers and texts only") + "\n";
        let written = atomic_file::replace(path, text.as_bytes(), 0o644);
        written.map_err(|error| problem("write", path, &error))
    }

    /// Reads the file. `None` if it is not there: the service does not serve yet, or no longer.
    ///
    /// # Errors
    /// [`Code::File`] if it cannot be read or is no announcement.
    pub fn read(path: &Path) -> Result<Option<Self>, Problem> {
        match fs::read(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(problem("read", path, &error)),
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|error| problem("read", path, &error))
            }
        }
    }

    /// One line for the log: `http 127.0.0.1:9091, admin 127.0.0.1:4124`.
    #[must_use]
    pub fn listening(&self) -> String {
        let each = self.addresses.iter().map(|(name, address)| format!("{name} {address}"));
        each.collect::<Vec<_>>().join(", ")
    }
}

fn problem(verb: &str, path: &Path, error: &dyn std::error::Error) -> Problem {
    Problem::new(Code::File, format!("cannot {verb} the announcement {}", path.display()), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_announced_reads_back_and_nothing_is_read_before() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("service.json");
        assert_eq!(Announcement::read(&path), Ok(None));
        let announcement = Announcement {
            version: 1,
            service: "route-finder".to_owned(),
            release: "0.1.0".to_owned(),
            pid: 7,
            key: None,
            addresses: BTreeMap::from([("http".to_owned(), "127.0.0.1:1".to_owned())]),
        };
        announcement.write(&path).unwrap();
        announcement.write(&path).unwrap();
        assert_eq!(Announcement::read(&path), Ok(Some(announcement)));
    }
}
