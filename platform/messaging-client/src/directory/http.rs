//! Messaging discovery over HTTP.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use byway_api::{
    Bounded, Endpoint,
    messaging_discovery::{ListServers, LookUpRecords, LookUpRequest, PutRecord, RecordPath, ServersQuery},
};
use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_http::{
    ServiceAddress,
    client::{ByteStream, Client, Dial},
};
use byway_wire::SignedRecord;
use futures_util::{FutureExt, future::BoxFuture};

use super::Directory;

/// One or more replicas of messaging discovery, tried in turn; the one that answered last is asked first.
#[derive(Debug)]
pub struct HttpDirectory {
    replicas: Vec<Client>,
    by_key: Vec<PublicKey>,
    messaging: Arc<Attached>,
    preferred: AtomicUsize,
}

impl HttpDirectory {
    /// Talks to the services at `urls`, as `identity`: base URLs, each with `KEY@` before it if only answers signed by
    /// that key count, or `messaging://KEY`. The latter answer once a messaging client uses the directory.
    ///
    /// # Errors
    /// If `urls` is empty or one of them is no URL.
    pub fn new<S: AsRef<str>>(urls: &[S], identity: &SecretKey) -> Result<Self, Problem> {
        if urls.is_empty() {
            return Err(Problem::new(Code::Config, "cannot use messaging discovery", "no URL is given"));
        }
        let unusable = |url: &S, why| {
            Problem::new(Code::Config, format!("cannot use messaging discovery at '{}'", url.as_ref()), why)
        };
        let addresses = urls
            .iter()
            .map(|url| url.as_ref().parse::<ServiceAddress>().map_err(|error| unusable(url, error)));
        let addresses = addresses.collect::<Result<Vec<_>, _>>()?;
        let messaging = Arc::<Attached>::default();
        let client = |address| Client::at(address, Some(identity.clone()), Some(messaging.clone()));
        let replicas = addresses.iter().map(client).collect::<Result<_, _>>()?;
        let by_key = addresses.iter().filter_map(ServiceAddress::by_key).collect();
        Ok(Self { replicas, by_key, messaging, preferred: AtomicUsize::new(0) })
    }

    /// Asks one replica after the other until one gives an answer, good or bad.
    async fn ask<E>(&self, path: E::Path, query: E::Query, body: E::Request) -> Result<E::Reply, Problem>
    where
        E: Endpoint<Path: Clone, Query: Clone, Request: Clone>,
    {
        let first = self.preferred.load(Ordering::Relaxed);
        let mut failure = None;
        for offset in 0..self.replicas.len() {
            let index = (first + offset) % self.replicas.len();
            match self.replicas[index].call::<E>(path.clone(), query.clone(), body.clone()).await {
                Err(problem) if is_of_the_replica(problem.code) => failure = Some(problem),
                answer => {
                    self.preferred.store(index, Ordering::Relaxed);
                    return answer;
                }
            }
        }
        Err(failure.expect("there is at least one replica, and each failed"))
    }
}

/// Whether another replica may do better.
fn is_of_the_replica(code: Code) -> bool {
    matches!(
        code,
        Code::ServiceUnreachable | Code::Timeout | Code::NotReady | Code::Internal | Code::Protocol
    )
}

impl Directory for HttpDirectory {
    fn look_up(&self, keys: Vec<PublicKey>) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async move {
            let keys = Bounded::try_from(keys)
                .map_err(|error| Problem::new(Code::TooLarge, "cannot look records up", error))?;
            Ok(self.ask::<LookUpRecords>((), (), LookUpRequest { keys }).await?.records)
        }
        .boxed()
    }

    fn servers(&self) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>> {
        async move { Ok(self.ask::<ListServers>((), ServersQuery::default(), ()).await?.items) }.boxed()
    }

    fn publish(&self, record: SignedRecord) -> BoxFuture<'_, Result<(), Problem>> {
        async move {
            let path = RecordPath { key: record.record.subject };
            self.ask::<PutRecord>(path, (), record).await
        }
        .boxed()
    }
    fn attach(&self, dial: Arc<dyn Dial>) -> Vec<PublicKey> {
        // The first client stays: a directory serves one.
        let _ = self.messaging.0.set(dial);
        self.by_key.clone()
    }
}

/// How services are reached by key, once that is known.
#[derive(Default)]
struct Attached(OnceLock<Arc<dyn Dial>>);

impl Dial for Attached {
    fn dial(&self, key: PublicKey) -> BoxFuture<'_, Result<Box<dyn ByteStream>, Problem>> {
        match self.0.get() {
            Some(dial) => dial.dial(key),
            None => {
                let what = "cannot reach messaging discovery by its key";
                let problem = Problem::new(Code::ServiceUnreachable, what, "no messaging client uses it");
                async { Err(problem) }.boxed()
            }
        }
    }
}

impl std::fmt::Debug for Attached {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Attached").field(&self.0.get().is_some()).finish()
    }
}
