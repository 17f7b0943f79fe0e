//! Settings: layers, names, kinds, secrets, and what is said when one is wrong.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::{fs, fs::Permissions, os::unix::fs::PermissionsExt, path::PathBuf, time::Duration};

use byway_base::{Code, Problem, PublicKey, SecretKey};
use byway_service_kit::{Loaded, Loader, Origin, OutputFormat, Secret, assert_settings, sample, settings};
use proptest::prelude::*;

settings! {
    /// Settings of a service that exists for these tests.
    pub struct Raw {
        /// Where it listens.
        pub listen: String = "127.0.0.1:9000".to_owned();
        /// Whom it trusts.
        pub trusted: Vec<PublicKey> = Vec::new();
        /// Ports.
        pub ports: Vec<u16> = vec![1, 2];
        /// Its public name.
        pub public_url: Option<String> = None, example "https://byway.example.org";
        /// Whether it forwards.
        pub transit: bool = false;
        /// A share.
        pub ratio: f64 = 0.5;
        /// Where it stores.
        pub store: Store = Store::default();
    }
}

settings! {
    /// A table.
    pub struct Store {
        /// Database.
        pub url: Secret = Secret::new("sqlite:here"), example "postgres://byway@db/byway";
        /// Connections.
        pub connections: u32 = 8;
    }
}

/// A directory with one file of the given content and mode.
struct OneFile {
    _dir: tempfile::TempDir,
    path: PathBuf,
}

fn file(content: &str, mode: u32) -> OneFile {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.toml");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    OneFile { _dir: dir, path }
}

