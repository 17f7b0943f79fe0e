//! The table of transport types, and the one place through which transports are opened and accepted.

use std::{collections::BTreeMap, io, net::SocketAddr, sync::Arc};

use byway_base::{Code, Problem, PublicKey, SecretKey, TransportType, limits::RECORD_ENTRIES};
use byway_wire::{Candidate, SignedTransportEntry};
use futures_util::future::BoxFuture;
use tokio::{sync::mpsc, task::JoinSet};

use crate::{
    agreeing::agree_with_diallers,
    agreement::{AgreementError, Side, agree},
    link::PacketLink,
    messaging, quic, tcp,
    transport_type::{Context, DialError, Link, LinkSink, Opener, Udp},
};

/// Starts a type: gives its opener, or none if this node cannot have such transports.
type Start = for<'a> fn(&'a Context, LinkSink) -> BoxFuture<'a, io::Result<Option<Box<dyn Opener>>>>;

/// One transport type.
pub struct TypeRow {
    /// Its name, as in entries, candidates and policies.
    pub name: &'static str,
    /// Makes its opener.
    pub start: Start,
}

/// Every transport type, in the order in which a node that has the choice prefers them: the first costs least and needs
/// no UDP, the last works everywhere.
pub const TYPES: &[TypeRow] = &[
    TypeRow { name: "tcp", start: tcp::start },
    TypeRow { name: "quic", start: quic::start },
    TypeRow { name: "messaging", start: messaging::start },
];

/// A transport whose edges agreed; packets may flow.
pub struct Opened {
    /// The other edge.
    pub peer: PublicKey,
    /// What both signed.
    pub entry: SignedTransportEntry,
    /// What carries its packets.
    pub link: Box<dyn PacketLink>,
    /// Where the peer is, for people.
    pub address: String,
    /// Whether this node opened it.
    pub dialled: bool,
}

/// Why no transport was opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// This node knows no such type, or cannot use it.
    #[error("this node has no transports of type {0}")]
    UnknownType(TransportType),
    /// No link.
    #[error(transparent)]
    Dial(#[from] DialError),
    /// A link, but no agreement on it.
    #[error(transparent)]
    Agreement(#[from] AgreementError),
}

impl OpenError {
    /// The error as a person reads it.
    #[must_use]
    pub fn problem(&self, what: String) -> Problem {
        match self {
            Self::UnknownType(_) => Problem::new(Code::Usage, what, self),
            Self::Dial(error) => error.problem(what),
            Self::Agreement(error) => Problem::new(Code::Protocol, what, error),
        }
    }
}

/// Opens transports of every type that this node can use. Cheap to clone; the last clone closes the listeners.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    secret: SecretKey,
    openers: BTreeMap<TransportType, Box<dyn Opener>>,
    /// The agreement loops, one per type.
    _agreeing: JoinSet<()>,
}

impl Registry {
    /// Starts every type of [`TYPES`]. Transports that peers open come out of the receiver, which is bounded: while
    /// nobody takes them, accepting waits.
    ///
    /// # Errors
    /// If a listener cannot be bound.
    pub async fn start(secret: SecretKey, context: &Context) -> io::Result<(Self, mpsc::Receiver<Opened>)> {
        let (accepted, receiver) = mpsc::channel(64);
        let mut openers = BTreeMap::new();
        let mut agreeing = JoinSet::new();
        for row in TYPES {
            let kind = TransportType::new(row.name).expect("the table's names are valid");
            let (sink, links) = mpsc::channel(64);
            if let Some(opener) = (row.start)(context, sink).await? {
                openers.insert(kind.clone(), opener);
                agreeing.spawn(agree_with_diallers(secret.clone(), kind, links, accepted.clone()));
            }
        }
        Ok((Self { inner: Arc::new(Inner { secret, openers, _agreeing: agreeing }) }, receiver))
    }

    /// Opens a transport of a type to a peer, using those of its candidates that name the type.
    ///
    /// # Errors
    /// [`OpenError`]; nothing is left open then.
    pub async fn open(
        &self,
        kind: &TransportType,
        peer: PublicKey,
        candidates: &[Candidate],
    ) -> Result<Opened, OpenError> {
        let opener = self.inner.openers.get(kind).ok_or_else(|| OpenError::UnknownType(kind.clone()))?;
        let of_type = candidates.iter().filter(|candidate| candidate.kind == *kind);
        let addresses: Vec<SocketAddr> =
            of_type.map(|candidate| candidate.address).take(RECORD_ENTRIES).collect();
        let Link { peer, mut opening, address } = opener.dial(peer, &addresses).await?;
        let (entry, received) =
            agree(opening.stream(), Side::Dialler, &self.inner.secret, peer, kind).await?;
        let link = opening.carry(received).map_err(AgreementError::Broken)?;
        Ok(Opened { peer, entry, link, address, dialled: true })
    }

    /// The node's UDP socket, if a type has one.
    #[must_use]
    pub fn udp(&self) -> Option<Udp> {
        self.inner.openers.values().find_map(|opener| opener.udp())
    }

    /// Where this node accepts transports, for its contact record.
    #[must_use]
    pub fn candidates(&self) -> Vec<Candidate> {
        let candidates = self.inner.openers.iter().map(|(kind, opener)| {
            let addresses = opener.listen_addresses().into_iter();
            addresses.map(|address| Candidate { kind: kind.clone(), address }).collect::<Vec<_>>()
        });
        candidates.flatten().collect()
    }
}
