//! What each command of the README is expected to do.

use crate::page::{blocks, commands, mentioned};

/// A command of the README.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) line: &'static str,
    pub(crate) deed: Deed,
}

/// How a command is run, and how one sees that it worked.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Deed {
    /// The script of all tests runs it, or what runs that script on a fresh machine does: it takes too long here.
    Scripted,
    /// It takes a container engine, on which `tests/containers` does the same.
    Contained,
    /// It sets variables of these terminals.
    Sets(&'static [Who]),
    /// It ends well and prints all of this.
    Ends(Who, &'static [&'static str]),
    /// It ends well and prints the key that nodes must trust.
    PrintsSetupKey(Who),
    /// It goes on, once it has said this.
    GoesOn(Who, &'static str),
    /// As [`Self::GoesOn`], and is a node, which becomes ready. Others call its key by this variable.
    Node(Who, &'static str),
}

/// Whose terminal a command is typed into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Services,
    N1,
    Bob,
    Alice,
}

/// What the app on bob answers.
pub(crate) const PAGE: &str = "hello from bob";

/// Ports that the README names. Where one is taken, the README cannot be followed as it is written.
pub(crate) const PORTS: [u16; 9] = [9091, 9092, 9093, 9094, 9095, 9070, 1080, 8080, 8081];

const EVERYBODY: &[Who] = &[Who::Services, Who::N1, Who::Bob, Who::Alice];

const fn step(line: &'static str, deed: Deed) -> Step {
    Step { line, deed }
}

/// Every command in a block.
#[rustfmt::skip]
pub(crate) const STEPS: &[Step] = &[
    step("cargo run --release --bin byway -- demo", Deed::Scripted),
    step("tests/all", Deed::Scripted),
    step("docker-compose up", Deed::Contained),
    step("docker-compose --profile demo up --detach", Deed::Contained),
    step("curl -x socks5h://127.0.0.1:1080 http://bob.byway/bytes/40000000 -o page", Deed::Contained),
    step("export PATH=\"$PWD/target/release:$PATH\"", Deed::Sets(EVERYBODY)),
    step("export IP=127.0.0.1", Deed::Sets(EVERYBODY)),
    step("byway service transport-discovery --set listen=$IP:9091",
        Deed::GoesOn(Who::Services, "check is ok check=\"database\"")),
    step("byway service messaging-discovery --set listen=$IP:9093",
        Deed::GoesOn(Who::Services, "check is ok check=\"database\"")),
    step("byway service messaging-server --set listen=$IP:9094 --set messaging_discovery=http://$IP:9093",
        Deed::GoesOn(Who::Services, "check is ok check=\"messaging-discovery\"")),
    step("byway service route-finder --set listen=$IP:9092 --set transport_discovery=http://$IP:9091",
        Deed::GoesOn(Who::Services, "check is ok check=\"mirror\"")),
    step("byway service setup-node --set messaging_discovery=http://$IP:9093",
        Deed::GoesOn(Who::Services, "check is ok check=\"messaging\"")),
    step("byway key show --service setup-node", Deed::PrintsSetupKey(Who::Services)),
    step("byway config check --config node.toml", Deed::Ends(Who::Alice, &["are valid"])),
    step("export BYWAY_DATA_DIR=~/n1", Deed::Sets(&[Who::N1])),
    step("export BYWAY_DATA_DIR=~/bob", Deed::Sets(&[Who::Bob])),
    step("byway up --config node.toml --set listen=$IP:9070", Deed::Node(Who::N1, "N1")),
    step("byway up --config node.toml --set transports=tcp:$N1", Deed::Node(Who::Bob, "BOB")),
    step("byway up --config node.toml --set transports=tcp:$N1,messaging:$BOB --set petnames=n1=$N1,bob=$BOB",
        Deed::Node(Who::Alice, "ALICE")),
    step("byway status", Deed::Ends(Who::Alice, &["ready", "n1", "bob", "problems    0"])),
    step("byway doctor", Deed::Ends(Who::Alice, &["messaging", "route finder", "nat"])),
    step("byway ping bob", Deed::Ends(Who::Alice, &["active", "bob (", "least"])),
    step("byway path show bob --why-not", Deed::Ends(Who::Alice, &["n1 (tcp", "bob (messaging", "--path"])),
    step("byway expose 8080 --as 80", Deed::GoesOn(Who::Bob, "port 80 leads to 127.0.0.1:8080")),
    step("byway connect bob:80 --local 127.0.0.1:8081", Deed::GoesOn(Who::Alice, "127.0.0.1:8081 leads to bob:80")),
    step("curl http://127.0.0.1:8081/", Deed::Ends(Who::Alice, &[PAGE])),
    step("byway proxy --socks 127.0.0.1:1080", Deed::GoesOn(Who::Alice, "socks5h://127.0.0.1:1080")),
    step("curl -x socks5h://127.0.0.1:1080 http://bob.byway/", Deed::Ends(Who::Alice, &[PAGE])),
    step("byway trace bob", Deed::Ends(Who::Alice, &["bob", "whole: the far end answers"])),
    step("byway ping bob --policy 'hops>=2 via=n1 types=!messaging prefer=latency'",
        Deed::Ends(Who::Alice, &["active  n1 (tcp"])),
    step("byway ping bob --policy 'avoid=n1 disjoint=1'", Deed::Ends(Who::Alice, &["active  bob ("])),
    step("byway connect bob:80 --policy types=tcp", Deed::GoesOn(Who::Alice, "leads to bob:80")),
    step("curl -x socks5h://127.0.0.1:1080 -U via=n1: http://bob.byway/", Deed::Ends(Who::Alice, &[PAGE])),
    step("byway ping bob --path $FIRST,$SECOND", Deed::Ends(Who::Alice, &["active  n1 (tcp"])),
    step("cargo run --release -p byway-benches", Deed::Scripted),
];

