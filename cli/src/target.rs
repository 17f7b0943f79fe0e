//! `PEER:PORT` as a person writes it.

use std::{fmt, str::FromStr};

use byway_base::{Code, Port, Problem};

/// An app on the overlay: a key, petname or unique prefix of a key, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The node; it is the node here that knows whom the name stands for.
    pub peer: String,
    /// The app's port on it.
    pub port: Port,
}

impl FromStr for Target {
    type Err = Problem;

    fn from_str(text: &str) -> Result<Self, Problem> {
        let wrong = |why: &str| Problem::new(Code::BadAddress, format!("cannot dial '{text}'"), why);
        let (peer, port) = text.rsplit_once(':').ok_or_else(|| wrong("it has no ':' and port"))?;
        if peer.is_empty() {
            return Err(wrong("it names no node before the ':'"));
        }
        let port = port.parse().map_err(|error| wrong(&format!("'{port}': {error}")))?;
        Ok(Self { peer: peer.to_owned(), port })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.peer, self.port)
    }
}

/// A port as an argument.
///
/// # Errors
/// [`Code::BadAddress`] if it is no number from 1 to 65535.
pub fn port(text: &str) -> Result<Port, Problem> {
    text.parse()
        .map_err(|error| Problem::new(Code::BadAddress, format!("cannot use the port '{text}'"), error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_reads_back_and_a_wrong_one_is_told() {
        let target: Target = "bob:8080".parse().unwrap();
        assert_eq!(
            (target.peer.as_str(), target.port, target.to_string().as_str()),
            ("bob", Port(8080), "bob:8080")
        );
        for bad in ["bob", "bob:", "bob:0", "bob:65536", ":80", "bob:http"] {
            assert_eq!(bad.parse::<Target>().unwrap_err().code, Code::BadAddress, "{bad}");
        }
    }
}
