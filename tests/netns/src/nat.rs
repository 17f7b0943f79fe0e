//! Home routers: the kernel's own address translation, and a firewall that lets nothing in that nobody asked for.

mod matrix;
mod rules;
mod tracking;

use std::fmt;

use crate::{Lab, LabError, Namespace, Unavailable, lab, nft};
pub use matrix::{KINDS, Way, expected};

/// The device of a router that leads to the world.
pub const OUTSIDE: &str = "wan";
/// The device of a router that leads home.
pub const INSIDE: &str = "lan";

/// What a router does with UDP over IPv4. TCP is translated by all but [`NatKind::Open`], and only dialled from inside.
/// IPv6 is never translated; all but [`NatKind::Open`] let in nothing but answers.
///
/// The words are those of RFC 3489, section 5, since people use them; RFC 4787 tells mapping and filtering apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NatKind {
    /// Routes and does nothing else: the host's address is one of the world's.
    Open,
    /// One outer port for an inner one, whatever the destination. Everybody may send to it.
    FullCone,
    /// As [`Self::FullCone`], but only addresses that were sent to may send, from any port.
    AddressRestricted,
    /// As [`Self::FullCone`], but only an address and port that was sent to may send.
    PortRestricted,
    /// A random outer port for each destination, and only that destination may send to it.
    Symmetric,
    /// UDP passes in neither direction.
    UdpBlocked,
}

impl NatKind {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Open,
        Self::FullCone,
        Self::AddressRestricted,
        Self::PortRestricted,
        Self::Symmetric,
        Self::UdpBlocked,
    ];
}

impl fmt::Display for NatKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::FullCone => "full cone",
            Self::AddressRestricted => "address-restricted",
            Self::PortRestricted => "port-restricted",
            Self::Symmetric => "symmetric",
            Self::UdpBlocked => "UDP blocked",
        })
    }
}

/// A namespace that is a home router.
#[derive(Debug)]
pub struct Nat {
    router: Namespace,
    kind: NatKind,
}

impl Nat {
    /// Makes a router of a namespace that has or will have the devices [`INSIDE`] and [`OUTSIDE`].
    ///
    /// # Errors
    /// If the kernel lacks what it takes.
    pub fn install(router: &Namespace, kind: NatKind) -> Result<Self, LabError> {
        router.sysctl("ipv4/ip_forward", "1")?;
        router.sysctl("ipv6/conf/all/forwarding", "1")?;
        nft::apply(router, &rules::of(kind))?;
        Ok(Self { router: router.clone(), kind })
    }

    /// The namespace.
    #[must_use]
    pub fn router(&self) -> &Namespace {
        &self.router
    }

    /// What it does.
    #[must_use]
    pub fn kind(&self) -> NatKind {
        self.kind
    }

    /// Forgets every mapping and every connection, as a router that was switched off and on.
    ///
    /// # Errors
    /// What the kernel said.
    pub fn forget(&self) -> Result<(), LabError> {
        // Loads the same rules anew, and with them empty memories.
        nft::apply(&self.router, &rules::of(self.kind))?;
        self.router.enter(tracking::flush)?.map_err(LabError::system("forget tracked connections"))
    }
}

/// A lab on a machine whose kernel translates addresses, or `None` after saying that the test is skipped.
///
/// # Panics
/// If there can be none although [`REQUIRE`](crate::REQUIRE) asks for it.
#[must_use]
pub fn nat_lab_or_skip() -> Option<Lab> {
    let start = || {
        let lab = Lab::start()?;
        if !nft::is_installed() {
            return Err(Unavailable::NoNft);
        }
        let trial = lab.namespace("nat").map_err(Unavailable::Refused)?;
        // Each kind has rules that a kernel may be built without.
        let tried = NatKind::ALL.into_iter().try_for_each(|kind| Nat::install(&trial, kind)?.forget());
        tried.map_err(Unavailable::NoNat)?;
        Ok(lab)
    };
    lab::or_skip(start())
}
