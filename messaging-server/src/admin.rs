//! What the admin listener answers: who is connected, and what the server carries.

use std::sync::Arc;

use byway_api::{
    Page,
    messaging_server::{ClientView, GetServerStats, ListClients, MessagingServer as Endpoints, ServerStats},
    page_limit,
};
use byway_base::{Code, Problem, PublicKey};
use byway_http::server::{Call, Handle, Server};
use byway_service_kit::Router;
use tokio_util::sync::CancellationToken;

use crate::relay::Relay;

/// The endpoints about a relay.
pub(crate) fn router(relay: Arc<Relay>) -> Router {
    Server::<Endpoints>::new(Arc::new(Api(relay))).router(CancellationToken::new())
}

struct Api(Arc<Relay>);

impl Handle<ListClients> for Api {
    async fn handle(&self, call: Call<ListClients>) -> Result<Page<ClientView>, Problem> {
        let after = call.query.cursor.map(|cursor| cursor.parse::<PublicKey>()).transpose();
        let after = after.map_err(|_| {
            Problem::new(Code::Usage, "cannot list clients", "the cursor is not one of this service")
                .with_hint("give `next` of the page before, or no cursor")
        })?;
        let limit = page_limit(call.query.limit);
        let keys = self.0.clients_after(after.as_ref(), limit);
        let next = keys.last().filter(|_| keys.len() == limit).map(PublicKey::to_string);
        Ok(Page { items: keys.into_iter().map(|key| ClientView { key }).collect(), next })
    }
}

impl Handle<GetServerStats> for Api {
    async fn handle(&self, _: Call<GetServerStats>) -> Result<ServerStats, Problem> {
        let (load, counters) = (self.0.load(), self.0.counters());
        let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        let dropped = [
            counters.dropped_queue,
            counters.dropped_rate,
            counters.dropped_gone,
            counters.dropped_link,
            counters.dropped_control,
        ];
        Ok(ServerStats {
            clients: count(load.clients),
            links_dialled: count(load.links.0),
            links_accepted: count(load.links.1),
            queued_bytes: count(load.queued),
            switched: counters.switched,
            switched_bytes: counters.switched_bytes,
            dropped: dropped.iter().sum(),
        })
    }
}

#[cfg(test)]
mod tests {
    use byway_api::messaging_server::ClientsQuery;
    use byway_base::SecretKey;
    use byway_http::client::Client;
    use byway_messaging::SwitchLimits;
    use byway_service_kit::{Admin, Health};

    use super::*;

    #[tokio::test]
    async fn clients_are_listed_page_by_page_and_counted() {
        let (relay, _dials) = Relay::new(SwitchLimits::default());
        let mut keys: Vec<_> = (1..=5).map(|seed| SecretKey::from_seed([seed; 32]).public()).collect();
        for key in &keys {
            relay.connect_client(*key).unwrap();
        }
        keys.sort();
        let admin = Admin::bind("127.0.0.1:0", Health::new()).await.unwrap().with(router(relay));
        let client = Client::new(&format!("http://{}", admin.address()), None, None).unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(admin.serve(stop.clone()));
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let query = ClientsQuery { cursor, limit: Some(2) };
            let page = client.call::<ListClients>((), query, ()).await.unwrap();
            found.extend(page.items.iter().map(|view| view.key));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, keys);
        assert_eq!(client.call::<GetServerStats>((), (), ()).await.unwrap().clients, 5);
        let foreign = ClientsQuery { cursor: Some("x".to_owned()), limit: None };
        let problem = client.call::<ListClients>((), foreign, ()).await.unwrap_err();
        assert_eq!(problem.code, Code::Usage);
        stop.cancel();
        serving.await.unwrap();
    }
}
