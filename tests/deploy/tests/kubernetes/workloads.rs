//! The rules for what runs.

use byway_deploy::yaml::texts;
use serde_json::{Value, json};

use crate::{
    SERVICES, assert_none,
    manifests::{Object, base, kustomizations},
};

/// Seconds within which a service has drained, and some for ending.
const DRAIN_S: u64 = 25;
const ADMIN_PORT: u64 = 9100;

fn is_workload(object: &Object) -> bool {
    ["Deployment", "StatefulSet"].contains(&object.kind())
}

fn list<'a>(value: &'a Value, key: &str) -> Vec<&'a Value> {
    value[key].as_array().into_iter().flatten().collect()
}

/// Everything that is wrong with a workload, alone.
fn breaches(workload: &Value) -> Vec<String> {
    let spec = &workload["spec"];
    let (template, pod) = (&spec["template"], &spec["template"]["spec"]);
    let containers = list(pod, "containers");
    let container = containers.first().copied().unwrap_or(&Value::Null);
    let (rights, own) = (&pod["securityContext"], &container["securityContext"]);
    let probe = |name: &str, path: &str| container[name]["httpGet"] == json!({"path": path, "port": "admin"});
    let ports = list(container, "ports");
    let environment = list(container, "env");
    let literal = |variable: &&&Value| {
        let name = variable["name"].as_str().unwrap_or_default();
        let secret = ["PASSWORD", "SECRET", "TOKEN", "URL"].iter().any(|word| name.ends_with(word));
        secret && variable["value"].is_string()
    };
    let key = environment.iter().find(|variable| variable["name"] == "BYWAY_KEY_FILE");
    let key = key.and_then(|variable| variable["value"].as_str()).unwrap_or_default();
    let writable = list(container, "volumeMounts").into_iter().filter(|mount| mount["readOnly"] != true);
    let writable: Vec<_> = writable.map(|mount| mount["mountPath"].as_str().unwrap_or_default()).collect();
    let rules = [
        ("has one replica", spec["replicas"].as_u64().unwrap_or(0) >= 2),
        ("selects other pods than its own", {
            let wanted = spec["selector"]["matchLabels"].as_object().cloned().unwrap_or_default();
            !wanted.is_empty() && wanted.iter().all(|(k, v)| template["metadata"]["labels"][k] == *v)
        }),
        ("has another number of containers than one", containers.len() == 1),
        ("names an image that an overlay does not replace", container["image"] == "byway"),
        ("may be root", rights["runAsNonRoot"] == true && rights["runAsUser"].as_u64().unwrap_or(0) > 0),
        (
            "reads its key as another group",
            rights["fsGroup"] == rights["runAsGroup"] && !rights["fsGroup"].is_null(),
        ),
        ("has no seccomp profile", rights["seccompProfile"]["type"] == "RuntimeDefault"),
        ("may gain privileges", own["allowPrivilegeEscalation"] == false),
        ("keeps capabilities", own["capabilities"] == json!({"drop": ["ALL"]})),
        ("may write to its image", own["readOnlyRootFilesystem"] == true && writable == ["/var/lib/byway"]),
        ("has a token of the cluster", pod["automountServiceAccountToken"] == false),
        ("gets variables of other services", pod["enableServiceLinks"] == false),
        (
            "shares something of the machine",
            ["hostNetwork", "hostPID", "hostIPC"].iter().all(|it| pod[*it].is_null()),
        ),
        ("is never found to be stuck", probe("livenessProbe", "/livez") && probe("startupProbe", "/livez")),
        ("gets work before it is ready", probe("readinessProbe", "/readyz")),
        ("has no port for its probes", {
            ports.iter().any(|port| port["name"] == "admin" && port["containerPort"] == ADMIN_PORT)
        }),
        ("has no time to drain", pod["terminationGracePeriodSeconds"].as_u64().unwrap_or(0) >= DRAIN_S),
        ("has no limit of memory", {
            let resources = &container["resources"];
            !resources["limits"]["memory"].is_null() && !resources["requests"]["cpu"].is_null()
        }),
        ("has all replicas on one machine", !list(pod, "topologySpreadConstraints").is_empty()),
        ("has a secret in its environment", !environment.iter().any(|variable| literal(&variable))),
        ("makes a key that its replicas do not share", key.starts_with("/run/secrets/byway/key/")),
    ];
    rules.into_iter().filter(|(_, kept)| !kept).map(|(what, _)| what.to_owned()).collect()
}

#[test]
fn every_service_runs_as_a_network_wants_it_to() {
    let base = base();
    let workloads: Vec<_> = base.iter().filter(|object| is_workload(object)).collect();
    let mut names: Vec<_> = workloads.iter().map(|object| object.name()).collect();
    names.sort_unstable();
    let mut expected = SERVICES;
    expected.sort_unstable();
    assert_eq!(names, expected);
    let found = workloads.iter().flat_map(|object| {
        breaches(&object.value).into_iter().map(|what| format!("{} {what}", object.place()))
    });
    assert_none(&found.collect::<Vec<_>>());
}

