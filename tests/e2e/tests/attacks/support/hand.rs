//! A setup node whose hand is the test: it answers when and how the test says, and asks whom the test says.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Instant,
};

use byway_base::{Moment, PublicKey, RoutingId, SecretKey, limits::SETUP_MESSAGE_MAX};
use byway_clock::unix_now;
use byway_messaging_client::{ALPN_SETUP, Accepted, Config, HttpDirectory, MessagingClient, PeerConnections};
use byway_setup::{Action, Initiators, Outcome, Saga};
use byway_testkit::wait::until;
use byway_wire::{
    Hop, SignedRouteRequest, Wire,
    setup::{NodeMessage, Reply, Role, SourceMessage, decode_message, encode_message},
};
use quinn::SendStream;
use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{PATIENCE, Plane};

/// Somebody on messaging who speaks `byway-setup/1` by hand, a setup node to those who trust its key.
pub(crate) struct Hand {
    client: MessagingClient,
    requests: mpsc::UnboundedReceiver<Asked>,
    origin: Instant,
    /// The next label to draw.
    labels: AtomicU32,
    _stop: DropGuard,
}

/// A route request as it came in. Its source waits for as long as this is kept.
pub(crate) struct Asked {
    /// The key that the session proved.
    pub(crate) caller: PublicKey,
    pub(crate) request: SignedRouteRequest,
    pub(crate) hops: Vec<Hop>,
    /// The source's own label.
    label_in: RoutingId,
    answer: SendStream,
}

/// The labels under which packets of a route come to its nodes.
pub(crate) type Labels = BTreeMap<PublicKey, Vec<RoutingId>>;

impl Hand {
    /// Connected to messaging, and listed there.
    pub(crate) async fn start(secret: &SecretKey, plane: &Plane) -> Self {
        let stop = CancellationToken::new();
        let client = messaging_client(secret, plane, &stop);
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(take_requests(client.accept(ALPN_SETUP).unwrap(), sender));
        listed(&client).await;
        let labels = AtomicU32::new(100_000);
        Self { client, requests, origin: Instant::now(), labels, _stop: stop.drop_guard() }
    }

    pub(crate) fn key(&self) -> PublicKey {
        self.client.key()
    }

    /// The connection to somebody who speaks the protocol.
    pub(crate) async fn connection(&self, to: PublicKey) -> quinn::Connection {
        self.client.connect(to, ALPN_SETUP).await.unwrap()
    }

    /// Sends any bytes as one message; the reply's bytes, or none if the other side gave none.
    pub(crate) async fn exchange(&self, to: PublicKey, bytes: &[u8]) -> Option<Vec<u8>> {
        let (mut send, mut receive) = self.connection(to).await.open_bi().await.unwrap();
        // The other side may refuse before it has read everything.
        let _ = send.write_all(bytes).await;
        let _ = send.finish();
        timeout(PATIENCE, receive.read_to_end(SETUP_MESSAGE_MAX))
            .await
            .unwrap()
            .ok()
            .filter(|bytes| !bytes.is_empty())
    }

    async fn ask<T: Wire>(&self, to: PublicKey, message: &T) -> Reply {
        decode_message(&self.exchange(to, &encode_message(message)).await.unwrap()).unwrap()
    }

    /// Asks a node of a path for something.
    pub(crate) async fn call(&self, node: PublicKey, message: NodeMessage) -> Reply {
        self.ask(node, &message).await
    }

    /// Asks another setup node for a route.
    pub(crate) async fn ask_for_route(
        &self,
        setup_node: PublicKey,
        request: &SignedRouteRequest,
        hops: &[Hop],
    ) -> Reply {
        let (request, hops, label_in) = (request.clone(), hops.to_vec(), RoutingId(1));
        let message = SourceMessage::Establish { request, hops, label_in };
        self.ask(setup_node, &message).await
    }

