//! A program that reads an OpenAPI description, sends what fits it and what does not, and judges the answers.
//!
//! It is written in Python and installed from its package registry into a cache of this machine when first needed, in the
//! versions of `requirements.txt`.

use std::{
    env,
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Output, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use byway_testkit::skipped;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use tokio::{process::Command, task::spawn_blocking, time::timeout};

/// Set to `1` where the program must be had, so that tests fail instead of being skipped.
pub const REQUIRE: &str = "BYWAY_TEST_REQUIRE_CONTRACT";

/// What is installed.
const REQUIREMENTS: &str = include_str!("../requirements.txt");
/// Time for the installation; a few megabytes.
const INSTALLATION: Duration = Duration::from_secs(180);
/// Time for trying out one service.
const TRIAL: Duration = Duration::from_secs(280);

/// The installed program.
#[derive(Debug)]
pub struct Schemathesis {
    packages: PathBuf,
}

impl Schemathesis {
    /// The program, installed by now; `None` after saying that the test is skipped.
    ///
    /// # Panics
    /// If it cannot be had although [`REQUIRE`] asks for it.
    pub async fn get_or_skip() -> Option<Self> {
        match installed().await {
            Ok(packages) => Some(Self { packages }),
            Err(error) if env::var(REQUIRE).as_deref() != Ok("1") => {
                skipped(format_args!("endpoints against their descriptions: {error:#}"));
                None
            }
            Err(error) => panic!("{error:#} ({REQUIRE}=1)"),
        }
    }

    /// Tries out every operation of the service at `url` but those named in `except`.
    ///
    /// # Panics
    /// If an answer is not what the description says. The requests that show it are told.
    pub async fn try_out(&self, url: &str, except: &[&str]) {
        let directory = tempfile::tempdir().expect("tests may write temporary files");
        let mut command = python();
        command.args(["-m", "schemathesis.cli", "--config-file"]).arg(of_this_crate("schemathesis.toml"));
        command.args(["run", &format!("{url}/openapi.json"), "--url", url, "--no-color"]);
        for operation in except {
            command.args(["--exclude-operation-id", operation]);
        }
        // It leaves files where it runs.
        command.current_dir(directory.path()).env("PYTHONPATH", &self.packages);
        let output = run(command, TRIAL).await.expect("the program runs to its end");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
        // What tried nothing shows nothing.
        assert!(said.contains(" passed"), "{said}");
    }
}

fn of_this_crate(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn python() -> Command {
    let mut command = Command::new("python3");
    command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONNOUSERSITE", "1");
    command
}

async fn run(mut command: Command, within: Duration) -> Result<Output> {
    let running = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let output = timeout(within, running).await.with_context(|| format!("it took longer than {within:?}"))?;
    output.context("python3 does not start")
}

/// The directory of the packages. Several test processes may ask at once: one installs, the others wait for it.
async fn installed() -> Result<PathBuf> {
    let mut question = python();
    question.args(["-c", "import sys; print(sys.implementation.cache_tag)"]);
    let answer = run(question, INSTALLATION).await?;
    let tag = String::from_utf8(answer.stdout).context("python3 does not tell its version")?;
    let digest = HEXLOWER.encode(&Sha256::digest(REQUIREMENTS)[..8]);
    let cache = cache()?;
    let packages = cache.join(format!("contract-{}-{digest}", tag.trim()));
    fs::create_dir_all(&cache).with_context(|| format!("cannot create {}", cache.display()))?;
    let lock = File::create(cache.join("contract.lock")).context("cannot create a lock file")?;
    // Whoever holds it lets it go within the time for an installation.
    let _held = spawn_blocking(move || lock.lock().map(|()| lock)).await??;
    if !packages.exists() {
        install(&cache, &packages).await?;
    }
    Ok(packages)
}

fn cache() -> Result<PathBuf> {
    let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
    let cache = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home);
    Ok(cache.context("neither XDG_CACHE_HOME nor HOME is set")?.join("byway"))
}

/// Installs beside, then moves, so that nothing half done is ever found.
async fn install(cache: &Path, packages: &Path) -> Result<()> {
    let place = tempfile::tempdir_in(cache).context("cannot write into the cache")?;
    let mut list = tempfile::NamedTempFile::new().context("cannot write a temporary file")?;
    list.write_all(REQUIREMENTS.as_bytes()).context("cannot write a temporary file")?;
    let mut command = python();
    command.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    command.arg("--target").arg(place.path()).arg("--requirement").arg(list.path());
    let output = run(command, INSTALLATION).await.context("cannot install what tries out descriptions")?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        bail!("cannot install what tries out descriptions: {}", said.trim());
    }
    fs::rename(place.keep(), packages).context("cannot move the installed packages")
}
