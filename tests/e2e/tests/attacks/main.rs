//! The threat list, one attack after the other, against real services and nodes in one process: port 0, real TLS, QUIC,
//! HTTP and messaging. `docs/security-tests.md` says which test stands for which row of the list.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

mod half_built;
mod impersonation;
mod labels;
mod limits;
mod malformed;
mod plaintext;
mod registration;
mod relay;
mod replay;
mod rules;
mod secrets;
mod silence;
mod stale;
mod support;
mod third_parties;
mod traces;
