//! Every declared endpoint as a row, with a request that it can read. A new endpoint is a new row by itself; only a new
//! kind of text needs an example here.

use std::net::SocketAddr;

use byway_api::{
    Auth, Method, Service, admin::Admin, local::Local, messaging_discovery::MessagingDiscovery,
    messaging_server::MessagingServer, openapi, route_finder::RouteFinder, setup_node::SetupNode,
    transport_discovery::TransportDiscovery,
};
use byway_contract::{Scene, SigningProxy, Upstream, signer};
use byway_e2e::RawRequest;
use serde_json::{Value, json};

/// An endpoint of a running service.
pub(crate) struct Row {
    /// For people who read a failure.
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) signed: bool,
    /// With an example of each parameter.
    pub(crate) path: String,
    pub(crate) address: SocketAddr,
    /// The path with the parameters that the query must have.
    pub(crate) target: String,
    /// The schemas of the query's parameters, by name.
    pub(crate) query: Vec<(String, Value)>,
    /// The schema of its body, if it takes one.
    pub(crate) body: Option<Value>,
    /// What schemas refer to.
    document: Value,
}

/// Every endpoint of a scene. The node's go through a proxy that does nothing, since its socket is none of TCP.
pub(crate) async fn rows(scene: &Scene) -> (Vec<Row>, SigningProxy) {
    let proxy = SigningProxy::start(scene.upstream("node"), None).await;
    let at = |upstream| match upstream {
        Upstream::Tcp(address) => address.parse().unwrap(),
        Upstream::Unix(_) => proxy.address(),
    };
    let of = |role| at(scene.upstream(role));
    let mut rows = rows_of::<TransportDiscovery>(of("transport-discovery"));
    rows.extend(rows_of::<Admin>(at(scene.admin("transport-discovery"))));
    rows.extend(rows_of::<MessagingServer>(at(scene.admin("messaging-server"))));
    rows.extend(rows_of::<MessagingDiscovery>(of("messaging-discovery")));
    rows.extend(rows_of::<RouteFinder>(of("route-finder")));
    rows.extend(rows_of::<SetupNode>(of("setup-node")));
    rows.extend(rows_of::<Local>(of("node")));
    (rows, proxy)
}

fn rows_of<S: Service>(address: SocketAddr) -> Vec<Row> {
    let document = openapi::<S>();
    let rows = S::ENDPOINTS.iter().map(|endpoint| {
        let operation = &document["paths"][endpoint.path][endpoint.method.as_str().to_ascii_lowercase()];
        let (mut path, mut query, mut required) = (endpoint.path.to_owned(), Vec::new(), Vec::new());
        for parameter in operation["parameters"].as_array().unwrap() {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            if parameter["in"] == "path" {
                let value = example(schema, &document);
                path = path.replace(&format!("{{{name}}}"), value.as_str().unwrap());
            } else {
                if parameter["required"] == true {
                    let value = example(schema, &document);
                    let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    required.push(format!("{name}={value}"));
                }
                query.push((name.to_owned(), schema.clone()));
            }
        }
        let body =
            operation.get("requestBody").map(|body| body["content"]["application/json"]["schema"].clone());
        Row {
            name: format!("{} of {}", endpoint.name, S::NAME),
            method: endpoint.method,
            signed: endpoint.auth == Auth::Signed,
            target: if required.is_empty() { path.clone() } else { format!("{path}?{}", required.join("&")) },
            path,
            address,
            query,
            body,
            document: document.clone(),
        }
    });
    rows.collect()
}

impl Row {
    /// A request with this body, signed if the endpoint wants that.
    pub(crate) fn request(&self, body: &str) -> RawRequest {
        self.request_to(&self.target, body)
    }

    /// The same to another path or with a query.
    pub(crate) fn request_to(&self, path: &str, body: &str) -> RawRequest {
        let signed = RawRequest::signed(&signer(), self.method.as_str(), self.address, path, body);
        if self.signed { signed } else { RawRequest { signature: String::new(), ..signed } }
    }

    /// A body that the endpoint can read; what it says may be refused all the same.
    pub(crate) fn example(&self) -> Option<Value> {
        Some(example(self.body.as_ref()?, &self.document))
    }

    /// The body's schema without a reference.
    pub(crate) fn schema(&self) -> Option<&Value> {
        Some(resolve(self.body.as_ref()?, &self.document))
    }

    /// An example of a schema of this endpoint.
    pub(crate) fn example_of(&self, schema: &Value) -> Value {
        example(schema, &self.document)
    }
}

/// The schema that a reference leads to.
fn resolve<'a>(schema: &'a Value, document: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// The smallest value that fits.
fn example(schema: &Value, document: &Value) -> Value {
    if let Some(text) = schema["$ref"].as_str().and_then(|reference| text(reference.rsplit('/').next()?)) {
        return json!(text);
    }
    let schema = resolve(schema, document);
    if let Some(fixed) = schema.get("const") {
        return fixed.clone();
    }
    if let Some(first) = ["oneOf", "anyOf", "enum"].iter().find_map(|list| schema[*list].get(0)) {
        return if schema.get("enum").is_some() { first.clone() } else { example(first, document) };
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind.unwrap_or_else(|| panic!("no example of {schema}")) {
        "object" => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required.map(|name| name.as_str().unwrap());
            fields.map(|name| (name.to_owned(), example(&schema["properties"][name], document))).collect()
        }
        "array" => {
            let count = schema["minItems"].as_u64().unwrap_or_default();
            (0..count).map(|_| example(&schema["items"], document)).collect()
        }
        "string" => json!(""),
        "integer" | "number" => schema.get("minimum").cloned().unwrap_or(json!(0)),
        "boolean" => json!(false),
        other => panic!("no example of a {other}: {schema}"),
    }
}

/// Texts that follow a pattern, by the name of their schema.
fn text(name: &str) -> Option<String> {
    Some(match name {
        "PublicKey" => signer().public().to_string(),
        "Signature" => "0".repeat(128),
        "TransportId" | "RouteId" => "0".repeat(32),
        "TransportType" => "tcp".to_owned(),
        "Policy" => String::new(),
        "OverlayAddress" => format!("{}:80", signer().public()),
        _ => return None,
    })
}
