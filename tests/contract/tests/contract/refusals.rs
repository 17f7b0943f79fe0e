//! What no endpoint takes, whichever it is: each is refused with the code of its reason before anything else happens.

use std::net::SocketAddr;

use byway_api::Method;
use byway_base::{SecretKey, limits::HTTP_BODY_MAX};
use byway_contract::{Scene, signer};
use byway_e2e::{PATIENCE, RawRequest, send_raw, verdict};
use byway_testkit::postgres_or_skip;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::table::{Row, rows};

/// How deep nesting goes; as much as fits into a body.
const DEPTH: usize = HTTP_BODY_MAX / 2;

/// Sends a request and sees it refused.
async fn refused(row: &Row, request: &RawRequest, status: u16, code: &str) {
    let start = request.body.chars().take(200).collect::<String>();
    let told = request.send(row.address).await;
    assert_eq!(told, (status, code.to_owned()), "{}: {} {start}", row.name, request.path);
}

/// Sends a request that cannot be read, and sees which part of it is named.
async fn unreadable(row: &Row, request: &RawRequest, part: &str) {
    let answer = send_raw(row.address, request.bytes().as_bytes()).await;
    assert_eq!(verdict(&answer), (400, "BW-USAGE".to_owned()), "{}: {request:?}\n{answer}", row.name);
    assert!(
        answer.contains(&format!("cannot use the request's {part}")),
        "{}: {request:?}\n{answer}",
        row.name
    );
}

