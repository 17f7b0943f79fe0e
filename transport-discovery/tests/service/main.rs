//! Transport discovery over real HTTP, in this process: what honest nodes rely on, and what attackers try.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking and say where they are")]

mod database;
mod fixture;
mod leases;
mod raw;
mod registration;
mod replay;
mod replicas;
mod stream;
