//! The mechanical rules of the repository: what depends on what, and what must be nowhere.
//!
//! Each test collects every breach before it fails, so that one run shows them all. Tests and dev-dependencies are
//! exempt from the rules about tiers and effects: they may use whatever shows that the code is right.

#![expect(clippy::unwrap_used, reason = "these are tests, their helpers included")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// Crates that reach for sockets, clocks, entropy, threads, async or the file system. No protocol crate needs one.
const EFFECTFUL: &str = "async-trait axum clap futures futures-util getrandom hyper hyper-util metrics mio parking_lot quinn \
    rand reqwest rustls socket2 sqlx tempfile tokio tokio-rustls tokio-stream tokio-util tower tower-http tracing \
    tracing-subscriber";

/// What no protocol source says, each with what to do instead.
const EFFECTS: &[(&str, &str)] = &[
    ("Instant", "take a `byway_base::Moment`"),
    ("SystemTime", "take a `byway_base::UnixTime`"),
    ("async", "return what to do as data"),
    (".await", "return what to do as data"),
    ("TcpStream", "take and return bytes"),
    ("TcpListener", "take and return bytes"),
    ("UdpSocket", "take and return bytes"),
    ("ToSocketAddrs", "names are resolved by the shell"),
    ("std::thread", "a core runs on its caller's thread"),
    ("std::fs", "take and return bytes"),
    ("std::process", "a core starts nothing"),
    ("std::env", "take configuration as an argument"),
    ("RandomState", "its seed is entropy; name a hasher"),
    ("HashMap::new", "its seed is entropy; name a hasher"),
    ("HashSet::new", "its seed is entropy; name a hasher"),
];

/// Protocol sources that may use a hash map or set, and why its order cannot show.
const HASHED: &[(&str, &str)] = &[
    ("protocol/routing/src/label_map.rs", "flows by label on the forwarding path; looked up, never walked"),
    ("protocol/route-graph/src/graph/nodes.rs", "slots by key; looked up, sorted before they are shown"),
    ("protocol/route-graph/src/graph/rows.rs", "row numbers by id; looked up, never walked"),
    ("protocol/route-graph/src/search/guided/bounds.rs", "distances by node; looked up, never walked"),
];

/// What must not come in by any way: there is one TLS stack.
const OTHER_TLS: &[&str] = &["openssl", "openssl-sys", "native-tls"];

const SERVICES: &[&str] =
    &["node", "transport-discovery", "route-finder", "setup-node", "messaging-discovery", "messaging-server"];

/// Lines of the longest file.
const LINES_MAX: usize = 600;

// ---- The tree ----

/// Where a crate stands; the tree shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tier {
    Protocol,
    Platform,
    Service,
    /// Apps, chain, the command line, tests and benches: above the overlay, free to use all of it.
    Above,
}

/// A crate of the workspace.
struct Crate {
    /// Relative to the root.
    folder: String,
    name: String,
    tier: Tier,
    manifest: Table,
}

impl Crate {
    /// Names and specifications of what the crate needs to build: `dev` or not, of every target.
    fn dependencies(&self, dev: bool) -> Vec<(&String, &Value)> {
        let sections: &[&str] =
            if dev { &["dev-dependencies"] } else { &["dependencies", "build-dependencies"] };
        let targets =
            self.manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
        let tables = targets.filter_map(Value::as_table).chain([&self.manifest]);
        tables
            .flat_map(|table| sections.iter().filter_map(|section| table.get(*section)?.as_table()))
            .flatten()
            .collect()
    }