fn env(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn load(loader: Loader) -> Loaded<Raw> {
    loader.load().unwrap()
}

fn refused(loader: Loader) -> Problem {
    loader.load::<Raw>().unwrap_err()
}

fn refused_file(content: &str) -> Problem {
    let file = file(content, 0o600);
    refused(Loader::new("node").file(Some(file.path.clone())))
}

#[test]
fn the_declaration_is_consistent_and_its_sample_parses_to_the_default() {
    assert_settings::<Raw>();
}

#[test]
fn the_sample_describes_every_setting_and_loads_as_it_is() {
    let text = sample::<Raw>("node");
    for expected in [
        "# Where it listens.",
        "(BYWAY_LISTEN)",
        "listen = \"127.0.0.1:9000\"",
        "# public_url = \"https://byway.example.org\"",
        "[store]",
        "# (BYWAY_STORE_URL, BYWAY_STORE_URL_FILE)",
        "# url = \"postgres://byway@db/byway\"",
        "log_level = \"info\"",
    ] {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    let file = file(&text, 0o644);
    assert_eq!(load(Loader::new("node").file(Some(file.path.clone()))).config, Raw::default());
}

#[test]
fn each_layer_overrides_the_one_below() {
    let file = file("listen = \"file\"\nratio = 1\n[store]\nconnections = 3", 0o600);
    let with_file = || Loader::new("node").file(Some(file.path.clone()));
    assert_eq!(load(Loader::new("node")).config.listen, "127.0.0.1:9000");
    let loaded = load(with_file()).config;
    assert_eq!((loaded.listen.as_str(), loaded.ratio, loaded.store.connections), ("file", 1.0, 3));
    let shared = [("BYWAY_LISTEN", "shared"), ("BYWAY_STORE_CONNECTIONS", "4")];
    let loaded = load(with_file().env(env(&shared))).config;
    assert_eq!((loaded.listen.as_str(), loaded.store.connections), ("shared", 4));
    let own = [("BYWAY_LISTEN", "shared"), ("BYWAY_NODE_LISTEN", "own")];
    assert_eq!(load(with_file().env(env(&own))).config.listen, "own");
    assert_eq!(load(with_file().env(env(&own)).flag("listen", "flag")).config.listen, "flag");
}

#[test]
fn text_from_the_environment_becomes_what_the_setting_is() {
    let key = SecretKey::from_seed([1; 32]).public();
    let other = SecretKey::from_seed([2; 32]).public();
    let keys = format!("{key}, {},", other.to_hex());
    let pairs = [("BYWAY_TRUSTED", keys.as_str()), ("BYWAY_PORTS", "80,443"), ("BYWAY_TRANSIT", "true")];
    let loaded = load(Loader::new("node").env(env(&pairs)).env(env(&[("BYWAY_PUBLIC_URL", "1234")]))).config;
    assert_eq!((loaded.trusted, loaded.ports), (vec![key, other], vec![80, 443]));
    assert!(loaded.transit);
    assert_eq!(loaded.public_url.as_deref(), Some("1234"), "digits stay text where text is wanted");
}

#[test]
fn an_empty_variable_counts_as_absent() {
    let loaded = load(Loader::new("node").env(env(&[("BYWAY_LISTEN", ""), ("BYWAY_ADMIN_LISTEN", "")])));
    assert_eq!(loaded.config, Raw::default());
    assert!(loaded.common.admin_listen.is_some());
}

#[test]
fn an_unknown_variable_is_refused_with_the_nearest_name() {
    let problem = refused(Loader::new("node").env(env(&[("BYWAY_LISTNE", "x")])));
    assert_eq!((problem.code, problem.hint.as_str()), (Code::Config, "did you mean `BYWAY_LISTEN`?"));
    let problem = refused(Loader::new("node").env(env(&[("BYWAY_NODE_STORE_CONECTIONS", "1")])));
    assert_eq!(problem.hint, "did you mean `BYWAY_NODE_STORE_CONNECTIONS`?");
    let problem = refused(Loader::new("node").env(env(&[("BYWAY_LISTEN_FILE", "x")])));
    assert_eq!(problem.code, Code::Config, "only secrets are taken from files");
}

#[test]
fn variables_of_other_services_and_of_other_programs_are_left_alone() {
    let pairs = [("BYWAY_ROUTE_FINDER_LISTEN", "x"), ("BYWAY_SOCKET", "x"), ("PATH", "x")];
    let loaded = load(Loader::new("node").also_known(&["BYWAY_SOCKET"]).env(env(&pairs)));
    assert_eq!(loaded.ignored, ["BYWAY_ROUTE_FINDER_LISTEN"]);
    assert!(loaded.report().contains("BYWAY_ROUTE_FINDER_LISTEN is left to another service"));
}

#[test]
fn an_unknown_key_is_refused_with_its_place_and_the_nearest_name() {
    let problem = refused_file("# a comment\n\n  lisen = \"x\"\n");
    assert_eq!((problem.code, problem.what.as_str()), (Code::Config, "unknown setting `lisen`"));
    assert!(problem.why.contains("node.toml:3:3"), "{}", problem.why);
    assert_eq!(problem.hint, "did you mean `listen`?");
    assert_eq!(refused_file("[store]\nurll = \"x\"").hint, "did you mean `store.url`?");
    assert_eq!(refused_file("[sotre]\nurl = \"x\"").code, Code::Config);
    assert_eq!(refused(Loader::new("node").flag("lisen", "x")).hint, "did you mean `listen`?");
}

#[test]
fn a_value_of_the_wrong_kind_is_refused_with_its_place_and_what_was_expected() {
    let problem = refused_file("transit = 1\n");
    assert_eq!(problem.what, "cannot use `transit` = 1");
    assert!(
        problem.why.ends_with("node.toml:1:1: expected true or false, found an integer"),
        "{}",
        problem.why
    );
    assert!(refused_file("store = 1").why.contains("expected a table"));
    assert!(refused_file("ports = [\"a\"]").why.contains("expected a list of whole numbers"));
    let problem = refused(Loader::new("node").env(env(&[("BYWAY_PORTS", "80,many")])));
    assert_eq!(problem.why, "expected whole numbers separated by commas (from env BYWAY_PORTS)");
}

#[test]
fn a_value_that_does_not_parse_is_refused_by_the_name_of_its_key() {
    let problem = refused_file("listen = \"x\"\ntrusted = [\"nobody\"]\n");
    assert_eq!(problem.what, "cannot use `trusted` = [\"nobody\"]");
    assert!(problem.why.contains("node.toml:2:1"), "{}", problem.why);
    let problem = refused(Loader::new("node").flag("store.connections", "-1"));
    assert_eq!(problem.what, "cannot use `store.connections` = -1");
    assert_eq!(refused(Loader::new("node").env(env(&[("BYWAY_LOG_FORMAT", "xml")]))).code, Code::Config);
}

#[test]
fn broken_toml_is_refused_with_its_place() {
    let problem = refused_file("listen = \"x\"\nratio = = 1\n");
    assert_eq!(problem.code, Code::Config);
    assert!(problem.why.contains("node.toml:2:"), "{}", problem.why);
    let problem = refused(Loader::new("node").file(Some(PathBuf::from("/nonexistent/node.toml"))));
    assert_eq!(problem.code, Code::File);
}

#[test]
fn a_secret_is_read_from_the_file_that_a_variable_names() {
    let file = file("postgres://byway:hunter2@db/byway\n", 0o600);
    let path = file.path.to_str().unwrap();
    let loaded = load(Loader::new("node").env(env(&[("BYWAY_STORE_URL_FILE", path)])));
    assert_eq!(loaded.config.store.url.expose(), "postgres://byway:hunter2@db/byway");
    let both = [("BYWAY_STORE_URL_FILE", path), ("BYWAY_STORE_URL", "other")];
    assert_eq!(refused(Loader::new("node").env(env(&both))).code, Code::Config);
}

#[test]
fn credentials_of_systemd_give_the_key_and_secrets_unless_a_variable_does() {
    let dir = tempfile::tempdir().unwrap();
    let give = |name: &str, content: &str| {
        let path = dir.path().join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o400)).unwrap();
        path
    };
    let directory = ("CREDENTIALS_DIRECTORY", dir.path().to_str().unwrap());
    let none = load(Loader::new("node").env(env(&[directory])));
    assert_eq!(none.common.key_file, PathBuf::from("/var/lib/byway/node/node.key"));
    assert_eq!(none.config.store.url.expose(), "sqlite:here");

    let key = give("node.key", "a key");
    give("store.url", "postgres://byway:hunter2@db/byway\n");
    let given = load(Loader::new("node").env(env(&[directory])));
    assert_eq!(given.common.key_file, key);
    assert_eq!(given.config.store.url.expose(), "postgres://byway:hunter2@db/byway");
    let above = [directory, ("BYWAY_STORE_URL", "other"), ("BYWAY_KEY_FILE", "/k")];
    let above = load(Loader::new("node").env(env(&above)));
    assert_eq!((above.config.store.url.expose(), above.common.key_file), ("other", PathBuf::from("/k")));
}

