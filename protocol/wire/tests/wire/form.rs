//! How each family of messages is written and read as a whole, under one signature.

use std::fmt::Debug;

use bytes::BytesMut;
use byway_wire::{DecodeError, Packet, Wire, decode_whole, encode, messaging::Frame, setup};

/// One way of writing a value and reading it back.
pub(crate) struct Form<T> {
    pub(crate) write: fn(&T) -> Vec<u8>,
    pub(crate) read: Reading<T>,
}

type Reading<T> = Box<dyn Fn(&[u8]) -> Result<T, DecodeError>>;

/// A value that fills its bytes.
pub(crate) fn whole<T: Wire + 'static>() -> Form<T> {
    Form { write: encode, read: Box::new(decode_whole) }
}

/// A setup message with its version byte.
pub(crate) fn setup_message<T: Wire + 'static>() -> Form<T> {
    Form { write: setup::encode_message, read: Box::new(setup::decode_message) }
}

/// What is signed: a domain word, then the value.
pub(crate) fn signed_bytes<T: Wire + 'static>(domain: &'static [u8], write: fn(&T) -> Vec<u8>) -> Form<T> {
    let read = |bytes: &[u8]| decode_whole(bytes.strip_prefix(domain).ok_or(DecodeError::Value)?);
    Form { write, read: Box::new(read) }
}

/// A packet alone in a stream.
pub(crate) fn packet() -> Form<Packet> {
    Form {
        write: |packet| written(|out| packet.write(out)),
        read: Box::new(|bytes| alone(bytes, Packet::take)),
    }
}

/// A messaging frame alone in a stream.
pub(crate) fn frame() -> Form<Frame> {
    Form { write: |frame| written(|out| frame.write(out)), read: Box::new(|bytes| alone(bytes, Frame::take)) }
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn alone<T>(
    bytes: &[u8],
    take: fn(&mut BytesMut) -> Result<Option<T>, DecodeError>,
) -> Result<T, DecodeError> {
    let mut buffer = BytesMut::from(bytes);
    let value = take(&mut buffer)?.ok_or(DecodeError::Short)?;
    if buffer.is_empty() { Ok(value) } else { Err(DecodeError::Trailing) }
}

/// A named message, with its bytes and the way back.
pub(crate) struct Example {
    /// `<file of vectors>/<name>`.
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    read: Reading<Read>,
}

/// What came of reading bytes as the type of an example.
pub(crate) struct Read {
    /// Whether it is the example's own value.
    pub(crate) same: bool,
    /// The value written again.
    pub(crate) bytes: Vec<u8>,
}

impl Example {
    pub(crate) fn new<T: PartialEq + Debug + 'static>(name: &str, form: Form<T>, value: T) -> Self {
        let Form { write, read } = form;
        let bytes = write(&value);
        let read = Box::new(move |bytes: &[u8]| {
            read(bytes).map(|found| Read { same: found == value, bytes: write(&found) })
        });
        Self { name: name.to_owned(), bytes, read }
    }

    /// Reads bytes as this example's type.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Read, DecodeError> {
        (self.read)(bytes)
    }
}
