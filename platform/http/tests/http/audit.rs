//! Writes that matter are recorded, whatever came of them; nothing else is.

use std::time::Duration;

use byway_api::admin::{AuditEvent, AuditOutcome, AuditQuery, ListAudit};
use byway_base::Code;
use byway_http::{Audit, client::Client, server::Limits};
use tokio::net::TcpListener;

use crate::support::*;

/// What the log's own endpoint lists.
async fn listed(audit: &Audit) -> Vec<AuditEvent> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serving = tokio::spawn(axum::serve(listener, audit.router()).into_future());
    let client = Client::new(&url, None, None).unwrap();
    let (mut events, mut cursor) = (Vec::new(), None);
    loop {
        let query = AuditQuery { cursor, limit: Some(1) };
        let page = client.call::<ListAudit>((), query, ()).await.unwrap();
        events.extend(page.items);
        cursor = page.next;
        if cursor.is_none() {
            serving.abort();
            return events;
        }
    }
}

#[tokio::test]
async fn a_write_is_recorded_with_who_did_it_to_what_and_what_came_of_it() {
    let running = start_with(Limits { timeout: Duration::from_millis(200), ..Limits::default() }, &[]).await;
    for id in [7, 403, 504] {
        let _ = running.client().call::<PutNote>(NotePath { id }, NoteQuery::default(), note()).await;
    }
    running.client().call::<GetNote>(NotePath { id: 1 }, (), ()).await.unwrap();
    running.client().call::<DeleteNote>(NotePath { id: 1 }, (), ()).await.unwrap();
    let events = listed(&running.audit).await;
    let told: Vec<_> = events.iter().map(|event| (event.subject.as_str(), event.outcome)).collect();
    let refused = AuditOutcome::Refused { code: Code::Denied };
    assert_eq!(
        told,
        [("id=7", AuditOutcome::Done), ("id=403", refused), ("id=504", AuditOutcome::Abandoned)]
    );
    assert!(events.iter().all(|event| event.by == caller().public() && event.action == "PutNote"));
}

#[tokio::test]
async fn what_nobody_signed_is_not_recorded() {
    let running = start().await;
    let body = serde_json::to_string(&note()).unwrap();
    let answer = running.request("PUT /v1/notes/7", &running.host(), &body).await;
    assert_eq!(verdict(&answer).1, "BW-UNSIGNED");
    assert!(listed(&running.audit).await.is_empty());
}