#[test]
fn a_secret_that_others_can_see_is_refused() {
    let secret = file("hunter2", 0o644);
    let pairs = [("BYWAY_STORE_URL_FILE", secret.path.to_str().unwrap())];
    assert_eq!(refused(Loader::new("node").env(env(&pairs))).code, Code::SecretExposed);
    let config = file("[store]\nurl = \"hunter2\"", 0o644);
    let problem = refused(Loader::new("node").file(Some(config.path.clone())));
    assert_eq!(problem.code, Code::SecretExposed);
    assert!(!format!("{problem:?}").contains("hunter2"));
    let problem = refused(Loader::new("node").flag("store.url", "hunter2"));
    assert_eq!(problem.code, Code::SecretExposed);
    assert!(problem.hint.contains("BYWAY_STORE_URL_FILE") && !format!("{problem:?}").contains("hunter2"));
}

#[test]
fn no_output_shows_a_secret() {
    let loaded = load(Loader::new("node").env(env(&[("BYWAY_STORE_URL", "hunter2")])));
    let everything =
        format!("{loaded:?}{}{}", loaded.report(), serde_json::to_string(&loaded.settings).unwrap());
    assert!(!everything.contains("hunter2"), "{everything}");
    for wrong in ["[store]\nurl = 12345678", "store = \"12345678\"", "[store]\nurl = [\"12345678\"]"] {
        let problem = refused_file(wrong);
        assert!(!format!("{problem:?}").contains("12345678"), "{problem}");
    }
}

