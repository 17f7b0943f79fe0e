//! How a command's user chooses the path.

use byway_base::{Code, Policy, Problem, TransportId, limits::HOPS_MAX};

/// How to choose the paths of a dial.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Choice {
    /// As the node thinks best.
    #[default]
    Any,
    /// What paths must and should be, in the path language; keys may be petnames.
    Policy(String),
    /// Exactly this path.
    Path {
        /// Its transports, in order.
        transports: Vec<TransportId>,
        /// What other paths may replace it or stand by, as a policy; without one, none.
        others: Option<String>,
    },
}

impl Choice {
    /// By policy and path as a user wrote them.
    ///
    /// # Errors
    /// [`Code::BadPolicy`] with the column, [`Code::BadPath`].
    pub fn read(policy: Option<&str>, path: Option<&str>) -> Result<Self, Problem> {
        let by_policy = policy.map(Self::policy).transpose()?.unwrap_or_default();
        let Some(path) = path else { return Ok(by_policy) };
        let others = policy.map(str::to_owned);
        Ok(Self::Path { transports: read_path(path)?, others })
    }

    /// Policy and path apart, as requests to a node carry them.
    #[must_use]
    pub fn into_parts(self) -> (Option<String>, Option<Vec<TransportId>>) {
        match self {
            Self::Any => (None, None),
            Self::Policy(text) => (Some(text), None),
            Self::Path { transports, others } => (others, Some(transports)),
        }
    }

    /// By policy alone; an empty one leaves the choice to the node. What needs no node is checked here.
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
}

/// A comma-separated list of transport ids.
fn read_path(text: &str) -> Result<Vec<TransportId>, Problem> {
    let wrong = |why: String| Problem::new(Code::BadPath, format!("cannot read the path '{text}'"), why);
    let id =
        |text: &str| text.parse().map_err(|_| wrong(format!("'{text}' is no transport id of 32 characters")));
    let ids = text.split(',').map(id).collect::<Result<Vec<TransportId>, _>>()?;
    if ids.len() > HOPS_MAX { Err(wrong(format!("a path has at most {HOPS_MAX} hops"))) } else { Ok(ids) }
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
        let choice = Choice::read(Some("hops>=2"), Some(&format!("{a},{b}"))).unwrap();
        assert_eq!(choice, Choice::Path { transports: vec![a, b], others: Some("hops>=2".to_owned()) });
        for bad in ["", "a1", &format!("{a},"), &vec![a.to_string(); HOPS_MAX + 1].join(",")] {
            assert_eq!(Choice::read(None, Some(bad)).unwrap_err().code, Code::BadPath, "{bad}");
        }
    }
}
