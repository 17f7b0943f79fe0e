//! What a survey asks, and what it makes of the answers.

use std::{net::SocketAddr, time::Duration};

use byway_base::{Moment, limits::STUN_SERVERS};
use byway_traversal::{Mapping, Survey, stun};

const START: Moment = Moment::ZERO;

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
    texts.iter().map(|text| address(text)).collect()
}

fn after(ms: u64) -> Moment {
    START + Duration::from_millis(ms)
}

/// Of IPv4, two of them.
fn survey() -> Survey {
    Survey::new(&addresses(&["192.0.2.1:1", "192.0.2.2:1"]), &addresses(&["10.0.0.2:9"]), 7, START)
}

/// Has each server answer at once that it sees the address given for it.
fn answered(servers: &[(&str, &str)], local: &[&str]) -> Survey {
    let asked: Vec<_> = servers.iter().map(|(server, _)| address(server)).collect();
    let mut survey = Survey::new(&asked, &addresses(local), 7, START);
    while let Some((to, request)) = survey.poll_transmit(START) {
        let (_, seen) = servers.iter().find(|(server, _)| address(server) == to).unwrap();
        if !seen.is_empty() {
            assert!(survey.handle(to, &stun::answer(&request, address(seen)).unwrap(), START));
        }
    }
    while let Some(due) = survey.poll_timeout() {
        survey.poll_transmit(due);
    }
    survey
}

#[test]
fn a_silent_server_is_asked_five_times_ever_more_rarely_and_given_up() {
    let mut survey = survey();
    let mut times = Vec::new();
    while let Some(due) = survey.poll_timeout() {
        while let Some((to, request)) = survey.poll_transmit(due) {
            times.push(((due - START).as_millis(), to.ip().to_string()));
            assert!(stun::answer(&request, to).is_some());
        }
    }
    let first: Vec<_> = times.iter().filter(|(_, to)| to == "192.0.2.1").map(|(at, _)| *at).collect();
    assert_eq!(first, [0, 100, 300, 700, 1_500]);
    assert_eq!(times.len(), 10);
    assert!(survey.is_over());
    assert_eq!(survey.result().mapping(), Mapping::Blocked);
}

#[test]
fn the_round_trip_is_known_of_requests_that_were_not_repeated() {
    let mut survey = survey();
    let (first, request) = survey.poll_transmit(START).unwrap();
    let (second, other) = survey.poll_transmit(START).unwrap();
    assert_eq!(survey.poll_transmit(START), None);
    let seen = address("203.0.113.1:61000");
    assert!(survey.handle(first, &stun::answer(&request, seen).unwrap(), after(30)));
    assert_eq!(survey.result().mapping(), Mapping::Unknown, "one server shows nothing");
    assert!(survey.poll_transmit(after(100)).is_some());
    assert!(survey.handle(second, &stun::answer(&other, seen).unwrap(), after(120)));
    assert!(survey.is_over());
    let found = survey.result();
    assert_eq!(found.servers, [(first, Some(Duration::from_millis(30))), (second, None)]);
    assert_eq!(found.ipv4.reflexive, [seen]);
    assert_eq!(found.mapping(), Mapping::Independent);
}

#[test]
fn two_servers_that_see_different_addresses_show_a_symmetric_nat() {
    let local = &["10.0.0.2:9"][..];
    let (one, two, three) = ("192.0.2.1:1", "192.0.2.2:1", "192.0.2.3:1");
    let mapping = |servers: &[(&str, &str)]| answered(servers, local).result().ipv4.mapping;
    assert_eq!(mapping(&[(one, "203.0.113.1:5"), (two, "203.0.113.1:6")]), Mapping::Dependent);
    assert_eq!(mapping(&[(one, "203.0.113.1:5"), (two, "203.0.113.2:5")]), Mapping::Dependent);
    assert_eq!(mapping(&[(one, "203.0.113.1:5"), (two, "203.0.113.1:5")]), Mapping::Independent);
    assert_eq!(mapping(&[(one, "203.0.113.1:5"), (two, ""), (three, "203.0.113.1:5")]), Mapping::Independent);
    assert_eq!(mapping(&[(one, "203.0.113.1:5"), (two, "")]), Mapping::Unknown);
    assert_eq!(mapping(&[(one, "10.0.0.2:9"), (two, "10.0.0.2:9")]), Mapping::Open);
    // A server inside of the NAT sees the node as it is.
    assert_eq!(
        mapping(&[(one, "10.0.0.2:9"), (two, "203.0.113.1:5"), (three, "203.0.113.1:5")]),
        Mapping::Independent
    );
    assert_eq!(mapping(&[(one, ""), (two, "")]), Mapping::Blocked);
}

