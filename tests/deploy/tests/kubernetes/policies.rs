//! Who may reach whom.

use byway_deploy::yaml::texts;
use serde_json::{Value, json};

use crate::{
    SERVICES, assert_none,
    manifests::{Object, base},
};

fn policies() -> Vec<Object> {
    base().into_iter().filter(|object| object.kind() == "NetworkPolicy").collect()
}

fn list<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    value[key].as_array().into_iter().flatten().collect()
}

/// The ports of a direction of a policy.
fn ports(policy: &Value, direction: &str) -> Vec<u64> {
    let rules = list(&policy["spec"], direction);
    rules.into_iter().flat_map(|rule| list(rule, "ports")).filter_map(|port| port["port"].as_u64()).collect()
}

#[test]
fn without_a_policy_nobody_reaches_anybody() {
    let denies = |policy: &Object| {
        let spec = &policy.value["spec"];
        let types = texts(&spec["policyTypes"]) == ["Ingress", "Egress"];
        spec["podSelector"] == json!({}) && types && spec["ingress"].is_null() && spec["egress"].is_null()
    };
    assert!(policies().iter().any(denies));
}

#[test]
fn every_service_is_reached_on_the_ports_of_its_service_and_on_no_other() {
    let (base, policies) = (base(), policies());
    let mut found = Vec::new();
    for name in SERVICES {
        let own = json!({"matchLabels": {"app.kubernetes.io/name": name}});
        let Some(policy) = policies.iter().find(|policy| policy.value["spec"]["podSelector"] == own) else {
            found.push(format!("no policy is about {name}"));
            continue;
        };
        let service = base.iter().find(|it| it.kind() == "Service" && it.name() == name).unwrap();
        let offered: Vec<u64> =
            list(&service.value["spec"], "ports").iter().filter_map(|it| it["port"].as_u64()).collect();
        if ports(&policy.value, "ingress") != offered {
            found.push(format!("{name} offers {offered:?}; {} lets others in", policy.place()));
        }
        let unbounded =
            list(&policy.value["spec"], "egress").into_iter().any(|rule| list(rule, "ports").is_empty());
        if unbounded || ports(&policy.value, "egress").is_empty() {
            found.push(format!("{name} may reach everything or nothing"));
        }
    }
    assert_none(&found);
}

#[test]
fn admin_listeners_are_for_the_namespace_that_scrapes() {
    let with_admin: Vec<_> =
        policies().into_iter().filter(|it| ports(&it.value, "ingress").contains(&9100)).collect();
    assert_eq!(with_admin.len(), 1);
    let rules = list(&with_admin[0].value["spec"], "ingress");
    assert!(rules.iter().all(|rule| !list(rule, "from").is_empty()));
}

#[test]
fn the_namespace_takes_nothing_that_is_not_restricted() {
    let base = base();
    let namespace = base.iter().find(|object| object.kind() == "Namespace").unwrap();
    let labels = &namespace.value["metadata"]["labels"];
    assert_eq!(labels["pod-security.kubernetes.io/enforce"], "restricted");
}
