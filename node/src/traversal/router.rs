//! A port that the router forwards to this node: asked for with PCP or NAT-PMP (RFC 6887, 6886), else with UPnP.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    num::NonZeroU16,
    time::Duration,
};

use crab_nat::{InternetProtocol, PortMapping, PortMappingOptions, PortMappingType, TimeoutConfig, natpmp};
use igd_next::{
    PortMappingProtocol, SearchOptions,
    aio::{
        Gateway,
        tokio::{Tokio, search_gateway},
    },
};

/// How long the router is asked to forward the port; renewed at half of it. A node that dies leaves nothing for longer.
const LEASE: Duration = Duration::from_secs(3_600);
/// PCP and NAT-PMP: five requests within some 4 s (RFC 6886, 3.1, with fewer repetitions, as routers that speak it answer
/// at once).
const PATIENCE: TimeoutConfig = TimeoutConfig {
    initial_timeout: Duration::from_millis(250),
    max_retries: 3,
    max_retry_timeout: Some(Duration::from_secs(2)),
};
/// UPnP: time for routers to announce themselves.
const SEARCH: Duration = Duration::from_secs(4);
/// What the router shows to its owner.
const DESCRIPTION: &str = "byway";

/// The router on the way to the internet, and this machine as it sees it.
#[derive(Debug, Clone)]
pub(super) struct Router {
    /// Where PCP and NAT-PMP requests go; none if the system does not say.
    pub(super) gateway: Option<Ipv4Addr>,
    /// Where UPnP searches go.
    pub(super) search: SocketAddr,
    /// The node's socket as the router reaches it.
    pub(super) local: (Ipv4Addr, NonZeroU16),
}

/// A port that is forwarded.
pub(super) struct Lease {
    kind: Kind,
    external: SocketAddr,
    lifetime: Duration,
}

enum Kind {
    Pmp(Box<PortMapping>),
    Upnp(Box<Gateway<Tokio>>, SocketAddr),
}

impl Router {
    /// The router of this machine for its address `ip` and the node's port.
    pub(super) fn of_machine(ip: Ipv4Addr, port: NonZeroU16) -> Self {
        let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
        let search = SearchOptions::default().broadcast_address;
        Self { gateway: default_gateway(&table), search, local: (ip, port) }
    }

    /// Has the port forwarded.
    ///
    /// # Errors
    /// What each protocol came to, as a sentence.
    pub(super) async fn map(&self) -> Result<Lease, String> {
        let by_pmp = match self.gateway {
            Some(gateway) => match self.map_by_pmp(gateway).await {
                Ok(lease) => return Ok(lease),
                Err(error) => format!("PCP and NAT-PMP: {error}"),
            },
            None => "PCP and NAT-PMP: no IPv4 router is known".to_owned(),
        };
        self.map_by_upnp().await.map_err(|error| format!("{by_pmp}; UPnP: {error}"))
    }

    async fn map_by_pmp(&self, gateway: Ipv4Addr) -> Result<Lease, String> {
        let (ip, port) = self.local;
        let options = PortMappingOptions {
            external_port: Some(port),
            lifetime_seconds: Some(u32::try_from(LEASE.as_secs()).unwrap_or(u32::MAX)),
            timeout_config: Some(PATIENCE),
        };
        let mapping =
            PortMapping::new(gateway.into(), IpAddr::V4(ip), InternetProtocol::Udp, port, options).await;
        let mapping = mapping.map_err(|error| error.to_string())?;
        let ip = match mapping.mapping_type() {
            PortMappingType::Pcp { external_ip, .. } => external_ip,
            PortMappingType::NatPmp => {
                let address = natpmp::external_address(gateway.into(), Some(PATIENCE)).await;
                IpAddr::V4(address.map_err(|error| error.to_string())?)
            }
        };
        let external = usable(SocketAddr::new(ip.to_canonical(), mapping.external_port().get()))?;
        let lifetime = Duration::from_secs(u64::from(mapping.lifetime()));
        Ok(Lease { kind: Kind::Pmp(Box::new(mapping)), external, lifetime })
    }

