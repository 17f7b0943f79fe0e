//! Arguments, right and wrong, without a node.

use std::{fs, os::unix::fs::PermissionsExt};

use byway_base::{Code, SecretKey};
use serde_json::Value;
use tempfile::tempdir;

use crate::command::{byway, run};

#[test]
fn what_is_written_wrong_is_told_with_code_cause_and_next_step() {
    let home = tempdir().unwrap();
    let cases: &[(&[&str], &str, i32, &str)] = &[
        (&["stauts"], "BW-USAGE", 2, "did you mean `status`?"),
        (&["fly"], "BW-USAGE", 2, "unrecognized subcommand 'fly'"),
        (&["ping"], "BW-USAGE", 2, "byway ping"),
        (&["ping", "bob", "--cuont", "3"], "BW-USAGE", 2, "did you mean `--count`?"),
        (&["ping", "bob", "--count", "0"], "BW-USAGE", 2, "1..=100"),
        (&["status", "--output", "xml"], "BW-USAGE", 2, "table, json, jsonl"),
        (&["ping", "bob", "--policy", "via=n1 hops>2"], "BW-BAD-POLICY", 2, "column 8"),
        (&["trace"], "BW-USAGE", 2, "byway trace"),
        (&["trace", "bob", "--count", "21"], "BW-USAGE", 2, "1..=20"),
        (&["trace", "bob", "--route", "12"], "BW-USAGE", 2, "--route"),
        (&["trace", "bob", "--policy", "hops>2"], "BW-BAD-POLICY", 2, "column 1"),
        (&["up", "--set", "forwarding.volume_period=week"], "BW-CONFIG", 3, "'week' is neither"),
        (&["up", "--set", "forwarding.memory_mib=1"], "BW-CONFIG", 3, "at least 8"),
        (&["path", "show", "bob", "--policy", "prefer=speed"], "BW-BAD-POLICY", 2, "column 1"),
        (&["proxy", "--policy", "quick"], "BW-BAD-POLICY", 2, "'quick' has no '='"),
        (&["ping", "bob", "--path", "12ab"], "BW-BAD-PATH", 2, "'12ab' is no transport id"),
        (&["connect", "bob:99999"], "BW-BAD-ADDRESS", 2, "a number from 1 to 65535"),
        (&["connect", "bob"], "BW-BAD-ADDRESS", 2, "no ':'"),
        (&["expose", "0"], "BW-BAD-ADDRESS", 2, "a number from 1 to 65535"),
        (&["expose", "80", "--as", "web"], "BW-BAD-ADDRESS", 2, "'web'"),
        (&["key", "convert", "alice"], "BW-BAD-KEY", 2, "52 base32"),
        (&["transports", "add", "TCP", "bob"], "BW-USAGE", 2, "1 to 16 characters"),
        (&["explain", "BW-NO-PAHT"], "BW-USAGE", 2, "byway explain BW-NO-PATH"),
        (&["service", "rout-finder"], "BW-USAGE", 2, "did you mean `route-finder`?"),
        (&["config", "check", "--service", "x"], "BW-USAGE", 2, "'x' is none of node,"),
        (&["config", "check", "--config", "none.toml"], "BW-FILE", 3, "none.toml"),
        (&["up", "--set", "transitt=off"], "BW-CONFIG", 3, "did you mean `transit`?"),
        (&["key", "show", "none.key"], "BW-FILE", 3, "there is no such file"),
    ];
    for (args, code, exit, says) in cases {
        let ended = run(home.path(), args);
        ended.assert_problem(code, *exit).assert_says(says);
    }
}

#[test]
fn every_command_that_needs_a_node_says_so_when_there_is_none() {
    let home = tempdir().unwrap();
    let commands: [&[&str]; 11] = [
        &["status"],
        &["whoami"],
        &["ping", "bob"],
        &["trace", "bob"],
        &["path", "show", "bob"],
        &["transports"],
        &["transports", "rm", "12"],
        &["routes", "ls"],
        &["expose", "8080"],
        &["connect", "bob:80"],
        &["proxy", "--socks", "127.0.0.1:0"],
    ];
    for args in commands {
        let ended = run(home.path(), args);
        ended.assert_problem("BW-NODE-UNREACHABLE", 4).assert_says("byway up");
        ended.assert_says(".local/state/byway/node/node.sock");
        let ended = run(home.path(), &[&["--socket", "other.sock"], args].concat());
        ended.assert_problem("BW-NODE-UNREACHABLE", 4).assert_says("there is no socket other.sock");
    }
    run(home.path(), &["wait", "--ready", "--timeout", "0"]).assert_problem("BW-TIMEOUT", 7);
}

