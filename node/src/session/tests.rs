//! Sessions between two data halves, over links in memory of limited speed.

mod links;
mod memory;
mod streams;
mod striping;
