//! One loader for all services: flag > environment > file > default.

mod assign;
mod check;
mod common;
mod credentials;
mod environment;
mod file;
mod key;
mod loader;
mod nearest;
mod origin;
mod sample;
mod secret;
mod settings;

pub use check::assert_settings;
pub use common::Common;
pub(crate) use common::common_keys;
pub use key::{ConfigKeys, Key, Kind, Setting};
pub use loader::{Loaded, Loader};
pub use nearest::nearest;
pub use origin::{Origin, Sourced};
pub use sample::sample;
pub use secret::Secret;