#[test]
fn problems_are_json_on_standard_error_where_data_is_json() {
    let home = tempdir().unwrap();
    for args in
        [&["--output", "json", "status"][..], &["status", "--output=jsonl"], &["--output", "json", "fly"]]
    {
        let ended = run(home.path(), args);
        let problem: Value = serde_json::from_str(&ended.stderr).unwrap();
        assert_eq!((&problem["version"], ended.stdout.as_str()), (&1.into(), ""));
        for part in ["what", "why", "try", "code"] {
            assert!(problem["error"][part].is_string(), "{problem}");
        }
    }
}

#[test]
fn what_needs_no_node_works_without() {
    let home = tempdir().unwrap();
    for args in [
        &["--help"][..],
        &["help", "ping"],
        &["version"],
        &["--version"],
        &["explain"],
        &["completion", "bash"],
        &["man"],
    ] {
        let ended = run(home.path(), args);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(!ended.stdout.is_empty() && !ended.stdout.contains('\x1b'), "{args:?}");
    }
    assert!(run(home.path(), &["completion", "zsh"]).stdout.contains("transports"));
    let bare = run(home.path(), &[]);
    assert_eq!((bare.code, bare.stdout.as_str()), (Some(2), ""));
    assert!(bare.stderr.contains("Usage: byway"));
}

#[test]
fn every_command_has_a_manual_page() {
    let home = tempdir().unwrap();
    let pages = home.path().join("man");
    let ended = run(home.path(), &["man", "--directory", pages.to_str().unwrap()]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{}", ended.stderr);
    let help = run(home.path(), &["--help"]).stdout;
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // A description that goes on in the next line stands further in.
    let named = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let commands: Vec<_> = named.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.contains(&"ping"), "{help}");
    for command in commands.into_iter().filter(|command| *command != "help") {
        let page = fs::read_to_string(pages.join(format!("byway-{command}.1")));
        assert!(page.is_ok_and(|page| page.contains(&format!(".TH byway-{command} 1"))), "{command}");
    }
}

#[test]
fn every_error_code_is_explained_in_any_spelling() {
    let home = tempdir().unwrap();
    for text in ["BW-NO-PATH", "bw-no-path", "no-path"] {
        let ended = run(home.path(), &["explain", text]);
        assert!(ended.code == Some(0) && ended.stdout.contains("exit code 6"), "{}", ended.stdout);
    }
    let all = run(home.path(), &["explain", "--output", "json"]).json();
    let listed: Vec<&str> =
        all["items"].as_array().unwrap().iter().map(|item| item["code"].as_str().unwrap()).collect();
    assert_eq!(listed, Code::ALL.iter().map(|code| code.as_str()).collect::<Vec<_>>());
}

#[test]
fn without_a_file_the_key_is_that_of_a_service_where_it_keeps_it() {
    let home = tempdir().unwrap();
    for (service, key_file) in [("node", "node/node.key"), ("setup-node", "setup-node/setup-node.key")] {
        let key_file = format!(".local/state/byway/{key_file}");
        run(home.path(), &["key", "show", "--service", service])
            .assert_problem("BW-FILE", 3)
            .assert_says(&key_file);
        let made = run(home.path(), &["key", "generate", "--service", service, "--output", "json"]);
        let shown = run(home.path(), &["key", "show", &key_file, "--output", "json"]);
        assert_eq!((made.code, &made.stdout), (Some(0), &shown.stdout), "{}", made.stderr);
    }
    assert_eq!(run(home.path(), &["key", "show"]).code, Some(0), "the node's by default");
    run(home.path(), &["key", "show", "--service", "setup-nod"]).assert_problem("BW-USAGE", 2);
    run(home.path(), &["key", "show", "own.key", "--service", "node"]).assert_problem("BW-USAGE", 2);
}