    /// The crate's sources without its tests, with their paths relative to the root.
    fn production_sources(&self) -> Vec<(String, String)> {
        let within = format!("{}/src/", self.folder);
        let sources = files().into_iter().filter(|path| path.starts_with(&within) && path.ends_with(".rs"));
        let sources = sources.filter(|path| !path.ends_with("/tests.rs") && !path.contains("/tests/"));
        sources
            .map(|path| {
                let code = production_code(&read(&path));
                (path, code)
            })
            .collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file of the repository that people write, relative to the root, in order.
fn files() -> Vec<String> {
    const FOREIGN: [&str; 3] = ["target", "node_modules", "dist"];
    let (mut found, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            let path = if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            let kind = entry.file_type().unwrap();
            if kind.is_dir() && !FOREIGN.contains(&name.as_str()) && name != ".git" {
                folders.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn crates() -> Vec<Crate> {
    let manifests =
        files().into_iter().filter_map(|path| path.strip_suffix("/Cargo.toml").map(str::to_owned));
    let found = manifests.map(|folder| {
        let manifest: Table = read(&format!("{folder}/Cargo.toml")).parse().unwrap();
        let name = manifest["package"]["name"].as_str().unwrap().to_owned();
        let tier = match folder.split('/').next().unwrap() {
            "protocol" => Tier::Protocol,
            "platform" => Tier::Platform,
            service if SERVICES.contains(&service) => Tier::Service,
            _ => Tier::Above,
        };
        Crate { folder, name, tier, manifest }
    });
    found.collect()
}

fn crates_of(tier: Tier) -> Vec<Crate> {
    let found: Vec<_> = crates().into_iter().filter(|c| c.tier == tier).collect();
    assert!(!found.is_empty(), "{tier:?} has crates");
    found
}

// ---- Source text ----

/// The code without comments and without the tests at its end.
fn production_code(source: &str) -> String {
    let before_tests = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = before_tests.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.map(|line| line.split(" // ").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Whether `code` has `word`, not as a part of a longer name.
fn mentions(code: &str, word: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    let starts_a_name = word.starts_with(part_of_name);
    code.match_indices(word).any(|(at, _)| {
        let (before, after) = (&code[..at], &code[at + word.len()..]);
        !(after.starts_with(part_of_name) || starts_a_name && before.ends_with(part_of_name))
    })
}

/// Fails with all breaches, one a line.
fn assert_none(breaches: &[String]) {
    assert!(breaches.is_empty(), "\n{}", breaches.join("\n"));
}

#[test]
fn the_rules_see_code_but_neither_comments_nor_tests_nor_longer_names() {
    let code = production_code(
        "/// Instant\nfn f() {} // UdpSocket\nlet x = Instantly;\n#[cfg(test)]\nmod tests {\n use Instant;\n}",
    );
    assert!(!mentions(&code, "Instant") && !mentions(&code, "UdpSocket"), "{code}");
    assert!(mentions("use std::{fs, time::Instant};", "Instant"));
    assert!(mentions("f().await?", ".await") && !mentions("error(\"none to await\")", ".await"));
    assert!(mentions("pub(crate) async fn f()", "async") && !mentions("asynchronous", "async"));
}

#[test]
fn what_a_crate_needs_is_read_from_every_section_of_its_manifest() {
    let manifest = "[dependencies]\na.workspace = true\n[build-dependencies]\nb = '1'\n[dev-dependencies]\nc = '1'\n\
                    [target.'cfg(unix)'.dependencies]\nd = '1'\n[target.'cfg(unix)'.dev-dependencies]\ne = '1'";
    let manifest = manifest.parse().unwrap();
    let made_up = Crate { folder: String::new(), name: String::new(), tier: Tier::Above, manifest };
    let names =
        |dev| made_up.dependencies(dev).into_iter().map(|(name, _)| name.as_str()).collect::<BTreeSet<_>>();
    assert_eq!(names(false), BTreeSet::from(["a", "b", "d"]));
    assert_eq!(names(true), BTreeSet::from(["c", "e"]));
}

// ---- What depends on what ----

#[test]
fn protocol_crates_depend_on_nothing_that_acts_on_the_world() {
    let mut breaches = Vec::new();
    for found in crates_of(Tier::Protocol) {
        for (name, _) in found.dependencies(false) {
            if EFFECTFUL.split_whitespace().any(|effectful| effectful == name) {
                breaches.push(format!("{} depends on {name}", found.folder));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn each_tier_depends_only_on_itself_and_on_those_below_and_services_not_on_each_other() {
    let tiers: BTreeMap<String, Tier> = crates().into_iter().map(|found| (found.name, found.tier)).collect();
    let mut breaches = Vec::new();
    for found in crates() {
        for (name, _) in found.dependencies(false) {
            let Some(below) = tiers.get(name) else { continue };
            let allowed = match found.tier {
                Tier::Protocol => *below == Tier::Protocol,
                Tier::Platform | Tier::Service => matches!(below, Tier::Protocol | Tier::Platform),
                Tier::Above => true,
            };
            if !allowed {
                breaches.push(format!("{} depends on {name}, which is {below:?}", found.folder));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn the_overlay_names_no_app_and_no_chain() {
    let above = |path: &&String| path.starts_with("apps/") || path.starts_with("chain/");
    let folders: BTreeSet<String> =
        files().iter().filter(above).filter_map(|path| path.split('/').nth(1).map(str::to_owned)).collect();
    let mut breaches = Vec::new();
    for found in crates().into_iter().filter(|found| found.tier != Tier::Above) {
        for (path, code) in found.production_sources() {
            for app in &folders {
                let names = [format!("byway-{app}"), format!("byway_{}", app.replace('-', "_"))];
                if names.iter().any(|name| mentions(&code, name)) {
                    breaches.push(format!("{path} names {app}"));
                }
            }
        }
    }
    assert_none(&breaches);
}

// ---- What protocol sources must not say ----

#[test]
fn protocol_sources_use_no_clock_socket_thread_file_or_async() {
    let mut breaches = Vec::new();
    for found in crates_of(Tier::Protocol) {
        for (path, code) in found.production_sources() {
            for (word, instead) in EFFECTS {
                // `use std::{fs, …}` names the module without its path.
                let grouped = word.strip_prefix("std::").is_some_and(|module| {
                    let groups = code.split("use std::{").skip(1).filter_map(|rest| rest.split(';').next());
                    groups.into_iter().any(|group| mentions(group, module))
                });
                if grouped || mentions(&code, word) {
                    breaches.push(format!("{path} says {word}: {instead}"));
                }
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn protocol_sources_hash_only_where_the_order_cannot_show() {
    let mut found = BTreeSet::new();
    for each in crates_of(Tier::Protocol) {
        let sources = each.production_sources().into_iter();
        let hashed = |code: &str| ["HashMap", "HashSet", "HashTable"].iter().any(|word| mentions(code, word));
        found.extend(sources.filter(|(_, code)| hashed(code)).map(|(path, _)| path));
    }
    let allowed: BTreeSet<_> = HASHED.iter().map(|(path, _)| (*path).to_owned()).collect();
    let surplus =
        found.difference(&allowed).map(|path| format!("{path} uses a hash map; give its reason in `HASHED`"));
    let stale =
        allowed.difference(&found).map(|path| format!("{path} uses no hash map; drop it from `HASHED`"));
    assert_none(&surplus.chain(stale).collect::<Vec<_>>());
}

// ---- What holds everywhere ----

#[test]
fn every_crate_inherits_lints_and_package_data_and_takes_its_dependencies_from_the_workspace() {
    const INHERITED: [&str; 5] = ["version", "edition", "rust-version", "license", "publish"];
    let inherits = |value: Option<&Value>| {
        value.and_then(Value::as_table).and_then(|table| table.get("workspace"))
            == Some(&Value::Boolean(true))
    };
    let workspace: Table = read("Cargo.toml").parse().unwrap();
    let known = workspace["workspace"]["dependencies"].as_table().unwrap();
    let mut breaches = Vec::new();
    for found in crates() {
        if !inherits(found.manifest.get("lints")) {
            breaches.push(format!("{} does not inherit the lints", found.folder));
        }
        for field in INHERITED {
            if !inherits(found.manifest["package"].get(field)) {
                breaches.push(format!("{} does not inherit {field}", found.folder));
            }
        }
        for (name, value) in found.dependencies(false).into_iter().chain(found.dependencies(true)) {
            if !inherits(Some(value)) || !known.contains_key(name) {
                breaches.push(format!("{} takes {name} past the workspace", found.folder));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn the_lock_file_has_no_second_tls_stack() {
    let lock: Table = read("Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    let names = packages.iter().map(|package| package["name"].as_str().unwrap());
    assert_none(&names.filter(|name| OTHER_TLS.contains(name)).map(str::to_owned).collect::<Vec<_>>());
}

#[test]
fn no_file_is_too_long_and_none_is_called_mod_rs() {
    const CODE: [&str; 11] = ["rs", "ts", "tsx", "js", "mjs", "css", "html", "sql", "sh", "py", "go"];
    let mut breaches = Vec::new();
    for path in files() {
        let extension = Path::new(&path).extension().and_then(|extension| extension.to_str());
        if path.ends_with("/mod.rs") {
            breaches.push(format!("{path}: write `x.rs` beside `x/`"));
        }
        if extension.is_some_and(|extension| CODE.contains(&extension)) {
            let lines = read(&path).lines().count();
            if lines > LINES_MAX {
                breaches.push(format!("{path} has {lines} lines"));
            }
        }
    }
    assert_none(&breaches);
}

#[test]
fn nothing_is_left_to_be_done_in_a_comment() {
    const TEXT: [&str; 16] = [
        "rs", "toml", "md", "yml", "yaml", "ts", "tsx", "js", "mjs", "css", "html", "sql", "sh", "py", "go",
        "json",
    ];
    // Put together here, so that this file does not name them.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let mut breaches = Vec::new();
    for path in files() {
        let extension = Path::new(&path).extension().and_then(|extension| extension.to_str());
        if !extension.is_some_and(|extension| TEXT.contains(&extension)) {
            continue;
        }
        for (i, line) in read(&path).lines().enumerate() {
            breaches.extend(
                words
                    .iter()
                    .filter(|word| mentions(line, word))
                    .map(|word| format!("{path}:{}: {word}", i + 1)),
            );
        }
    }
    assert_none(&breaches);
}
