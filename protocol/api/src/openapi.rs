//! The OpenAPI 3.1 document of a service, from its list of endpoints.

use std::collections::BTreeMap;

use byway_base::Code;
use schemars::{SchemaGenerator, generate::SchemaSettings};
use serde_json::{Map, Value, json};

use crate::{Auth, Description, Form, JSON_LINES, PROBLEM_JSON, ProblemDetails, Service};

/// What any endpoint may answer with.
const CODES_OF_ALL: &[Code] =
    &[Code::Usage, Code::TooLarge, Code::Limit, Code::Timeout, Code::NotReady, Code::Internal];
/// What a signed endpoint may answer with beside.
const CODES_OF_SIGNED: &[Code] = &[Code::Unsigned, Code::BadSignature, Code::Replayed, Code::ClockSkew];

/// Describes every endpoint of a service as an OpenAPI 3.1 document.
#[must_use]
pub fn openapi<S: Service>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.into_generator();
    let mut paths = Map::new();
    for endpoint in S::ENDPOINTS {
        let operations = paths.entry(endpoint.path).or_insert_with(|| json!({}));
        operations[endpoint.method.as_str().to_ascii_lowercase()] = operation(endpoint, &mut schemas);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": format!("Byway {}", S::NAME),
            "summary": S::SUMMARY.trim(),
            "version": env!("CARGO_PKG_VERSION"),
        },
        "paths": paths,
        "components": {
            "schemas": schemas.take_definitions(true),
            "securitySchemes": {
                "signature": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Signature",
                    "description": "HTTP Message Signature (RFC 9421) with ed25519 over \"@method\" \"@authority\" \
                        \"@path\" \"@query\" \"content-digest\", parameters created, expires, nonce, alg, keyid in the header Signature-Input",
                },
            },
        },
    })
}

fn operation(endpoint: &Description, schemas: &mut SchemaGenerator) -> Value {
    let mut parameters = Vec::new();
    for (place, schema) in [("path", endpoint.path_schema), ("query", endpoint.query_schema)] {
        let schema = schema(schemas).to_value();
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let required = required.iter().any(|other| other == name);
            parameters.push(json!({ "name": name, "in": place, "required": required, "schema": property }));
        }
    }
    let mut operation = json!({
        "operationId": endpoint.name,
        "summary": endpoint.summary.trim(),
        "parameters": parameters,
        "responses": responses(endpoint, schemas),
    });
    let body = (endpoint.request_schema)(schemas).to_value();
    if !is_absent(&body) {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": body } } });
    }
    if endpoint.auth == Auth::Signed {
        operation["security"] = json!([{ "signature": [] }]);
    }
    operation
}

fn responses(endpoint: &Description, schemas: &mut SchemaGenerator) -> Value {
    let reply = (endpoint.reply_schema)(schemas).to_value();
    let mut responses = Map::new();
    let (description, kind, schema) = match endpoint.form {
        Form::Whole => ("done", "application/json", reply),
        Form::Events => (
            "server-sent events; `data` of each `item` event is of this schema, `reset` ends the stream",
            "text/event-stream",
            reply,
        ),
        Form::Lines => (
            "lines of this schema; the last one is `end`, or `problem` if the rest cannot be given",
            JSON_LINES,
            (endpoint.line_schema)(schemas).to_value(),
        ),
    };
    if is_absent(&schema) {
        responses.insert("204".into(), json!({ "description": "done" }));
    } else {
        let content = json!({ kind: { "schema": schema } });
        responses.insert("200".into(), json!({ "description": description, "content": content }));
    }
    let signed = if endpoint.auth == Auth::Signed { CODES_OF_SIGNED } else { &[] };
    let mut by_status = BTreeMap::<u16, Vec<Code>>::new();
    for code in endpoint.codes.iter().chain(signed).chain(CODES_OF_ALL) {
        let codes = by_status.entry(code.http_status()).or_default();
        if !codes.contains(code) {
            codes.push(*code);
        }
    }
    let problem = schemas.subschema_for::<ProblemDetails>().to_value();
    for (status, codes) in by_status {
        let meanings: Vec<_> =
            codes.iter().map(|code| format!("{code}: {}", code.meaning().trim())).collect();
        let content = json!({ PROBLEM_JSON: { "schema": problem } });
        responses
            .insert(status.to_string(), json!({ "description": meanings.join("\n"), "content": content }));
    }
    responses.into()
}

/// `()` is described as JSON's null.
fn is_absent(schema: &Value) -> bool {
    schema["type"] == "null"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        admin::Admin, messaging_discovery::MessagingDiscovery, messaging_server::MessagingServer,
        route_finder::RouteFinder, setup_node::SetupNode, transport_discovery::TransportDiscovery,
    };

    fn documents() -> [Value; 6] {
        [
            openapi::<Admin>(),
            openapi::<MessagingServer>(),
            openapi::<TransportDiscovery>(),
            openapi::<RouteFinder>(),
            openapi::<MessagingDiscovery>(),
            openapi::<SetupNode>(),
        ]
    }

    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => {
                found.extend(map.get("$ref").and_then(Value::as_str).map(str::to_owned));
                map.values().for_each(|value| references(value, found));
            }
            Value::Array(list) => list.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_in_a_document_leads_somewhere() {
        for document in documents() {
            let mut found = Vec::new();
            references(&document, &mut found);
            assert!(!found.is_empty());
            for reference in found {
                let pointer = reference.strip_prefix('#').unwrap();
                assert!(document.pointer(pointer).is_some(), "{reference} is missing");
            }
        }
    }

    #[test]
    fn every_name_in_braces_is_a_described_path_parameter() {
        for document in documents() {
            for (path, operations) in document["paths"].as_object().unwrap() {
                let braces: Vec<_> =
                    path.split('{').skip(1).filter_map(|rest| Some(rest.split_once('}')?.0)).collect();
                for operation in operations.as_object().unwrap().values() {
                    let all = operation["parameters"].as_array().unwrap();
                    let named: Vec<_> = all
                        .iter()
                        .filter(|p| p["in"] == "path")
                        .map(|p| p["name"].as_str().unwrap())
                        .collect();
                    assert_eq!(named, braces, "{path}");
                }
            }
        }
    }

    #[test]
    fn a_reply_in_lines_tells_what_a_line_is() {
        let document = openapi::<TransportDiscovery>();
        let reply = &document["paths"]["/v1/snapshot"]["get"]["responses"]["200"];
        let line = reply["content"][JSON_LINES]["schema"]["$ref"].as_str().unwrap();
        let line = document.pointer(line.strip_prefix('#').unwrap()).unwrap();
        for name in ["part", "end", "problem"] {
            let kinds = line["oneOf"].as_array().unwrap();
            assert!(kinds.iter().any(|kind| kind["properties"][name].is_object()), "{name}");
        }
    }

    #[test]
    fn a_signed_write_tells_its_signature_and_its_codes() {
        let document = openapi::<TransportDiscovery>();
        let put = &document["paths"]["/v1/transports/{id}"]["put"];
        assert_eq!(put["security"][0]["signature"], json!([]));
        let refused = put["responses"]["401"]["description"].as_str().unwrap();
        assert!(refused.contains("BW-UNSIGNED") && refused.contains("BW-REPLAYED"), "{refused}");
        assert!(put["responses"]["403"]["content"][PROBLEM_JSON]["schema"]["$ref"].is_string());
        assert_eq!(
            document["paths"]["/v1/transports/{id}"]["delete"]["responses"]["204"]["description"],
            "done"
        );
    }
}
