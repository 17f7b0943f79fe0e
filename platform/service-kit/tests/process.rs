//! A service as a process: flags, exit codes, announcement, signals. The tests start this very executable, whose
//! test `child` then is the service.
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::{
    ffi::OsString,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Child, ChildStderr, Command, ExitStatus, Stdio},
    time::Duration,
};

use byway_base::{Code, Problem, PublicKey};
use byway_service_kit::{Common, Health, Service, Shutdown, key_file, run_service, settings};

/// Says that this process is a child, and what its arguments are, one a line.
const CHILD: &str = "SERVICE_KIT_TEST_CHILD";
/// After this a test gives up on its child; none takes a hundredth of it.
const PATIENCE: Duration = Duration::from_secs(30);

settings! {
    /// Settings of the test's service.
    pub struct Raw {
        /// What it does when asked to stop: end, hang or fail.
        pub at_end: String = "end".to_owned();
    }
}

struct Sample {
    at_end: String,
    health: Health,
    key: PublicKey,
}

impl Service for Sample {
    const NAME: &'static str = "node";
    const ABOUT: &'static str = "Exists for tests.";
    type Raw = Raw;
    type Config = (String, std::path::PathBuf);

    fn configure(raw: Raw, common: &Common) -> Result<Self::Config, Problem> {
        match raw.at_end.as_str() {
            "end" | "hang" | "fail" => Ok((raw.at_end, common.key_file.clone())),
            _ => Err(Problem::new(Code::Config, "cannot use `at_end`", "it is none of end, hang, fail")),
        }
    }

    async fn bind((at_end, key_file): Self::Config) -> Result<Self, Problem> {
        let key = key_file::load_or_create(&key_file)?.public();
        Ok(Self { at_end, health: Health::new(), key })
    }

    fn health(&self) -> Health {
        self.health.clone()
    }

    fn addresses(&self) -> Vec<(&'static str, String)> {
        vec![("nothing", "127.0.0.1:1".to_owned())]
    }

    fn identity(&self) -> Option<PublicKey> {
        Some(self.key)
    }

    async fn serve(self, shutdown: Shutdown) -> Result<(), Problem> {
        self.health.check("work").ok();
        shutdown.begun().await;
        match self.at_end.as_str() {
            "hang" => std::future::pending().await,
            "fail" => Err(Problem::new(Code::RouteLost, "cannot end well", "it was told to fail")),
            _ => Ok(()),
        }
    }
}

/// Not a test by itself: the service, in the processes that the tests below start.
#[test]
fn child() {
    let Ok(args) = std::env::var(CHILD) else { return };
    let args = std::iter::once("byway-node").chain(args.lines()).map(OsString::from);
    let code = run_service::<Sample>(args);
    // `ExitCode` does not tell its number; leaving `main` with it does.
    let code = (0..=255).find(|number| code == std::process::ExitCode::from(*number)).unwrap();
    std::process::exit(i32::from(code));
}

