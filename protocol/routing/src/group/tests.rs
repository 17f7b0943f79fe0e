//! Groups in virtual time.

mod destination;
mod properties;
mod quality;
mod striping;
mod switching;
mod world;
