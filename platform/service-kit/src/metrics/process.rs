//! What `/proc` says of this process, under the names that Prometheus client libraries agree on.

use std::{fmt::Write as _, fs};

/// Ticks a second in `/proc/self/stat`; fixed by Linux' interface to programs (`USER_HZ`), whatever the kernel uses.
const TICKS_PER_SECOND: f64 = 100.0;

/// The process's figures in Prometheus' text format; empty where there is no `/proc`.
pub(super) fn render() -> String {
    let mut text = String::new();
    let mut add = |name: &str, kind: &str, help: &str, value: Option<f64>| {
        if let Some(value) = value {
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
        }
    };
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let descriptors = fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as f64);
    add("process_cpu_seconds_total", "counter", "CPU time spent, user and system.", cpu_seconds(&stat));
    add("process_resident_memory_bytes", "gauge", "Resident memory.", resident_bytes(&status));
    add("process_threads", "gauge", "Threads.", field(&status, "Threads:"));
    add("process_open_fds", "gauge", "Open file descriptors.", descriptors);
    add("process_max_fds", "gauge", "File descriptors that may be open.", field(&limits, "Max open files"));
    text
}

/// Fields 14 and 15 of proc_pid_stat(5). The name before them stands in brackets and may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<f64> {
    field(status, "VmRSS:").map(|kib| kib * 1024.0)
}

/// The number that follows `name` in proc_pid_status(5) or proc_pid_limits(5).
fn field(status: &str, name: &str) -> Option<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_a_name_with_brackets_and_spaces() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194304 100 0 0 0 250 150 0 0 20 0 4 0 100 0 0";
        assert_eq!(cpu_seconds(stat), Some(4.0));
        assert_eq!(cpu_seconds(""), None);
    }

    #[test]
    fn memory_is_read_in_bytes() {
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2_097_152.0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_linux_process_reports_all_of_its_figures() {
        let text = render();
        for name in ["cpu_seconds_total", "resident_memory_bytes", "threads", "open_fds", "max_fds"] {
            assert!(text.contains(&format!("\nprocess_{name} ")), "{name}: {text}");
        }
    }
}
