//! The names that a service answers to.

use std::{collections::BTreeSet, net::SocketAddr};

/// Every `host:port` that requests to this service may be signed for. A request that was signed for another service
/// is thereby worth nothing here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Authorities(BTreeSet<String>);

impl Authorities {
    /// Adds a name: `host`, `host:port` or a URL.
    pub(crate) fn add(&mut self, name: &str) {
        let rest = name.split_once("://").map_or(name, |(_, rest)| rest);
        self.0.insert(normal(rest.split('/').next().unwrap_or_default()));
    }

    /// Adds a bound address. One that is reachable from this machine itself also has its localhost forms.
    pub(crate) fn add_bound(&mut self, address: SocketAddr) {
        self.add(&address.to_string());
        let ip = address.ip();
        if ip.is_loopback() || ip.is_unspecified() {
            for host in ["localhost", "127.0.0.1", "[::1]"] {
                self.add(&format!("{host}:{}", address.port()));
            }
        }
    }

    pub(crate) fn contains(&self, authority: &str) -> bool {
        self.0.contains(&normal(authority))
    }
}

/// Lower case, without the port that the scheme implies (RFC 9421, section 2.2.3).
pub(crate) fn normal(authority: &str) -> String {
    let lower = authority.to_ascii_lowercase();
    let bare = lower.strip_suffix(":80").or_else(|| lower.strip_suffix(":443"));
    // An IPv6 address ends in `]`; what was cut from one without brackets was no port.
    bare.filter(|host| !host.contains(':') || host.ends_with(']')).map_or(lower.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_on_loopback_answers_to_its_localhost_forms_only() {
        let mut names = Authorities::default();
        names.add_bound("127.0.0.1:8080".parse().unwrap());
        assert!(
            names.contains("LocalHost:8080")
                && names.contains("127.0.0.1:8080")
                && names.contains("[::1]:8080")
        );
        assert!(
            !names.contains("localhost:8081")
                && !names.contains("localhost")
                && !names.contains("other:8080")
        );
    }

    #[test]
    fn names_are_taken_from_urls_and_implied_ports_do_not_matter() {
        let mut names = Authorities::default();
        names.add("https://Routes.example.org/");
        names.add("[fd00::1]:80");
        assert!(names.contains("routes.example.org") && names.contains("routes.example.org:443"));
        assert!(names.contains("[fd00::1]") && !names.contains("routes.example.org:8443"));
    }
}
