//! Each object against the schema that Kubernetes publishes.
//!
//! The types of `k8s-openapi` are made of it. An object is read as its type and written again: a field that the schema does
//! not know is gone then, one of another type was refused, and one that must be there was missed.

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    core::v1::{Namespace, Service},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{
    assert_none,
    manifests::{Object, overlay},
};

fn breaches(object: &Value) -> Vec<String> {
    match (object["apiVersion"].as_str().unwrap_or_default(), object["kind"].as_str().unwrap_or_default()) {
        ("v1", "Namespace") => of::<Namespace>(object),
        ("v1", "Service") => of::<Service>(object),
        ("apps/v1", "Deployment") => of::<Deployment>(object),
        ("apps/v1", "StatefulSet") => of::<StatefulSet>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => of::<NetworkPolicy>(object),
        ("policy/v1", "PodDisruptionBudget") => of::<PodDisruptionBudget>(object),
        (version, kind) => vec![format!("nobody knows the schema of {version} {kind}")],
    }
}

fn of<T: DeserializeOwned + Serialize>(object: &Value) -> Vec<String> {
    match serde_json::from_value::<T>(object.clone()) {
        Err(error) => vec![error.to_string()],
        Ok(read) => lost("", object, &serde_json::to_value(read).unwrap()),
    }
}

/// The paths of what was written and did not come back.
fn lost(path: &str, written: &Value, back: &Value) -> Vec<String> {
    match (written, back) {
        (Value::Object(written), Value::Object(back)) => {
            let each = written.iter().flat_map(|(key, value)| {
                let path = format!("{path}.{key}");
                match back.get(key) {
                    Some(back) => lost(&path, value, back),
                    None => vec![format!("the schema has no {path}")],
                }
            });
            each.collect()
        }
        (Value::Array(written), Value::Array(back)) if written.len() == back.len() => {
            let pairs = written.iter().zip(back).enumerate();
            pairs.flat_map(|(i, (written, back))| lost(&format!("{path}[{i}]"), written, back)).collect()
        }
        (written, back) if written == back => Vec::new(),
        (written, back) => vec![format!("{path} is {written} and became {back}")],
    }
}

#[test]
fn every_object_is_as_its_schema_wants_it() {
    let objects = overlay();
    assert!(objects.len() > 20, "{} objects", objects.len());
    let found = objects.iter().flat_map(|object: &Object| {
        breaches(&object.value).into_iter().map(|breach| format!("{}: {breach}", object.place()))
    });
    assert_none(&found.collect::<Vec<_>>());
}

#[test]
fn unknown_fields_wrong_types_and_what_is_missing_are_told() {
    let good = serde_json::json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "a"},
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": {"a": "b"}}}
    });
    assert_eq!(breaches(&good), [""; 0]);
    for (pointer, wrong, says) in [
        ("/spec", serde_json::json!({"maxUnavailible": 1}), "the schema has no .spec.maxUnavailible"),
        ("/spec/selector", serde_json::json!("a"), "invalid type"),
        ("/kind", serde_json::json!("PodDisruption"), "nobody knows"),
    ] {
        let mut object = good.clone();
        *object.pointer_mut(pointer).unwrap() = wrong;
        let found = breaches(&object);
        assert!(found.iter().any(|breach| breach.contains(says)), "{found:?}");
    }
}
