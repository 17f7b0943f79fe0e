//! From an endpoint's path and query types to a request target.

use std::fmt::Write as _;

use byway_base::{Code, Problem};
use serde::Serialize;
use serde_json::Value;

/// `path` with its parameters filled in, and the query after it.
pub(crate) fn target(
    path: &str,
    parameters: &impl Serialize,
    query: &impl Serialize,
) -> Result<String, Problem> {
    let mut target = path.to_owned();
    for (name, value) in fields(parameters)? {
        target = target.replace(&format!("{{{name}}}"), &encoded(&value));
    }
    let mut separator = '?';
    for (name, value) in fields(query)? {
        let _ = write!(target, "{separator}{}={}", encoded(&name), encoded(&value));
        separator = '&';
    }
    Ok(target)
}

/// The fields of a flat structure as text; what is absent is left out.
fn fields(from: &impl Serialize) -> Result<Vec<(String, String)>, Problem> {
    let unusable = |why: &str| Problem::new(Code::Usage, "cannot write the request", why);
    let value = serde_json::to_value(from).map_err(|error| unusable(&error.to_string()))?;
    let object = match value {
        Value::Null => return Ok(Vec::new()),
        Value::Object(object) => object,
        _ => return Err(unusable("its parameters are no structure")),
    };
    let mut fields = Vec::new();
    for (name, value) in object {
        match value {
            Value::Null => {}
            Value::String(text) => fields.push((name, text)),
            Value::Bool(_) | Value::Number(_) => fields.push((name, value.to_string())),
            Value::Array(_) | Value::Object(_) => {
                return Err(unusable("a parameter is a list or a structure"));
            }
        }
    }
    Ok(fields)
}

/// Percent-encoding of everything but the unreserved characters (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn parameters_are_filled_in_and_what_has_a_meaning_in_urls_is_encoded() {
        let query = json!({ "name": "a b&c", "limit": 3, "absent": null });
        let target = target("/v1/things/{id}", &json!({ "id": "x/y?" }), &query).unwrap();
        assert_eq!(target, "/v1/things/x%2Fy%3F?limit=3&name=a%20b%26c");
    }

    #[test]
    fn nothing_is_added_where_there_is_nothing() {
        assert_eq!(target("/v1/status", &(), &()).unwrap(), "/v1/status");
        assert_eq!(target("/v1/x", &json!([1]), &()).unwrap_err().code, Code::Usage);
    }
}
