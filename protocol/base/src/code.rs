//! The stable error codes, the same at CLI, HTTP and API. One row per code.

use std::{fmt, str::FromStr};

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::key::serde_as_text;

/// Declares every code once: name, text, HTTP status, exit code of the command line, and what to try.
macro_rules! codes {
    ($( $(#[doc = $doc:literal])+ $name:ident = $text:literal, $status:literal, $exit:literal, $hint:literal; )+) => {
        /// A stable error code, `BW-…`. Codes are added, never changed or reused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $( $(#[doc = $doc])+ $name, )+ }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &'static [Self] = &[ $( Self::$name, )+ ];

            /// The code's text, for example `BW-NO-PATH`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$name => $text, )+ }
            }

            /// What the code means, for `byway explain`.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $( Self::$name => concat!($($doc),+), )+ }
            }

            /// The HTTP status that carries it.
            #[must_use]
            pub const fn http_status(self) -> u16 {
                match self { $( Self::$name => $status, )+ }
            }

            /// The exit code of a command that ends with it.
            #[must_use]
            pub const fn exit_code(self) -> u8 {
                match self { $( Self::$name => $exit, )+ }
            }

            /// What to try next, unless the place where it arose knows better.
            #[must_use]
            pub const fn hint(self) -> &'static str {
                match self { $( Self::$name => $hint, )+ }
            }
        }
    };
}

codes! {
    /// The command or request is not formed as its description says.
    Usage = "BW-USAGE", 400, 2, "see `byway help` or the service's /openapi.json";
    /// A configuration key, environment variable or value is unknown or wrong.
    Config = "BW-CONFIG", 500, 3, "run `byway config check --config FILE`";
    /// A file that the program needs cannot be read or written.
    File = "BW-FILE", 500, 3, "check that the path exists and who owns it";
    /// A secret is readable by others, or given where others can see it.
    SecretExposed = "BW-SECRET-EXPOSED", 500, 3, "run `chmod 600` on the key file; give secrets as files, never as arguments";
    /// An address that the program should listen on is taken or not its own.
    Bind = "BW-BIND", 500, 3, "choose another address, or stop the program that uses it";
    /// A text is no public key, and no petname or unique prefix of a known one.
    BadKey = "BW-BAD-KEY", 400, 2, "a key is 52 base32, 64 hexadecimal or 43 to 44 base58 characters";
    /// A text is no overlay address or port.
    BadAddress = "BW-BAD-ADDRESS", 400, 2, "an overlay address is <public key>:<port>, a port 1 to 65535";
    /// A path policy does not parse.
    BadPolicy = "BW-BAD-POLICY", 400, 2, "see `byway path show --help` for the path language";
    /// A path is not connected, has a loop, is too long or names unknown transports.
    BadPath = "BW-BAD-PATH", 400, 2, "run `byway path show PEER` for paths that exist";
    /// A prefix or petname fits several keys.
    Ambiguous = "BW-AMBIGUOUS", 400, 2, "give more characters of the key";
    /// The node's local API does not answer.
    NodeUnreachable = "BW-NODE-UNREACHABLE", 502, 4, "start the node with `byway up`, or give its socket with --socket";
    /// A service of the control plane does not answer.
    ServiceUnreachable = "BW-SERVICE-UNREACHABLE", 502, 4, "check the service's address and its /readyz";
    /// No messaging server could be reached.
    MessagingUnreachable = "BW-MESSAGING-UNREACHABLE", 502, 4, "check that outbound TCP to the messaging servers is allowed";
    /// The peer is not connected to messaging, or its contact record has expired.
    PeerUnreachable = "BW-PEER-UNREACHABLE", 404, 4, "check that the peer is up: `byway ping PEER` from another node";
    /// None of the trusted setup nodes could be reached.
    SetupUnreachable = "BW-SETUP-UNREACHABLE", 502, 4, "check `trusted_setup_nodes` and that one of them is up";
    /// The request carries no valid signature.
    Unsigned = "BW-UNSIGNED", 401, 5, "sign the request with the node's key (RFC 9421, ed25519)";
    /// A signature does not match its message or key.
    BadSignature = "BW-BAD-SIGNATURE", 401, 5, "check that the key that signs is the one that is named";
    /// A signed request was seen before, or was signed before the service started.
    Replayed = "BW-REPLAYED", 401, 5, "sign the request anew";
    /// A signed request or record is dated too far from the service's clock.
    ClockSkew = "BW-CLOCK-SKEW", 401, 5, "set the clock; the reply's Date header shows the service's time";
    /// The caller may not do this.
    Denied = "BW-DENIED", 403, 5, "ask the owner of the resource or the network's administrator";
    /// Rules came from a key that is no trusted setup node.
    UntrustedSetup = "BW-UNTRUSTED-SETUP", 403, 5, "add the setup node's key to `trusted_setup_nodes` if you trust it";
    /// No path fits the policy.
    NoPath = "BW-NO-PATH", 404, 6, "run `byway path show PEER --why-not`, or relax the policy";
    /// The destination has no listener on the port.
    NoListener = "BW-NO-LISTENER", 404, 1, "start the app on the peer: `byway expose PORT`";
    /// The thing asked for does not exist.
    NotFound = "BW-NOT-FOUND", 404, 1, "list what exists first";
    /// The thing exists in a newer form, or is in use.
    Conflict = "BW-CONFLICT", 409, 1, "read its present state and try again";
    /// A transport on the path is no longer up.
    TransportDown = "BW-TRANSPORT-DOWN", 409, 6, "ask for the path again; another may exist";
    /// A route broke and no spare was left.
    RouteLost = "BW-ROUTE-LOST", 502, 6, "dial again; `byway path show PEER` tells what is left";
    /// A limit, quota or rate was reached.
    Limit = "BW-LIMIT", 429, 1, "wait a moment, or raise the limit if it is yours";
    /// The body or a field is larger than allowed.
    TooLarge = "BW-TOO-LARGE", 413, 2, "see docs for the limits";
    /// The answer did not come in time.
    Timeout = "BW-TIMEOUT", 504, 7, "try again; `byway status` shows what is slow or gone";
    /// The service is starting, draining, or has lost something that it needs.
    NotReady = "BW-NOT-READY", 503, 4, "wait until /readyz answers 200; it names what is missing";
    /// The peer broke the protocol.
    Protocol = "BW-PROTOCOL", 502, 1, "check that both sides run compatible versions";
    /// A check that the program made did not hold.
    CheckFailed = "BW-CHECK-FAILED", 500, 1, "see which line of the report says no";
    /// A defect of the program itself.
    Internal = "BW-INTERNAL", 500, 1, "please report it with the log around this moment";
}

/// The text is no error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown error code")]
pub struct UnknownCode;

impl FromStr for Code {
    type Err = UnknownCode;

    fn from_str(text: &str) -> Result<Self, UnknownCode> {
        Self::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text)).ok_or(UnknownCode)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

serde_as_text!(Code, "Code", "^BW-[A-Z-]+$");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_reads_back_and_has_a_known_exit_code_and_status() {
        for code in Code::ALL {
            assert_eq!(code.as_str().parse(), Ok(*code));
            assert!((1..=7).contains(&code.exit_code()), "{code}");
            assert!((400..600).contains(&code.http_status()), "{code}");
            assert!(code.as_str().starts_with("BW-") && !code.hint().is_empty());
        }
    }
}
