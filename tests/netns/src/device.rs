//! A TUN device: packets that the kernel of a namespace sends through it are read here, and written ones arrive there.

use std::io;

use tun_rs::{DeviceBuilder, SyncDevice};

use crate::{LabError, Plug};

/// Largest packet, in bytes: that of Ethernet, and so of most paths.
pub(crate) const MTU: u16 = 1500;
/// Packets that the kernel holds for us while we are not scheduled; a tenth of a second at 1 Gbit/s.
const KERNEL_QUEUE: u32 = 10_000;

/// Opens a device and configures it; reads and writes do not block. Checksums and segmentation are done by the kernel before a packet is read: no
/// offload is asked for.
///
/// # Errors
/// If the namespace is gone or has a device of that name.
pub(crate) fn open(plug: &Plug) -> Result<SyncDevice, LabError> {
    let build = || {
        let builder = DeviceBuilder::new().name(&plug.device).mtu(MTU).tx_queue_len(KERNEL_QUEUE);
        let device = builder.enable(false).build_sync()?;
        device.set_nonblocking(true)?;
        Ok(device)
    };
    let device = plug.namespace.enter(build)?.map_err(LabError::system::<io::Error>("open a TUN device"))?;
    plug.configure()?;
    Ok(device)
}

/// Packets that the kernel dropped since we did not read them in time.
///
/// # Errors
/// If the device is gone.
pub(crate) fn overruns(plug: &Plug) -> Result<u64, LabError> {
    let read = || std::fs::read_to_string("/proc/thread-self/net/dev");
    let table = plug.namespace.enter(read)?.map_err(LabError::system("read the devices' counters"))?;
    let own = |line: &str| line.trim_start().strip_prefix(&plug.device)?.strip_prefix(':').map(str::to_owned);
    let row = table.lines().find_map(own);
    // Eight columns of what was received, then bytes, packets, errors and drops of what was sent.
    let drops = row.and_then(|row| row.split_whitespace().nth(11)?.parse().ok());
    drops.ok_or_else(|| LabError::system("find the device's counters")(io::ErrorKind::NotFound))
}
