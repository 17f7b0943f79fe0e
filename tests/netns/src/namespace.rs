//! One namespace: a network stack of its own, with its own devices, addresses, routes and sockets.

use std::{fs::File, os::fd::AsFd, panic, path::Path, process::Command, sync::Arc, thread};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::{
    LabError,
    ip::{ip, run},
    stale,
};

/// A namespace of a [`Lab`](crate::Lab), which it does not outlive. Clones are the same namespace.
#[derive(Debug, Clone)]
pub struct Namespace {
    name: Arc<str>,
}

impl Namespace {
    pub(crate) fn new(name: String) -> Result<Self, LabError> {
        ip(&format!("netns add {name}"))?;
        let namespace = Self { name: name.into() };
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// Under which `ip netns` knows it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs `ip` on it, as `route add default via 10.0.0.1`, and returns what it printed.
    ///
    /// # Errors
    /// What `ip` said.
    pub fn ip(&self, words: &str) -> Result<String, LabError> {
        ip(&format!("-n {} {words}", self.name))
    }

    /// A program that will run in it. Its process is the program's own, so that killing it kills the program.
    #[must_use]
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program.as_ref());
        command
    }

    /// Runs a program in it to its end and returns what it printed.
    ///
    /// # Errors
    /// If it does not start or does not end well.
    pub fn run(&self, program: &str, arguments: &[&str]) -> Result<String, LabError> {
        run(self.command(program).args(arguments))
    }

    /// Does `work` on a thread in the namespace and waits for it. Sockets that `work` opens, and threads and processes
    /// that it starts, are in the namespace and stay there, wherever they are used afterwards.
    ///
    /// # Errors
    /// If the namespace is gone.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, LabError> {
        let done = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let file = File::open(Path::new(stale::NAMED).join(self.name()));
                    let file = file.map_err(LabError::system("open the namespace"))?;
                    move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                        .map_err(LabError::system("enter the namespace"))?;
                    Ok(work())
                })
                .join()
        });
        done.unwrap_or_else(|panicked| panic::resume_unwind(panicked))
    }

    /// Sets a kernel parameter below `/proc/sys/net`, as `ipv4/ip_forward`.
    ///
    /// # Errors
    /// If it does not exist or does not take the value.
    pub fn sysctl(&self, name: &str, value: &str) -> Result<(), LabError> {
        let path = Path::new("/proc/sys/net").join(name);
        let written = self.enter(|| std::fs::write(&path, value))?;
        written.map_err(|error| LabError::Command {
            command: format!("echo {value} > {}", path.display()),
            why: error.to_string(),
        })
    }
}

/// One end of a cable: a device in a namespace, with an address.
#[derive(Debug, Clone)]
pub struct Plug {
    /// Where the device is.
    pub namespace: Namespace,
    /// Its name, 15 bytes at most.
    pub device: String,
    /// With the length of its network, as `10.0.0.1/24`; `None` if it gets none.
    pub address: Option<String>,
}

impl Plug {
    /// A device with an address.
    #[must_use]
    pub fn new(namespace: &Namespace, device: &str, address: &str) -> Self {
        let address = Some(address.to_owned());
        Self { namespace: namespace.clone(), device: device.to_owned(), address }
    }

    /// A device without an address.
    #[must_use]
    pub fn bare(namespace: &Namespace, device: &str) -> Self {
        Self { namespace: namespace.clone(), device: device.to_owned(), address: None }
    }

    /// Gives the device, which exists, its address and brings it up.
    pub(crate) fn configure(&self) -> Result<(), LabError> {
        if let Some(address) = &self.address {
            self.namespace.ip(&adding(address, &self.device))?;
        }
        self.namespace.ip(&format!("link set {} up", self.device)).map(drop)
    }
}

/// The words that give a device an address. One of IPv6 is usable at once: nobody is asked whether it is taken.
pub(crate) fn adding(address: &str, device: &str) -> String {
    let at_once = if address.contains(':') { " nodad" } else { "" };
    format!("addr add {address} dev {device}{at_once}")
}
