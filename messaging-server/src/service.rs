//! The messaging server as a service.

use std::{net::SocketAddr, sync::Arc};

use byway_base::{Code, Problem, PublicKey, SecretKey, limits::RECORD_ENTRIES};
use byway_messaging_client::{Directory, HttpDirectory, Publisher};
use byway_net::{HostPort, Identity};
use byway_service_kit::{Common, Health, Router, Service, Shutdown, key_file};
use tokio::{
    sync::{mpsc, watch},
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

use crate::{
    accept::Reception,
    admin,
    config::{Config, RawConfig},
    links::Linker,
    listen::Listeners,
    record::{self, About},
    relay::Relay,
    report,
    servers::Servers,
};

/// A messaging server, bound and ready to serve.
pub struct MessagingServer {
    listeners: Listeners,
    linker: Linker,
    /// Other servers that the relay wants dialled.
    wanted: mpsc::Receiver<PublicKey>,
    health: Health,
    secret: SecretKey,
    about: About,
    directory: Option<Arc<dyn Directory>>,
}

impl Service for MessagingServer {
    const NAME: &'static str = "messaging-server";
    const ABOUT: &'static str = "Carries datagrams between nodes by public key, before there is any route.";
    type Raw = RawConfig;
    type Config = Config;

    fn configure(raw: RawConfig, common: &Common) -> Result<Config, Problem> {
        Config::new(raw, common)
    }

    async fn bind(config: Config) -> Result<Self, Problem> {
        let secret = key_file::load_or_create(&config.key_file)?;
        let directory: Option<Arc<dyn Directory>> = match &config.messaging_discovery[..] {
            [] => None,
            urls => Some(Arc::new(HttpDirectory::new(urls, &secret)?)),
        };
        Self::bind_with(config, secret, directory).await
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        let list = |addresses: Vec<SocketAddr>| {
            let texts: Vec<_> = addresses.iter().map(SocketAddr::to_string).collect();
            (!texts.is_empty()).then(|| texts.join(", "))
        };
        let tcp = list(self.listeners.tcp_addresses()).map(|addresses| ("messaging", addresses));
        let udp = list(self.listeners.udp_addresses()).map(|addresses| ("messaging-quic", addresses));
        tcp.into_iter().chain(udp).collect()
    }

    fn identity(&self) -> Option<PublicKey> {
        Some(self.secret.public())
    }

    fn admin(&self) -> Router {
        admin::router(self.linker.relay.clone())
    }

    async fn serve(self, shutdown: Shutdown) -> Result<(), Problem> {
        let Self { listeners, linker, wanted, health, secret, about, directory } = self;
        let relay = linker.relay.clone();
        let draining = CancellationToken::new();
        let withdraw = CancellationToken::new();
        let publisher = directory.map(|directory| {
            let (sender, record) = watch::channel(None);
            let publisher = Publisher::new(secret, directory, record, publish_check(&health));
            tokio::spawn(record::follow(about, relay.clone(), draining.clone(), sender));
            tokio::spawn(publisher.run(withdraw.clone()))
        });
        let mut background = JoinSet::new();
        background.spawn(report::run(relay.clone()));
        background.spawn(linker.clone().run(wanted));

        let mut reception = Reception::new(linker, listeners.start());
        tokio::select! {
            () = reception.run() => {}
            () = health.draining() => {}
            () = shutdown.begun() => {}
        }
        tracing::info!(clients = relay.load().clients, "draining: clients are asked to move");
        draining.cancel();
        relay.drain();
        reception.close();
        tokio::select! {
            () = async { shutdown.begun().await; reception.empty().await } => {}
            () = shutdown.expired() => tracing::info!("time to drain is over; the remaining clients are cut off"),
        }
        withdraw.cancel();
        reception.end().await;
        end(publisher).await;
        Ok(())
    }
}

impl MessagingServer {
    /// Binds with the key and the directory given, whatever `config` says about them.
    ///
    /// # Errors
    /// If an address cannot be listened on, or a public one not resolved.
    pub async fn bind_with(
        config: Config,
        secret: SecretKey,
        directory: Option<Arc<dyn Directory>>,
    ) -> Result<Self, Problem> {
        let identity = Identity::new(secret.clone());
        let servers = directory.clone().filter(|_| config.relay).map(|it| Arc::new(Servers::new(it)));
        let listeners =
            Listeners::bind(&config.listen, &config.quic_listen, &identity, servers.is_some()).await?;
        let addresses = public("public_address", &config.public_address, listeners.tcp_addresses()).await?;
        let udp = match (&config.quic_public_address[..], listeners.udp_addresses()) {
            (_, bound) if bound.is_empty() => bound,
            ([], bound) => public("public_address", &config.public_address, bound).await?,
            (names, bound) => public("quic_public_address", names, bound).await?,
        };
        let capacity = u32::try_from(config.limits.clients).unwrap_or(u32::MAX);
        let about = About { addresses, udp, capacity, region: config.region };
        let (relay, wanted) = Relay::new(config.limits);
        let linker = Linker { relay, identity, servers };
        Ok(Self { listeners, linker, wanted, health: Health::new(), secret, about, directory })
    }
}

/// What `names` stand for, or where the server is bound if there are none.
async fn public(
    setting: &str,
    names: &[HostPort],
    bound: Vec<SocketAddr>,
) -> Result<Vec<SocketAddr>, Problem> {
    let mut found = if names.is_empty() { bound } else { Vec::new() };
    for name in names {
        let resolved = name.resolve().await;
        found.extend(
            resolved.map_err(|error| {
                Problem::new(Code::Config, format!("cannot use `{setting}` {name}"), error)
            })?,
        );
    }
    // Names resolve to the same address more than once, and records hold so many.
    let mut unique: Vec<SocketAddr> = Vec::new();
    for address in found {
        let plain = SocketAddr::new(address.ip().to_canonical(), address.port());
        if !unique.contains(&plain) && unique.len() < RECORD_ENTRIES {
            unique.push(plain);
        }
    }
    Ok(unique)
}

/// Publishing is not needed for those who are connected; those who are not yet find the server by it.
fn publish_check(health: &Health) -> impl Fn(Option<Problem>) + Send + 'static {
    let check = health.check("messaging-discovery");
    move |problem| match problem {
        None => check.ok(),
        Some(problem) => check.degraded(format!("the server's record is not published: {problem}")),
    }
}

/// Waits until the record is withdrawn, which has a deadline of its own.
async fn end(publisher: Option<JoinHandle<()>>) {
    if let Some(publisher) = publisher
        && let Err(error) = publisher.await
    {
        tracing::error!(%error, "the publisher failed");
    }
}
