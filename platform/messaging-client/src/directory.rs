//! Where contact records are published and found.

mod http;

use std::sync::Arc;

use byway_base::{Problem, PublicKey};
use byway_http::client::Dial;
use byway_wire::SignedRecord;
use futures_util::future::BoxFuture;

pub use http::HttpDirectory;

/// A directory of contact records: messaging discovery, or something in its place. What it says is verified by whoever
/// asks; it can withhold records but not invent any.
pub trait Directory: Send + Sync + 'static {
    /// The records of `keys`, at most [`byway_base::limits::RECORD_BATCH`]; unknown ones are left out.
    fn look_up(&self, keys: Vec<PublicKey>) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>>;

    /// Messaging servers that take clients, the best first.
    fn servers(&self) -> BoxFuture<'_, Result<Vec<SignedRecord>, Problem>>;

    /// Publishes the caller's own record.
    fn publish(&self, record: SignedRecord) -> BoxFuture<'_, Result<(), Problem>>;

    /// Told once, by the client that begins to use the directory: how services are reached by key. Answers by which keys
    /// the directory is reached itself, none by default. It cannot be asked where they are: they are sought on the
    /// messaging servers that configuration names.
    fn attach(&self, _dial: Arc<dyn Dial>) -> Vec<PublicKey> {
        Vec::new()
    }
}
