//! A local port whose every connection leads to an app on the overlay: `byway connect`.

use std::{net::SocketAddr, sync::Arc};

use byway_base::Problem;
use tokio::net::{TcpListener, TcpStream};

use crate::{choice::Choice, dial::Dial, relay, target::Target};

/// A bound local port.
#[derive(Debug)]
pub struct Forward<D> {
    listener: TcpListener,
    address: SocketAddr,
    way: Arc<Way<D>>,
}

#[derive(Debug)]
struct Way<D> {
    dial: D,
    to: Target,
    choice: Choice,
}

impl<D: Dial> Forward<D> {
    /// Binds a local port; port 0 takes a free one. Dials nothing yet.
    ///
    /// # Errors
    /// [`Code::Bind`](byway_base::Code::Bind) if the address is taken or not this machine's.
    pub async fn bind(address: SocketAddr, dial: D, to: Target, choice: Choice) -> Result<Self, Problem> {
        let (listener, address) = relay::bind(address).await?;
        Ok(Self { listener, address, way: Arc::new(Way { dial, to, choice }) })
    }

    /// The bound address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until dropped, which cuts every connection.
    pub async fn serve(self) -> ! {
        relay::serve_each(self.listener, |tcp, client| carry(self.way.clone(), tcp, client)).await
    }
}

async fn carry<D: Dial>(way: Arc<Way<D>>, tcp: TcpStream, client: SocketAddr) {
    match way.dial.dial(&way.to, &way.choice).await {
        Ok(dialled) => {
            tracing::debug!(%client, to = %way.to, hops = dialled.routes.first().map(|route| route.hops.len()), "connected");
            relay::carry(tcp, dialled.stream).await;
        }
        Err(problem) => {
            tracing::warn!(%client, to = %way.to, code = %problem.code, why = problem.why, hint = problem.hint, "cannot connect");
            relay::reset(&tcp);
        }
    }
}