    /// The next route request.
    pub(crate) async fn asked(&mut self) -> Asked {
        timeout(PATIENCE, self.requests.recv()).await.expect("somebody asks").unwrap()
    }

    /// Does what an honest setup node does, but stops after so many calls to nodes, as if it had died.
    pub(crate) async fn set_up(&self, asked: &Asked, calls: usize) -> (Labels, Option<Outcome>) {
        let now = || Moment::from_origin(self.origin.elapsed());
        let (request, hops, label_in) = (asked.request.clone(), asked.hops.clone(), asked.label_in);
        let route_asked = byway_setup::Asked { caller: asked.caller, request, hops, label_in };
        let initiators = Initiators::new([0; 32]);
        let mut saga = Saga::new(now(), unix_now(), &route_asked, &initiators, &mut || {
            self.labels.fetch_add(1, Relaxed)
        });
        let mut labels = Labels::from([(asked.caller, vec![label_in])]);
        for _ in 0..calls {
            let Some(Action::Call { call, node, message }) = saga.poll_action() else { break };
            if let NodeMessage::Install { previous, role, .. } = &message {
                let next = if let Role::Intermediate { next } = role { Some(next) } else { None };
                labels.insert(node, [previous].into_iter().chain(next).map(|side| side.label_in).collect());
            }
            let reply = self.call(node, message).await;
            assert_eq!(reply, Reply::Done {});
            saga.handle_reply(now(), call, Ok(reply));
        }
        (labels, saga.outcome())
    }

    /// Does all of what an honest setup node does.
    pub(crate) async fn obey(&self, mut asked: Asked) -> Labels {
        let (labels, outcome) = self.set_up(&asked, usize::MAX).await;
        let Some(Outcome::Established { label_out }) = outcome else { panic!("{outcome:?}") };
        asked.answer(&Reply::Established { label_out }).await;
        labels
    }
}

impl Asked {
    /// Tells the source.
    pub(crate) async fn answer(&mut self, reply: &Reply) {
        self.answer.write_all(&encode_message(reply)).await.unwrap();
        self.answer.finish().unwrap();
    }
}

/// A client of the plane's messaging, reachable by `byway-setup/1`.
pub(super) fn messaging_client(
    secret: &SecretKey,
    plane: &Plane,
    stop: &CancellationToken,
) -> MessagingClient {
    let mut config = Config::new(secret.clone());
    let directory = HttpDirectory::new(&[plane.messaging_discovery.url()], secret).unwrap();
    config.directory = Some(Arc::new(directory));
    config.servers = vec![plane.server()];
    config.alpns = vec![ALPN_SETUP];
    MessagingClient::start(config, stop.clone()).unwrap()
}

/// Waits until others can find a client.
pub(crate) async fn listed(client: &MessagingClient) {
    until("contact record", PATIENCE, async || match client.look_up(&[client.key()]).await {
        Ok(records) if records.is_empty() => Err("it is not listed".to_owned()),
        Ok(_) => Ok(()),
        Err(problem) => Err(problem.to_string()),
    })
    .await;
}

async fn take_requests(mut connections: PeerConnections, requests: mpsc::UnboundedSender<Asked>) {
    while let Some(Accepted { peer, connection, .. }) = connections.recv().await {
        let requests = requests.clone();
        tokio::spawn(async move {
            while let Ok((mut answer, mut receive)) = connection.accept_bi().await {
                let Ok(bytes) = receive.read_to_end(SETUP_MESSAGE_MAX).await else { continue };
                match decode_message(&bytes).unwrap() {
                    SourceMessage::Establish { request, hops, label_in } => {
                        // The test may be over.
                        let _ = requests.send(Asked { caller: peer, request, hops, label_in, answer });
                    }
                    SourceMessage::Ping {} => {
                        answer.write_all(&encode_message(&Reply::Done {})).await.unwrap();
                        answer.finish().unwrap();
                    }
                }
            }
        });
    }
}
