//! The binary notation that all messages share: big endian, counted lists, tagged choices.

use byway_base::{
    OverlayAddress, Port, PublicKey, RouteId, RoutingId, Signature, TransportId, TransportType, UnixTime,
};

/// Why bytes are not the message that they should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The input ends inside a field.
    #[error("the input ends too early")]
    Short,
    /// Bytes follow the message.
    #[error("bytes follow the end of the message")]
    Trailing,
    /// A kind, version or tag that this version does not know.
    #[error("unknown kind {0}")]
    Kind(u8),
    /// A length or count beyond its limit.
    #[error("a length is beyond its limit")]
    Length,
    /// A field's value is not allowed.
    #[error("a field has a value that is not allowed")]
    Value,
}

/// Bytes of the longest text: its length is one byte.
pub(crate) const TEXT_MAX: usize = 255;

/// Takes fields off the front of a byte slice.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Reads from the start of `bytes`.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Takes `count` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer are left.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], DecodeError> {
        let (head, rest) = self.rest.split_at_checked(count).ok_or(DecodeError::Short)?;
        self.rest = rest;
        Ok(head)
    }

    /// Takes a fixed number of bytes.
    ///
    /// # Errors
    /// [`DecodeError::Short`] if fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(DecodeError::Short)?;
        self.rest = rest;
        Ok(*head)
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] otherwise.
    pub const fn finish(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

/// A value with one binary form.
pub trait Wire: Sized {
    /// Appends the binary form.
    fn write(&self, out: &mut Vec<u8>);

    /// Takes the binary form off the front.
    ///
    /// # Errors
    /// A [`DecodeError`] for anything that `write` cannot produce.
    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError>;
}

/// The binary form of a value.
#[must_use]
pub fn encode<T: Wire>(value: &T) -> Vec<u8> {
    let mut out = Vec::new();
    value.write(&mut out);
    out
}

/// Reads a value that fills `bytes` entirely.
///
/// # Errors
/// Any [`DecodeError`], [`DecodeError::Trailing`] if bytes are left.
pub fn decode_whole<T: Wire>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes);
    let value = T::read(&mut reader)?;
    reader.finish()?;
    Ok(value)
}

macro_rules! wire_integer {
    ($($type:ty),+) => { $(
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                reader.array().map(Self::from_be_bytes)
            }
        }
    )+ };
}
wire_integer!(u8, u16, u32, u64);

/// Types that wrap bytes or an integer, with the way in and the way out.
macro_rules! wire_via {
    ($($type:ty: $raw:ty, $value:ident => $out:expr, $back:ident => $in:expr;)+) => { $(
        impl Wire for $type {
            fn write(&self, out: &mut Vec<u8>) {
                let $value = self;
                let raw: $raw = $out;
                raw.write(out);
            }

            fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let $back = <$raw>::read(reader)?;
                $in
            }
        }
    )+ };
}
wire_via! {
    PublicKey: [u8; 32], v => *v.as_bytes(), raw => Self::from_bytes(raw).map_err(|_| DecodeError::Value);
    Signature: [u8; 64], v => *v.as_bytes(), raw => Ok(Self::from_bytes(raw));
    TransportId: [u8; 16], v => *v.as_bytes(), raw => Ok(Self::from_bytes(raw));
    RouteId: [u8; 16], v => *v.as_bytes(), raw => Ok(Self::from_bytes(raw));
    RoutingId: u32, v => v.0, raw => Ok(Self(raw));
    Port: u16, v => v.0, raw => Ok(Self(raw));
    UnixTime: u64, v => v.0, raw => Ok(Self(raw));
    bool: u8, v => u8::from(*v), raw => match raw { 0 => Ok(false), 1 => Ok(true), _ => Err(DecodeError::Value) };
}

impl<const N: usize> Wire for [u8; N] {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        reader.array()
    }
}

impl Wire for OverlayAddress {
    fn write(&self, out: &mut Vec<u8>) {
        self.key.write(out);
        self.port.write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { key: PublicKey::read(reader)?, port: Port::read(reader)? })
    }
}

/// Text: a length byte and UTF-8. Longer text is cut at a character boundary when written.
impl Wire for String {
    fn write(&self, out: &mut Vec<u8>) {
        let mut end = self.len().min(TEXT_MAX);
        while !self.is_char_boundary(end) {
            end -= 1;
        }
        out.push(end as u8);
        out.extend_from_slice(&self.as_bytes()[..end]);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let length = u8::read(reader)?;
        let bytes = reader.take(usize::from(length))?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| DecodeError::Value)
    }
}

impl Wire for TransportType {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().to_owned().write(out);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::new(&String::read(reader)?).map_err(|_| DecodeError::Value)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(value) = self {
            value.write(out);
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if bool::read(reader)? { T::read(reader).map(Some) } else { Ok(None) }
    }
}

/// A list: a count byte and its items. Grown item by item, so that a false count allocates nothing.
impl<T: Wire> Wire for Vec<T> {
    fn write(&self, out: &mut Vec<u8>) {
        let count = self.len().min(255);
        out.push(count as u8);
        self[..count].iter().for_each(|item| item.write(out));
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let count = u8::read(reader)?;
        (0..count).map(|_| T::read(reader)).collect()
    }
}

/// Defines a struct and its binary form: its fields in order.
macro_rules! wire_struct {
    ($(#[$meta:meta])* $name:ident { $( $(#[$field_meta:meta])* $field:ident: $type:ty, )+ }) => {
        $(#[$meta])*
        pub struct $name { $( $(#[$field_meta])* pub $field: $type, )+ }

        impl $crate::Wire for $name {
            fn write(&self, out: &mut Vec<u8>) {
                $( self.$field.write(out); )+
            }

            fn read(reader: &mut $crate::Reader<'_>) -> Result<Self, $crate::DecodeError> {
                Ok(Self { $( $field: $crate::Wire::read(reader)?, )+ })
            }
        }
    };
}

/// Defines an enum and its binary form: one kind byte, then the fields of that variant in order. One row per message.
macro_rules! wire_enum {
    ($(#[$meta:meta])* $name:ident { $(
        $(#[$variant_meta:meta])* $kind:literal => $variant:ident { $( $(#[$field_meta:meta])* $field:ident: $type:ty, )* }
    )+ }) => {
        $(#[$meta])*
        pub enum $name { $( $(#[$variant_meta])* $variant { $( $(#[$field_meta])* $field: $type, )* }, )+ }

        impl $crate::Wire for $name {
            fn write(&self, out: &mut Vec<u8>) {
                match self { $( Self::$variant { $( $field, )* } => { out.push($kind); $( $field.write(out); )* } )+ }
            }

            fn read(reader: &mut $crate::Reader<'_>) -> Result<Self, $crate::DecodeError> {
                match <u8 as $crate::Wire>::read(reader)? {
                    $( $kind => Ok(Self::$variant { $( $field: $crate::Wire::read(reader)?, )* }), )+
                    other => Err($crate::DecodeError::Kind(other)),
                }
            }
        }
    };
}
pub(crate) use {wire_enum, wire_struct};
