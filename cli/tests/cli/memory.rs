//! An overlay of a few lines: what is dialled is answered within the process.

use std::sync::Arc;

use byway_base::{Code, OverlayAddress, Port, Problem, SecretKey};
use byway_cli::{
    choice::Choice,
    dial::{Accept, BoxedStream, Dial, Dialled},
    target::Target,
};
use tokio::{
    io::{AsyncWriteExt, copy, duplex, split},
    sync::{Mutex, mpsc},
};

/// Peers by name: `echo` sends back what it gets, `flood` sends without end, any error code in lower case fails with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Memory {
    pub(crate) dialled: Arc<Mutex<Vec<(Target, Choice)>>>,
}

impl Dial for Memory {
    async fn dial(&self, to: &Target, choice: &Choice) -> Result<Dialled, Problem> {
        self.dialled.lock().await.push((to.clone(), choice.clone()));
        if let Ok(code) = to.peer.parse::<Code>() {
            return Err(Problem::new(code, format!("cannot dial {to}"), "the test wants it so"));
        }
        let (ours, theirs) = duplex(1024);
        let (mut read, mut write) = split(theirs);
        if to.peer == "flood" {
            tokio::spawn(async move { while write.write_all(&[7; 1024]).await.is_ok() {} });
        } else {
            tokio::spawn(async move {
                copy(&mut read, &mut write).await.unwrap();
                write.shutdown().await.unwrap();
            });
        }
        Ok(Dialled { stream: Box::new(ours), routes: Vec::new() })
    }
}

/// A port whose streams come from a test.
pub(crate) struct Incoming(pub(crate) mpsc::Receiver<BoxedStream>);

impl Accept for Incoming {
    type Channel = BoxedStream;

    async fn accept(&mut self) -> Result<(OverlayAddress, BoxedStream), Problem> {
        let from = OverlayAddress { key: SecretKey::from_seed([9; 32]).public(), port: Port(50_000) };
        let stream = self.0.recv().await;
        let gone = || Problem::new(Code::NodeUnreachable, "cannot accept", "the test has ended");
        stream.map(|stream| (from, stream)).ok_or_else(gone)
    }
}

/// Bytes that differ at every place that matters.
pub(crate) fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|n| n.wrapping_mul(31).to_le_bytes()[0] ^ n.to_le_bytes()[1]).collect()
}