#[test]
fn a_key_is_made_once_kept_private_and_shown_without_its_secret() {
    let home = tempdir().unwrap();
    let path = home.path().join("own.key");
    let made = run(home.path(), &["key", "generate", "own.key", "--output", "json"]);
    assert_eq!(made.code, Some(0), "{}", made.stderr);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let secret = fs::read_to_string(&path).unwrap();
    let key: SecretKey = secret.trim().parse().unwrap();
    let again = run(home.path(), &["key", "generate", "own.key", "--output", "json"]);
    let shown = run(home.path(), &["key", "show", "own.key", "--output", "json"]);
    let public = key.public();
    for forms in [&made, &again, &shown] {
        let json = forms.json();
        assert_eq!(json["key"], public.to_string());
        assert_eq!(
            (json["hex"].clone(), json["base58"].clone()),
            (public.to_hex().into(), public.to_base58().into())
        );
        assert!(!forms.stdout.contains(secret.trim()) && !forms.stderr.contains(secret.trim()));
    }
    for form in [public.to_string(), public.to_hex(), public.to_base58()] {
        let converted = run(home.path(), &["key", "convert", &form]);
        assert!(
            converted.stdout.contains(&public.to_string()) && converted.stdout.contains(&public.to_base58())
        );
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    run(home.path(), &["key", "show", "own.key"])
        .assert_problem("BW-SECRET-EXPOSED", 3)
        .assert_says("chmod 600");
}

#[test]
fn settings_of_every_service_are_checked_and_shown() {
    let home = tempdir().unwrap();
    let services = [
        "node",
        "transport-discovery",
        "route-finder",
        "setup-node",
        "messaging-discovery",
        "messaging-server",
    ];
    for service in services {
        let shown = run(home.path(), &["config", "show", "--service", service]);
        assert_eq!(shown.code, Some(0), "{service}: {}", shown.stderr);
        assert!(shown.stdout.contains("log_level = \"info\""), "{service}: {}", shown.stdout);
        fs::write(home.path().join("wrong.toml"), "lisen = \"127.0.0.1:0\"\n").unwrap();
        let wrong = run(home.path(), &["config", "check", "--service", service, "--config", "wrong.toml"]);
        wrong.assert_problem("BW-CONFIG", 3).assert_says("wrong.toml");
        wrong.assert_says("did you mean");
    }
    fs::write(home.path().join("right.toml"), "transit = false\n").unwrap();
    let checked = run(home.path(), &["config", "check", "--config", "right.toml"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(0), "the settings of node are valid\n"));
    let shown = run(home.path(), &["config", "show", "--config", "right.toml", "--output", "json"]).json();
    let transit = shown["items"].as_array().unwrap().iter().find(|item| item["key"] == "transit").unwrap();
    assert_eq!(transit["value"], "false");
}

#[test]
fn a_service_is_run_with_its_own_arguments() {
    let home = tempdir().unwrap();
    let help = run(home.path(), &["service", "messaging-server", "--help"]);
    assert_eq!(help.code, Some(0), "{}", help.stderr);
    assert!(help.stdout.contains("--print-config"), "{}", help.stdout);
    let checked = run(home.path(), &["service", "node", "--check", "--set", "transit=false"]);
    assert_eq!((checked.code, checked.stdout.as_str()), (Some(0), "the configuration is valid\n"));
}

#[test]
fn a_check_of_settings_and_the_service_itself_agree_on_the_environment() {
    let home = tempdir().unwrap();
    for variable in ["BYWAY_LOG_LEVEL", "BYWAY_SOCKET", "BYWAY_LISTN", "BYWAY_NODE_TRANSIT", "BYWAY_ANNOUNCE"]
    {
        for service in ["node", "route-finder"] {
            let code = |args: &[&str]| {
                byway(home.path(), args).env(variable, "info").output().unwrap().status.code()
            };
            let checked = code(&["config", "check", "--service", service]);
            assert_eq!(checked, code(&["service", service, "--check"]), "{variable} {service}");
        }
    }
}
