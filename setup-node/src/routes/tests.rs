use std::io::Write;

use byway_base::{Port, SecretKey, TransportId};

use super::*;

fn route(number: u8) -> Route {
    let [a, b] = [1, 2].map(|seed| SecretKey::from_seed([seed; 32]).public());
    Route {
        id: RouteId::from_bytes([number; 16]),
        source: OverlayAddress { key: a, port: Port(1) },
        destination: OverlayAddress { key: b, port: Port(2) },
        hops: vec![Hop { transport: TransportId::from_bytes([9; 16]), from: a, to: b }; 16],
        created: UnixTime(100 + u64::from(number)),
    }
}

async fn install(routes: &Routes, number: u8) {
    routes.begin(route(number)).unwrap();
    routes.installed(route(number).id).await.unwrap();
}

fn ids(routes: &Routes) -> Vec<u8> {
    routes
        .list(Filter::default(), None, 100, UnixTime(200))
        .0
        .iter()
        .map(|view| view.id.as_bytes()[0])
        .collect()
}

#[tokio::test]
async fn what_was_installed_is_read_back_and_what_was_removed_or_never_finished_is_not() {
    let directory = tempfile::tempdir().unwrap();
    let routes = Routes::open(directory.path()).unwrap();
    for number in [3, 1, 2] {
        install(&routes, number).await;
    }
    routes.begin(route(4)).unwrap();
    routes.begin_removal(route(1).id).unwrap();
    routes.removed(route(1).id).await.unwrap();
    assert_eq!(ids(&routes), [2, 3, 4]);
    assert_eq!(ids(&Routes::open(directory.path()).unwrap()), [2, 3]);
}

#[tokio::test]
async fn a_torn_line_costs_itself_only() {
    let directory = tempfile::tempdir().unwrap();
    install(&Routes::open(directory.path()).unwrap(), 1).await;
    let path = directory.path().join("routes.jsonl");
    let mut file = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(b"{\"installed\":{\"id\":\"00").unwrap();
    let routes = Routes::open(directory.path()).unwrap();
    install(&routes, 2).await;
    assert_eq!(ids(&Routes::open(directory.path()).unwrap()), [1, 2]);
}

#[test]
fn a_file_that_is_no_journal_neither_fills_the_memory_nor_stops_the_start() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("routes.jsonl"), vec![0_u8; 1 << 20]).unwrap();
    assert_eq!(Routes::open(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn others_cannot_read_the_list() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    install(&Routes::open(directory.path()).unwrap(), 1).await;
    let metadata = std::fs::metadata(directory.path().join("routes.jsonl")).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o077, 0);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repetition() {
    let directory = tempfile::tempdir().unwrap();
    let routes = Routes::open(directory.path()).unwrap();
    for number in 1..=5 {
        install(&routes, number).await;
    }
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let (page, more) = routes.list(Filter::default(), after, 2, UnixTime(200));
        seen.extend(page.iter().map(|view| view.id.as_bytes()[0]));
        after = page.last().map(|view| view.id);
        if !more {
            break;
        }
    }
    assert_eq!(seen, [1, 2, 3, 4, 5]);
}

#[test]
fn an_id_is_taken_once() {
    let directory = tempfile::tempdir().unwrap();
    let routes = Routes::open(directory.path()).unwrap();
    routes.begin(route(1)).unwrap();
    assert_eq!(routes.begin(route(1)), Err(Taken));
    routes.fail(route(1).id);
    assert_eq!(routes.begin(route(1)), Ok(()));
}

#[tokio::test]
async fn changes_of_many_at_once_are_all_in_the_journal_when_each_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let routes = Routes::open(directory.path()).unwrap();
    (0..50).for_each(|number| routes.begin(route(number)).unwrap());
    let written =
        futures_util::future::join_all((0..50).map(|number| routes.installed(route(number).id))).await;
    assert!(written.iter().all(Result::is_ok));
    assert_eq!(ids(&Routes::open(directory.path()).unwrap()), (0..50).collect::<Vec<_>>());
}

#[tokio::test]
async fn routes_that_ended_are_listed_no_more_nor_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let routes = Routes::open(directory.path()).unwrap();
    for number in 1..=3 {
        install(&routes, number).await;
    }
    routes.begin(route(4)).unwrap();
    let (count, written) = routes.ended([1, 3, 4, 5].map(|number| route(number).id).to_vec()).await;
    assert_eq!((count, written), (2, Ok(())), "one is not there yet, and one is unknown");
    assert_eq!(ids(&routes), [2, 4]);
    assert_eq!(ids(&Routes::open(directory.path()).unwrap()), [2]);
}
