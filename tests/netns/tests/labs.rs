//! Namespaces, cables and what is left of them.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket},
    process::{Command, Stdio},
    time::Duration,
};

use byway_netns::{Lab, Namespace, Plug, lab_or_skip};

/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn named() -> String {
    let output = Command::new("ip").args(["netns", "list"]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

fn can_talk(from: &Namespace, to: &Namespace, address: Ipv4Addr) {
    let there = to.enter(|| UdpSocket::bind((address, 0))).unwrap().unwrap();
    there.set_read_timeout(Some(PATIENCE)).unwrap();
    let here = from.enter(|| UdpSocket::bind("0.0.0.0:0")).unwrap().unwrap();
    here.send_to(b"hello", there.local_addr().unwrap()).unwrap();
    let mut buffer = [0; 16];
    assert_eq!(there.recv_from(&mut buffer).unwrap().0, 5);
}

#[test]
fn a_cable_joins_two_namespaces_and_nobody_else() {
    let Some(lab) = lab_or_skip() else { return };
    let (left, right) = (lab.namespace("left").unwrap(), lab.namespace("right").unwrap());
    lab.cable(&Plug::new(&left, "eth0", "10.0.0.1/24"), &Plug::new(&right, "eth0", "10.0.0.2/24")).unwrap();
    can_talk(&left, &right, Ipv4Addr::new(10, 0, 0, 2));
    can_talk(&right, &left, Ipv4Addr::new(10, 0, 0, 1));
    let lonely = lab.namespace("lonely").unwrap();
    let error = lonely.enter(|| TcpStream::connect("10.0.0.2:1")).unwrap().unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NetworkUnreachable);
}

#[test]
fn whoever_is_on_a_switch_reaches_all_others_there() {
    let Some(lab) = lab_or_skip() else { return };
    let hub = lab.namespace("hub").unwrap();
    let switch = Plug::new(&hub, "br0", "10.1.0.1/24");
    lab.switch(&switch).unwrap();
    let members: Vec<_> = (2..5)
        .map(|number| {
            let member = lab.namespace(&format!("member{number}")).unwrap();
            lab.cable_to_switch(&switch, &Plug::new(&member, "eth0", &format!("10.1.0.{number}/24")))
                .unwrap();
            (member, Ipv4Addr::new(10, 1, 0, number))
        })
        .collect();
    for (from, _) in &members {
        can_talk(from, &hub, Ipv4Addr::new(10, 1, 0, 1));
        for (to, address) in &members {
            can_talk(from, to, *address);
        }
    }
}

#[test]
fn a_router_between_two_networks_passes_packets_once_it_is_told_to() {
    let Some(lab) = lab_or_skip() else { return };
    let [left, router, right] = ["left", "router", "right"].map(|name| lab.namespace(name).unwrap());
    lab.cable(&Plug::new(&left, "eth0", "10.0.1.2/24"), &Plug::new(&router, "eth1", "10.0.1.1/24")).unwrap();
    lab.cable(&Plug::new(&right, "eth0", "10.0.2.2/24"), &Plug::new(&router, "eth2", "10.0.2.1/24")).unwrap();
    left.ip("route add default via 10.0.1.1").unwrap();
    right.ip("route add default via 10.0.2.1").unwrap();
    router.sysctl("ipv4/ip_forward", "1").unwrap();
    can_talk(&left, &right, Ipv4Addr::new(10, 0, 2, 2));
    can_talk(&right, &left, Ipv4Addr::new(10, 0, 1, 2));
}

#[test]
fn a_program_in_a_namespace_sees_only_its_devices() {
    let Some(lab) = lab_or_skip() else { return };
    let (left, right) = (lab.namespace("left").unwrap(), lab.namespace("right").unwrap());
    lab.cable(&Plug::bare(&left, "here"), &Plug::bare(&right, "there")).unwrap();
    let devices = left.run("ip", &["-brief", "link"]).unwrap();
    assert!(devices.contains("here") && !devices.contains("there"), "{devices}");
}

#[test]
fn what_a_command_says_of_its_failure_is_told() {
    let Some(lab) = lab_or_skip() else { return };
    let namespace = lab.namespace("one").unwrap();
    let error = namespace.ip("link set nowhere up").unwrap_err().to_string();
    assert!(error.contains("link set nowhere up") && error.contains("Cannot find device"), "{error}");
    assert!(lab.namespace("one").is_err(), "a name is given once");
}

#[test]
fn a_lab_ends_with_its_programs_its_namespaces_and_their_devices() {
    let Some(lab) = lab_or_skip() else { return };
    let namespace = lab.namespace("one").unwrap();
    let name = namespace.name().to_owned();
    assert!(named().contains(&name));
    // A program that would wait for ever, and that has a child which does.
    let mut program = namespace.command("sh");
    let mut program =
        program.args(["-c", "cat; :"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let stdin = program.stdin.as_mut().unwrap();
    stdin.write_all(b"!").unwrap();
    program.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    drop(lab);
    assert!(!program.wait().unwrap().success(), "it was killed");
    assert!(!named().contains(&name));
    assert!(namespace.enter(|| ()).is_err());
}

#[test]
fn what_a_killed_owner_left_behind_is_removed_by_the_next_lab() {
    let Some(lab) = lab_or_skip() else { return };
    // No process has this number, so its owner is gone.
    let left_behind = format!("byway-4294967295-1-0-{}", std::process::id());
    assert!(Command::new("ip").args(["netns", "add", &left_behind]).status().unwrap().success());
    let living = lab.namespace("living").unwrap();
    let next = Lab::start().unwrap();
    assert!(!named().contains(&left_behind));
    assert!(named().contains(living.name()), "another lab's namespaces are its own");
    drop(next);
    assert!(named().contains(living.name()));
}

#[test]
fn a_socket_stays_in_the_namespace_where_it_was_opened() {
    let Some(lab) = lab_or_skip() else { return };
    let (left, right) = (lab.namespace("left").unwrap(), lab.namespace("right").unwrap());
    let first = left.enter(|| TcpListener::bind("127.0.0.1:4000")).unwrap().unwrap();
    let second = right.enter(|| TcpListener::bind("127.0.0.1:4000")).unwrap().unwrap();
    let mut stream = left.enter(|| TcpStream::connect("127.0.0.1:4000")).unwrap().unwrap();
    stream.write_all(b"left").unwrap();
    drop(stream);
    let mut came = String::new();
    first.accept().unwrap().0.read_to_string(&mut came).unwrap();
    assert_eq!(came, "left");
    second.set_nonblocking(true).unwrap();
    assert!(second.accept().is_err());
}
