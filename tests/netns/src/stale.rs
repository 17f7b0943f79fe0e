//! Whose a namespace is, told by its name; what a killed owner left behind is removed by the next one.

use std::{fs, path::Path};

use rustix::process::{Pid, Signal, kill_process};

use crate::ip::ip;

/// Where `ip` keeps named namespaces.
pub(crate) const NAMED: &str = "/run/netns";
/// How all names of ours begin.
const PREFIX: &str = "byway";

/// A name's beginning that no other lab has: the process, when it started, and the lab's number within it.
pub(crate) fn own(lab: u64) -> String {
    let pid = std::process::id();
    let started = started(pid).unwrap_or_default();
    format!("{PREFIX}-{pid}-{started}-{lab}")
}

/// Removes the namespaces of owners that are gone.
pub(crate) fn sweep() {
    for name in names().iter().filter(|name| is_stale(name)) {
        remove(name);
    }
}

/// Removes the namespaces whose names begin so.
pub(crate) fn remove_all(beginning: &str) {
    for name in names().iter().filter(|name| name.starts_with(beginning)) {
        remove(name);
    }
}

/// A namespace lives as long as a process is in it, so these end first. What is already gone is what is wanted.
fn remove(name: &str) {
    let pids = ip(&format!("netns pids {name}")).unwrap_or_default();
    for pid in pids.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)) {
        let _ = kill_process(pid, Signal::KILL);
    }
    let _ = ip(&format!("netns del {name}"));
}

fn names() -> Vec<String> {
    let entries = fs::read_dir(NAMED).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

/// Whether the name is one of ours and its owner is gone. A number may be another process's by now.
fn is_stale(name: &str) -> bool {
    let mut parts = name.split('-');
    if parts.next() != Some(PREFIX) {
        return false;
    }
    let owner = parts.next().zip(parts.next()).and_then(|(pid, at)| Some((pid.parse().ok()?, at)));
    owner.is_some_and(|(pid, at)| started(pid).is_none_or(|started| started != at))
}

/// When a process started, in ticks since boot; `None` if it is gone. See proc_pid_stat(5), field 22.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The second field is the program's name in brackets, and may hold spaces.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(19).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_stale_when_its_owner_is_gone_or_its_number_is_another_process() {
        let own = own(0);
        assert!(!is_stale(&format!("{own}-left")), "this process lives");
        let pid = std::process::id();
        assert!(is_stale(&format!("{PREFIX}-{pid}-0-0-left")), "no process of now started at boot");
        assert!(is_stale(&format!("{PREFIX}-4294967295-1-0-left")), "there is no such process");
    }

    #[test]
    fn namespaces_of_others_are_never_stale() {
        for name in ["blue", "byway", "byway-", "byway-router", "bywayx-1-1-0-left", "cni-1-1-0"] {
            assert!(!is_stale(name), "{name}");
        }
    }
}
