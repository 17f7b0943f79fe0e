//! Reading a message.

use std::net::SocketAddr;

use stun_types::message::MessageHeader;

use super::{
    Attribute, AttributeExt, AttributeStaticType, AttributeType, BINDING, HEADER, HMAC, MessageClass,
    MessageIntegrity, MessageIntegritySha256, Password, RawAttribute, STUN_MAX, TransactionId, USE_CANDIDATE,
    Username, XorMappedAddress, is_stun,
};

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Asks for the address that it came from.
    Request,
    /// Says which address the request came from.
    Success,
    /// Says that the request was refused.
    Error,
}

/// A binding request or an answer to one, well formed. Nothing that it says is proved before [`Message::verify`].
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    kind: Kind,
    id: TransactionId,
}

impl<'a> Message<'a> {
    /// Reads a datagram. `None` if it is malformed, larger than [`STUN_MAX`], or none of these messages.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        if !is_stun(bytes) || bytes.len() > STUN_MAX {
            return None;
        }
        let header = MessageHeader::from_bytes(bytes).ok()?;
        // Attributes are padded to four bytes, so that every step from one to the next stays within the message.
        if usize::from(header.data_length()) + HEADER != bytes.len() || !bytes.len().is_multiple_of(4) {
            return None;
        }
        if !header.get_type().has_method(BINDING) {
            return None;
        }
        let kind = match header.get_type().class() {
            MessageClass::Request => Kind::Request,
            MessageClass::Success => Kind::Success,
            MessageClass::Error => Kind::Error,
            MessageClass::Indication => return None,
        };
        let id = TransactionId(*bytes.get(8..HEADER)?.first_chunk()?);
        let message = Self { bytes, kind, id };
        message.walk().all(|step| step.is_some()).then_some(message)
    }

    /// What the message is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The request that it is or answers.
    #[must_use]
    pub fn id(&self) -> TransactionId {
        self.id
    }

    /// The address that an answer reports. IPv4 addresses as such.
    #[must_use]
    pub fn mapped(&self) -> Option<SocketAddr> {
        let (_, attribute) = self.find(XorMappedAddress::TYPE)?;
        let address = XorMappedAddress::try_from(&attribute).ok()?;
        Some(super::unmapped(address.addr(self.id.into())))
    }

    /// For whom a check is.
    #[must_use]
    pub fn username(&self) -> Option<&'a str> {
        let (at, attribute) = self.find(Username::TYPE)?;
        let value = self.bytes.get(at + 4..)?.get(..usize::from(attribute.length()))?;
        str::from_utf8(value).ok()
    }

    /// Whether the sender of a check stays with this pair of addresses.
    #[must_use]
    pub fn is_chosen(&self) -> bool {
        self.find(USE_CANDIDATE).is_some()
    }

    /// Whether it claims to come from a peer with a password.
    #[must_use]
    pub fn is_authenticated(&self) -> bool {
        [MessageIntegritySha256::TYPE, MessageIntegrity::TYPE, Username::TYPE]
            .into_iter()
            .any(|kind| self.find(kind).is_some())
    }

    /// Whether it comes from someone who knows `password`, and nobody changed it. The time that this takes does not tell
    /// where a wrong one differs.
    #[must_use]
    pub fn verify(&self, password: &Password) -> bool {
        let Some((at, attribute)) = self.find(MessageIntegritySha256::TYPE) else { return false };
        let Ok(hmac) = MessageIntegritySha256::try_from(&attribute) else { return false };
        // RFC 8489 lets a HMAC be cut short; ours never are.
        if hmac.hmac().len() != HMAC {
            return false;
        }
        let Ok(counted) = u16::try_from(at + attribute.padded_len() - HEADER) else { return false };
        let length = counted.to_be_bytes();
        let covered = [&self.bytes[..2], &length[..], &self.bytes[4..at]];
        MessageIntegritySha256::verify(&covered, &password.0, hmac.hmac())
    }

    /// Attributes that a server has to know and does not.
    pub(super) fn not_understood(&self) -> Vec<AttributeType> {
        let kinds = self.attributes().map(|(_, attribute)| attribute.get_type());
        kinds.filter(|kind| kind.comprehension_required()).collect()
    }

    pub(super) fn find(&self, kind: AttributeType) -> Option<(usize, RawAttribute<'a>)> {
        self.attributes().find(|(_, attribute)| attribute.get_type() == kind)
    }

    /// The attributes with their places, up to the first HMAC: what follows it, nobody vouches for.
    fn attributes(&self) -> impl Iterator<Item = (usize, RawAttribute<'a>)> {
        let mut sealed = false;
        self.walk().flatten().take_while(move |(_, attribute)| {
            let within = !sealed;
            sealed |= [MessageIntegritySha256::TYPE, MessageIntegrity::TYPE].contains(&attribute.get_type());
            within
        })
    }

    /// All attributes with their places; `None` for one that is cut off, and then no more.
    fn walk(&self) -> impl Iterator<Item = Option<(usize, RawAttribute<'a>)>> {
        let bytes = self.bytes;
        let mut at = HEADER;
        std::iter::from_fn(move || {
            let rest = bytes.get(at..).filter(|rest| !rest.is_empty())?;
            let here = at;
            let attribute = RawAttribute::from_bytes(rest).ok();
            at += attribute.as_ref().map_or(rest.len(), AttributeExt::padded_len);
            Some(attribute.map(|attribute| (here, attribute)))
        })
    }
}
