//! The kernel's table of connections.

use std::io;

use rustix::{
    io::Errno,
    net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink},
};

/// `IPCTNL_MSG_CT_DELETE` of `NFNL_SUBSYS_CTNETLINK`, see linux/netfilter/nfnetlink_conntrack.h.
const DELETE: u16 = 1 << 8 | 2;
/// `NLM_F_REQUEST | NLM_F_ACK`, see netlink(7).
const REQUEST_AND_ACK: u16 = 1 | 4;
/// A message's header, and the header that netfilter puts behind it.
const LENGTH: u32 = 16 + 4;

/// Empties the table of the namespace that the calling thread is in.
///
/// # Errors
/// What the kernel answered.
pub(super) fn flush() -> io::Result<()> {
    let socket = net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::NETFILTER),
    )?;
    // Without attributes it means everything.
    let mut request = Vec::new();
    request.extend(LENGTH.to_ne_bytes());
    request.extend(DELETE.to_ne_bytes());
    request.extend(REQUEST_AND_ACK.to_ne_bytes());
    // Number and sender, then family, version and resource: all zero.
    request.resize(LENGTH as usize, 0);
    net::send(&socket, &request, SendFlags::empty())?;
    let mut reply = [0; 64];
    let (length, _) = net::recv(&socket, &mut reply, RecvFlags::empty())?;
    // The header, then the error's number, negative; zero is the acknowledgement.
    let error = reply[..length].get(16..20).and_then(|bytes| bytes.try_into().ok()).map(i32::from_ne_bytes);
    match error {
        Some(0) => Ok(()),
        Some(number) => Err(Errno::from_raw_os_error(-number).into()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