#[test]
fn each_rule_tells_when_it_is_broken() {
    let good = base().into_iter().find(is_workload).unwrap().value;
    let pod = "/spec/template/spec";
    let container = format!("{pod}/containers/0");
    for (pointer, wrong, says) in [
        ("/spec/replicas".to_owned(), json!(1), "one replica"),
        ("/spec/selector/matchLabels".to_owned(), json!({"a": "b"}), "selects other pods"),
        (format!("{container}/image"), json!("byway:latest"), "image"),
        (format!("{pod}/securityContext/runAsNonRoot"), json!(false), "root"),
        (format!("{pod}/securityContext/fsGroup"), json!(1), "another group"),
        (format!("{pod}/securityContext/seccompProfile/type"), json!("Unconfined"), "seccomp"),
        (format!("{container}/securityContext/allowPrivilegeEscalation"), json!(true), "gain"),
        (format!("{container}/securityContext/capabilities"), json!({"add": ["NET_ADMIN"]}), "capabilities"),
        (format!("{container}/securityContext/readOnlyRootFilesystem"), json!(false), "write"),
        (format!("{pod}/automountServiceAccountToken"), json!(true), "token"),
        (format!("{pod}/enableServiceLinks"), json!(true), "variables"),
        (format!("{container}/livenessProbe"), json!({"exec": {}}), "stuck"),
        (format!("{container}/readinessProbe/httpGet/path"), json!("/livez"), "before it is ready"),
        (format!("{container}/ports"), json!([]), "port"),
        (format!("{pod}/terminationGracePeriodSeconds"), json!(10), "drain"),
        (format!("{container}/resources"), json!({}), "memory"),
        (format!("{pod}/topologySpreadConstraints"), json!([]), "one machine"),
        (format!("{container}/env/0"), json!({"name": "STORE_URL", "value": "x"}), "secret"),
        (format!("{container}/env"), json!([]), "key"),
    ] {
        let mut broken = good.clone();
        *broken.pointer_mut(&pointer).unwrap_or_else(|| panic!("no {pointer}")) = wrong;
        let found = breaches(&broken);
        assert!(found.iter().any(|breach| breach.contains(says)), "{pointer}: {found:?}");
    }
}

#[test]
fn every_service_has_a_service_and_a_disruption_budget_that_select_its_pods_and_ports_that_they_have() {
    let base = base();
    let mut found = Vec::new();
    for workload in base.iter().filter(|object| is_workload(object)) {
        let named = |kind: &str| base.iter().find(|it| it.kind() == kind && it.name() == workload.name());
        let own = &workload.value["spec"]["selector"]["matchLabels"];
        let budget = named("PodDisruptionBudget").map(|it| &it.value["spec"]);
        if budget.is_none_or(|it| it["selector"]["matchLabels"] != *own || it["maxUnavailable"] != 1) {
            found.push(format!("{} has no disruption budget of its own", workload.place()));
        }
        let service = named("Service").map_or(&Value::Null, |it| &it.value["spec"]);
        if service["selector"] != *own {
            found.push(format!("{} has no service of its own", workload.place()));
        }
        let container = &workload.value["spec"]["template"]["spec"]["containers"][0];
        let ports = list(container, "ports");
        let offered = |wanted: &Value| {
            let same = |port: &&Value| {
                port["name"] == wanted["targetPort"] && port["protocol"] == wanted["protocol"]
            };
            ports.iter().any(same)
        };
        for port in list(service, "ports").into_iter().filter(|port| !offered(port)) {
            found.push(format!("{} does not listen on {port}", workload.place()));
        }
        if list(service, "ports").iter().any(|port| port["port"] == ADMIN_PORT) {
            found.push(format!("{} offers its admin listener", workload.place()));
        }
    }
    assert_none(&found);
}

/// The names that the kustomizations generate, with their keys.
fn generated(generator: &str) -> Vec<(String, Vec<String>)> {
    let kustomizations = kustomizations();
    let entries = kustomizations.iter().flat_map(|it| list(it, generator));
    let keys = |entry: &Value| {
        let literals =
            texts(&entry["literals"]).into_iter().map(|it| it.split('=').next().unwrap_or_default());
        let files = texts(&entry["files"]).into_iter();
        // `key=path`, or a path whose last part is the key.
        let files = files
            .map(|it| it.split_once('=').map_or_else(|| it.rsplit('/').next().unwrap_or(it), |(k, _)| k));
        literals.chain(files).map(str::to_owned).collect::<Vec<_>>()
    };
    entries.map(|entry| (entry["name"].as_str().unwrap().to_owned(), keys(entry))).collect()
}

#[test]
fn every_secret_and_every_setting_that_a_workload_names_is_generated() {
    let (settings, secrets) = (generated("configMapGenerator"), generated("secretGenerator"));
    let has = |generated: &[(String, Vec<String>)], name: &str, key: &str| {
        generated.iter().any(|(known, keys)| known == name && keys.iter().any(|known| known == key))
    };
    let mut found = Vec::new();
    for object in base().into_iter().filter(is_workload) {
        let pod = &object.value["spec"]["template"]["spec"];
        let environment = list(&pod["containers"][0], "env");
        for reference in
            environment.iter().map(|it| &it["valueFrom"]["configMapKeyRef"]).filter(|it| !it.is_null())
        {
            let [name, key] = ["name", "key"].map(|part| reference[part].as_str().unwrap_or_default());
            if !has(&settings, name, key) {
                found.push(format!("{} wants {key} of {name}", object.place()));
            }
        }
        let replicas = object.value["spec"]["replicas"].as_u64().unwrap_or(0);
        for variable in environment.iter().filter(|it| it["name"] == "BYWAY_KEY_FILE") {
            let file = variable["value"].as_str().unwrap().rsplit('/').next().unwrap();
            let own = |i| file.replace("$(POD_NAME)", &format!("{}-{i}", object.name()));
            for key in
                (0..replicas).map(own).filter(|key| !has(&secrets, &format!("{}-key", object.name()), key))
            {
                found.push(format!("{} wants the key {key}", object.place()));
            }
        }
        let mounted = list(pod, "volumes").into_iter().filter_map(|it| it["secret"]["secretName"].as_str());
        for name in mounted.filter(|name| !secrets.iter().any(|(known, _)| known == name)) {
            found.push(format!("{} wants the secret {name}", object.place()));
        }
    }
    assert_none(&found);
}
