//! Nodes that accept nothing where anybody could find it, and the direct ways that they find.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

mod hostile;
mod site;

use byway_base::limits::TRAVERSAL_TIMEOUT;
use byway_node::{NodeEvent, PathChoice};
use byway_testkit::wait::until;

use site::{Echo, PATIENCE, Site, direct, kind, only_relayed};

/// Enough for the slowest of the steps of an attempt, and for its signalling.
const _: () = assert!(PATIENCE.as_secs() > TRAVERSAL_TIMEOUT.as_secs());

#[tokio::test(flavor = "multi_thread")]
async fn nodes_with_outbound_messaging_alone_are_source_intermediate_and_destination() {
    let site = Site::start().await;
    // In a row, and nobody finds a direct way.
    let row = site.row(3, |config| config.traversal.enabled = false).await;
    let [source, .., destination] = &row[..] else { unreachable!("there are three") };
    let choice = site.path_over(&row).await;
    Echo::at(destination);
    let (mut stream, routes) = Echo::dial(source, destination, choice).await;
    assert_eq!(routes[0].hops.len(), 2);
    assert!(routes[0].hops.iter().all(|hop| hop.kind == kind("messaging")));
    Echo::exchange(&mut stream, 300).await;
    assert!(row.iter().all(only_relayed));
    site.stop(row).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_messaging_transport_gets_a_quic_transport_beside_it_at_an_address_that_nobody_published() {
    let site = Site::start().await;
    let pair = site.row(2, |_| ()).await;
    direct(&pair[0], &pair[1]).await;
    direct(&pair[1], &pair[0]).await;
    for node in &pair {
        let kinds: Vec<_> = node.transports().into_iter().map(|info| info.kind).collect();
        assert!(kinds.contains(&kind("quic")) && kinds.contains(&kind("messaging")), "{kinds:?}");
        assert_eq!(node.quic_listen_address(), None);
        let records = node.messaging().look_up(&[node.key()]).await.unwrap();
        assert!(!format!("{records:?}").contains("quic"), "{records:?}");
    }
    site.stop(pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_wants_no_direct_ways_is_left_with_messaging_and_the_reason_is_known() {
    let site = Site::start().await;
    // The dialler looks for them.
    let pair = site.row(2, |config| config.traversal.enabled = !config.transports.is_empty()).await;
    let [dialler, peer] = &pair[..] else { unreachable!("there are two") };
    until("reason", PATIENCE, async || match dialler.open_transport(&kind("quic"), peer.key()).await {
        Err(problem) if problem.why == "the peer looks for no direct ways" => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert!(only_relayed(dialler));
    site.stop(pair).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_moves_to_the_direct_transport_and_back_to_messaging_without_a_break() {
    let site = Site::start().await;
    let row = site.row(2, |_| ()).await;
    let (source, destination) = (&row[0], &row[1]);
    Echo::at(destination);
    site.path_known(source, destination).await;
    let mut events = source.events();
    let (stream, _) = Echo::dial(source, destination, PathChoice::default()).await;
    let mut transfer = Echo::go_on(stream);
    // Wherever it began, it comes to go over the direct transport.
    let over = |wanted: &'static str| {
        let source = source.clone();
        async move || {
            let sessions = source.sessions();
            let active =
                sessions.first().and_then(|session| session.routes.first()).filter(|route| route.active);
            let kinds = active.map(|route| route.hops.iter().map(|hop| hop.kind.clone()).collect::<Vec<_>>());
            (kinds == Some(vec![kind(wanted)])).then_some(()).ok_or_else(|| format!("{kinds:?}"))
        }
    };
    until("session over the direct transport", PATIENCE, over("quic")).await;
    transfer.goes_on().await;
    let id = direct(source, destination).await;
    assert!(source.close_transport(&id));
    let fell_back = |event: &NodeEvent| matches!(event, NodeEvent::RouteSwitched { reason: Some(_), .. });
    while !fell_back(&events.recv().await.unwrap()) {}
    transfer.goes_on().await;
    until("direct transport again", PATIENCE, async || {
        let up = source.transports().into_iter().any(|info| info.kind == kind("quic"));
        up.then_some(()).ok_or("there is none")
    })
    .await;
    until("session over the direct transport again", PATIENCE, over("quic")).await;
    transfer.goes_on().await;
    transfer.end().await;
    site.stop(row).await;
}
