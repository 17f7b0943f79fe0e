//! A SOCKS5 proxy (RFC 1928) to the overlay: `byway proxy`.
//!
//! It routes names of the form `<key or petname>.byway` and nothing else: a client that is set to use it never reaches
//! the internet by accident. The user name (RFC 1929), if there is one, is a policy in the path language; clients with
//! different policies have different sessions.

mod auth;
mod name;
mod refusal;

use std::{net::SocketAddr, sync::Arc};

use byway_base::{Problem, limits::HANDSHAKE_TIMEOUT};
use fast_socks5::{
    ReplyError, Socks5Command,
    server::{Socks5ServerProtocol, SocksServerError, states::CommandRead},
    util::target_addr::TargetAddr,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};

use crate::{choice::Choice, dial::Dial, relay};

/// A bound proxy.
#[derive(Debug)]
pub struct Proxy<D> {
    listener: TcpListener,
    address: SocketAddr,
    way: Arc<Way<D>>,
}

#[derive(Debug)]
struct Way<D> {
    dial: D,
    choice: Choice,
}

/// What a client asked for.
struct Asked {
    proto: Socks5ServerProtocol<TcpStream, CommandRead>,
    command: Socks5Command,
    target: TargetAddr,
    /// From the user name.
    choice: Option<Choice>,
}

impl<D: Dial> Proxy<D> {
    /// Binds the proxy; port 0 takes a free one. `choice` is for clients that give no policy.
    ///
    /// # Errors
    /// [`Code::Bind`](byway_base::Code::Bind) if the address is taken or not this machine's.
    pub async fn bind(address: SocketAddr, dial: D, choice: Choice) -> Result<Self, Problem> {
        let (listener, address) = relay::bind(address).await?;
        Ok(Self { listener, address, way: Arc::new(Way { dial, choice }) })
    }

    /// The bound address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until dropped, which cuts every connection.
    pub async fn serve(self) -> ! {
        relay::serve_each(self.listener, |tcp, client| serve(self.way.clone(), tcp, client)).await
    }
}

async fn serve<D: Dial>(way: Arc<Way<D>>, tcp: TcpStream, client: SocketAddr) {
    match timeout(HANDSHAKE_TIMEOUT, negotiate(tcp)).await {
        Ok(Ok(asked)) => {
            if let Err(error) = answer(&way, asked, client).await {
                tracing::debug!(%client, %error, "a client left during its request");
            }
        }
        Ok(Err(error)) => tracing::info!(%client, %error, "refused a client"),
        Err(_) => tracing::debug!(%client, "gave up a client that did not say what it wants"),
    }
}

async fn negotiate(tcp: TcpStream) -> Result<Asked, auth::AuthError> {
    let (proto, choice) = auth::authenticate(tcp).await?;
    let (proto, command, target) = proto.read_command().await?;
    Ok(Asked { proto, command, target, choice })
}

async fn answer<D: Dial>(way: &Way<D>, asked: Asked, client: SocketAddr) -> Result<(), SocksServerError> {
    let Asked { proto, command, target, choice } = asked;
    if !matches!(command, Socks5Command::TCPConnect) {
        tracing::info!(%client, ?command, "refused a request: only CONNECT is served");
        return proto.reply_error(&ReplyError::CommandNotSupported).await;
    }
    let to = match name::target(&target) {
        Ok(to) => to,
        Err(why) => {
            tracing::info!(%client, %target, why, "refused a request");
            return proto.reply_error(&ReplyError::ConnectionNotAllowed).await;
        }
    };
    match way.dial.dial(&to, choice.as_ref().unwrap_or(&way.choice)).await {
        Ok(dialled) => {
            tracing::debug!(%client, %to, hops = dialled.routes.first().map(|route| route.hops.len()), "connected");
            // Which local address stands for the other end means nothing here.
            let tcp = proto.reply_success(SocketAddr::from(([0, 0, 0, 0], 0))).await?;
            relay::carry(tcp, dialled.stream).await;
            Ok(())
        }
        Err(problem) => {
            tracing::warn!(%client, %to, code = %problem.code, why = problem.why, hint = problem.hint, "cannot connect");
            proto.reply_error(&refusal::reply(problem.code)).await
        }
    }
}
