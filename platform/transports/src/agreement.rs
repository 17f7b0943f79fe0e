//! Both edges sign the transport's entry before packets flow.

use std::io;

use bytes::BytesMut;
use byway_base::{
    PublicKey, SecretKey, TransportType,
    limits::{CLOCK_SKEW, HANDSHAKE_TIMEOUT},
};
use byway_clock::unix_now;
use byway_net::Pipe;
use byway_wire::{
    SignedTransportEntry, TransportEntry, decode_whole, encode,
    link::{AGREE_BYTES, Agree, OFFER_BYTES, Offer, VERSION},
};
use tokio::time::timeout;

use crate::stream::{read_exact, write_all};

/// Why two edges did not agree.
#[derive(Debug, thiserror::Error)]
pub enum AgreementError {
    /// The peer was silent.
    #[error("the peer did not sign the entry within {HANDSHAKE_TIMEOUT:?}")]
    Timeout,
    /// The stream broke.
    #[error("the stream broke while the edges signed the entry")]
    Broken(#[from] io::Error),
    /// The peer sent something else, or another version.
    #[error("the peer speaks another version of the protocol")]
    Version,
    /// The dialler's clock is too far away.
    #[error("the clocks of the edges differ by more than {CLOCK_SKEW:?}")]
    Skew,
    /// The peer's signature is not its own over this entry.
    #[error("the peer's signature over the entry is wrong")]
    Signature,
    /// A node cannot have a transport to itself.
    #[error("the peer is this node itself")]
    Oneself,
}

/// Which edge speaks first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Dialler,
    Acceptor,
}

/// Exchanges signatures over the entry, which then verifies. Gives also what has arrived beyond the exchange.
pub(crate) async fn agree(
    stream: &mut dyn Pipe,
    side: Side,
    secret: &SecretKey,
    peer: PublicKey,
    kind: &TransportType,
) -> Result<(SignedTransportEntry, BytesMut), AgreementError> {
    let own = secret.public();
    if own == peer {
        return Err(AgreementError::Oneself);
    }
    let mut received = BytesMut::new();
    let exchange = async {
        let entry_at = |issued| TransportEntry::new(own, peer, kind.clone(), issued);
        let (entry, theirs) = match side {
            Side::Dialler => {
                let entry = entry_at(unix_now());
                let offer = Offer { version: VERSION, issued: entry.issued, signature: entry.sign(secret) };
                write_all(stream, &encode(&offer)).await?;
                let agree: Agree = read(stream, &mut received, AGREE_BYTES).await?;
                check_version(agree.version)?;
                (entry, agree.signature)
            }
            Side::Acceptor => {
                let offer: Offer = read(stream, &mut received, OFFER_BYTES).await?;
                check_version(offer.version)?;
                if offer.issued.abs_diff(unix_now()) > CLOCK_SKEW {
                    return Err(AgreementError::Skew);
                }
                (entry_at(offer.issued), offer.signature)
            }
        };
        let signature = entry.sign(secret);
        let signed = entry.with_signatures(&own, signature, theirs);
        signed.verify().map_err(|_| AgreementError::Signature)?;
        if side == Side::Acceptor {
            write_all(stream, &encode(&Agree { version: VERSION, signature })).await?;
        }
        Ok(signed)
    };
    let signed = timeout(HANDSHAKE_TIMEOUT, exchange).await.map_err(|_| AgreementError::Timeout)??;
    Ok((signed, received))
}

async fn read<T: byway_wire::Wire>(
    stream: &mut dyn Pipe,
    received: &mut BytesMut,
    count: usize,
) -> Result<T, AgreementError> {
    let bytes = read_exact(stream, received, count).await?;
    decode_whole(&bytes).map_err(|_| AgreementError::Version)
}

fn check_version(version: u8) -> Result<(), AgreementError> {
    if version == VERSION { Ok(()) } else { Err(AgreementError::Version) }
}
