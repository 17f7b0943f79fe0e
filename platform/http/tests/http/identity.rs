//! Who calls: what is accepted, and what is not.

use std::time::SystemTime;

use byway_base::{Code, UnixTime};
use byway_http::{
    client::Client,
    signature::{Target, fresh_nonce, sign_request},
};

use crate::support::*;

const BODY: &str = r#"{"text":"hello","stars":5}"#;

fn now() -> UnixTime {
    UnixTime(SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs())
}

/// The headers of a signed `PUT /v1/notes/7` to `host`, host included.
fn signed_headers(host: &str, created: UnixTime) -> String {
    let target = Target::new("PUT", host, "/v1/notes/7", None);
    let signed = sign_request(&caller(), &target, BODY.as_bytes(), created, &fresh_nonce());
    let lines = signed.iter().map(|(name, value)| format!("{name}: {}\r\n", value.to_str().unwrap()));
    format!("host: {host}\r\n") + &lines.collect::<String>()
}

#[tokio::test]
async fn a_handler_learns_who_signed_the_request() {
    let running = start().await;
    let query = NoteQuery { colour: Some(3) };
    let written = running.client().call::<PutNote>(NotePath { id: 7 }, query, note()).await.unwrap();
    assert_eq!(written, Written { id: 7, colour: Some(3), by: caller().public(), note: note() });
    running.client().call::<DeleteNote>(NotePath { id: 7 }, (), ()).await.unwrap();
}

#[tokio::test]
async fn an_unsigned_write_is_refused() {
    let running = start().await;
    let answer = running.request("PUT /v1/notes/7", &running.host(), BODY).await;
    assert_eq!(verdict(&answer), ("401", "BW-UNSIGNED"));
    let keyless = Client::new(&format!("http://{}", running.address), None, None).unwrap();
    let problem = keyless.call::<DeleteNote>(NotePath { id: 7 }, (), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::Unsigned);
}

#[tokio::test]
async fn the_same_bytes_are_accepted_once() {
    let running = start().await;
    let headers = signed_headers(&running.address.to_string(), now());
    assert_eq!(verdict(&running.request("PUT /v1/notes/7", &headers, BODY).await).0, "200");
    let again = running.request("PUT /v1/notes/7", &headers, BODY).await;
    assert_eq!(verdict(&again), ("401", "BW-REPLAYED"));
}

#[tokio::test]
async fn a_captured_request_serves_for_no_other_method_path_query_or_body() {
    let running = start().await;
    let headers = signed_headers(&running.address.to_string(), now());
    for line in ["DELETE /v1/notes/7", "PUT /v1/notes/8", "PUT /v1/notes/7?colour=1"] {
        let answer = running.request(line, &headers, BODY).await;
        assert_eq!(verdict(&answer), ("401", "BW-BAD-SIGNATURE"), "{line}");
    }
    let answer = running.request("PUT /v1/notes/7", &headers, r#"{"text":"other","stars":5}"#).await;
    assert_eq!(verdict(&answer), ("401", "BW-BAD-SIGNATURE"));
    assert_eq!(verdict(&running.request("PUT /v1/notes/7", &headers, BODY).await).0, "200");
}

#[tokio::test]
async fn a_request_signed_for_another_service_is_refused_unless_it_is_a_name_of_this_one() {
    let running = start_with(Default::default(), &["https://notes.example.org"]).await;
    let answer = running.request("PUT /v1/notes/7", &signed_headers("other.example.org", now()), BODY).await;
    assert_eq!(verdict(&answer), ("401", "BW-BAD-SIGNATURE"));
    assert!(answer.contains("other.example.org") && answer.contains("public_url"), "{answer}");
    let answer = running.request("PUT /v1/notes/7", &signed_headers("notes.example.org", now()), BODY).await;
    assert_eq!(verdict(&answer).0, "200");
    let localhost = format!("localhost:{}", running.address.port());
    let answer = running.request("PUT /v1/notes/7", &signed_headers(&localhost, now()), BODY).await;
    assert_eq!(verdict(&answer).0, "200");
}

#[tokio::test]
async fn a_wrong_clock_is_answered_with_the_services_time() {
    let running = start().await;
    for created in [UnixTime(now().0 - 1000), UnixTime(now().0 + 1000)] {
        let headers = signed_headers(&running.address.to_string(), created);
        let answer = running.request("PUT /v1/notes/7", &headers, BODY).await;
        assert_eq!(verdict(&answer), ("401", "BW-CLOCK-SKEW"));
        assert!(answer.contains("\r\ndate: "), "{answer}");
    }
}

#[tokio::test]
async fn a_request_from_before_the_services_start_is_refused_as_replayed() {
    let running = start().await;
    let headers = signed_headers(&running.address.to_string(), UnixTime(now().0 - 30));
    let answer = running.request("PUT /v1/notes/7", &headers, BODY).await;
    assert_eq!(verdict(&answer), ("401", "BW-REPLAYED"));
}

#[tokio::test]
async fn a_body_that_does_not_fit_its_digest_is_refused_even_where_no_signature_is_asked_for() {
    let running = start().await;
    let headers = running.host() + "content-digest: sha-256=:AAAA:\r\n";
    let answer = running.request("POST /v1/notes:echo", &headers, BODY).await;
    assert_eq!(verdict(&answer), ("401", "BW-BAD-SIGNATURE"));
}
