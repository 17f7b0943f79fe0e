//! A line of a reply that comes in parts.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ProblemDetails;

/// The content type of a reply in lines: one JSON value each, ended by `\n`.
pub const JSON_LINES: &str = "application/jsonl";

/// One line of a reply in lines.
///
/// The last line is `end` or `problem`. A reply that ends with neither was cut off, and what came of it is not the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Line<T> {
    /// A part of what was asked for.
    Part(T),
    /// That was all of it.
    End {
        /// Vouches for everything before this line, where the request asks for a signed reply.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seal: Option<Seal>,
    },
    /// The rest cannot be given.
    Problem(ProblemDetails),
}

/// The signature of a reply in lines, at its end: what the fields of the same names would be in the head of a reply whose
/// body is everything before the last line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Seal {
    /// Digest of the lines before (RFC 9530).
    pub content_digest: String,
    /// What is signed (RFC 9421).
    pub signature_input: String,
    /// The service's signature.
    pub signature: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_line_is_an_object_with_one_name() {
        let seal = Seal { content_digest: "d".into(), signature_input: "i".into(), signature: "s".into() };
        for (line, text) in [
            (Line::Part(7), r#"{"part":7}"#),
            (Line::End { seal: None }, r#"{"end":{}}"#),
            (
                Line::End { seal: Some(seal) },
                r#"{"end":{"seal":{"content-digest":"d","signature-input":"i","signature":"s"}}}"#,
            ),
        ] {
            assert_eq!(serde_json::to_string(&line).unwrap(), text);
            assert_eq!(serde_json::from_str::<Line<u8>>(text).unwrap(), line);
        }
    }
}
