//! Problems in the few words that SOCKS has (RFC 1928, 6).

use byway_base::Code;
use fast_socks5::ReplyError;

/// The reply that tells a client about a dial that failed.
pub(super) fn reply(code: Code) -> ReplyError {
    match code {
        Code::Denied | Code::UntrustedSetup => ReplyError::ConnectionNotAllowed,
        Code::BadKey | Code::Ambiguous | Code::PeerUnreachable => ReplyError::HostUnreachable,
        Code::NoListener => ReplyError::ConnectionRefused,
        Code::Timeout => ReplyError::TtlExpired,
        Code::NoPath
        | Code::TransportDown
        | Code::RouteLost
        | Code::NodeUnreachable
        | Code::ServiceUnreachable
        | Code::MessagingUnreachable
        | Code::SetupUnreachable => ReplyError::NetworkUnreachable,
        _ => ReplyError::GeneralFailure,
    }
}
