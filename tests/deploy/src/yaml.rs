//! YAML as data: anchors resolved, merge keys merged, a key that stands twice refused.

use serde_json::Value;

/// The one document of a text.
///
/// # Errors
/// What is wrong with it.
pub fn document(text: &str) -> Result<Value, String> {
    serde_saphyr::from_str(text).map_err(|error| error.to_string())
}

/// Every document of a text; documents are separated by `---`.
///
/// # Errors
/// What is wrong with one.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    serde_saphyr::from_multiple(text).map_err(|error| error.to_string())
}

/// The texts of a list; empty if there is none.
#[must_use]
pub fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn anchors_and_merge_keys_are_resolved_and_own_keys_win() {
        let text = "base: &base {a: 1, b: 2}\nuse: {<<: *base, b: 3}\n";
        assert_eq!(document(text).unwrap()["use"], json!({"a": 1, "b": 3}));
    }

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        assert!(document("a: 1\na: 2\n").is_err());
    }

    #[test]
    fn documents_are_told_apart() {
        assert_eq!(documents("a: 1\n---\nb: 2\n").unwrap(), [json!({"a": 1}), json!({"b": 2})]);
    }
}