/// Every command that a sentence names, and what of it is run.
pub(crate) const MENTIONED: &[(&str, Step)] = &[
    (
        "cargo run --release --bin byway -- demo --check",
        step("cargo run --release --bin byway -- demo --check", Deed::Scripted),
    ),
    ("byway config show", step("byway config show", Deed::Ends(Who::Alice, &["trusted_setup_nodes"]))),
    ("byway whoami", step("byway whoami", Deed::Ends(Who::Bob, &[]))),
    ("byway explain CODE", step("byway explain BW-NO-PATH", Deed::Ends(Who::Alice, &["exit code 6"]))),
];

/// The step of a command that stands in a block.
pub(crate) fn typed(line: &str) -> Option<&'static Step> {
    STEPS.iter().find(|step| step.line == line)
}

/// The step of a command that a sentence names.
pub(crate) fn named(span: &str) -> Option<&'static Step> {
    MENTIONED.iter().find(|(written, _)| *written == span).map(|(_, step)| step)
}

/// Commands of the page that nobody runs, and commands that are run and not on the page.
fn differences(page: &str) -> Vec<String> {
    let blocks = blocks(page);
    let scripts = blocks.iter().filter(|block| block.language == "sh");
    let lines: Vec<_> = scripts.flat_map(|block| commands(&block.text)).collect();
    let spans = mentioned(page);
    let unknown = lines.iter().filter(|line| typed(line).is_none());
    let unknown = unknown.chain(spans.iter().filter(|span| named(span).is_none()));
    let gone = STEPS.iter().map(|step| step.line).filter(|line| !lines.contains(line));
    let gone = gone.chain(MENTIONED.iter().map(|(span, _)| *span).filter(|span| !spans.contains(span)));
    let unknown = unknown.map(|line| format!("nobody runs `{line}`"));
    unknown.chain(gone.map(|line| format!("the README does not have `{line}`"))).collect()
}

#[test]
fn a_command_that_nobody_runs_is_told_in_blocks_and_in_sentences() {
    let found = differences("Try `byway fly`.\n```sh\nbyway status # now\nbyway swim\n```\n");
    let unknown: Vec<_> = found.iter().filter(|text| text.starts_with("nobody")).collect();
    assert_eq!(unknown, ["nobody runs `byway swim`", "nobody runs `byway fly`"]);
    assert!(!found.iter().any(|text| text.contains("byway status")), "{found:?}");
    assert_eq!(found.len() - unknown.len(), STEPS.len() - 1 + MENTIONED.len());
}

#[test]
fn every_command_of_the_readme_is_run_and_no_other() {
    let found = differences(crate::page::TEXT);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}
