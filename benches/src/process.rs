//! What the kernel says of a process, and how it is halted.

use anyhow::{Context, Result};
use malloc_info::info::{SystemType, TotalType};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

/// Clock ticks per second in /proc: fixed by the kernel's interface (`man 5 proc_pid_stat`, USER_HZ).
const TICKS: f64 = 100.0;

/// Seconds of processor time, user and system, that a process has used.
pub(crate) fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("cannot read /proc")?;
    let after_name = stat.rsplit_once(')').context("/proc/PID/stat has no name")?.1;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok());
    let (user, system) = ticks(11).zip(ticks(12)).context("/proc/PID/stat has no times")?;
    Ok((user + system) / TICKS)
}

/// The same of a process and all that it started, those that are over included if it waited for them.
pub(crate) fn cpu_seconds_of_family(pid: u32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("cannot read /proc")?;
    let after_name = stat.rsplit_once(')').context("/proc/PID/stat has no name")?.1;
    let times = after_name.split_whitespace().skip(11).take(4).map(str::parse::<f64>);
    let mut ticks = times.sum::<Result<f64, _>>().context("/proc/PID/stat has no times")?;
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    for child in children.split_whitespace() {
        // It may be over by now; then its time is its parent's.
        ticks += cpu_seconds_of_family(child.parse()?).unwrap_or_default() * TICKS;
    }
    Ok(ticks / TICKS)
}

/// Resident memory of a process, bytes.
pub(crate) fn resident_bytes(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("cannot read /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
    let kib: u64 = line.split_whitespace().next().context("VmRSS is empty")?.parse()?;
    Ok(kib * 1024)
}

/// Bytes that this process holds of its allocator, whether they are resident or not.
pub(crate) fn heap_bytes() -> Result<u64> {
    let info = malloc_info::malloc_info().context("the allocator does not say what it holds")?;
    let of_system = info.system.iter().filter(|system| system.r#type == SystemType::Current);
    let of_system: usize = of_system.map(|system| system.size).sum();
    let total = |which| info.total.iter().filter(|total| total.r#type == which).map(|total| total.size).sum();
    let (free, mapped): (usize, usize) =
        (total(TotalType::Fast) + total(TotalType::Rest), total(TotalType::Mmap));
    Ok((of_system + mapped).saturating_sub(free) as u64)
}

/// Lets this process and its children open as many files as the system allows: a server has one per client.
pub(crate) fn raise_descriptors() -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })
            .context("cannot open more files")?;
    }
    Ok(())
}

/// Connections that were accepted by TCP so far, by anybody in this network namespace.
pub(crate) fn tcp_accepted() -> Result<u64> {
    let snmp = std::fs::read_to_string("/proc/net/snmp").context("cannot read /proc")?;
    let mut lines = snmp.lines().filter_map(|line| line.strip_prefix("Tcp:"));
    let (names, values) = lines.next().zip(lines.next()).context("/proc/net/snmp knows no TCP")?;
    let mut fields = names.split_whitespace().zip(values.split_whitespace());
    let (_, value) = fields.find(|(name, _)| *name == "PassiveOpens").context("no PassiveOpens in /proc")?;
    Ok(value.parse()?)
}

/// Halts a process until it is dropped: its sockets stay open and nothing reads them.
pub(crate) struct Halted(Pid);

impl Halted {
    pub(crate) fn new(pid: u32) -> Result<Self> {
        let pid = as_pid(pid)?;
        kill_process(pid, Signal::STOP).context("cannot halt a child process")?;
        Ok(Self(pid))
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        // It fails only if the process is gone.
        let _ = kill_process(self.0, Signal::CONT);
    }
}

/// Ends a process at once, as a crash would.
pub(crate) fn kill(pid: u32) -> Result<()> {
    kill_process(as_pid(pid)?, Signal::KILL).context("cannot kill a child process")
}

fn as_pid(pid: u32) -> Result<Pid> {
    Pid::from_raw(i32::try_from(pid)?).context("no process has this id")
}