#[test]
fn the_report_says_who_set_what() {
    let file = file("listen = \"file\"\n", 0o600);
    let loader = Loader::new("node").file(Some(file.path.clone()));
    let loaded = load(loader.env(env(&[("BYWAY_TRANSIT", "true")])).flag("ratio", "0.25"));
    let report = loaded.report();
    let line = |key: &str| report.lines().find(|line| line.starts_with(key)).unwrap();
    assert!(line("listen = \"file\"").ends_with("node.toml:1:1)"), "{report}");
    assert!(line("transit = true").ends_with("(from env BYWAY_TRANSIT)"), "{report}");
    assert!(line("ratio = 0.25").ends_with("(from command line)"), "{report}");
    assert!(line("store.url = ********").ends_with("(from default)"), "{report}");
    assert!(line("public_url =").ends_with("(from default)"), "{report}");
    let data_dir = loaded.settings.iter().find(|setting| setting.key == "data_dir").unwrap();
    assert_eq!((data_dir.value.as_str(), &data_dir.origin), ("\"/var/lib/byway/node\"", &Origin::Default));
}

#[test]
fn what_every_service_has_is_resolved() {
    let common = load(Loader::new("node")).common;
    assert_eq!(common.admin_listen.as_deref(), Some("127.0.0.1:0"));
    assert_eq!((common.log_format, common.drain_timeout), (OutputFormat::Human, Duration::from_secs(20)));
    assert_eq!(common.key_file, PathBuf::from("/var/lib/byway/node/node.key"));
    let pairs = [("HOME", "/home/a"), ("BYWAY_LOG_FORMAT", "json"), ("BYWAY_ADMIN_LISTEN", "off")];
    let common = load(Loader::new("node").env(env(&pairs))).common;
    assert_eq!((common.log_format, common.admin_listen), (OutputFormat::Json, None));
    assert_eq!(common.data_dir, PathBuf::from("/home/a/.local/state/byway/node"));
    let pairs = [("HOME", "/home/a"), ("STATE_DIRECTORY", "/var/lib/private/byway:/x")];
    assert_eq!(
        load(Loader::new("node").env(env(&pairs))).common.data_dir,
        PathBuf::from("/var/lib/private/byway")
    );
    let common = load(Loader::new("node").flag("data_dir", "/d").flag("key_file", "/k")).common;
    assert_eq!((common.data_dir, common.key_file), (PathBuf::from("/d"), PathBuf::from("/k")));
    let common = load(Loader::new("node").flag("drain_timeout_s", i64::MAX.to_string())).common;
    assert_eq!(common.drain_timeout.as_secs(), i64::MAX.unsigned_abs());
}

proptest! {
    #[test]
    fn no_file_makes_loading_panic(text in "[a-z_.=\\[\\]\"0-9 \n\\\\é]{0,80}") {
        let file = file(&text, 0o600);
        let _ = Loader::new("node").file(Some(file.path.clone())).load::<Raw>();
    }

    #[test]
    fn no_variable_makes_loading_panic(name in "[A-Z_]{0,12}", value in "\\PC{0,20}") {
        let _ = Loader::new("node").env([(format!("BYWAY_{name}"), value)]).load::<Raw>();
    }
}
