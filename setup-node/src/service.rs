//! The service: bound, served, drained.

use std::{net::SocketAddr, sync::Arc};

use byway_api::setup_node;
use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_http::server::Server;
use byway_messaging_client::{ALPN_SETUP, HttpDirectory, MessagingClient, PeerConnections};
use byway_net::Backoff;
use byway_service_kit::{Check, Common, Health, Service, Shutdown, key_file};
use tokio::{net::TcpListener, task::spawn_blocking, time::sleep};
use tokio_util::sync::CancellationToken;

use crate::{
    Bounds, Config, RawConfig, admin::Api, messaging::MessagingCaller, routes::Routes, setups::Setups,
    sources,
};

/// A setup node: reached over messaging by sources and reaching nodes the same way.
#[derive(Debug)]
pub struct SetupNode {
    secret: SecretKey,
    administrators: Vec<PublicKey>,
    public_url: Option<String>,
    listener: TcpListener,
    address: SocketAddr,
    client: MessagingClient,
    connections: PeerConnections,
    /// Ends the messaging client; after everything that needs it.
    messaging: CancellationToken,
    routes: Routes,
    health: Health,
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
        let Config { listen, public_url, messaging_discovery, administrators, data_dir, key_file } = config;
        let files = spawn_blocking(move || {
            let secret = key_file::load_or_create(&key_file)?;
            Ok::<_, Problem>((secret, Routes::open(&data_dir)?))
        });
        let (secret, routes) = files.await.expect("reading files does not panic, and nobody aborts it")?;

        let bound = |error| Problem::new(Code::Bind, format!("cannot listen on {listen}"), error);
        let listener = TcpListener::bind(listen).await.map_err(bound)?;
        let address = listener.local_addr().map_err(bound)?;

        let messaging = CancellationToken::new();
        let mut client = byway_messaging_client::Config::new(secret.clone());
        client.directory = Some(Arc::new(HttpDirectory::new(&messaging_discovery, &secret)?));
        client.alpns = vec![ALPN_SETUP];
        let client = MessagingClient::start(client, messaging.clone())?;
        let connections = client
            .accept(ALPN_SETUP)
            .map_err(|error| Problem::new(Code::Internal, "cannot accept route requests", error))?;

        let health = Health::new();
        let (reachable, recorded) = (health.check("messaging"), health.check("journal"));
        Ok(Self {
            secret,
            administrators,
            public_url,
            listener,
            address,
            client,
            connections,
            messaging,
            routes,
            health,
            reachable,
            recorded,
        })
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        vec![("http", self.address.to_string())]
    }

    fn identity(&self) -> Option<PublicKey> {
        Some(self.secret.public())
    }

    async fn serve(self, shutdown: Shutdown) -> Result<(), Problem> {
        // Whatever way this future ends, the messaging client ends with it.
        let messaging = self.messaging.drop_guard();
        let caller = MessagingCaller(self.client.clone());
        let setups = Setups::new(caller, self.routes, Bounds::default(), self.recorded);

        let api = Api::new(setups.clone(), self.administrators);
        let mut server = Server::<setup_node::SetupNode>::new(Arc::new(api)).sign_with(self.secret);
        if let Some(url) = &self.public_url {
            server = server.authority(url);
        }
        let http = server.serve(self.listener, shutdown.token());
        let requests = sources::serve(self.connections, setups.clone(), shutdown.token());
        let drained = async {
            shutdown.begun().await;
            setups.drain().await;
        };
        let work = async { tokio::join!(http, requests, drained) };
        tokio::select! {
            _ = work => {}
            () = report(&self.client, &self.reachable) => {}
        }
        drop(messaging);
        self.client.closed().await;
        Ok(())
    }
}

/// Tells readiness whether sources and nodes can be reached. At first that takes a contact record in the directory, or
/// sources would look for the setup node in vain; later a connected server is enough.
async fn report(client: &MessagingClient, check: &Check) {
    let mut status = client.watch();
    let mut listed = false;
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
