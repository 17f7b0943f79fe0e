//! What the base and the overlay are made of.

use byway_deploy::{read, yaml};
use serde_json::Value;

pub(crate) const FOLDER: &str = "deploy/kubernetes";
const BASE: &str = "base";
const OVERLAY: &str = "overlays/example";

/// An object, with the file that it stands in.
#[derive(Debug)]
pub(crate) struct Object {
    pub(crate) file: String,
    pub(crate) value: Value,
}

impl Object {
    pub(crate) fn kind(&self) -> &str {
        self.value["kind"].as_str().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.value["metadata"]["name"].as_str().unwrap_or_default()
    }

    /// `file: kind name`, for messages.
    pub(crate) fn place(&self) -> String {
        format!("{}: {} {}", self.file, self.kind(), self.name())
    }
}

/// The kustomization of the base and that of the overlay.
pub(crate) fn kustomizations() -> Vec<Value> {
    let files = [BASE, OVERLAY].map(|folder| format!("{FOLDER}/{folder}/kustomization.yaml"));
    files.iter().map(|file| yaml::document(&read(file)).unwrap()).collect()
}

/// Every object of the base.
pub(crate) fn base() -> Vec<Object> {
    resolve(&format!("{FOLDER}/{BASE}"))
}

/// Every object of the overlay, those of the base included.
pub(crate) fn overlay() -> Vec<Object> {
    resolve(&format!("{FOLDER}/{OVERLAY}"))
}

/// The objects of a kustomization's resources, files and folders.
fn resolve(folder: &str) -> Vec<Object> {
    let kustomization = yaml::document(&read(&format!("{folder}/kustomization.yaml"))).unwrap();
    let mut found = Vec::new();
    for resource in yaml::texts(&kustomization["resources"]) {
        let path = joined(folder, resource);
        if !resource.ends_with(".yaml") {
            found.extend(resolve(&path));
            continue;
        }
        let documents = yaml::documents(&read(&path)).unwrap_or_else(|why| panic!("{path}: {why}"));
        found.extend(documents.into_iter().map(|value| Object { file: path.clone(), value }));
    }
    found
}

/// A path that begins at a folder, without `..`.
fn joined(folder: &str, relative: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').collect();
    for part in relative.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

#[test]
fn every_file_of_the_base_is_one_of_its_resources() {
    let listed = kustomizations().remove(0);
    let listed = yaml::texts(&listed["resources"]);
    let files = std::fs::read_dir(byway_deploy::root().join(FOLDER).join(BASE)).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let unlisted: Vec<_> =
        names.filter(|name| name != "kustomization.yaml" && !listed.contains(&name.as_str())).collect();
    assert!(unlisted.is_empty(), "{unlisted:?}");
}

#[test]
fn a_path_is_joined_without_steps_back() {
    assert_eq!(joined("a/b/c", "../../d/e"), "a/d/e");
}
