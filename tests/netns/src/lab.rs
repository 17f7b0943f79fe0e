//! A set of namespaces that are removed together.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

use byway_testkit::skipped;

use crate::{LabError, Namespace, Plug, Unavailable, ip::ip, stale};

/// Set to `1` where namespaces must not be missing, so that tests fail instead of being skipped.
pub const REQUIRE: &str = "BYWAY_TEST_REQUIRE_NETNS";

/// A network under construction. Dropping it kills what runs in its namespaces and removes them; if its process is
/// killed before that, the next lab of any process does.
#[derive(Debug)]
pub struct Lab {
    id: String,
    ports: AtomicU64,
}

impl Lab {
    /// An empty lab.
    ///
    /// # Errors
    /// If this machine cannot make namespaces, and why.
    pub fn start() -> Result<Self, Unavailable> {
        static LABS: AtomicU64 = AtomicU64::new(0);
        if !fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0) {
            return Err(Unavailable::NotRoot);
        }
        if ip("-V").is_err() {
            return Err(Unavailable::NoIp);
        }
        if !Path::new("/dev/net/tun").exists() {
            return Err(Unavailable::NoTun);
        }
        stale::sweep();
        let id = stale::own(LABS.fetch_add(1, Ordering::Relaxed));
        let lab = Self { id, ports: AtomicU64::new(0) };
        // Root in a container may lack the right; then it shows here and not in the middle of a test.
        lab.namespace("trial").map_err(Unavailable::Refused)?;
        stale::remove_all(&lab.named("trial"));
        Ok(lab)
    }

    /// A new namespace. Its name shows in `ip netns` behind the lab's own.
    ///
    /// # Errors
    /// If the lab has one of that name, or the kernel refuses.
    pub fn namespace(&self, name: &str) -> Result<Namespace, LabError> {
        Namespace::new(self.named(name))
    }

    fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.id)
    }

    /// A cable without delay, loss or limit: a pair of `veth` devices.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn cable(&self, left: &Plug, right: &Plug) -> Result<(), LabError> {
        ip(&format!(
            "link add {} netns {} type veth peer name {} netns {}",
            left.device,
            left.namespace.name(),
            right.device,
            right.namespace.name()
        ))?;
        left.configure()?;
        right.configure()
    }

    /// A switch with an address: a bridge device. [`Self::cable_to_switch`] connects others to it.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn switch(&self, switch: &Plug) -> Result<(), LabError> {
        switch.namespace.ip(&format!("link add {} type bridge", switch.device))?;
        switch.configure()
    }

    /// A cable from a new device to a switch.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn cable_to_switch(&self, switch: &Plug, plug: &Plug) -> Result<(), LabError> {
        let port = format!("port{}", self.ports.fetch_add(1, Ordering::Relaxed));
        self.cable(&Plug::bare(&switch.namespace, &port), plug)?;
        switch.namespace.ip(&format!("link set {port} master {}", switch.device)).map(drop)
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        stale::remove_all(&self.named(""));
    }
}

/// A lab, or `None` after saying that the test is skipped.
///
/// # Panics
/// If there can be none although [`REQUIRE`] asks for it.
#[must_use]
pub fn lab_or_skip() -> Option<Lab> {
    or_skip(Lab::start())
}

pub(crate) fn or_skip(lab: Result<Lab, Unavailable>) -> Option<Lab> {
    match lab {
        Ok(lab) => Some(lab),
        Err(why) if std::env::var(REQUIRE).as_deref() != Ok("1") => {
            skipped(format_args!("tests in network namespaces: {why}"));
            None
        }
        Err(why) => panic!("{why} ({REQUIRE}=1)"),
    }
}
