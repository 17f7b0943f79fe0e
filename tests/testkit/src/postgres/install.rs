//! Where PostgreSQL is on this machine, and as whom it may run.

use std::{
    fs, io,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

/// PostgreSQL refuses to run as root; these users are tried instead, in this order.
const USERS: [&str; 2] = ["postgres", "nobody"];

/// The binaries, and the user that runs them.
#[derive(Debug)]
pub(super) struct Install {
    pub(super) binaries: PathBuf,
    /// `None`: as whoever runs the tests.
    user: Option<User>,
}

#[derive(Debug)]
struct User {
    name: &'static str,
    uid: u32,
    gid: u32,
}

impl Install {
    /// Looks in `PATH`, then where Debian puts versioned installations, the newest first.
    pub(super) fn find() -> Option<Self> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
            .collect();
        versions.sort_unstable_by(|a, b| b.cmp(a));
        places.extend(versions.into_iter().map(|(_, place)| place));
        let binaries = places.into_iter().find(|place| is_complete(place))?;
        let user = if is_root() { Some(USERS.iter().find_map(|name| User::find(name))?) } else { None };
        Some(Self { binaries, user })
    }

    /// A temporary directory that the server's user owns.
    pub(super) fn directory(&self) -> io::Result<tempfile::TempDir> {
        let directory = tempfile::Builder::new().prefix("byway-pg-").tempdir()?;
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o700))?;
        if let Some(user) = &self.user {
            chown(directory.path(), Some(user.uid), Some(user.gid))?;
        }
        Ok(directory)
    }

    /// A shell that runs `script` as the server's user; arguments that are added become `$1` and so on.
    pub(super) fn shell(&self, script: &str) -> Command {
        let mut command = match &self.user {
            None => Command::new("sh"),
            Some(user) if on_path("setpriv") => {
                let mut command = Command::new("setpriv");
                command.arg(format!("--reuid={}", user.uid)).arg(format!("--regid={}", user.gid));
                command.args(["--clear-groups", "--", "sh"]);
                command
            }
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user.name, "--", "sh"]);
                command
            }
        };
        command.args(["-c", script, "keeper"]);
        command
    }
}

impl User {
    fn find(name: &'static str) -> Option<Self> {
        let number = |flag| {
            let output = Command::new("id").args([flag, name]).output().ok()?;
            String::from_utf8(output.stdout).ok()?.trim().parse().ok()
        };
        Some(Self { name, uid: number("-u")?, gid: number("-g")? })
    }
}

fn is_complete(place: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres", "psql", "createdb"].iter().all(|name| place.join(name).is_file())
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|place| place.join(program).is_file()))
}
