//! What can go wrong while a network is built.

use std::io;

/// This machine cannot make namespaces.
#[derive(Debug, thiserror::Error)]
pub enum Unavailable {
    /// Namespaces need root.
    #[error("network namespaces need root")]
    NotRoot,
    /// `ip` of iproute2 is not there.
    #[error("`ip` of iproute2 is not installed")]
    NoIp,
    /// `/dev/net/tun` is not there; a container needs it passed in.
    #[error("there is no /dev/net/tun")]
    NoTun,
    /// `nft` of nftables is not there.
    #[error("`nft` of nftables is not installed")]
    NoNft,
    /// `nft` is there, but the kernel cannot do all of it.
    #[error("this kernel does not translate addresses: {0}")]
    NoNat(LabError),
    /// All is there, but the kernel or the container does not let us.
    #[error("no namespace can be made here: {0}")]
    Refused(LabError),
}

/// A step of building a network failed.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A command failed.
    #[error("`{command}` failed: {why}")]
    Command {
        /// What was run.
        command: String,
        /// What it said.
        why: String,
    },
    /// A system call failed.
    #[error("cannot {step}: {error}")]
    System {
        /// What was tried.
        step: &'static str,
        /// What the system said.
        error: io::Error,
    },
}

impl LabError {
    /// For `map_err`.
    pub(crate) fn system<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> Self {
        move |error| Self::System { step, error: error.into() }
    }
}
