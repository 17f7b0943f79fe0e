//! The Debian package on a machine that runs systemd.

use std::{fs, process::Command, time::Duration};

use crate::{
    bases::here,
    command::{Failure, run, until},
    network::{HELPER_IMAGE, Network},
};

/// Time for making the package, and for what is done with it.
const WITHIN: Duration = Duration::from_secs(300);
/// Time for systemd to boot.
const BOOTED: Duration = Duration::from_secs(60);
/// What systemd needs to be process 1 of a container and to build sandboxes in it, without all privileges.
const MACHINE: [&str; 14] = [
    "--cap-add",
    "SYS_ADMIN",
    "--cap-add",
    "SYS_PTRACE",
    "--security-opt",
    "seccomp=unconfined",
    "--tmpfs",
    "/run:exec",
    "--tmpfs",
    "/tmp",
    "--env",
    "container=docker",
    "--cgroupns=host",
    "--volume=/sys/fs/cgroup:/sys/fs/cgroup",
];

pub(super) fn install(network: &Network) -> Result<(), Failure> {
    let folder = tempfile::tempdir().map_err(|error| Failure::new("make a folder for the package", error))?;
    let program = folder.path().join("byway");
    copy_program(network, &program.display().to_string())?;
    let repository = here().join("../..");
    let mut build = Command::new(repository.join("deploy/debian/build"));
    let package = run(build.arg(&program).arg(folder.path()), WITHIN)?;

    let (machine, label) = (network.named("machine"), network.label());
    let boot = ["sh", "-c", "mount --make-rshared / && exec /lib/systemd/systemd"];
    let start = ["run", "--detach", "--name", &machine, "--label", &label];
    network.docker(&[&start[..], &MACHINE, &[HELPER_IMAGE], &boot].concat())?;
    until("systemd", BOOTED, || {
        network.docker(&["exec", &machine, "systemctl", "is-active", "dbus.socket"])
    })?;
    let check = repository.join("deploy/debian/check").display().to_string();
    for (from, to) in [(package.trim(), "byway.deb"), (&check, "check")] {
        network.docker(&["cp", from, &format!("{machine}:/root/{to}")])?;
    }
    run(Command::new("docker").args(["exec", &machine, "/root/check", "/root/byway.deb"]), WITHIN).map(drop)
}

/// Takes the program out of the image.
fn copy_program(network: &Network, to: &str) -> Result<(), Failure> {
    let label = network.label();
    let container = network.docker(&["create", "--label", &label, "byway:local"])?;
    network.docker(&["cp", &format!("{}:/usr/bin/byway", container.trim()), to])?;
    fs::metadata(to).map(drop).map_err(|error| Failure::new("take the program out of the image", error))
}
