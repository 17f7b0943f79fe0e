//! What a machine may lack.

use std::{env, net::TcpListener};

/// Why the README cannot be followed on this machine as it is written.
#[derive(Debug)]
pub(crate) struct Skip(pub(crate) String);

/// Fails if one of these ports of loopback is taken.
pub(crate) fn ports_are_free(ports: &[u16]) -> Result<(), Skip> {
    let taken = ports.iter().find(|port| TcpListener::bind(("127.0.0.1", **port)).is_err());
    taken.map_or(Ok(()), |port| Err(Skip(format!("port {port} is taken"))))
}

/// Whether the program of a command line is on this machine.
pub(crate) fn installed(line: &str) -> bool {
    let program = line.split(' ').next().unwrap_or_default();
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
