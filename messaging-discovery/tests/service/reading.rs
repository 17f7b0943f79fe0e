//! What clients look up.

use byway_api::messaging_discovery::{
    GetRecordStats, ListServers, LookUpRecords, LookUpRequest, ServersQuery,
};
use byway_base::Code;
use byway_wire::RecordBody;

use crate::fixture::{Running, key};

async fn publish_server(service: &Running, seed: u8, clients: u32, region: &str, draining: bool) {
    let address = format!("192.0.2.{seed}:443").parse().unwrap();
    let body = RecordBody::Server {
        addresses: vec![address],
        udp: Vec::new(),
        capacity: 100,
        clients,
        region: region.into(),
        draining,
    };
    service.put(seed, &service.record(seed, 1, body)).await.unwrap();
}

#[tokio::test]
async fn several_records_are_looked_up_at_once_and_unknown_ones_left_out() {
    let service = Running::start().await;
    for seed in [1, 2] {
        service.put(seed, &service.node(seed, 1)).await.unwrap();
    }
    let keys = vec![key(1), key(2), key(3)].try_into().unwrap();
    let found =
        service.client(9).call::<LookUpRecords>((), (), LookUpRequest { keys }).await.unwrap().records;
    let mut subjects: Vec<_> = found.iter().map(|signed| signed.record.subject).collect();
    subjects.sort_unstable();
    let mut expected = [key(1), key(2)];
    expected.sort_unstable();
    assert_eq!(subjects, expected);
    assert!(found.iter().all(|signed| signed.verify(service.now()).is_ok()));
}

#[tokio::test]
async fn servers_come_least_loaded_first_and_draining_last_in_pages() {
    let service = Running::start().await;
    for (seed, clients, region, draining) in
        [(1, 90, "eu", false), (2, 10, "us", false), (3, 0, "eu", true), (4, 50, "eu", false)]
    {
        publish_server(&service, seed, clients, region, draining).await;
    }
    service.put(5, &service.node(5, 1)).await.unwrap();
    let client = service.client(9);
    let mut query = ServersQuery { limit: Some(2), ..ServersQuery::default() };
    let mut order = Vec::new();
    loop {
        let page = client.call::<ListServers>((), query.clone(), ()).await.unwrap();
        order.extend(page.items.iter().map(|signed| signed.record.subject));
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    assert_eq!(order, [2, 4, 1, 3].map(key));
    let region = ServersQuery { region: Some("us".into()), ..ServersQuery::default() };
    assert_eq!(client.call::<ListServers>((), region, ()).await.unwrap().items.len(), 1);
    let mut near = ServersQuery { near: Some("eu".into()), limit: Some(1), ..ServersQuery::default() };
    let mut nearest = Vec::new();
    loop {
        let page = client.call::<ListServers>((), near.clone(), ()).await.unwrap();
        nearest.extend(page.items.iter().map(|signed| signed.record.subject));
        near.cursor = page.next;
        if near.cursor.is_none() {
            break;
        }
    }
    assert_eq!(nearest, [4, 1, 2, 3].map(key), "the own region first, but not where it drains");
    for cursor in ["", "0.1", "2.0.0.x", "0.0.0.0", "0.1.0.0.0"] {
        let query = ServersQuery { cursor: Some(cursor.into()), ..ServersQuery::default() };
        assert_eq!(
            client.call::<ListServers>((), query, ()).await.unwrap_err().code,
            Code::Usage,
            "{cursor}"
        );
    }
    let stats = client.call::<GetRecordStats>((), (), ()).await.unwrap();
    assert_eq!((stats.nodes, stats.servers, stats.clients), (1, 4, 150));
}
