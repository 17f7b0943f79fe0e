//! The service: bound, served, drained.

use std::sync::Arc;

use byway_api::setup_node;
use byway_base::{Code, Problem, PublicKey};
use byway_front::Front;
use byway_http::server::Server;
use byway_messaging_client::{ALPN_SERVICE, ALPN_SETUP, MessagingClient, PeerConnections};
use byway_net::Backoff;
use byway_service_kit::{Check, Common, Health, Router, Service, Shutdown, key_file};
use tokio::{task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Bounds, Config, RawConfig, admin::Api, audit, messaging::MessagingCaller, routes::Routes, setups::Setups,
    sources,
};

/// A setup node: reached over messaging by sources and reaching nodes the same way.
#[derive(Debug)]
pub struct SetupNode {
    administrators: Vec<PublicKey>,
    front: Front,
    client: MessagingClient,
    connections: PeerConnections,
    /// Ends the messaging client; after everything that needs it.
    messaging: CancellationToken,
    routes: Routes,
    health: Health,
    /// Whether there is a directory in which sources find the setup node.
    listed: bool,
    /// Whether sources and nodes can be reached.
    reachable: Check,
    /// Whether routes are being recorded.
    recorded: Check,
}

impl Service for SetupNode {
    const NAME: &'static str = "setup-node";
    const ABOUT: &'static str = "Installs the rules of routes on the nodes that trust it.";
    type Raw = RawConfig;
    type Config = Config;

    fn configure(raw: RawConfig, common: &Common) -> Result<Config, Problem> {
        Config::check(raw, common)
    }

    async fn bind(config: Config) -> Result<Self, Problem> {
        let Config { listen, public_url, messaging: known, administrators, data_dir, key_file } = config;
        let files = spawn_blocking(move || {
            let secret = key_file::load_or_create(&key_file)?;
            Ok::<_, Problem>((secret, Routes::open(&data_dir)?))
        });
        let (secret, routes) = files.await.expect("reading files does not panic, and nobody aborts it")?;

        let front = Front::bind(listen, public_url, secret.clone()).await?;
        let messaging = CancellationToken::new();
        let (listed, mut client) = (!known.discovery.is_empty(), known.client(&secret)?);
        client.alpns = vec![ALPN_SETUP, ALPN_SERVICE];
        let client = MessagingClient::start(client, messaging.clone())?;
        let connections = client
            .accept(ALPN_SETUP)
            .map_err(|error| Problem::new(Code::Internal, "cannot accept route requests", error))?;
        let front = front.accept(&client)?;

        let health = Health::new();
        let (reachable, recorded) = (health.check("messaging"), health.check("journal"));
        Ok(Self {
            administrators,
            front,
            client,
            connections,
            messaging,
            routes,
            health,
            listed,
            reachable,
            recorded,
        })
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        vec![("http", self.front.address().to_string())]
    }

    fn identity(&self) -> Option<PublicKey> {
        Some(self.front.key())
    }

    fn admin(&self) -> Router {
        self.front.audit().router()
    }

    async fn serve(self, shutdown: Shutdown) -> Result<(), Problem> {
        // Whatever way this future ends, the messaging client ends with it.
        let messaging = self.messaging.drop_guard();
        let caller = MessagingCaller(self.client.clone());
        let setups = Setups::new(caller, self.routes, Bounds::default(), self.recorded);

        let api = Api::new(setups.clone(), self.administrators);
        let server = Server::<setup_node::SetupNode>::new(Arc::new(api));
        let audit = self.front.audit().clone();
        let http = self.front.serve(server, shutdown.token());
        let requests = sources::serve(self.connections, setups.clone(), audit, shutdown.token());
        let drained = async {
            shutdown.begun().await;
            setups.drain().await;
        };
        let work = async { tokio::join!(http, requests, drained) };
        tokio::select! {
            _ = work => {}
            () = report(&self.client, self.listed, &self.reachable) => {}
            () = audit::run(&setups) => {}
        }
        drop(messaging);
        self.client.closed().await;
        Ok(())
    }
}

/// Tells readiness whether sources and nodes can be reached. At first that takes a contact record in the directory, or
/// sources would look for the setup node in vain; later, or where there is no directory, a connected server is enough.
async fn report(client: &MessagingClient, in_directory: bool, check: &Check) {
    let mut status = client.watch();
    let mut listed = !in_directory;
    loop {
        let now = status.borrow_and_update().clone();
        if !now.connected {
            check.failing(now.why_not_connected());
        } else if listed {
            check.ok();
        } else {
            await_listing(client, check).await;
            listed = true;
            continue;
        }
        if status.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

async fn await_listing(client: &MessagingClient, check: &Check) {
    let mut pauses = Backoff::default();
    loop {
        client.ready().await;
        match client.look_up(&[client.key()]).await {
            Ok(records) if !records.is_empty() => return,
            Ok(_) => check.failing("the contact record is not published yet"),
            Err(problem) => check.failing(problem.to_string()),
        }
        sleep(pauses.next(rand::random())).await;
    }
}
