//! An app that sends back what it reads.

use byway_base::Port;
use tokio::{
    io::{self, AsyncWriteExt},
    task::{JoinHandle, JoinSet},
};

use crate::Member;

/// A running app. Dropping it ends it.
pub struct Echo {
    task: JoinHandle<()>,
}

impl Echo {
    /// Where it listens.
    pub const PORT: Port = Port(80);

    /// Starts it at a node.
    ///
    /// # Panics
    /// If the port is taken.
    pub async fn at(member: &Member) -> Self {
        let mut listener =
            member.node().listen(Self::PORT).await.expect("the port is free and the node is up");
        let task = tokio::spawn(async move {
            let mut streams = JoinSet::new();
            while let Ok((_, stream)) = listener.accept().await {
                streams.spawn(async move {
                    let (mut reader, mut writer) = io::split(stream);
                    // Who sent sees whether all came back.
                    let _ = io::copy(&mut reader, &mut writer).await;
                    let _ = writer.shutdown().await;
                });
            }
        });
        Self { task }
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}
