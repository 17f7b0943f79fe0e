//! Processor time of a process, from the kernel.

use anyhow::{Context, Result};

/// Clock ticks per second in /proc: fixed by the kernel's interface (`man 5 proc_pid_stat`, USER_HZ).
const TICKS: f64 = 100.0;

/// Seconds of processor time, user and system, that a process has used.
pub(crate) fn seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("cannot read /proc")?;
    let after_name = stat.rsplit_once(')').context("/proc/PID/stat has no name")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).context("/proc/PID/stat has no times")?;
    Ok((user + system) / TICKS)
}

/// Resident memory of a process, bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("cannot read /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
    let kib: u64 = line.split_whitespace().next().context("VmRSS is empty")?.parse()?;
    Ok(kib * 1024)
}
