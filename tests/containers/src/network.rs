//! The network under test: a compose project of the repository's own file, and what is attached to it.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{self, Command},
    time::Duration,
};

use crate::{
    bases::here,
    command::{Failure, run, until},
    engine::Engine,
};

/// Every long-running service of the compose file, in the order in which it starts them.
pub(crate) const SERVICES: [&str; 7] = [
    "database",
    "transport-discovery",
    "messaging-discovery",
    "messaging-server-1",
    "messaging-server-2",
    "route-finder",
    "setup-node",
];
/// What the compose file starts only when it is asked to.
const PROFILES: [&str; 2] = ["demo", "observability"];
/// Time for compiling the program within the image, on a slow machine.
const BUILD: Duration = Duration::from_secs(60 * 60);
/// Time for starting or stopping everything.
const UP: Duration = Duration::from_secs(5 * 60);
/// Time for one service to become healthy.
const HEALTHY: Duration = Duration::from_secs(2 * 60);
/// The image that helpers of a test run on.
pub(crate) const HELPER_IMAGE: &str = "byway-stand-in/debian:local";

/// What the compose file is told.
#[derive(Debug)]
pub(crate) struct Settings {
    environment: PathBuf,
    proxy: SocketAddr,
}

impl Settings {
    /// Writes the lines where the compose tool reads them, with a free port for the demonstration's proxy.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn new(lines: &str) -> Result<Self, Failure> {
        let environment = env::temp_dir().join(format!("byway-containers-{}.env", process::id()));
        let failed = |error| Failure::new(format_args!("write {}", environment.display()), error);
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let proxy = free.map_err(failed)?;
        let lines = format!("{lines}\nBYWAY_DEMO_PROXY_PORT={}\n", proxy.port());
        fs::write(&environment, lines).map_err(failed)?;
        Ok(Self { environment, proxy })
    }
}

/// A compose project with a name of its own.
#[derive(Debug)]
pub(crate) struct Network {
    engine: Engine,
    project: String,
    settings: Settings,
}

impl Network {
    pub(crate) fn new(engine: Engine, settings: Settings) -> Self {
        Self { engine, project: format!("byway-test-{}", process::id()), settings }
    }

