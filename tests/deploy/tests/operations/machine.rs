//! A machine made up of folders: what stands in `/etc/byway`, `/var/lib/private/byway`, `/etc/credstore` of a real one,
//! and a `systemctl` whose units are processes.

use std::{
    collections::BTreeMap,
    env, fs,
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use byway_testkit::program;
use tempfile::TempDir;

use crate::pages::{TOP, script};

const SYSTEMCTL: &str = include_str!("systemctl.sh");
/// What a page sets at its top and a test sets otherwise.
const PLACES: [&str; 5] = ["ETC", "STATE", "CREDSTORE", "BACKUP", "DATABASE_URL"];

/// The machine. Dropping it kills what still runs on it.
pub(crate) struct Machine {
    folder: TempDir,
    variables: BTreeMap<String, String>,
}

impl Machine {
    /// With nothing on it but the program.
    pub(crate) fn new() -> Self {
        let mut machine = Self { folder: tempfile::tempdir().unwrap(), variables: BTreeMap::new() };
        for place in ["ETC", "STATE", "CREDSTORE", "BACKUP", "RUN"] {
            let path = machine.path(&place.to_lowercase());
            fs::create_dir(&path).unwrap();
            machine.set(place, path.to_str().unwrap());
        }
        let tools = machine.path("tools");
        fs::create_dir(&tools).unwrap();
        fs::write(tools.join("systemctl"), SYSTEMCTL).unwrap();
        fs::set_permissions(tools.join("systemctl"), fs::Permissions::from_mode(0o755)).unwrap();
        let byway = program("byway");
        let path = env::var("PATH").unwrap();
        machine.set("PATH", &format!("{}:{}:{path}", tools.display(), byway.parent().unwrap().display()));
        machine
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Sets a variable of everything that is typed here from now on.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.variables.insert(name.to_owned(), value.to_owned());
    }

    /// Puts a folder with programs before all others.
    pub(crate) fn prefer(&mut self, folder: &Path) {
        let path = format!("{}:{}", folder.display(), self.variables["PATH"]);
        self.set("PATH", &path);
    }

    /// Writes the settings of a service, which then has an admin listener of its own.
    pub(crate) fn settings(&self, service: &str, lines: &str) {
        let admin = free_address();
        let text = format!("admin_listen = \"{admin}\"\nlog_level = \"info\"\n{lines}");
        let path = self.path("etc").join(format!("{service}.toml"));
        fs::write(&path, text).unwrap();
        // A database's URL may be in it.
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Types the commands of a section, after those at the top of its page, and returns what they printed.
    ///
    /// # Panics
    /// At the first that fails.
    pub(crate) fn follow(&self, page: &str, section: &str) -> String {
        let top = if section == TOP { String::new() } else { without_places(&script(page, TOP)) };
        let own = without_places(&script(page, section));
        self.types(&format!("{top}\nset -x\n{own}"))
    }

    /// Types commands and returns what they printed.
    ///
    /// # Panics
    /// At the first that fails.
    pub(crate) fn types(&self, script: &str) -> String {
        self.tries(script).unwrap_or_else(|why| panic!("{why}"))
    }

    /// [`Self::types`] for what may fail.
    pub(crate) fn tries(&self, script: &str) -> Result<String, String> {
        let mut shell = Command::new("timeout");
        // Nothing here takes a tenth of it.
        shell.args(["120", "sh", "-euc", script]).env_clear().envs(&self.variables);
        let Output { status, stdout, stderr } = shell.current_dir(self.folder.path()).output().unwrap();
        let [stdout, stderr] = [stdout, stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        if status.success() {
            Ok(stdout)
        } else {
            Err(format!("{script}\n{status}\n{stdout}{stderr}{}", self.logs()))
        }
    }

    fn logs(&self) -> String {
        let files = fs::read_dir(self.path("run")).unwrap().map(|file| file.unwrap().path());
        let logs = files.filter(|path| path.extension().is_some_and(|ending| ending == "log"));
        logs.map(|path| format!("== {}\n{}", path.display(), fs::read_to_string(&path).unwrap())).collect()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        for entry in fs::read_dir(self.path("run")).into_iter().flatten().flatten() {
            if entry.path().extension().is_some_and(|ending| ending == "pid") {
                let pid = fs::read_to_string(entry.path()).unwrap_or_default();
                // It may have ended before.
                let _ = Command::new("kill").args(["-s", "KILL", pid.trim()]).status();
            }
        }
    }
}

/// Commands without the lines that say where things are on a real machine.
fn without_places(script: &str) -> String {
    let places = |line: &&str| {
        let words = line.strip_prefix("export ").unwrap_or_default().split(' ');
        let names: Vec<_> = words.filter_map(|word| Some(word.split_once('=')?.0)).collect();
        names.is_empty() || !names.iter().all(|name| PLACES.contains(name))
    };
    script.lines().filter(places).map(|line| format!("{line}\n")).collect()
}

/// An address of loopback that nobody listens on at the moment.
pub(crate) fn free_address() -> String {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().to_string()
}

#[test]
fn places_of_a_real_machine_are_left_out_and_nothing_else_is() {
    let script = "export ETC=/etc/byway STATE=/x\nexport KEY=1\nadmin() { cat; }\n";
    assert_eq!(without_places(script), "export KEY=1\nadmin() { cat; }\n");
}
