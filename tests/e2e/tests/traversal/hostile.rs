//! Offers of those whom they should not help.

use byway_base::SecretKey;
use byway_messaging_client::{ALPN_PUNCH, Config, MessagingClient};
use byway_node::Node;
use byway_testkit::wait::until;
use byway_wire::{
    decode_whole, encode,
    punch::{Candidates, Half, Mapping, PUNCH_MESSAGE_MAX, PunchAnswer, PunchOffer, Refusal},
};
use quinn::Connection;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::site::{PATIENCE, Site};

/// Somebody on messaging who makes offers by hand.
struct Stranger {
    client: MessagingClient,
    _stop: DropGuard,
}

impl Stranger {
    async fn start(site: &Site) -> Self {
        let (secret, stop) = (SecretKey::from_seed([99; 32]), CancellationToken::new());
        let mut config = Config::new(secret.clone());
        config.directory = Some(site.directory(&secret));
        let client = MessagingClient::start(config, stop.clone()).unwrap();
        timeout(PATIENCE, client.ready()).await.expect("messaging is there");
        Self { client, _stop: stop.drop_guard() }
    }

    async fn connection(&self, node: &Node) -> Connection {
        until("connection", PATIENCE, async || self.client.connect(node.key(), ALPN_PUNCH).await).await
    }
}

fn offer() -> Vec<u8> {
    let candidates = Candidates::new(["203.0.113.9:1".parse().unwrap()]);
    encode(&PunchOffer { half: Half([7; 16]), mapping: Mapping::Open, candidates })
}

/// Sends bytes as an offer; what is answered, if anything is.
async fn exchange(connection: &Connection, bytes: &[u8]) -> Option<Vec<u8>> {
    let (mut send, mut receive) = connection.open_bi().await.unwrap();
    send.write_all(bytes).await.unwrap();
    send.finish().unwrap();
    let answer = timeout(PATIENCE, receive.read_to_end(PUNCH_MESSAGE_MAX)).await.expect("an end");
    answer.ok().filter(|answer| !answer.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_learns_no_address_of_a_node() {
    let site = Site::start().await;
    let nodes = site.row(1, |_| ()).await;
    let stranger = Stranger::start(&site).await;
    let connection = stranger.connection(&nodes[0]).await;
    let refused = PunchAnswer::Refused { why: Refusal::Unwanted };
    for _ in 0..20 {
        let answer = exchange(&connection, &offer()).await.expect("a refusal");
        assert_eq!(decode_whole::<PunchAnswer>(&answer), Ok(refused.clone()));
    }
    site.stop(nodes).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_that_are_no_offer_get_no_answer_and_keep_no_later_offer_out() {
    let site = Site::start().await;
    let nodes = site.row(1, |_| ()).await;
    let stranger = Stranger::start(&site).await;
    let connection = stranger.connection(&nodes[0]).await;
    for garbage in [&[][..], &[0; 7], &[255; PUNCH_MESSAGE_MAX], &[1; PUNCH_MESSAGE_MAX + 1], &offer()[1..]] {
        assert_eq!(exchange(&connection, garbage).await, None);
    }
    assert!(exchange(&connection, &offer()).await.is_some());
    site.stop(nodes).await;
}