fn command(args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["child", "--exact", "--nocapture", "--test-threads=1"]);
    command.env_clear().env(CHILD, args.join("\n"));
    command.env("STATE_DIRECTORY", dir).env("NOTIFY_SOCKET", dir.join("notify"));
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end: exit code, standard output, standard error.
fn run(args: &[&str]) -> (i32, String, String) {
    let dir = tempfile::tempdir().unwrap();
    let output = command(args, dir.path()).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// A running service, killed on drop.
struct Running {
    child: Child,
    log: BufReader<ChildStderr>,
    announcement: byway_service_kit::Announcement,
    manager: UnixDatagram,
    dir: tempfile::TempDir,
}

impl Running {
    fn start(args: &[&str]) -> Self {
        Self::start_with(args, &[])
    }

    fn start_with(args: &[&str], variables: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let announce = dir.path().join("announce.json");
        let manager = UnixDatagram::bind(dir.path().join("notify")).unwrap();
        manager.set_read_timeout(Some(PATIENCE)).unwrap();
        let all: Vec<&str> = args.iter().copied().chain(["--announce", announce.to_str().unwrap()]).collect();
        let mut child = command(&all, dir.path()).envs(variables.iter().copied()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap());
        wait_for(&mut log, "serving");
        let announcement = byway_service_kit::Announcement::read(&announce).unwrap().unwrap();
        Self { child, log, announcement, manager, dir }
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// What it says next to the service manager.
    fn notified(&self) -> String {
        let mut message = [0; 1024];
        let length = self.manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    fn end(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    fn get(&self, path: &str) -> String {
        let mut stream = TcpStream::connect(&self.announcement.addresses["admin"]).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        reply
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the log until a line contains `text`.
fn wait_for(log: &mut impl BufRead, text: &str) {
    let mut seen = String::new();
    while log.read_line(&mut seen).unwrap() > 0 {
        if seen.lines().last().unwrap().contains(text) {
            return;
        }
    }
    panic!("the log ended without {text:?}:\n{seen}");
}

#[test]
fn a_started_service_announces_its_addresses_and_key_and_answers() {
    let mut service = Running::start(&[]);
    assert_eq!(service.announcement.service, "node");
    assert_eq!(service.announcement.addresses["nothing"], "127.0.0.1:1");
    let key = key_file::load(&service.dir.path().join("node.key")).unwrap().public();
    assert_eq!(service.announcement.key, Some(key));
    assert!(service.get("/livez").starts_with("HTTP/1.1 200"));
    wait_for(&mut service.log, "check is ok");
    let metrics = service.get("/metrics");
    assert!(metrics.contains("byway_build_info") && metrics.contains("byway_ready 1"), "{metrics}");
    assert!(metrics.contains("byway_check{check=\"work\"} 1"), "{metrics}");
    service.signal("TERM");
    assert_eq!(service.end().code(), Some(0));
    assert!(!service.dir.path().join("announce.json").exists());
}

#[test]
fn the_service_manager_is_told_of_start_and_stop() {
    let mut service = Running::start(&[]);
    assert!(service.notified().starts_with("READY=1\nSTATUS=admin 127.0.0.1:"));
    service.signal("TERM");
    assert_eq!(service.notified(), "STOPPING=1\n");
    assert_eq!(service.end().code(), Some(0));
}

#[test]
fn a_watchdog_of_the_service_manager_hears_that_it_still_works() {
    let mut service = Running::start_with(&[], &[("WATCHDOG_USEC", "20000")]);
    assert!(service.notified().starts_with("READY=1\n"));
    for _ in 0..3 {
        assert_eq!(service.notified(), "WATCHDOG=1\n");
    }
    service.signal("TERM");
    assert_eq!(service.end().code(), Some(0));
}

#[test]
fn asked_to_stop_it_drains_and_a_second_signal_ends_it_at_once() {
    let mut service = Running::start(&["--set", "at_end=hang"]);
    service.signal("INT");
    wait_for(&mut service.log, "draining");
    assert!(service.get("/readyz").starts_with("HTTP/1.1 503"));
    service.signal("TERM");
    assert_eq!(service.end().code(), Some(130));
}

#[test]
fn what_does_not_end_is_dropped_when_the_drain_time_is_over() {
    let mut service = Running::start(&["--set", "at_end=hang", "--set", "drain_timeout_s=0"]);
    service.signal("TERM");
    wait_for(&mut service.log, "run out");
    assert_eq!(service.end().code(), Some(0));
}

#[test]
fn a_problem_ends_it_with_four_parts_and_the_exit_code_of_its_code() {
    let mut service = Running::start(&["--set", "at_end=fail"]);
    service.signal("TERM");
    wait_for(&mut service.log, "error: cannot end well");
    wait_for(&mut service.log, "code: BW-ROUTE-LOST");
    assert_eq!(service.end().code(), Some(i32::from(Code::RouteLost.exit_code())));
}

#[test]
fn wrong_settings_end_it_with_exit_code_3_before_anything_starts() {
    let (code, _, stderr) = run(&["--set", "at_edn=hang"]);
    assert_eq!(code, 3);
    assert!(stderr.contains("error: unknown setting `at_edn`") && stderr.contains("did you mean `at_end`?"));
    let (code, _, stderr) = run(&["--set", "at_end=never", "--log-format", "json"]);
    let problem: serde_json::Value = serde_json::from_str(stderr.trim()).unwrap();
    assert_eq!((code, &problem["error"]["code"]), (3, &"BW-CONFIG".into()));
    assert_eq!(run(&["--config", "/nonexistent.toml"]).0, 3);
}

#[test]
fn checking_and_printing_end_without_serving() {
    assert_eq!(run(&["--check"]).0, 0);
    assert_eq!(run(&["--check", "--set", "at_end=never"]).0, 3);
    assert_eq!(run(&["--check", "--set", "log_level=byway=loud"]).0, 3);
    let (code, stdout, _) = run(&["--print-config"]);
    assert!(code == 0 && stdout.contains("at_end = \"end\"") && stdout.contains("admin_listen ="));
    let (code, stdout, _) = run(&["--show-origin", "--set", "at_end=hang"]);
    assert!(code == 0 && stdout.contains("at_end = \"hang\"") && stdout.contains("(from command line)"));
}

#[test]
fn the_command_line_explains_itself() {
    let (code, stdout, _) = run(&["--help"]);
    assert!(
        code == 0
            && stdout.contains("Exists for tests.")
            && stdout.contains("What it does when asked to stop")
    );
    let (code, stdout, _) = run(&["--version"]);
    assert!(code == 0 && stdout.contains("byway-node 0."));
    assert_eq!(run(&["--nonsense"]).0, 2);
    assert_eq!(run(&["--set", "nonsense"]).0, 2);
}
