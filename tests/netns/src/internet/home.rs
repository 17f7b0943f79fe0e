//! A home: a router with address translation, and a host behind it.

use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use super::{Family, Internet, usable_at_once};
use crate::{
    Lab, LabError, Namespace, Nat, NatKind, Plug,
    namespace::adding,
    nat::{INSIDE, OUTSIDE},
};

/// Where no server listens; that of "tcpmux", which nobody has.
const CLOSED_PORT: u16 = 1;
/// Time for a home to reach the internet.
const PATIENCE: Duration = Duration::from_secs(30);

/// A host behind a router of its own.
#[derive(Debug)]
pub struct Home {
    host: Namespace,
    nat: Nat,
    internet: Namespace,
    plan: Plan,
}

/// Who has which address.
#[derive(Debug, Clone, Copy)]
struct Plan {
    number: u8,
    family: Family,
    kind: NatKind,
}

impl Home {
    pub(super) fn build(
        lab: &Lab,
        internet: &Internet,
        name: &str,
        number: u8,
        kind: NatKind,
    ) -> Result<Self, LabError> {
        let plan = Plan { number, family: internet.family, kind };
        let (host, router) = (lab.namespace(name)?, lab.namespace(&format!("{name}-router"))?);
        for namespace in [&host, &router] {
            match plan.family {
                // Nothing of the other family may offer a way.
                Family::V4 => namespace.sysctl("ipv6/conf/default/disable_ipv6", "1")?,
                Family::V6 => usable_at_once(namespace)?,
            }
        }
        let nat = Nat::install(&router, kind)?;
        let home = Self { host, nat, internet: internet.namespace.clone(), plan };
        let router = home.nat.router();
        lab.cable(
            &Plug::new(&home.internet, &plan.uplink(), &plan.outer(1)),
            &Plug::new(router, OUTSIDE, &plan.outer(2)),
        )?;
        lab.cable(
            &Plug::new(router, INSIDE, &plan.inner(1)),
            &Plug::new(&home.host, "eth0", &plan.inner(2)),
        )?;
        router.ip(&format!("route add default via {}", bare(&plan.outer(1))))?;
        home.host.ip(&format!("route add default via {}", bare(&plan.inner(1))))?;
        if plan.is_routed() {
            let (network, via) = (plan.inner(0), plan.outer(2));
            home.internet.ip(&format!("route add {network} via {}", bare(&via)))?;
        }
        home.settle()?;
        Ok(home)
    }

    /// Where programs run.
    #[must_use]
    pub fn host(&self) -> &Namespace {
        &self.host
    }

    /// The router.
    #[must_use]
    pub fn nat(&self) -> &Nat {
        &self.nat
    }

    /// The largest packet that passes between the router and the world, in bytes. Larger ones are answered as RFC 1191 and
    /// RFC 8201 want it.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn limit_packets(&self, bytes: u16) -> Result<(), LabError> {
        self.internet.ip(&format!("link set {} mtu {bytes}", self.plan.uplink()))?;
        self.nat.router().ip(&format!("link set {OUTSIDE} mtu {bytes}")).map(drop)
    }

    /// The host gets another address of its network and loses the old one.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn readdress_host(&self) -> Result<(), LabError> {
        readdress(&self.host, "eth0", self.plan.inner(2), self.plan.inner(3), self.plan.inner(1))?;
        self.settle()
    }

    /// The router gets another address from the world, loses the old one, and with it every mapping.
    ///
    /// # Errors
    /// What `ip`, `nft` or the kernel said.
    pub fn readdress_router(&self) -> Result<(), LabError> {
        let plan = self.plan;
        readdress(self.nat.router(), OUTSIDE, plan.outer(2), plan.outer(3), plan.outer(1))?;
        if plan.is_routed() {
            let (network, via) = (plan.inner(0), plan.outer(3));
            self.internet.ip(&format!("route replace {network} via {}", bare(&via)))?;
        }
        self.nat.forget()?;
        self.settle()
    }

    /// Waits until the host reaches the internet: devices come up in their own time and drop packets until then. TCP
    /// passes every kind of router, and repeats itself.
    fn settle(&self) -> Result<(), LabError> {
        let closed = SocketAddr::new(self.plan.family.server(0), CLOSED_PORT);
        let dialled = self.host.enter(|| TcpStream::connect_timeout(&closed, PATIENCE))?;
        match dialled {
            Err(refused) if refused.kind() == ErrorKind::ConnectionRefused => Ok(()),
            Err(error) => Err(LabError::system("reach the internet from a home")(error)),
            Ok(_) => Err(LabError::system("find a closed port")(io::Error::from(ErrorKind::AddrInUse))),
        }
    }
}

impl Plan {
    /// Whether the world has a route to the inner network.
    fn is_routed(self) -> bool {
        self.family == Family::V6 || self.kind == NatKind::Open
    }

    /// The internet's end of the cable.
    fn uplink(self) -> String {
        format!("home{}", self.number)
    }

    /// An address between the internet, which is 1, and the router.
    fn outer(self, host: u8) -> String {
        let number = self.number;
        match self.family {
            Family::V4 => format!("{}/29", Ipv4Addr::new(198, 51, 100, number * 8 + host)),
            Family::V6 => format!("{}/64", v6(1, number, host)),
        }
    }

    /// An address at home, where the router is 1.
    fn inner(self, host: u8) -> String {
        let number = self.number;
        match (self.family, self.kind) {
            (Family::V4, NatKind::Open) => format!("{}/29", Ipv4Addr::new(203, 0, 113, number * 8 + host)),
            (Family::V4, _) => format!("{}/24", Ipv4Addr::new(192, 168, 1, host)),
            (Family::V6, _) => format!("{}/64", v6(2, number, host)),
        }
    }
}

fn v6(area: u16, number: u8, host: u8) -> IpAddr {
    Ipv6Addr::new(0x2001, 0xdb8, area, number.into(), 0, 0, 0, host.into()).into()
}

/// The address without the length of its network.
fn bare(address: &str) -> &str {
    address.split('/').next().unwrap_or(address)
}

fn readdress(
    namespace: &Namespace,
    device: &str,
    old: String,
    new: String,
    gateway: String,
) -> Result<(), LabError> {
    // In this order: a second address of the same network would go with the first.
    namespace.ip(&format!("addr del {old} dev {device}"))?;
    namespace.ip(&adding(&new, device))?;
    // The route went with the old address.
    namespace.ip(&format!("route replace default via {}", bare(&gateway))).map(drop)
}
