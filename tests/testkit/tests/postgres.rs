//! The PostgreSQL for tests: it starts, it recovers, and nothing of it stays behind.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking and say where they are"
)]

use std::net::TcpStream;

use byway_testkit::{Postgres, postgres_or_skip};

fn port(server: &Postgres) -> u16 {
    let url = server.url("x");
    let from = url.rfind(':').unwrap() + 1;
    url[from..url.len() - 2].parse().unwrap()
}

#[test]
fn a_server_answers_on_loopback_and_is_gone_after_the_last_user_dropped_it() {
    let Some(server) = postgres_or_skip() else { return };
    let port = port(&server);
    let second = Postgres::shared().unwrap();
    drop(server);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok(), "one user is left");
    drop(second);
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody is left");
}

#[test]
fn each_database_is_new_and_a_crashed_server_comes_back_on_its_port() {
    let Some(server) = postgres_or_skip() else { return };
    assert_ne!(server.database().unwrap(), server.database().unwrap());
    server.crash().unwrap();
    assert!(server.database().is_err());
    server.start_again().unwrap();
    server.database().unwrap();
}
