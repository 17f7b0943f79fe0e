//! Where something listens: an address, or a name that is looked up whenever it is needed.

use std::{fmt, io, net::SocketAddr, str::FromStr, time::Duration};

use tokio::{net::lookup_host, time::timeout};

/// Time for one look-up of a name.
const LOOK_UP: Duration = Duration::from_secs(5);
/// Characters of the longest host name (RFC 1035, 2.3.4).
const NAME_MAX: usize = 253;

/// `IP:PORT` or `NAME:PORT`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HostPort(Host);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Host {
    Address(SocketAddr),
    Name(String, u16),
}

/// The text is not of the form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is not IP:PORT or NAME:PORT")]
pub struct NotHostPort(String);

impl HostPort {
    /// The addresses that it stands for, at least one. A name is looked up within 5 seconds.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    /// If the name is unknown, has no address, or nobody answers.
    pub async fn resolve(&self) -> io::Result<Vec<SocketAddr>> {
        let (name, port) = match &self.0 {
            Host::Address(address) => return Ok(vec![*address]),
            Host::Name(name, port) => (name.as_str(), *port),
        };
        let late = |_| io::Error::new(io::ErrorKind::TimedOut, "nobody told its address in time");
        let found: Vec<_> = timeout(LOOK_UP, lookup_host((name, port))).await.map_err(late)??.collect();
        if found.is_empty() {
            return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
        }
        Ok(found)
    }
}

impl From<SocketAddr> for HostPort {
    fn from(address: SocketAddr) -> Self {
        Self(Host::Address(address))
    }
}

impl FromStr for HostPort {
    type Err = NotHostPort;

    fn from_str(text: &str) -> Result<Self, NotHostPort> {
        if let Ok(address) = text.parse() {
            return Ok(Self(Host::Address(address)));
        }
        let wrong = || NotHostPort(text.to_owned());
        let (name, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
        let is_name = (1..=NAME_MAX).contains(&name.len()) && name.bytes().all(letters);
        // A number that is no address, such as 10.0.0.256, is no name either.
        let is_number = name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let port = port.parse().ok().filter(|_| is_name && !is_number).ok_or_else(wrong)?;
        Ok(Self(Host::Name(name.to_owned(), port)))
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Host::Address(address) => address.fmt(f),
            Host::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_names_keep_their_text() {
        for text in ["127.0.0.1:1", "[::1]:65535", "localhost:80", "messaging-1.example.org:443"] {
            assert_eq!(text.parse::<HostPort>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_neither_is_refused() {
        for text in
            ["", ":1", "host", "host:", "host:65536", "10.0.0.256:1", "[::1:1", "::1:1", "a b:1", "a/b:1"]
        {
            assert!(text.parse::<HostPort>().is_err(), "{text}");
        }
        assert!(format!("{}:1", "a".repeat(254)).parse::<HostPort>().is_err());
    }

    #[tokio::test]
    async fn an_address_stands_for_itself_and_a_name_for_what_the_system_says() {
        let resolved = |text: &str| {
            let place: HostPort = text.parse().unwrap();
            async move { place.resolve().await }
        };
        assert_eq!(resolved("192.0.2.1:7").await.unwrap(), ["192.0.2.1:7".parse().unwrap()]);
        let here = resolved("localhost:7").await.unwrap();
        assert!(!here.is_empty() && here.iter().all(|address| address.ip().is_loopback()));
    }
}
