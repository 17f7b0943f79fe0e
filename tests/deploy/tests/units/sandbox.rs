//! What services may do on a machine, as systemd judges it.

use std::fs;

use byway_deploy::{read, root};

use crate::{
    SERVICES,
    stage::{Stage, UNITS},
    unit,
};

const SANDBOX: &str = "usr/lib/systemd/system/byway-.service.d/10-sandbox.conf";
/// Exposure that is allowed, in tenths. What is left: services use the network, and no list of addresses is known.
const EXPOSURE: u32 = 13;
/// A messaging server may also take a port below 1024, and so is in no user namespace.
const EXPOSURE_WITH_LOW_PORTS: u32 = 16;

#[test]
fn every_service_has_a_unit_and_every_unit_is_of_a_service() {
    let files = fs::read_dir(root().join("deploy/systemd")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let mut units: Vec<String> = names.filter(|name| name.ends_with(".service")).collect();
    units.sort();
    let mut expected = SERVICES.map(unit);
    expected.sort();
    assert_eq!(units, expected);
    for service in SERVICES {
        let text = read(&format!("deploy/systemd/{}", unit(service)));
        for line in [
            format!("ExecStart=/usr/bin/byway service {service} --config /etc/byway/{service}.toml"),
            format!("StateDirectory=byway/{service}"),
            format!("LoadCredential={service}.key:byway-{service}.key"),
        ] {
            assert!(text.lines().any(|found| found == line), "{service} has no line {line}");
        }
    }
}

#[test]
fn systemd_finds_nothing_wrong_with_the_units() {
    let stage = Stage::new();
    let Some(complaints) = stage.complaints(&SERVICES.map(unit)) else { return };
    assert_eq!(complaints, "");
    stage.edit(SANDBOX, "ProtectHome=", "ProtectHom=");
    assert!(stage.complaints(&[unit("node")]).unwrap().contains("ProtectHom"), "it would say so");
}

#[test]
fn no_unit_is_more_exposed_than_it_must_be() {
    let stage = Stage::new();
    for service in SERVICES {
        let Some(exposure) = stage.exposure(&unit(service)) else { return };
        let allowed = if service == "messaging-server" { EXPOSURE_WITH_LOW_PORTS } else { EXPOSURE };
        assert!(exposure <= allowed, "{service}: {exposure} tenths, {allowed} are allowed");
    }
    fs::remove_file(stage.path(UNITS).join("byway-.service.d/10-sandbox.conf")).unwrap();
    assert!(stage.exposure(&unit("node")).unwrap() > 80, "without the sandbox it would be");
}
