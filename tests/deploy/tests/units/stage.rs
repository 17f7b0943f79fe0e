//! A root file system in which systemd finds a package's units as it would on a machine.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use byway_deploy::{Tool, root, run};
use tempfile::TempDir;

/// Where units stand.
pub(crate) const UNITS: &str = "usr/lib/systemd/system";
/// The repository's.
const SOURCE: &str = "deploy/systemd";

/// The root file system.
pub(crate) struct Stage(TempDir);

impl Stage {
    /// With the units of the repository, and something in the place of the program.
    pub(crate) fn new() -> Self {
        let stage = Self::empty();
        run(Command::new("cp").arg("-R").arg(root().join(SOURCE)).arg(stage.path("usr/lib/systemd")));
        fs::rename(stage.path("usr/lib/systemd/systemd"), stage.path(UNITS)).unwrap();
        fs::create_dir_all(stage.path("usr/bin")).unwrap();
        fs::copy("/bin/sh", stage.path("usr/bin/byway")).unwrap();
        stage
    }

    /// With nothing but the folder above units.
    pub(crate) fn empty() -> Self {
        let stage = Self(tempfile::tempdir().unwrap());
        fs::create_dir_all(stage.path("usr/lib/systemd")).unwrap();
        stage
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.0.path().join(inside)
    }

    /// Changes a file of it.
    pub(crate) fn edit(&self, inside: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(inside)).unwrap();
        assert!(text.contains(from), "{inside} has no {from}");
        fs::write(self.path(inside), text.replace(from, to)).unwrap();
    }

    /// What `systemd-analyze verify` complains about, or `None` where there is no systemd.
    pub(crate) fn complaints(&self, units: &[String]) -> Option<String> {
        let mut analyze = Tool::SYSTEMD.command_or_skip()?;
        self.bring_targets();
        let output =
            analyze.args(["verify", "--man=no", "--root"]).arg(self.0.path()).args(units).output().unwrap();
        let Output { status, stdout, stderr } = output;
        let said = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
        // A setting that it does not know is a complaint, although it counts as success.
        Some(if status.success() { said } else { format!("{status}\n{said}") })
    }

    /// How exposed a unit is, in tenths: 0 is not at all, 100 is entirely. `None` where there is no systemd.
    pub(crate) fn exposure(&self, unit: &str) -> Option<u32> {
        let mut analyze = Tool::SYSTEMD.command_or_skip()?;
        analyze.args(["security", "--no-pager", "--offline=true", "--root"]).arg(self.0.path()).arg(unit);
        let said = run(&mut analyze);
        let (_, level) = said.rsplit_once("exposure level for ").unwrap();
        let level: f64 = level.split(' ').nth(1).unwrap().parse().unwrap();
        Some((level * 10.0).round() as u32)
    }

    /// Targets that units name, from this machine's systemd.
    fn bring_targets(&self) {
        let places = ["/usr/lib/systemd/system", "/lib/systemd/system"];
        let place =
            places.into_iter().map(Path::new).find(|place| place.is_dir()).expect("systemd has targets");
        for entry in fs::read_dir(place).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "target") {
                fs::copy(&path, self.path(UNITS).join(path.file_name().unwrap())).unwrap();
            }
        }
    }
}