#[test]
fn each_ip_version_is_judged_alone_and_one_without_an_address_here_is_not_asked() {
    let servers = [
        ("192.0.2.1:1", "203.0.113.1:5"),
        ("192.0.2.2:1", "203.0.113.1:6"),
        ("[2001:db8::1]:1", "[2001:db8:5::2]:9"),
        ("[2001:db8::2]:1", "[2001:db8:5::2]:9"),
    ];
    let found = answered(&servers, &["10.0.0.2:9", "[2001:db8:5::2]:9"]).result();
    assert_eq!((found.ipv4.mapping, found.ipv6.mapping), (Mapping::Dependent, Mapping::Open));
    assert_eq!(found.mapping(), Mapping::Dependent);
    let reflexive = addresses(&["[2001:db8:5::2]:9", "203.0.113.1:5", "203.0.113.1:6"]);
    assert!(found.reflexive().eq(reflexive));

    let found = answered(&servers, &["[2001:db8:5::2]:9"]).result();
    assert_eq!((found.ipv4.mapping, found.mapping()), (Mapping::Unknown, Mapping::Open));
    assert_eq!(found.servers.len(), 2);

    let blocked = [("192.0.2.1:1", ""), ("[2001:db8::1]:1", "[2001:db8:5::2]:9")];
    let found = answered(&blocked, &["10.0.0.2:9", "[2001:db8:5::2]:9"]).result();
    assert_eq!((found.ipv4.mapping, found.mapping()), (Mapping::Blocked, Mapping::Open));
}

#[test]
fn no_more_servers_are_asked_than_the_limit_and_none_twice_or_nowhere() {
    let many: Vec<_> = (1..=9).map(|last| SocketAddr::from(([192, 0, 2, last], 1))).collect();
    let local = addresses(&["10.0.0.2:9"]);
    assert_eq!(Survey::new(&many, &local, 7, START).result().servers.len(), STUN_SERVERS);
    let odd = addresses(&["192.0.2.1:1", "[::ffff:192.0.2.1]:1", "0.0.0.0:1", "224.0.0.1:1", "192.0.2.2:0"]);
    assert_eq!(Survey::new(&odd, &local, 7, START).result().servers, [(address("192.0.2.1:1"), None)]);
    let none = Survey::new(&[], &local, 7, START);
    assert!(none.is_over());
    assert_eq!(none.result().mapping(), Mapping::Unknown);
}

#[test]
fn an_answer_that_was_not_asked_for_changes_nothing() {
    let mut survey = survey();
    let (server, request) = survey.poll_transmit(START).unwrap();
    let lie = address("198.51.100.66:6");
    let answer = stun::answer(&request, lie).unwrap();
    assert!(!survey.handle(address("192.0.2.1:2"), &answer, START), "from elsewhere");
    let guess = stun::answer(&stun::binding_request(stun::TransactionId([0; 12])), lie).unwrap();
    assert!(!survey.handle(server, &guess, START), "to another request");
    assert!(!survey.handle(server, &request, START), "the request itself");
    assert!(!survey.handle(server, b"\0\x01", START));
    assert_eq!(survey.result().ipv4.reflexive, []);
    let truth = address("203.0.113.1:61000");
    assert!(survey.handle(server, &stun::answer(&request, truth).unwrap(), START));
    assert!(survey.handle(server, &answer, START), "late, and not believed");
    assert_eq!(survey.result().ipv4.reflexive, [truth]);
}

#[test]
fn a_server_that_answers_nonsense_is_given_up() {
    for nonsense in ["0.0.0.0:0", "224.0.0.1:5", "[2001:db8::1]:5"] {
        let found = answered(&[("192.0.2.1:1", nonsense)], &["10.0.0.2:9"]).result();
        assert_eq!((found.ipv4.reflexive, found.ipv4.mapping), (vec![], Mapping::Blocked), "{nonsense}");
    }
}
