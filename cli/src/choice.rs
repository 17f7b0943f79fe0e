//! How a command's user chooses the path.

use byway_base::{Code, Policy, Problem, TransportId, limits::HOPS_MAX};

/// How to choose the path of a dial.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// As the node thinks best.
    #[default]
    Any,
    /// In the path language; keys may be petnames.
    Policy(String),
    /// Exactly these transports, in order.
    Path(Vec<TransportId>),
}

impl Choice {
    /// From the words of a user; empty is [`Self::Any`]. What needs no node is checked here.
    ///
    /// # Errors
    /// [`Code::BadPolicy`] with the column.
    pub fn policy(text: &str) -> Result<Self, Problem> {
        let mut column = 1;
        for word in text.split(' ') {
            // The node knows whom petnames stand for.
            let names =
                ["via=", "avoid="].iter().any(|name| word.len() > name.len() && word.starts_with(name));
            if !names && let Err(error) = word.parse::<Policy>() {
                let what = format!("cannot read the policy '{text}'");
                return Err(Problem::new(
                    Code::BadPolicy,
                    what,
                    format!("column {column}: {}", error.reason),
                ));
            }
            column += word.chars().count() + 1;
        }
        Ok(if text.trim().is_empty() { Self::Any } else { Self::Policy(text.to_owned()) })
    }

    /// From a comma-separated list of transport ids.
    ///
    /// # Errors
    /// [`Code::BadPath`] if one is no id, or there are too many.
    pub fn path(text: &str) -> Result<Self, Problem> {
        let wrong = |why: String| Problem::new(Code::BadPath, format!("cannot read the path '{text}'"), why);
        let id = |text: &str| {
            text.parse().map_err(|_| wrong(format!("'{text}' is no transport id of 32 characters")))
        };
        let ids = text.split(',').map(id).collect::<Result<Vec<TransportId>, _>>()?;
        if ids.len() > HOPS_MAX {
            Err(wrong(format!("a path has at most {HOPS_MAX} hops")))
        } else {
            Ok(Self::Path(ids))
        }
    }

    /// For requests that carry the two apart.
    #[must_use]
    pub fn into_parts(self) -> (Option<String>, Option<Vec<TransportId>>) {
        match self {
            Self::Any => (None, None),
            Self::Policy(text) => (Some(text), None),
            Self::Path(ids) => (None, Some(ids)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_is_checked_without_a_node_as_far_as_it_names_nobody() {
        assert_eq!(Choice::policy(" "), Ok(Choice::Any));
        let text = "hops>=2 via=bob prefer=latency";
        assert_eq!(Choice::policy(text), Ok(Choice::Policy(text.to_owned())));
        let problem = Choice::policy("via=bob hops>2").unwrap_err();
        assert_eq!(problem.code, Code::BadPolicy);
        assert!(problem.why.starts_with("column 9: "), "{problem}");
        assert_eq!(Choice::policy("via=").unwrap_err().code, Code::BadPolicy);
    }

    #[test]
    fn a_path_is_a_list_of_whole_ids() {
        let (a, b) = (TransportId::from_bytes([1; 16]), TransportId::from_bytes([2; 16]));
        assert_eq!(Choice::path(&format!("{a},{b}")), Ok(Choice::Path(vec![a, b])));
        for bad in ["", "a1", &format!("{a},"), &vec![a.to_string(); HOPS_MAX + 1].join(",")] {
            assert_eq!(Choice::path(bad).unwrap_err().code, Code::BadPath, "{bad}");
        }
    }
}
