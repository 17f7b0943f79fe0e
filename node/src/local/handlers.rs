//! The endpoints of the local API that answer with JSON.

use byway_api::{
    Event,
    local::{
        CloseTransport, Diagnose, Diagnosis, GetStatus, ListLocalTransports, ListRoutes, LocalEvent,
        LocalRoutes, LocalTransport, LocalTransports, OpenTransport, PingReply, Resolve, ResolveReply,
        SendPing, ShowPaths, Status, WatchEvents,
    },
    route_finder::FindReply,
};
use byway_base::{Code, Problem};
use byway_http::server::{Call, EventStream, Handle, Watch};
use futures_util::{StreamExt, stream};
use tokio::sync::broadcast::error::RecvError;

use super::{Api, doctor, views};
use crate::names::micros;

/// Most messages of one ping.
const PINGS_MAX: u32 = 100;
/// Messages of a ping unless told otherwise.
const PINGS: u32 = 4;
/// Paths shown unless told otherwise.
const PATHS: u8 = 3;

impl Handle<GetStatus> for Api {
    async fn handle(&self, _: Call<GetStatus>) -> Result<Status, Problem> {
        Ok(views::status(self))
    }
}

impl Handle<Diagnose> for Api {
    async fn handle(&self, _: Call<Diagnose>) -> Result<Diagnosis, Problem> {
        Ok(doctor::examine(&self.node).await)
    }
}

impl Handle<ListLocalTransports> for Api {
    async fn handle(&self, _: Call<ListLocalTransports>) -> Result<LocalTransports, Problem> {
        let items = self.node.transports().iter().map(|info| views::transport(info, &self.node)).collect();
        Ok(LocalTransports { items })
    }
}

impl Handle<OpenTransport> for Api {
    async fn handle(&self, call: Call<OpenTransport>) -> Result<LocalTransport, Problem> {
        let peer = self.node.resolve(&call.body.peer)?;
        let id = self.node.open_transport(&call.body.kind, peer).await?;
        let found = self.node.transports().into_iter().find(|info| info.id == id);
        found.map(|info| views::transport(&info, &self.node)).ok_or_else(|| {
            Problem::new(
                Code::TransportDown,
                "cannot keep the transport",
                "it was lost as soon as it was open",
            )
        })
    }
}

impl Handle<CloseTransport> for Api {
    async fn handle(&self, call: Call<CloseTransport>) -> Result<(), Problem> {
        let why = "no transport that is up has this id";
        let closed = self.node.close_transport(&call.path.id);
        closed.then_some(()).ok_or_else(|| Problem::new(Code::NotFound, "cannot close the transport", why))
    }
}

impl Handle<ListRoutes> for Api {
    async fn handle(&self, _: Call<ListRoutes>) -> Result<LocalRoutes, Problem> {
        Ok(LocalRoutes {
            sessions: self.node.sessions().iter().map(|info| views::session(info, &self.node)).collect(),
            installed: self.node.routes().iter().map(views::installed).collect(),
        })
    }
}

impl Handle<SendPing> for Api {
    async fn handle(&self, call: Call<SendPing>) -> Result<PingReply, Problem> {
        let peer = self.node.resolve(&call.body.peer)?;
        let choice = self.choice(call.body.policy.as_deref(), call.body.path)?;
        let count = call.body.count.unwrap_or(PINGS);
        if !(1..=PINGS_MAX).contains(&count) {
            let why = format!("`count` is a number from 1 to {PINGS_MAX}");
            return Err(Problem::new(Code::Usage, "cannot ping", why));
        }
        let ping = self.node.ping(peer, choice, count).await?;
        Ok(PingReply {
            peer,
            rtt_us: ping.rtts.into_iter().map(micros).collect(),
            routes: ping.routes.iter().map(|info| self.node.route_view(info)).collect(),
        })
    }
}

impl Handle<ShowPaths> for Api {
    async fn handle(&self, call: Call<ShowPaths>) -> Result<FindReply, Problem> {
        let peer = self.node.resolve(&call.body.peer)?;
        let policy = self.policy(call.body.policy.as_deref())?;
        let k = usize::from(call.body.k.unwrap_or(PATHS));
        self.node.find_paths(peer, &policy, k, call.body.why_not).await
    }
}

impl Handle<Resolve> for Api {
    async fn handle(&self, call: Call<Resolve>) -> Result<ResolveReply, Problem> {
        let key = self.node.resolve(&call.body.name)?;
        Ok(ResolveReply { key, name: self.node.name_of(&key) })
    }
}

impl Watch<WatchEvents> for Api {
    async fn watch(&self, _: Call<WatchEvents>) -> Result<EventStream<LocalEvent>, Problem> {
        let next = |(mut events, sequence): (tokio::sync::broadcast::Receiver<_>, u64)| async move {
            let item = match events.recv().await {
                Ok(event) => views::event(event),
                Err(RecvError::Lagged(count)) => LocalEvent::Missed { count },
                Err(RecvError::Closed) => return None,
            };
            Some((Event::Item { sequence, item }, (events, sequence + 1)))
        };
        Ok(stream::unfold((self.node.events(), 1), next).boxed())
    }
}
