//! The Debian package, made of the program that tests have.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use byway_deploy::{Tool, root, run};
use byway_testkit::program;
use tempfile::TempDir;

use crate::{SERVICES, stage::Stage, unit};

/// A package that was made.
struct Package {
    file: PathBuf,
    _folder: TempDir,
}

impl Package {
    /// `None` where Debian's tools are missing.
    fn make() -> Option<Self> {
        Tool::DPKG.command_or_skip()?;
        Tool::SHLIBDEPS.command_or_skip()?;
        let folder = tempfile::tempdir().unwrap();
        let mut build = Command::new(root().join("deploy/debian/build"));
        // Packing tightly would take most of the test's time.
        build.envs([("DPKG_DEB_COMPRESSOR_TYPE", "gzip"), ("DPKG_DEB_COMPRESSOR_LEVEL", "1")]);
        build.arg(program("byway")).arg(folder.path());
        let file = PathBuf::from(run(&mut build).trim());
        Some(Self { file, _folder: folder })
    }

    fn dpkg(&self, arguments: &[&str]) -> String {
        run(Command::new("dpkg-deb").args(arguments).arg(&self.file))
    }

    fn field(&self, name: &str) -> String {
        run(Command::new("dpkg-deb").arg("--field").arg(&self.file).arg(name)).trim().to_owned()
    }

    /// Every file in it.
    fn files(&self) -> BTreeSet<String> {
        let listed = self.dpkg(&["--contents"]);
        let paths = listed.lines().filter_map(|line| line.split_whitespace().nth(5));
        paths
            .filter(|path| !path.ends_with('/'))
            .map(|path| path.trim_start_matches("./").to_owned())
            .collect()
    }

    fn unpack(&self, into: &Path) {
        run(Command::new("dpkg-deb").arg("--extract").arg(&self.file).arg(into));
    }
}

#[test]
fn the_package_brings_the_program_its_units_settings_pages_and_completions() {
    let Some(package) = Package::make() else { return };
    let files = package.files();
    let mut expected = vec![
        "usr/bin/byway".to_owned(),
        "usr/share/doc/byway/copyright".to_owned(),
        "usr/share/man/man1/byway.1.gz".to_owned(),
        "usr/share/man/man1/byway-path-show.1.gz".to_owned(),
        "usr/share/bash-completion/completions/byway".to_owned(),
        "usr/share/zsh/vendor-completions/_byway".to_owned(),
        "usr/share/fish/vendor_completions.d/byway.fish".to_owned(),
        "usr/lib/systemd/system/byway-.service.d/10-sandbox.conf".to_owned(),
    ];
    expected.extend(SERVICES.map(|service| format!("usr/lib/systemd/system/{}", unit(service))));
    expected.extend(SERVICES.map(|service| format!("etc/byway/{service}.toml")));
    let missing: Vec<_> = expected.iter().filter(|path| !files.contains(*path)).collect();
    assert!(missing.is_empty(), "{missing:?} are not in {files:?}");
    assert_eq!(package.field("Version"), env!("CARGO_PKG_VERSION"));
    assert!(package.field("Depends").contains("libc6 (>="), "{}", package.field("Depends"));
}

#[test]
fn what_is_unpacked_works_and_systemd_finds_nothing_wrong_with_it() {
    let Some(package) = Package::make() else { return };
    let stage = Stage::empty();
    package.unpack(&stage.path(""));
    let byway = stage.path("usr/bin/byway");
    for service in SERVICES {
        let settings = stage.path(&format!("etc/byway/{service}.toml"));
        let checked =
            run(Command::new(&byway).args(["service", service, "--check", "--config"]).arg(&settings));
        assert_eq!(checked, "the configuration is valid\n", "{service}");
    }
    let ports: BTreeSet<String> = SERVICES.iter().map(|service| admin_listen(&stage, service)).collect();
    assert_eq!(ports.len(), SERVICES.len(), "each admin listener has a port of its own: {ports:?}");
    run(Command::new("bash").arg("-n").arg(stage.path("usr/share/bash-completion/completions/byway")));
    if let Some(complaints) = stage.complaints(&SERVICES.map(unit)) {
        assert_eq!(complaints, "");
    }
}

fn admin_listen(stage: &Stage, service: &str) -> String {
    let text = fs::read_to_string(stage.path(&format!("etc/byway/{service}.toml"))).unwrap();
    text.lines().find_map(|line| line.strip_prefix("admin_listen = ")).unwrap().to_owned()
}

#[test]
fn debians_own_checker_finds_nothing_wrong_with_the_package() {
    let Some(mut lintian) = Tool::LINTIAN.command_or_skip() else { return };
    let Some(package) = Package::make() else { return };
    // Signs and warnings of what a distribution wants, too; not the tags of the archive's own bookkeeping.
    lintian.args(["--allow-root", "--fail-on", "error,warning", "--profile", "debian"]);
    run(lintian.arg(&package.file));
}
