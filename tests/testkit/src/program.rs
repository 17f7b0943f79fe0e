//! The workspace's programs, built when a test needs them.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::{Mutex, PoisonError},
};

/// A small test target. That one is built along with the programs makes Cargo unite the features of dependencies as it
/// does for a run of all tests, so that in such a run next to nothing is left to be built.
const LIKE_TESTS: [&str; 2] = ["--test", "repository_rules"];

/// The path of a program of this workspace, built by now in the profile of the running test.
///
/// # Panics
/// If it cannot be built.
#[must_use]
pub fn program(name: &str) -> PathBuf {
    programs([name]).into_iter().next().expect("one program for one name")
}

/// Several programs, built together; what this process built once is not built again.
///
/// # Panics
/// If one cannot be built.
#[must_use]
pub fn programs<const N: usize>(names: [&str; N]) -> [PathBuf; N] {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let missing: Vec<&str> = names.into_iter().filter(|name| !built.contains_key(*name)).collect();
    if !missing.is_empty() {
        let place = Place::of_this_test();
        place.build(&missing);
        built.extend(missing.iter().map(|name| ((*name).to_owned(), place.directory.join(name))));
    }
    names.map(|name| built[name].clone())
}

/// Where the running test was built, and how.
struct Place {
    /// Of the programs: `…/target/debug`.
    directory: PathBuf,
    target: PathBuf,
    profile: String,
}

impl Place {
    /// A test runs from `TARGET/PROFILE/deps/NAME-HASH`.
    fn of_this_test() -> Self {
        let test = env::current_exe().expect("a running program has a path");
        let directory = test.ancestors().nth(2).expect("a test is two folders below the target directory");
        let folder = directory.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let profile = if folder == "debug" { "dev" } else { folder };
        let target = directory.parent().expect("profiles are in the target directory");
        Self { directory: directory.to_owned(), target: target.to_owned(), profile: profile.to_owned() }
    }

    fn build(&self, names: &[&str]) {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")));
        command.args(["build", "--locked", "--workspace", "--profile", &self.profile, "--target-dir"]);
        command.arg(&self.target).args(LIKE_TESTS);
        for name in names {
            command.args(["--bin", name]);
        }
        let output = command.output().expect("cargo runs where tests do");
        assert!(
            output.status.success(),
            "cannot build {names:?}:\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
