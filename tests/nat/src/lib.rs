//! The programs as processes in namespaces: a control plane on a small internet, and nodes behind routers of the kernel.
//!
//! Everything here is for tests and ends with a panic that says what was not as it should be.

mod echo;
mod member;
mod site;
mod transfer;

use std::time::Duration;

pub use echo::Echo;
pub use member::Member;
pub use site::Site;
pub use transfer::Transfer;

/// Time for anything that is waited for; many times what it takes on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
