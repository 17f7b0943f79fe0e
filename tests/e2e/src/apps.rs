//! Apps at the destination, and those who dial them from the source, through the nodes' local API.

use std::time::Duration;

use byway_api::local::DialRequest;
use byway_app_sdk::{LocalNode, Stream};
use byway_base::{Port, PublicKey};
use byway_testkit::wait::until;
use sha2::{Digest, Sha256};
use tokio::{
    io::{self, AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
};

/// Time for anything that is waited for. Longer than the longest pause between two attempts of any process.
pub const PATIENCE: Duration = Duration::from_secs(90);

/// The path that every dial asks for.
const POLICY: &str = "hops=3";

/// Apps that run in the test and listen at a node. They end when this is dropped.
pub struct Apps {
    node: LocalNode,
    tasks: JoinSet<()>,
    next: u16,
}

impl Apps {
    /// No apps yet. The first port that is handed out is 80.
    #[must_use]
    pub fn at(node: LocalNode) -> Self {
        Self { node, tasks: JoinSet::new(), next: 80 }
    }

    /// Starts an app that sends back whatever it reads. It is on a port that nobody listened on before, so that who
    /// dials it needs a new session and thus a new route.
    pub async fn echo(&mut self) -> Port {
        self.listen(|mut stream| async move {
            let (mut reader, mut writer) = io::split(&mut stream);
            // A test that ends drops its end.
            let _ = io::copy(&mut reader, &mut writer).await;
        })
        .await
    }

    /// Starts an app that reads a length of eight bytes and as much data, and answers with the data's SHA-256 and the
    /// data. On a new port, as [`Self::echo`].
    pub async fn digest(&mut self) -> Port {
        self.listen(|mut stream| async move {
            let answer = async {
                let length = stream.read_u64().await?;
                let mut data = Vec::new();
                (&mut stream).take(length).read_to_end(&mut data).await?;
                stream.write_all(&Sha256::digest(&data)).await?;
                stream.write_all(&data).await?;
                stream.shutdown().await
            };
            // Who reads the answer sees that it is not whole.
            let _ = answer.await;
        })
        .await
    }

    async fn listen<F>(&mut self, app: impl Fn(Stream) -> F + Send + 'static) -> Port
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let port = Port(self.next);
        self.next += 1;
        let mut listener = self.node.listen(port).await.expect("the port is free and the node is up");
        self.tasks.spawn(async move {
            let mut streams = JoinSet::new();
            while let Ok((_, stream)) = listener.accept().await {
                streams.spawn(app(stream));
            }
        });
        port
    }
}

/// Dials an app over three hops, again and again until it works.
pub async fn dial(source: &LocalNode, to: PublicKey, port: Port) -> Stream {
    let look = async || {
        let request = DialRequest { peer: to.to_string(), port, policy: Some(POLICY.to_owned()), path: None };
        let (stream, routes) = source.dial(request).await.map_err(|problem| problem.to_string())?;
        let hops: Vec<usize> = routes.iter().map(|route| route.hops.len()).collect();
        if hops.first() == Some(&3) { Ok(stream) } else { Err(format!("the routes have {hops:?} hops")) }
    };
    until(&format!("stream to port {port}"), PATIENCE, look).await
}

/// Sends data to an app of [`Apps::digest`] and checks by SHA-256 that both it and the way back kept every byte.
pub async fn exchange(stream: &mut Stream, data: &[u8]) {
    let sent = Sha256::digest(data);
    let exchange = async {
        stream.write_u64(data.len() as u64).await?;
        stream.write_all(data).await?;
        let mut there = [0; 32];
        stream.read_exact(&mut there).await?;
        let mut back = Vec::new();
        stream.read_to_end(&mut back).await?;
        Ok::<_, io::Error>((there, back))
    };
    let (there, back) = exchange.await.expect("the stream carries the data to the end");
    assert_eq!(there.as_slice(), sent.as_slice(), "the destination read something else");
    assert_eq!(Sha256::digest(&back), sent, "what came back is something else");
}
