//! What kustomize makes of the overlay, with keys as `byway network init` makes them.

use std::process::Command;

use byway_deploy::{Tool, read, root, run, yaml};
use byway_testkit::program;

use crate::manifests::{FOLDER, overlay};

/// The command that the overlay's first lines tell to run, with something in the place of the database.
fn init() -> String {
    let text = read(&format!("{FOLDER}/overlays/example/kustomization.yaml"));
    let comment = text.lines().filter_map(|line| line.strip_prefix('#'));
    let command = comment
        .skip_while(|line| !line.trim_start().starts_with("byway "))
        .take_while(|line| !line.is_empty());
    command.collect::<Vec<_>>().join("\n").replace("HOST/NAME", "database.example.org/byway")
}

#[test]
fn the_overlay_is_built_with_the_keys_that_its_first_lines_make() {
    let folder = tempfile::tempdir().unwrap();
    run(Command::new("cp").arg("-R").arg(root().join(FOLDER)).arg(folder.path()));
    let overlay_folder = folder.path().join("kubernetes/overlays/example");
    let byway = program("byway");
    let path = format!("{}:/usr/bin:/bin", byway.parent().unwrap().display());
    let command = init();
    assert!(command.contains("network init"), "{command}");
    run(Command::new("sh").args(["-euc", &command]).current_dir(&overlay_folder).env("PATH", path));

    let Some(mut kubectl) = Tool::KUBECTL.command_or_skip() else { return };
    let built = run(kubectl.arg("kustomize").arg(&overlay_folder));
    let built = yaml::documents(&built).unwrap();
    let of_kind = |kind: &str| built.iter().filter(|object| object["kind"] == kind).count();
    assert_eq!(built.len(), overlay().len() + of_kind("ConfigMap") + of_kind("Secret"));
    assert_eq!((of_kind("ConfigMap"), of_kind("Secret")), (1, 6));
    for object in
        built.iter().filter(|object| object["kind"] == "Deployment" || object["kind"] == "StatefulSet")
    {
        let image = &object["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(image, "registry.example.org/byway:0.1.0");
        assert_eq!(object["metadata"]["namespace"], "byway");
    }
}
