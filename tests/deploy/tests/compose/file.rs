//! The compose file as data, anchors and merge keys resolved, variables as they stand.

use byway_deploy::yaml;
use serde_json::Value;

/// The whole file.
#[derive(Debug)]
pub(crate) struct Compose {
    pub(crate) text: String,
    pub(crate) root: Value,
}

/// One service of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service<'a> {
    pub(crate) name: &'a str,
    value: &'a Value,
}

impl Compose {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Ok(Self { text: text.to_owned(), root: yaml::document(text)? })
    }

    pub(crate) fn services(&self) -> Vec<Service<'_>> {
        let services = self.root["services"].as_object().into_iter().flatten();
        services.map(|(name, value)| Service { name, value }).collect()
    }

    /// Every profile that a service names.
    pub(crate) fn profiles(&self) -> Vec<String> {
        let services = self.services();
        let named = services.iter().flat_map(|service| yaml::texts(service.get("profiles")));
        let mut profiles: Vec<String> = named.map(str::to_owned).collect();
        profiles.sort();
        profiles.dedup();
        profiles
    }

    /// Whether the service ends by itself and others wait for that.
    pub(crate) fn is_job(&self, name: &str) -> bool {
        let waits = |service: &Service<'_>| {
            service.get("depends_on")[name]["condition"] == "service_completed_successfully"
        };
        self.services().iter().any(waits)
    }

    /// What stands in a top-level section.
    pub(crate) fn section(&self, name: &str) -> Vec<(&str, &Value)> {
        let section = self.root[name].as_object().into_iter().flatten();
        section.map(|(name, value)| (name.as_str(), value)).collect()
    }
}

impl<'a> Service<'a> {
    /// A key of it; null if it has none.
    pub(crate) fn get(&self, key: &str) -> &'a Value {
        &self.value[key]
    }

    pub(crate) fn keys(&self) -> Vec<&'a str> {
        self.value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
    }

    /// Its environment, written as a mapping or as a list.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        match self.get("environment") {
            Value::Object(map) => {
                let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                map.iter().map(|(name, value)| (name.clone(), text(value))).collect()
            }
            list => {
                let pairs = yaml::texts(list).into_iter();
                pairs
                    .filter_map(|pair| pair.split_once('='))
                    .map(|(n, v)| (n.to_owned(), v.to_owned()))
                    .collect()
            }
        }
    }

    /// Its mounts: source, target, and whether it may only read.
    pub(crate) fn mounts(&self) -> Vec<(&'a str, &'a str, bool)> {
        let mounts = yaml::texts(self.get("volumes")).into_iter().map(|mount| {
            let mut parts = mount.split(':');
            let (source, target) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            (source, target, parts.next() == Some("ro"))
        });
        mounts.collect()
    }

    /// Its published ports as they stand, variables taken at their defaults: `127.0.0.1:9091:9091`.
    pub(crate) fn ports(&self) -> Vec<String> {
        yaml::texts(self.get("ports")).into_iter().map(at_defaults).collect()
    }
}

/// The variables of a text, as `(name, default)`; without a default where none stands.
pub(crate) fn variables(text: &str) -> Vec<(&str, Option<&str>)> {
    let inner = text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).map(|(inner, _)| inner);
    inner.map(|inner| inner.split_once(":-").map_or((inner, None), |(name, it)| (name, Some(it)))).collect()
}

/// A text with every variable at its default.
pub(crate) fn at_defaults(text: &str) -> String {
    let mut parts = text.split("${");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |before, rest| {
        let (inner, after) = rest.split_once('}').unwrap_or((rest, ""));
        before + inner.split_once(":-").map_or("", |(_, default)| default) + after
    })
}

#[test]
fn variables_are_taken_at_their_defaults() {
    let text = "${A:-127.0.0.1}:${B}:9";
    assert_eq!(variables(text), [("A", Some("127.0.0.1")), ("B", None)]);
    assert_eq!(at_defaults(text), "127.0.0.1::9");
}
