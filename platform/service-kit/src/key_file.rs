//! The secret key in its file: 64 hexadecimal characters and a line break, mode 0600.

use std::{
    fs::{self, DirBuilder, File},
    io::{self, Read},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::Path,
};

use byway_base::{Code, Problem, SecretKey};
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

use crate::atomic_file;

/// Longest content, bytes: the longest text form of a key is 64 characters; the rest is white space.
const LENGTH_MAX: u64 = 128;

/// Loads the key, or creates it if there is no file. Processes that start at the same time end up with one key. The
/// directory is created with mode 0700 if need be. Blocks for a few disk operations.
///
/// # Errors
/// [`Code::SecretExposed`] if the file can be read or written by others than its owner; [`Code::File`] if it cannot
/// be read, created, or holds no key.
pub fn load_or_create(path: &Path) -> Result<SecretKey, Problem> {
    match read(path) {
        Err(Failed::Absent) => create(path)?,
        other => return other.map_err(|failed| failed.problem(path)),
    }
    load(path)
}

/// Loads the key; never creates one.
///
/// # Errors
/// As [`load_or_create`], and [`Code::File`] if there is no file.
pub fn load(path: &Path) -> Result<SecretKey, Problem> {
    read(path).map_err(|failed| failed.problem(path))
}

/// Why no key came out of the file.
enum Failed {
    Absent,
    Io(io::Error),
    Exposed(u32),
    NoKey,
}

impl Failed {
    fn problem(self, path: &Path) -> Problem {
        let path = path.display();
        let what = format!("cannot use the key file {path}");
        match self {
            Self::Absent => Problem::new(Code::File, what, "there is no such file"),
            Self::Io(error) => Problem::new(Code::File, what, error),
            Self::Exposed(mode) => {
                let why = format!("others than its owner can read or write it (mode {:03o})", mode & 0o777);
                let hint = format!("run `chmod 600 {path}`; if others may have read it, make a new key");
                Problem::new(Code::SecretExposed, what, why).with_hint(hint)
            }
            Self::NoKey => {
                let why = "it does not hold the 64 hexadecimal characters of a secret key";
                let hint = "restore the file from a backup, or remove it to start with a new identity";
                Problem::new(Code::File, what, why).with_hint(hint)
            }
        }
    }
}

fn read(path: &Path) -> Result<SecretKey, Failed> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Failed::Absent,
        _ => Failed::Io(error),
    })?;
    let metadata = file.metadata().map_err(Failed::Io)?;
    if is_exposed((metadata.uid(), metadata.gid(), metadata.mode()), own_group()) {
        return Err(Failed::Exposed(metadata.mode()));
    }
    let mut text = Zeroizing::new(String::new());
    file.take(LENGTH_MAX).read_to_string(&mut text).map_err(Failed::Io)?;
    text.trim().parse().map_err(|_| Failed::NoKey)
}

/// Whether others than the owner get at the file. What a service manager hands over is root's and of mode 0440: systemd's
/// credentials, with an access list that names the service's user alone, and Kubernetes' secrets, which the group of the
/// pod reads. These are fine.
fn is_exposed((uid, gid, mode): (u32, u32, u32), own_group: Option<u32>) -> bool {
    let handed_over = uid == 0 && mode & 0o777 == 0o440 && (gid == 0 || Some(gid) == own_group);
    mode & 0o077 != 0 && !handed_over
}

/// The group that this process runs as; its own entry in `/proc` belongs to it.
fn own_group() -> Option<u32> {
    fs::metadata("/proc/self").ok().map(|own| own.gid())
}

/// Creates the file with a fresh key, unless another process was first.
fn create(path: &Path) -> Result<(), Problem> {
    let failed = |error: io::Error| {
        let what = format!("cannot create the key file {}", path.display());
        let hint = "choose a directory that the service may write: `data_dir` or `key_file`";
        Problem::new(Code::File, what, error).with_hint(hint)
    };
    if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
    }
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *seed).map_err(|error| failed(io::Error::other(error)))?;
    let mut text = Zeroizing::new(HEXLOWER.encode(&*seed));
    text.push('\n');
    if atomic_file::create(path, text.as_bytes(), 0o600).map_err(failed)? {
        let key = SecretKey::from_seed(*seed).public();
        tracing::info!(path = %path.display(), %key, "created a new key");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::{fs::Permissions, os::unix::fs::PermissionsExt, sync::Barrier, thread};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o777
    }

    #[test]
    fn a_new_key_is_kept_in_a_private_file_in_a_private_directory() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state/node/node.key");
        let key = load_or_create(&path).unwrap();
        assert_eq!(load_or_create(&path).unwrap().public(), key.public());
        assert_eq!(load(&path).unwrap().public(), key.public());
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(mode(&dir.path().join("state")), 0o700);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_file_that_others_can_read_or_write_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        load_or_create(&path).unwrap();
        for exposed in [0o640, 0o604, 0o644, 0o660, 0o602] {
            fs::set_permissions(&path, Permissions::from_mode(exposed)).unwrap();
            let problem = load_or_create(&path).unwrap_err();
            assert_eq!(problem.code, Code::SecretExposed, "{exposed:o}");
            assert!(problem.why.contains(&format!("{exposed:o}")) && problem.hint.contains("chmod 600"));
        }
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        load_or_create(&path).unwrap();
    }

    #[test]
    fn what_a_service_manager_hands_over_may_be_read_by_the_group_of_the_service_and_by_no_other() {
        const OWN: Option<u32> = Some(7);
        assert!(!is_exposed((0, 0, 0o100_440), OWN), "systemd's");
        assert!(!is_exposed((0, 7, 0o100_440), OWN), "Kubernetes'");
        for exposed in [(0, 8, 0o440), (7, 7, 0o440), (0, 7, 0o460), (0, 7, 0o444)] {
            assert!(is_exposed(exposed, OWN), "{exposed:?}");
        }
        assert!(is_exposed((0, 7, 0o440), None));
    }

    #[test]
    fn everybody_who_starts_at_the_same_time_gets_the_same_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new/key");
        let start = Barrier::new(16);
        let keys: Vec<_> = thread::scope(|scope| {
            let one = || {
                start.wait();
                load_or_create(&path).unwrap().public()
            };
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(keys.iter().all(|key| key == &keys[0]));
    }

    #[test]
    fn a_damaged_file_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        for damaged in ["", "not a key\n", &"ab".repeat(500)] {
            fs::write(&path, damaged).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            let problem = load_or_create(&path).unwrap_err();
            assert_eq!(problem.code, Code::File);
            assert!(!problem.to_string().contains("abab"), "the content is not shown");
            assert_eq!(fs::read_to_string(&path).unwrap(), damaged);
        }
    }

    #[test]
    fn loading_alone_never_creates() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        assert_eq!(load(&path).unwrap_err().code, Code::File);
        assert!(!path.exists());
    }
}
