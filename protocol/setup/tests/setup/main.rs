//! Sagas against rule books in memory: every crash, every loss, every order, and attacks.

mod attacks;
mod crashes;
mod established;
mod leases;
mod orders;
mod quotas;
mod world;
