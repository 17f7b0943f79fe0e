//! The calling side: streams to services.

use std::sync::{Arc, Weak};

use byway_base::{Code, Problem, PublicKey};
use byway_http::client::{ByteStream, Dial};
use futures_util::{FutureExt, future::BoxFuture};

use super::stream::ServiceStream;
use crate::{alpn::ALPN_SERVICE, dialler::Dialler};

/// Opens streams to services for as long as its messaging client runs. It goes on until the very end, since the last thing
/// that a client does is to withdraw its record, perhaps from a directory behind it. It keeps no client alive: a directory
/// that is reached through a client belongs to it.
pub(crate) struct ServiceDialler(Weak<Dialler>);

impl ServiceDialler {
    pub(crate) fn new(dialler: &Arc<Dialler>) -> Arc<Self> {
        Arc::new(Self(Arc::downgrade(dialler)))
    }
}

impl Dial for ServiceDialler {
    fn dial(&self, key: PublicKey) -> BoxFuture<'_, Result<Box<dyn ByteStream>, Problem>> {
        async move {
            let what = || format!("cannot reach the service {} through messaging", key.short());
            let Some(dialler) = self.0.upgrade() else {
                return Err(Problem::new(
                    Code::ServiceUnreachable,
                    what(),
                    "the messaging client was shut down",
                ));
            };
            let failed = |why: &dyn std::fmt::Display| Problem::new(Code::ServiceUnreachable, what(), why);
            let connection = dialler.connect(key, ALPN_SERVICE).await.map_err(|error| failed(&error))?;
            let (send, receive) = connection.open_bi().await.map_err(|error| failed(&error))?;
            let stream: Box<dyn ByteStream> = Box::new(ServiceStream::dialled(connection, send, receive));
            Ok(stream)
        }
        .boxed()
    }
}