    async fn map_by_upnp(&self) -> Result<Lease, String> {
        let mut options = SearchOptions::default();
        options.broadcast_address = self.search;
        // One that is asked by its address is believed at that address, on loopback too.
        if !self.search.ip().is_multicast() {
            options.allowed_gateway_ips = vec![self.search.ip()];
        }
        options.bind_addr = (self.local.0, 0).into();
        options.timeout = Some(SEARCH);
        let gateway = search_gateway(options).await.map_err(|error| error.to_string())?;
        let local = SocketAddr::from((self.local.0, self.local.1.get()));
        let lease_s = u32::try_from(LEASE.as_secs()).unwrap_or(u32::MAX);
        let mapped = gateway.get_any_address(PortMappingProtocol::UDP, local, lease_s, DESCRIPTION).await;
        let external = usable(mapped.map_err(|error| error.to_string())?)?;
        Ok(Lease { kind: Kind::Upnp(Box::new(gateway), local), external, lifetime: LEASE })
    }
}

impl Lease {
    /// The address at which others reach this node.
    pub(super) const fn external(&self) -> SocketAddr {
        self.external
    }

    /// How the router was asked.
    pub(super) fn protocol(&self) -> &'static str {
        match &self.kind {
            Kind::Upnp(..) => "UPnP",
            Kind::Pmp(mapping) => match mapping.mapping_type() {
                PortMappingType::NatPmp => "NAT-PMP",
                PortMappingType::Pcp { .. } => "PCP",
            },
        }
    }

    /// In how long to renew it, counted from when it was made or renewed. A router that gives no time is asked again
    /// after a minute.
    pub(super) fn renew_in(&self) -> Duration {
        (self.lifetime / 2).max(Duration::from_secs(60))
    }

    /// Makes it last longer.
    ///
    /// # Errors
    /// Why the router refused or did not answer; the lease is of no use any more.
    pub(super) async fn renew(&mut self) -> Result<(), String> {
        match &mut self.kind {
            Kind::Pmp(mapping) => {
                mapping.renew().await.map_err(|error| error.to_string())?;
                self.external.set_port(mapping.external_port().get());
                self.lifetime = Duration::from_secs(u64::from(mapping.lifetime()));
                Ok(())
            }
            Kind::Upnp(gateway, local) => {
                let lease_s = u32::try_from(LEASE.as_secs()).unwrap_or(u32::MAX);
                let port = self.external.port();
                let added =
                    gateway.add_port(PortMappingProtocol::UDP, port, *local, lease_s, DESCRIPTION).await;
                added.map_err(|error| error.to_string())
            }
        }
    }

    /// Gives the port back. A router that does not answer forgets it by itself.
    pub(super) async fn release(self) {
        let problem = match self.kind {
            Kind::Pmp(mapping) => mapping.try_drop().await.err().map(|(error, _)| error.to_string()),
            Kind::Upnp(gateway, _) => {
                let removed = gateway.remove_port(PortMappingProtocol::UDP, self.external.port()).await;
                removed.err().map(|error| error.to_string())
            }
        };
        if let Some(why) = problem {
            tracing::debug!(why, "the router did not take the port back");
        }
    }
}

/// A router that names no address, or one of its own inside, knows none.
fn usable(external: SocketAddr) -> Result<SocketAddr, String> {
    let ip = external.ip();
    if ip.is_unspecified() || ip.is_multicast() || external.port() == 0 {
        return Err("the router knows no public address".to_owned());
    }
    Ok(external)
}

/// The router that Linux sends everything to that is for elsewhere: the row of `/proc/net/route` without destination and
/// mask that has a gateway, of the least metric. Addresses stand there in the machine's byte order.
fn default_gateway(table: &str) -> Option<Ipv4Addr> {
    const GATEWAY_FLAG: u32 = 2;
    let row = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let [destination, gateway, flags] = [(); 3].map(|()| u32::from_str_radix(fields.next()?, 16).ok());
        let metric: u32 = fields.nth(2)?.parse().ok()?;
        let mask = u32::from_str_radix(fields.next()?, 16).ok()?;
        let default = destination? == 0 && mask == 0 && flags? & GATEWAY_FLAG != 0;
        default.then_some((metric, Ipv4Addr::from(gateway?.to_ne_bytes())))
    };
    table.lines().filter_map(row).min().map(|(_, gateway)| gateway)
}

#[cfg(test)]
mod tests;
