//! The route finder over real HTTP, in this process, beside a transport discovery that the test controls.

#![allow(clippy::unwrap_used, reason = "tests fail by panicking and say where they are")]

mod answers;
mod discovery;
mod fixture;
mod following;
mod trust;
