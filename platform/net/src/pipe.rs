//! TLS over TCP for bulk traffic: many records per system call, next to no memory while idle.
//!
//! A relay holds tens of thousands of connections of which few are busy, and its cost is system calls and copies. The
//! usual stream adapter reads 4 KiB of ciphertext at a time into each connection's own buffer. Here a read takes whatever
//! the kernel has into memory that all connections of a thread share, decrypts it record by record into the caller's
//! buffer, and leaves nothing behind.

use std::{
    cell::RefCell,
    io::{self, BufRead, IoSlice, Write},
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use byway_base::limits::{KERNEL_UNSENT, TRANSPORT_READ_CHUNK};
use rustls::Connection;
use socket2::SockRef;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::TlsStream;

use crate::tcp::TlsConnection;

/// Ciphertext that waits for the socket, bytes. What a reader that stopped costs beside its queue.
const WRITE_BUFFER: usize = 128 * 1024;
/// Size of a fresh buffer for plaintext, bytes; less is taken if less has arrived. Datagrams are slices of it, so that it
/// also is the most memory that one of them keeps in use.
const PLAINTEXT_BUFFER: usize = 64 * 1024;

thread_local! {
    /// Ciphertext on its way from the kernel to TLS; empty between calls.
    static CIPHERTEXT: RefCell<Vec<u8>> = RefCell::new(vec![0; TRANSPORT_READ_CHUNK]);
}

/// Bytes in both directions over an authenticated connection, polled by one task, whatever carries them.
pub trait Pipe: Send + Unpin + 'static {
    /// Appends what has arrived to `buffer`, some [`TRANSPORT_READ_CHUNK`] bytes at most. Ready with the number of bytes
    /// appended; zero means that the peer closed the connection.
    ///
    /// # Errors
    /// If the connection broke, or what arrived is not what it should be.
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>>;

    /// Encrypts and sends the front of `slices`. Ready with how many bytes were taken, more than zero unless there are
    /// none; they are under way, but [`Pipe::poll_flush`] sees them out. Pending while there is no room.
    ///
    /// # Errors
    /// If the connection broke.
    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Sends what was taken. Pending while there is no room.
    ///
    /// # Errors
    /// If the connection broke.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Says farewell and closes the sending half, so that the peer sees an orderly end. Pending while there is no room.
    ///
    /// # Errors
    /// If the connection broke.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// An authenticated TLS connection over TCP.
#[derive(Debug)]
pub struct TlsPipe {
    tcp: TcpStream,
    tls: Connection,
}

impl TlsPipe {
    /// Takes over a connection after its handshake.
    #[must_use]
    pub fn new(connection: TlsConnection) -> Self {
        let (tcp, mut tls) = match connection.stream {
            TlsStream::Client(stream) => {
                let (tcp, tls) = stream.into_inner();
                (tcp, Connection::Client(tls))
            }
            TlsStream::Server(stream) => {
                let (tcp, tls) = stream.into_inner();
                (tcp, Connection::Server(tls))
            }
        };
        tls.set_buffer_limit(Some(WRITE_BUFFER));
        // Without it only latency suffers, and only on kernels that are no Linux.
        if let Err(error) = SockRef::from(&tcp).set_tcp_notsent_lowat(KERNEL_UNSENT) {
            tracing::debug!(%error, "cannot bound the kernel's unsent bytes");
        }
        Self { tcp, tls }
    }

    /// Reads once. Ready with false at the end of the stream.
    fn poll_more(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<bool>> {
        CIPHERTEXT.with_borrow_mut(|memory| {
            let mut arrived = ReadBuf::new(memory);
            ready!(Pin::new(&mut self.tcp).poll_read(cx, &mut arrived))?;
            Poll::Ready(self.decrypt(arrived.filled(), buffer))
        })
    }

    /// Returns false at the end of the stream.
    fn decrypt(&mut self, mut ciphertext: &[u8], buffer: &mut BytesMut) -> io::Result<bool> {
        let expected = ciphertext.len().min(PLAINTEXT_BUFFER);
        if buffer.capacity() - buffer.len() < expected / 2 {
            buffer.reserve(expected);
        }
        let mut open = !ciphertext.is_empty();
        while open && !ciphertext.is_empty() {
            open = self.tls.read_tls(&mut ciphertext)? > 0;
            self.tls
                .process_new_packets()
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            open &= self.take_plaintext(buffer)?;
        }
        Ok(open)
    }

    /// Returns false after the peer's farewell.
    fn take_plaintext(&mut self, buffer: &mut BytesMut) -> io::Result<bool> {
        loop {
            let mut reader = self.tls.reader();
            let length = match reader.fill_buf() {
                Ok([]) => return Ok(false),
                Ok(plaintext) => {
                    buffer.extend_from_slice(plaintext);
                    plaintext.len()
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(true),
                Err(error) => return Err(error),
            };
            reader.consume(length);
        }
    }
}

impl Pipe for TlsPipe {
    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut BytesMut) -> Poll<io::Result<usize>> {
        let before = buffer.len();
        // The handshake may have left something behind, a farewell included.
        if !self.take_plaintext(buffer)? {
            return Poll::Ready(Ok(buffer.len() - before));
        }
        while buffer.len() == before {
            if !ready!(self.poll_more(cx, buffer))? {
                break;
            }
        }
        Poll::Ready(Ok(buffer.len() - before))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        loop {
            let taken = self.tls.writer().write_vectored(slices)?;
            let flushed = self.poll_flush(cx)?;
            if taken > 0 || slices.iter().all(|slice| slice.is_empty()) {
                return Poll::Ready(Ok(taken));
            }
            // TLS had no room for anything; after a flush it has.
            ready!(flushed);
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut Socket { tcp: &mut self.tcp, cx }) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tls.send_close_notify();
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.tcp).poll_shutdown(cx)
    }
}

/// A socket as rustls wants to write to it.
struct Socket<'a, 'b> {
    tcp: &'a mut TcpStream,
    cx: &'a mut Context<'b>,
}

impl Write for Socket<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match Pin::new(&mut *self.tcp).poll_write_vectored(self.cx, slices) {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
