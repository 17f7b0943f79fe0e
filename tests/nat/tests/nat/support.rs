//! Two nodes that only messaging reaches, and a transfer between them.

use byway_nat::{Echo, Member, PATIENCE, Site, Transfer};
use byway_netns::NatKind;
use byway_testkit::wait::until;

/// What becomes of two nodes that began over messaging.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Outcome {
    /// A transport of the type `quic` comes up, and the transfer moves to it.
    Direct,
    /// The transfer stays where it is, and the reason that the dialling node states holds these words.
    Relayed(&'static str),
}

/// Two nodes, one of which dials the other, and a transfer under way.
pub(crate) struct Pair {
    pub(crate) dialler: Member,
    pub(crate) listener: Member,
    transfer: Transfer,
    _echo: Echo,
}

impl Pair {
    /// Starts both and the transfer, which does not wait for anything but messaging.
    pub(crate) async fn start(site: &Site, name: &str, dialler: NatKind, listener: NatKind) -> Self {
        let listener = site.member(&format!("{name}-listener"), listener, &[]).await;
        let dialler = site.member(&format!("{name}-dialler"), dialler, &[&listener]).await;
        Self::between(dialler, listener).await
    }

    pub(crate) async fn between(dialler: Member, listener: Member) -> Self {
        dialler.connected("messaging", &listener).await;
        let echo = Echo::at(&listener).await;
        let transfer = Transfer::over(dialler.dial(&listener, Echo::PORT, None).await);
        transfer.goes_on().await;
        Self { dialler, listener, transfer, _echo: echo }
    }

    pub(crate) async fn becomes(&self, outcome: Outcome) {
        match outcome {
            Outcome::Direct => self.is_direct().await,
            Outcome::Relayed(why) => self.is_relayed(why).await,
        }
        self.goes_on().await;
    }

    pub(crate) async fn is_direct(&self) {
        self.dialler.connected("quic", &self.listener).await;
        self.listener.connected("quic", &self.dialler).await;
        self.dialler.routed_over(&["quic"], &self.listener).await;
    }

    async fn is_relayed(&self, why: &str) {
        let look = async || {
            let stated = self.dialler.why_relayed(&self.listener)?;
            if stated.contains(why) { Ok(()) } else { Err(format!("it states: {stated}")) }
        };
        until(&format!("reason with '{why}'"), PATIENCE, look).await;
        let up = self.dialler.transports(self.listener.key()).await.expect("the node answers");
        let kinds: Vec<_> = up.iter().map(|transport| transport.kind.as_str()).collect();
        assert_eq!(kinds, ["messaging"]);
        self.dialler.routed_over(&["messaging"], &self.listener).await;
    }

    /// The transfer's bytes come back.
    pub(crate) async fn goes_on(&self) {
        self.transfer.goes_on().await;
    }

    /// Ends the transfer; both SHA-256 are the same.
    pub(crate) async fn finish(self) {
        self.transfer.finish().await;
    }
}
