//! Bound, then served.

use std::{fmt, net::SocketAddr, sync::Arc};

use byway_api::Service;
use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_http::{Audit, client::Dial, server::Server};
use byway_messaging_client::{
    ALPN_SERVICE, Config as MessagingConfig, MessagingClient, PeerConnections, serve_http,
};
use byway_service_kit::{Check, Health};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::keep_reporting;

/// Where requests to a control service come in.
pub struct Front {
    secret: SecretKey,
    public_url: Option<String>,
    listener: TcpListener,
    address: SocketAddr,
    audit: Audit,
    /// Connections to the service's key.
    connections: Option<PeerConnections>,
    /// A messaging client of the front's own.
    messaging: Option<Messaging>,
}

struct Messaging {
    client: MessagingClient,
    check: Check,
    /// The client ends with it.
    running: DropGuard,
}

impl Front {
    /// Binds `listen`; port 0 takes a free one. Replies are signed with `secret`, and requests may be signed for
    /// `public_url` too.
    ///
    /// # Errors
    /// `BW-BIND` if the address cannot be had.
    pub async fn bind(
        listen: SocketAddr,
        public_url: Option<String>,
        secret: SecretKey,
    ) -> Result<Self, Problem> {
        let unbound = |error| Problem::new(Code::Bind, format!("cannot listen on {listen}"), error);
        let listener = TcpListener::bind(listen).await.map_err(unbound)?;
        let address = listener.local_addr().map_err(unbound)?;
        let audit = Audit::default();
        Ok(Self { secret, public_url, listener, address, audit, connections: None, messaging: None })
    }

    /// Starts a messaging client, through which the service is reached by its key and reaches others by theirs. Its state
    /// is the check `messaging`.
    ///
    /// # Errors
    /// If the client cannot be started; messaging that is away is no error.
    pub fn join(mut self, mut config: MessagingConfig, health: &Health) -> Result<Self, Problem> {
        config.alpns = vec![ALPN_SERVICE];
        let stop = CancellationToken::new();
        let client = MessagingClient::start(config, stop.clone())?;
        let running = stop.drop_guard();
        self = self.accept(&client)?;
        self.messaging = Some(Messaging { client, check: health.check("messaging"), running });
        Ok(self)
    }

    /// Takes the connections to the service's key that a client of the service's own, started for [`ALPN_SERVICE`] among
    /// others, gets.
    ///
    /// # Errors
    /// If it was not started for it.
    pub fn accept(mut self, client: &MessagingClient) -> Result<Self, Problem> {
        let connections = client.accept(ALPN_SERVICE);
        let failed = |error| Problem::new(Code::Internal, "cannot accept requests through messaging", error);
        self.connections = Some(connections.map_err(failed)?);
        Ok(self)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key by which it is reached, and that signs replies.
    #[must_use]
    pub fn key(&self) -> PublicKey {
        self.secret.public()
    }

    /// Where writes that matter are recorded.
    #[must_use]
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    /// How others are reached by their keys, if [`Self::join`] was called.
    #[must_use]
    pub fn services(&self) -> Option<Arc<dyn Dial>> {
        self.messaging.as_ref().map(|messaging| messaging.client.services())
    }

    /// Serves until `stop` is cancelled and what is under way is finished, wherever it came from; then takes leave of
    /// messaging.
    ///
    /// Cancel safety: dropping the future ends everything at once.
    pub async fn serve<S: Service>(self, server: Server<S>, stop: CancellationToken) {
        let key = self.key();
        let mut server = server.sign_with(self.secret).audit(self.audit).authority(&key.to_string());
        if let Some(name) = &self.public_url {
            server = server.authority(name);
        }
        let serving = server.prepare(&self.listener, stop);
        let by_key = async {
            if let Some(connections) = self.connections {
                serve_http(connections, serving.clone()).await;
            }
        };
        let served = async { tokio::join!(serving.clone().listen(self.listener), by_key) };
        let Some(Messaging { client, check, running }) = self.messaging else {
            served.await;
            return;
        };
        tokio::select! {
            _ = served => {}
            () = keep_reporting(&client, &check) => {}
        }
        drop(running);
        client.closed().await;
    }
}

impl fmt::Debug for Front {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (address, key) = (&self.address, self.key());
        f.debug_struct("Front").field("address", address).field("key", &key).finish_non_exhaustive()
    }
}
