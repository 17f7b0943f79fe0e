//! Bad input is answered with a problem that names it, never with a failure of the service.

use byway_base::{Code, Problem};
use byway_http::{client::Client, server::Limits};

use crate::support::*;

#[tokio::test]
async fn a_problem_crosses_with_all_its_parts() {
    let running = start().await;
    let problem = running.client().call::<GetNote>(NotePath { id: 404 }, (), ()).await.unwrap_err();
    let told = Problem::new(Code::NotFound, "cannot read note 404", "there is none").with_hint("write it");
    assert_eq!(problem, told);
}

#[tokio::test]
async fn wrong_types_missing_and_unknown_fields_are_named() {
    let running = start().await;
    for (body, named) in [
        (r#"{"text":"a","stars":300}"#, "stars"),
        (r#"{"text":7,"stars":1}"#, "text"),
        (r#"{"text":"a"}"#, "stars"),
        (r#"{"text":"a","stars":1,"colour":2}"#, "colour"),
        ("{", "EOF"),
        ("", "body"),
    ] {
        let answer = running.request("POST /v1/notes:echo", &running.host(), body).await;
        assert_eq!(verdict(&answer), ("400", "BW-USAGE"), "{body}");
        let why = answer.split("\"why\":").nth(1).unwrap_or_default();
        assert!(
            answer.contains("application/problem+json") && (why.contains(named) || answer.contains(named)),
            "{answer}"
        );
    }
}

#[tokio::test]
async fn a_wrong_path_parameter_or_query_is_named() {
    let running = start().await;
    let answer = running.request("GET /v1/notes/seven", &running.host(), "").await;
    assert_eq!(verdict(&answer), ("400", "BW-USAGE"));
    assert!(answer.contains("seven"), "{answer}");
    let answer = running.request("GET /v1/events?since=yesterday", &running.host(), "").await;
    assert_eq!(verdict(&answer), ("400", "BW-USAGE"));
    assert!(answer.contains("since"), "{answer}");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let running = start().await;
    let answer = running.request("GET /v2/notes", &running.host(), "").await;
    assert_eq!(verdict(&answer), ("404", "BW-NOT-FOUND"));
    let answer = running.request("PATCH /v1/notes/7", &running.host(), "{}").await;
    assert_eq!(verdict(&answer), ("405", "BW-USAGE"));
}

#[tokio::test]
async fn deeply_nested_json_is_refused() {
    let running = start().await;
    let body = format!("{{\"text\":{}", "[".repeat(100_000));
    let answer = running.request("POST /v1/notes:echo", &running.host(), &body).await;
    assert_eq!(verdict(&answer), ("400", "BW-USAGE"));
    let body = "[".repeat(100_000);
    let answer = running.request("POST /v1/notes:echo", &running.host(), &body).await;
    assert_eq!(verdict(&answer), ("400", "BW-USAGE"));
}

#[tokio::test]
async fn a_body_beyond_the_bound_is_refused() {
    let running = start_with(Limits { body_max: 64, ..Limits::default() }, &[]).await;
    let large = Note { text: "x".repeat(100), stars: 1 };
    let problem = running.client().call::<EchoNote>((), (), large).await.unwrap_err();
    assert_eq!(problem.code, Code::TooLarge);
}

#[tokio::test]
async fn a_body_of_another_type_is_refused() {
    let running = start().await;
    let answer = running
        .raw(format!(
            "POST /v1/notes:echo HTTP/1.1\r\n{}connection: close\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\n{{}}",
            running.host()
        ))
        .await;
    assert_eq!(verdict(&answer), ("400", "BW-USAGE"));
    assert!(answer.contains("content-type"), "{answer}");
}

#[tokio::test]
async fn a_panicking_handler_harms_only_its_own_request() {
    let running = start().await;
    let problem = running.client().call::<GetNote>(NotePath { id: 500 }, (), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::Internal);
    assert!(!problem.to_string().contains("defect"), "{problem}");
    assert_eq!(running.client().call::<GetNote>(NotePath { id: 1 }, (), ()).await, Ok(note()));
}

#[tokio::test]
async fn the_service_describes_itself() {
    let running = start().await;
    let answer = running.request("GET /openapi.json", &running.host(), "").await;
    assert_eq!(verdict(&answer).0, "200");
    assert!(answer.contains("/v1/notes/{id}") && answer.contains("3.1.0"), "{answer}");
}

#[tokio::test]
async fn a_service_that_is_not_there_is_named() {
    let running = start().await;
    running.shutdown.cancel();
    running.served.await.unwrap();
    let client = client_of(running.address);
    let problem = client.call::<GetNote>(NotePath { id: 1 }, (), ()).await.unwrap_err();
    assert_eq!(problem.code, Code::ServiceUnreachable);
    assert!(problem.what.contains(&running.address.to_string()), "{problem}");
    assert_eq!(Client::new("ftp://example.org", None, None).unwrap_err().code, Code::Config);
}