    /// What things of this network are called on the engine.
    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}_{name}", self.project)
    }

    pub(crate) fn docker(&self, words: &[&str]) -> Result<String, Failure> {
        self.engine.docker(words)
    }

    /// Runs a line of shell.
    pub(crate) fn shell(&self, line: &str) -> Result<String, Failure> {
        run(Command::new("sh").args(["-c", line]), UP)
    }

    fn compose(&self, words: &[&str], within: Duration) -> Result<String, Failure> {
        let repository = here().join("../..");
        let mut command = self.engine.compose(&repository, &self.project, &self.settings.environment);
        run(command.args(words), within)
    }

    pub(crate) fn build(&self) -> Result<(), Failure> {
        self.compose(&["build", "init"], BUILD).map(drop)
    }

    pub(crate) fn up(&self) -> Result<(), Failure> {
        self.compose(&["up", "--detach", "--no-build"], UP).map(drop)
    }

    /// Starts what belongs to a profile of the compose file, beside what runs; `image` is one that it builds.
    pub(crate) fn up_profile(&self, profile: &str, image: Option<&str>) -> Result<(), Failure> {
        if let Some(service) = image {
            self.compose(&["--profile", profile, "build", service], BUILD)?;
        }
        self.compose(&["--profile", profile, "up", "--detach", "--no-build"], UP).map(drop)
    }

    /// Runs a command in a service's container.
    pub(crate) fn exec(&self, service: &str, words: &[&str]) -> Result<String, Failure> {
        self.docker(&[&["exec", &self.container(service)?], words].concat())
    }

    /// Where the demonstration's proxy is.
    pub(crate) fn proxy(&self) -> SocketAddr {
        self.settings.proxy
    }

    pub(crate) fn kill(&self, service: &str) -> Result<(), Failure> {
        self.compose(&["kill", service], UP).map(drop)
    }

    pub(crate) fn stop(&self, service: &str) -> Result<(), Failure> {
        self.compose(&["stop", service], UP).map(drop)
    }

    pub(crate) fn start(&self, service: &str) -> Result<(), Failure> {
        self.compose(&["start", service], UP).map(drop)
    }

    pub(crate) fn restart(&self, service: &str) -> Result<(), Failure> {
        self.compose(&["restart", "--timeout", "30", service], UP).map(drop)
    }

    /// The container of a service.
    pub(crate) fn container(&self, service: &str) -> Result<String, Failure> {
        let id = self.compose(&["ps", "--quiet", service], UP)?;
        let id = id.trim().to_owned();
        if id.is_empty() {
            Err(Failure::new(format_args!("find {service}"), "it has no container"))
        } else {
            Ok(id)
        }
    }

    /// Waits until the service's own health check is satisfied.
    pub(crate) fn healthy(&self, service: &str) -> Result<(), Failure> {
        until(&format!("{service} healthy"), HEALTHY, || {
            let container = self.container(service)?;
            let health = self.docker(&["inspect", "--format", "{{.State.Health.Status}}", &container])?;
            let why = || Failure::new(format_args!("use {service}"), format_args!("it is {}", health.trim()));
            (health.trim() == "healthy").then_some(()).ok_or_else(why)
        })
    }

    /// A program of this test, in the network namespace of a container, running until the network is removed.
    pub(crate) fn app(&self, beside: &str, words: &[&str]) -> Result<(), Failure> {
        let program = own_program()?;
        let (label, mount) = (self.label(), format!("{program}:/app:ro"));
        let place = format!("container:{beside}");
        let start = [
            "run",
            "--detach",
            "--rm",
            "--label",
            &label,
            "--network",
            &place,
            "--volume",
            &mount,
            HELPER_IMAGE,
            "/app",
        ];
        self.docker(&[&start[..], words].concat()).map(drop)
    }

    /// The same, run to its end.
    pub(crate) fn tool(&self, beside: &str, words: &[&str], within: Duration) -> Result<String, Failure> {
        let program = own_program()?;
        let mut command = Command::new("docker");
        command.args(["run", "--rm", "--label", &self.label()]);
        command.args([
            "--network",
            &format!("container:{beside}"),
            "--volume",
            &format!("{program}:/app:ro"),
        ]);
        run(command.args([HELPER_IMAGE, "/app"]).args(words), within)
    }

    /// Marks what is not the compose project's own, so that it is found at the end.
    pub(crate) fn label(&self) -> String {
        format!("org.byway.test={}", self.project)
    }

    /// The end of every container's log, for whoever has to find out why something failed.
    pub(crate) fn logs(&self) -> String {
        let services =
            self.compose(&["logs", "--tail", "30"], UP).unwrap_or_else(|failure| failure.to_string());
        let others = self.labelled("ps", &["--all"]).unwrap_or_default();
        let log = |id: &String| self.shell(&format!("docker logs --tail 30 {id} 2>&1")).unwrap_or_default();
        let logs = others.iter().map(log);
        format!("{services}{}", logs.collect::<String>())
    }

    fn labelled(&self, command: &str, words: &[&str]) -> Result<Vec<String>, Failure> {
        let filter = format!("label={}", self.label());
        let kind: Vec<&str> = command.split(' ').collect();
        let found = self.docker(&[&kind[..], &["--quiet", "--filter", &filter], words].concat())?;
        Ok(found.split_whitespace().map(str::to_owned).collect())
    }

    /// Removes everything that was made, volumes too, and sees that nothing is left.
    pub(crate) fn remove(&self) -> Result<(), Failure> {
        for container in self.labelled("ps", &["--all"])? {
            self.docker(&["rm", "--force", "--volumes", &container])?;
        }
        let profiles = PROFILES.iter().flat_map(|profile| ["--profile", profile]);
        let down = ["down", "--volumes", "--remove-orphans", "--timeout", "30"];
        self.compose(&profiles.chain(down).collect::<Vec<_>>(), UP)?;
        for network in self.labelled("network ls", &[])? {
            self.docker(&["network", "rm", &network])?;
        }
        for volume in self.labelled("volume ls", &[])? {
            self.docker(&["volume", "rm", &volume])?;
        }
        let left = self.docker(&["ps", "--all", "--quiet", "--filter", &format!("name={}", self.project)])?;
        let removed = fs::remove_file(&self.settings.environment);
        removed.map_err(|error| Failure::new("remove the settings", error))?;
        if left.trim().is_empty() { Ok(()) } else { Err(Failure::new("remove everything", left)) }
    }
}

fn own_program() -> Result<String, Failure> {
    let failed = |why: &dyn std::fmt::Display| Failure::new("find this program", why);
    let path = env::current_exe().map_err(|error| failed(&error))?;
    path.to_str().map(str::to_owned).ok_or_else(|| failed(&"its path is no text"))
}