/// A value of every type of JSON.
fn of_every_type() -> [Value; 6] {
    [Value::Null, json!(true), json!(-0.5), json!("\u{0}?"), json!([[[]]]), json!({ "no-such-field": 1 })]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_endpoint_takes_nothing_unsigned_and_nothing_that_its_key_did_not_sign_so() {
    let scene = Scene::start(None).await;
    let (rows, _proxy) = rows(&scene).await;
    let stranger = SecretKey::from_seed([9; 32]).public().to_string();
    let mut tried = 0;
    for row in rows.iter().filter(|row| row.signed) {
        let body = row.example().map(|body| body.to_string()).unwrap_or_default();
        let request = row.request(&body);
        let without = RawRequest { signature: String::new(), ..request.clone() };
        refused(row, &without, 401, "BW-UNSIGNED").await;
        let named = request.signature.replace(&signer().public().to_string(), &stranger);
        let variants = [
            RawRequest { signature: named, ..request.clone() },
            RawRequest { body: format!("{body} "), ..request.clone() },
            RawRequest { path: format!("{}?x=1", request.path), ..request.clone() },
            RawRequest { host: "other.example.org".to_owned(), ..request.clone() },
        ];
        for variant in variants {
            refused(row, &variant, 401, "BW-BAD-SIGNATURE").await;
        }
        tried += 1;
    }
    assert!(tried >= 9, "only {tried} endpoints are signed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signed_endpoint_takes_a_request_once() {
    let scene = Scene::start(None).await;
    let (rows, _proxy) = rows(&scene).await;
    for row in rows.iter().filter(|row| row.signed) {
        let request = row.request(&row.example().map(|body| body.to_string()).unwrap_or_default());
        let (status, code) = request.send(row.address).await;
        assert!(status != 0 && code != "BW-UNSIGNED" && code != "BW-REPLAYED", "{}: {code}", row.name);
        refused(row, &request, 401, "BW-REPLAYED").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_endpoint_reads_a_body_beyond_the_bound() {
    let scene = Scene::start(None).await;
    let (rows, _proxy) = rows(&scene).await;
    let body = " ".repeat(HTTP_BODY_MAX + 1);
    for row in &rows {
        refused(row, &row.request(&body), 413, "BW-TOO-LARGE").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_endpoint_follows_deep_nesting() {
    let scene = Scene::start(None).await;
    let (rows, _proxy) = rows(&scene).await;
    for row in &rows {
        unreadable(row, &row.request(&"[".repeat(DEPTH)), "body").await;
        let Some(Value::Object(fields)) = row.example() else { continue };
        for name in fields.keys() {
            let body = format!("{{{}:{}", json!(name), "[".repeat(DEPTH));
            unreadable(row, &row.request(&body), "body").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_endpoint_reads_its_own_types_and_no_others() {
    let scene = Scene::start(None).await;
    let (rows, _proxy) = rows(&scene).await;
    let mut tried = 0;
    for row in &rows {
        for (name, _) in &row.query {
            let path = format!("{}?{name}=%00&{name}=%00", row.path);
            unreadable(row, &row.request_to(&path, ""), "query").await;
        }
        let (Some(example), Some(schema)) = (row.example(), row.schema()) else {
            unreadable(row, &row.request("{}"), "body").await;
            continue;
        };
        let answer = send_raw(row.address, row.request(&example.to_string()).bytes().as_bytes()).await;
        assert!(!answer.contains("cannot use the request's"), "{}: {example}\n{answer}", row.name);
        for value in of_every_type() {
            unreadable(row, &row.request(&value.to_string()), "body").await;
        }
        for (name, property) in schema["properties"].as_object().unwrap() {
            let right = row.example_of(property);
            for value in of_every_type().into_iter().filter(|value| fits_not(value, &right, property)) {
                let mut body = example.clone();
                body[name] = value;
                unreadable(row, &row.request(&body.to_string()), "body").await;
                tried += 1;
            }
        }
    }
    assert!(tried > 100, "only {tried} wrong types were tried");
}

/// Whether a value is of another type than a property takes.
fn fits_not(value: &Value, right: &Value, property: &Value) -> bool {
    let same = std::mem::discriminant(value) == std::mem::discriminant(right) && !value.is_object();
    let optional = property["type"].as_array().is_some_and(|types| types.contains(&json!("null")))
        || property["anyOf"].as_array().is_some_and(|kinds| kinds.contains(&json!({ "type": "null" })));
    !(same && !value.is_number() || optional && value.is_null())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_endpoint_reads_a_list_beyond_its_bound() {
    let scene = Scene::start(None).await;
    let (rows, _proxy) = rows(&scene).await;
    let mut tried = 0;
    for row in &rows {
        let (Some(example), Some(schema)) = (row.example(), row.schema()) else { continue };
        for (name, property) in schema["properties"].as_object().unwrap() {
            let Some(most) = property["maxItems"].as_u64() else { continue };
            let item = row.example_of(&property["items"]);
            let mut body = example.clone();
            body[name] = (0..=most).map(|_| item.clone()).collect();
            unreadable(row, &row.request(&body.to_string()), "body").await;
            tried += 1;
        }
    }
    assert!(tried >= 4, "only {tried} lists have bounds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_text_in_a_path_or_query_makes_a_service_fail() {
    let texts = ["%00", "%FF", "%27%22%3B--", "%F0%9F%92%A9", "..%2F..", &"x".repeat(8_000)];
    let scene = Scene::start(postgres_or_skip()).await;
    let (rows, _proxy) = rows(&scene).await;
    for row in rows.iter().filter(|row| row.method == Method::Get) {
        let in_query = row.query.iter().map(|(name, _)| format!("{}?{name}=", row.path));
        let in_path = row.path.rsplit_once('/').map(|(path, _)| format!("{path}/"));
        for before in in_query.chain(in_path) {
            for text in texts {
                let request = row.request_to(&format!("{before}{text}"), "");
                // A stream that began has a status, and is not waited for.
                let answer = first_line(row.address, &request.bytes()).await;
                let (status, _) = verdict(&answer);
                assert!((200..500).contains(&status), "{}: {before}{text}: {answer}", row.name);
            }
        }
    }
}

async fn first_line(to: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut line = String::new();
    timeout(PATIENCE, BufReader::new(stream).read_line(&mut line)).await.unwrap().unwrap();
    line
}
