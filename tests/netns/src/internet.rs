//! A small internet: servers with addresses of the world, and homes behind routers.
//!
//! ```text
//! host ── router ── internet ── router ── host
//!    lan      wan                  wan      lan
//! ```

mod home;

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::atomic::{AtomicU8, Ordering},
};

use crate::{Lab, LabError, Namespace, NatKind, namespace::adding};
pub use home::Home;

/// Which protocol a home or an internet speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    fn server(self, number: u8) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::new(192, 0, 2, 1 + number).into(),
            Self::V6 => Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1 + u16::from(number)).into(),
        }
    }
}

/// A namespace that routes between homes, and has the servers' addresses.
#[derive(Debug)]
pub struct Internet {
    namespace: Namespace,
    family: Family,
    homes: AtomicU8,
}

impl Internet {
    /// Homes that it has addresses for.
    pub const HOMES: u8 = 32;
    /// Addresses that servers can have.
    pub const SERVERS: u8 = 8;

    /// One without homes.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn new(lab: &Lab, family: Family) -> Result<Self, LabError> {
        let namespace = lab.namespace("internet")?;
        let internet = Self { namespace, family, homes: AtomicU8::new(0) };
        match family {
            Family::V4 => internet.namespace.sysctl("ipv4/ip_forward", "1")?,
            Family::V6 => {
                usable_at_once(&internet.namespace)?;
                internet.namespace.sysctl("ipv6/conf/all/forwarding", "1")?;
            }
        }
        for number in 0..Self::SERVERS {
            internet.namespace.ip(&adding(&internet.server(number).to_string(), "lo"))?;
        }
        Ok(internet)
    }

    /// Where servers run.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// The n-th server's address, of [`Self::SERVERS`].
    #[must_use]
    pub fn server(&self, number: u8) -> IpAddr {
        self.family.server(number)
    }

    /// A host behind a router. Inside, homes that are translated have the same addresses, as many in the world do.
    ///
    /// # Errors
    /// What `ip`, `nft` or the kernel said; if the lab has a home of that name.
    ///
    /// # Panics
    /// If there are more than [`Self::HOMES`].
    pub fn home(&self, lab: &Lab, name: &str, kind: NatKind) -> Result<Home, LabError> {
        let number = self.homes.fetch_add(1, Ordering::Relaxed);
        assert!(number < Self::HOMES, "an internet has addresses for {} homes", Self::HOMES);
        Home::build(lab, self, name, number, kind)
    }
}

/// Addresses of devices that come later are used without asking whether another has them.
fn usable_at_once(namespace: &Namespace) -> Result<(), LabError> {
    namespace.sysctl("ipv6/conf/default/accept_dad", "0")
}
