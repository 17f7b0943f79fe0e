//! Surveys and attempts against each other, through a model of NATs and of a network that delays, loses, repeats and
//! reorders.
#![expect(clippy::unwrap_used, reason = "what a test relies on and does not get fails the test")]

mod attacks;
mod dice;
mod manners;
mod matrix;
mod nat;
mod places;
mod survey;
mod world;
