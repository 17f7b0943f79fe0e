//! What is wrong from outside is refused with a code that says so, and leaves nothing half done: settings, key files,
//! addresses, requests, policies.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::{
    fs,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use byway_app_sdk::LocalNode;
use byway_base::Code;
use byway_e2e::PATIENCE;
use byway_service_kit::Readiness;
use byway_testkit::{Ended, Launch, programs, wait::until};
use tempfile::TempDir;

/// The services, by the names of their settings and keys.
const SERVICES: [&str; 6] =
    ["transport-discovery", "messaging-discovery", "messaging-server", "route-finder", "setup-node", "node"];
/// Nobody listens there.
const NOWHERE: &str = "127.0.0.1:1";

/// The programs, and a directory that is empty at first.
struct Bench {
    programs: Vec<(&'static str, PathBuf)>,
    directory: TempDir,
}

impl Bench {
    fn new() -> Self {
        let names = SERVICES.map(|name| format!("byway-{name}"));
        let built = programs(names.each_ref().map(String::as_str));
        Self { programs: SERVICES.into_iter().zip(built).collect(), directory: tempfile::tempdir().unwrap() }
    }

    fn launch(&self, service: &str) -> Launch {
        let (_, program) = self.programs.iter().find(|(name, _)| *name == service).unwrap();
        Launch::new(service, program, self.directory.path())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Runs a start that must fail with `code`, tell it in four parts, and leave nothing that looks as if it served.
    /// Returns what it said.
    async fn refused(&self, launch: Launch, code: Code) -> String {
        let (name, announce, data) =
            (launch.name().to_owned(), launch.announce_file(), launch.data_dir().to_owned());
        let Ended { code: exit, stderr } = launch.run().await;
        assert_eq!(exit, Some(i32::from(code.exit_code())), "{name}:\n{stderr}");
        for part in ["error: ", "\n  why: ", "\n  try: ", &format!("\n  code: {code}\n")] {
            assert!(stderr.contains(part), "{name} does not say {part:?}:\n{stderr}");
        }
        assert!(!stderr.contains("panicked"), "{name}:\n{stderr}");
        assert!(!announce.exists(), "{name} announced itself");
        assert!(!data.join("node.sock").exists(), "{name} left its socket");
        for key in keys(&data) {
            assert_eq!(mode(&key), 0o600, "{}", key.display());
        }
        stderr
    }

    /// [`Self::refused`] for settings, which are looked at before anything is created.
    async fn refused_untouched(&self, launch: Launch, says: &str) {
        let data = launch.data_dir().to_owned();
        let said = self.refused(launch, Code::Config).await;
        assert!(said.contains(says), "it does not say {says:?}:\n{said}");
        assert!(!data.exists(), "it created {}", data.display());
    }
}

fn keys(directory: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(directory).into_iter().flatten().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "key")).collect()
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn unknown_settings_are_refused_with_the_nearest_name_wherever_they_come_from() {
    let bench = Bench::new();
    let file = bench.path("settings.toml");
    fs::write(&file, "lisen = \"127.0.0.1:0\"\n").unwrap();
    for service in SERVICES {
        let says = "`listen`";
        bench.refused_untouched(bench.launch(service).set("lisen", "127.0.0.1:0"), says).await;
        bench.refused_untouched(bench.launch(service).arg("--config").arg(&file), says).await;
        bench
            .refused_untouched(bench.launch(service).env("BYWAY_LISEN", "127.0.0.1:0"), "BYWAY_LISTEN")
            .await;
    }
}

#[tokio::test]
async fn settings_with_wrong_values_are_named_and_nothing_is_created() {
    let bench = Bench::new();
    for service in SERVICES {
        bench.refused_untouched(bench.launch(service).set("listen", "here"), "listen").await;
        bench
            .refused_untouched(bench.launch(service).set("drain_timeout_s", "soon"), "drain_timeout_s")
            .await;
        bench.refused_untouched(bench.launch(service).set("log_level", "byway=loud"), "log_level").await;
    }
    let wrong = [
        ("node", "trusted_setup_nodes", "nobody"),
        ("node", "messaging_servers", "nobody@127.0.0.1:1"),
        ("node", "transports", "tcp:nobody"),
        ("node", "petnames", "Bob!=nobody"),
        ("node", "public_address", "somewhere"),
        ("node", "route_finder", "nobody@http://127.0.0.1:1"),
        ("route-finder", "transport_discovery", "nobody@http://127.0.0.1:1"),
        ("route-finder", "workers", "0"),
        ("setup-node", "administrators", "nobody"),
        ("setup-node", "messaging_discovery", ""),
        ("messaging-server", "capacity", "0"),
    ];
    for (service, key, value) in wrong {
        bench.refused_untouched(bench.launch(service).set(key, value), key).await;
    }
}

#[tokio::test]
async fn what_is_no_url_of_a_service_is_refused() {
    let bench = Bench::new();
    for (service, key) in [
        ("route-finder", "transport_discovery"),
        ("setup-node", "messaging_discovery"),
        ("messaging-server", "messaging_discovery"),
        ("node", "messaging_discovery"),
        ("node", "transport_discovery"),
        ("node", "route_finder"),
    ] {
        for url in ["ftp://127.0.0.1:1", "not a url"] {
            let said = bench.refused(bench.launch(service).set(key, url), Code::Config).await;
            assert!(said.contains(url), "{service} {key}:\n{said}");
        }
    }
}

#[tokio::test]
async fn addresses_in_use_are_refused_for_services_and_their_admin_listeners() {
    let bench = Bench::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for service in SERVICES {
        for key in ["listen", "admin_listen"] {
            let said = bench.refused(bench.launch(service).set(key, address.clone()), Code::Bind).await;
            assert!(said.contains(&address), "{service} {key}:\n{said}");
        }
    }
}

#[tokio::test]
async fn a_key_file_that_others_can_read_is_refused_and_left_as_it_is() {
    let bench = Bench::new();
    let file = bench.path("exposed");
    let content = format!("{}\n", "07".repeat(32));
    fs::write(&file, &content).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    for service in SERVICES {
        let launch = bench.launch(service).set("key_file", file.display().to_string());
        let said = bench.refused(launch, Code::SecretExposed).await;
        assert!(said.contains("644") && said.contains("chmod 600"), "{said}");
        assert!(!said.contains("0707"), "the key is shown:\n{said}");
        assert_eq!((fs::read_to_string(&file).unwrap(), mode(&file)), (content.clone(), 0o644));
    }
}

#[tokio::test]
async fn a_damaged_key_file_is_refused_rather_than_replaced() {
    let bench = Bench::new();
    let file = bench.path("damaged");
    fs::write(&file, "half a ke").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    for service in SERVICES {
        let launch = bench.launch(service).set("key_file", file.display().to_string());
        bench.refused(launch, Code::File).await;
        assert_eq!(fs::read_to_string(&file).unwrap(), "half a ke");
    }
}

#[tokio::test]
async fn a_registry_that_cannot_be_opened_ends_its_service_without_showing_the_password() {
    let bench = Bench::new();
    let url = "mysql://byway:geheim@db/x";
    for service in ["transport-discovery", "messaging-discovery"] {
        let said = bench.refused(bench.launch(service).env("BYWAY_STORE_URL", url), Code::Config).await;
        assert!(!said.contains("geheim"), "{said}");
        let on_the_command_line = bench.launch(service).set("store.url", url);
        let said = bench.refused(on_the_command_line, Code::SecretExposed).await;
        assert!(!said.contains("geheim"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_is_away_is_waited_for_and_named_without_its_password() {
    let bench = Bench::new();
    let url = format!("postgres://byway:geheim@{NOWHERE}/x");
    for service in ["transport-discovery", "messaging-discovery"] {
        let mut process = bench.launch(service).env("BYWAY_STORE_URL", &url).start().await;
        let named = async || {
            let report = process.health().await?;
            let text = format!("{:?}", report.checks.get("database"));
            let complains = report.status == Readiness::NotReady && text.contains("cannot be opened");
            if complains { Ok(()) } else { Err(text) }
        };
        until(&format!("complaint of {service}"), PATIENCE, named).await;
        assert_eq!(process.terminate().await.code(), Some(0), "{service}:\n{}", process.log());
        assert!(!process.log().contains("geheim"), "{}", process.log());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_that_are_away_are_waited_for_and_named_while_they_are() {
    let bench = Bench::new();
    let nowhere = format!("http://{NOWHERE}");
    for (service, key, check) in [
        ("route-finder", "transport_discovery", "mirror"),
        ("setup-node", "messaging_discovery", "messaging"),
        ("messaging-server", "messaging_discovery", "messaging-discovery"),
        ("node", "transport_discovery", "transport-discovery"),
        ("node", "messaging_discovery", "messaging"),
    ] {
        let mut process = bench.launch(service).set(key, nowhere.as_str()).start().await;
        let named = async || {
            let report = process.health().await?;
            let text = format!("{:?}", report.checks.get(check));
            let complains =
                report.status != Readiness::Ready && text.contains("why") && !text.contains("starting");
            if complains { Ok(()) } else { Err(text) }
        };
        until(&format!("complaint of {service} about {key}"), PATIENCE, named).await;
        assert_eq!(process.terminate().await.code(), Some(0), "{service}:\n{}", process.log());
    }
}

#[tokio::test]
async fn two_nodes_do_not_share_a_socket_and_the_second_leaves_the_first_alone() {
    let bench = Bench::new();
    let first = bench.launch("node").start().await;
    let socket = first.address("socket").to_owned();
    let (_, program) = bench.programs.iter().find(|(name, _)| *name == "node").unwrap();
    let second = Launch::new("second", program, bench.directory.path()).set("socket", socket.as_str());
    let said = bench.refused(second, Code::Bind).await;
    assert!(said.contains(&socket), "{said}");
    LocalNode::connect(&socket).await.unwrap();
}
