//! What a query asks for: the series that it selects, and the labels by which it groups and names them.

use std::collections::BTreeSet;

use promql_parser::{
    label::MatchOp,
    parser::{self, AggregateExpr, Expr, LabelModifier, VectorSelector},
    util::{ExprVisitor, walk_expr},
};

use crate::series::Series;

/// A query, with where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    place: String,
    selects: Vec<Selection>,
}

/// One vector of it, and the labels that what stands around it needs.
#[derive(Debug, Clone)]
struct Selection {
    selector: VectorSelector,
    labels: BTreeSet<String>,
}

impl Query {
    /// Reads a query. `shown` are the labels that its legend names.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn parse(place: &str, text: &str, shown: &[&str]) -> Result<Self, String> {
        let text = text.replace("$__rate_interval", "5m").replace("$instance", ".*");
        let tree = parser::parse(&text).map_err(|why| format!("{place}: {why}: {text}"))?;
        let mut collector = Collector { around: Vec::new(), selects: Vec::new() };
        let walked = walk_expr(&mut collector, &tree);
        walked.expect("the collector refuses nothing");
        let shown = shown.iter().map(|label| (*label).to_owned());
        for selection in &mut collector.selects {
            selection.labels.extend(shown.clone());
        }
        Ok(Self { place: place.to_owned(), selects: collector.selects })
    }

    /// What it selects and nobody says, one line each.
    pub(crate) fn missing(&self, scraped: &BTreeSet<Series>) -> Vec<String> {
        let absent = self.selects.iter().filter(|selection| !selection.is_in(scraped));
        absent.map(|selection| format!("{}: nobody says {}", self.place, selection.describe())).collect()
    }
}

impl Selection {
    fn is_in(&self, scraped: &BTreeSet<Series>) -> bool {
        let name = self.selector.name.as_deref();
        scraped.iter().any(|series| {
            let value = |label: &str| series.labels.get(label).map_or("", String::as_str);
            let matches = |it: &promql_parser::label::Matcher| match &it.op {
                // A series without the label would do for Prometheus, and tell that the label is misspelt.
                MatchOp::NotEqual | MatchOp::NotRe(_) => {
                    !value(&it.name).is_empty() && it.is_match(value(&it.name))
                }
                _ => it.is_match(value(&it.name)),
            };
            Some(series.name.as_str()) == name
                && self.selector.matchers.matchers.iter().all(matches)
                && self.labels.iter().all(|label| series.labels.contains_key(label))
        })
    }

    fn describe(&self) -> String {
        format!("{} with the labels {:?}", self.selector, self.labels)
    }
}

/// Gathers the vectors of a query.
struct Collector {
    /// What aggregations around the present place group by.
    around: Vec<BTreeSet<String>>,
    selects: Vec<Selection>,
}

impl Collector {
    fn found(&mut self, selector: &VectorSelector) {
        let labels = self.around.iter().flatten().cloned().collect();
        self.selects.push(Selection { selector: selector.clone(), labels });
    }
}

impl ExprVisitor for Collector {
    type Error = String;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        match expr {
            Expr::Aggregate(aggregate) => self.around.push(grouping(aggregate)),
            Expr::VectorSelector(selector) => self.found(selector),
            Expr::MatrixSelector(matrix) => self.found(&matrix.vs),
            _ => {}
        }
        Ok(true)
    }

    fn post_visit(&mut self, expr: &Expr) -> Result<bool, String> {
        if matches!(expr, Expr::Aggregate(_)) {
            self.around.pop();
        }
        Ok(true)
    }
}

fn grouping(aggregate: &AggregateExpr) -> BTreeSet<String> {
    match &aggregate.modifier {
        Some(LabelModifier::Include(labels)) => labels.labels.iter().cloned().collect(),
        _ => BTreeSet::new(),
    }
}

#[test]
fn a_query_misses_names_values_and_labels_that_nobody_says() {
    let scraped = BTreeSet::from([Series::new("a_total", &[("outcome", "ok"), ("job", "x")])]);
    let missing =
        |text: &str, shown: &[&str]| Query::parse("here", text, shown).unwrap().missing(&scraped).len();
    assert_eq!(missing("sum by (outcome) (rate(a_total{job=\"x\"}[$__rate_interval]))", &["outcome"]), 0);
    assert_eq!(missing("a_total{outcome!=\"failed\"} / a_total", &[]), 0);
    assert_eq!(missing("b_total / a_total", &[]), 1, "no such name");
    assert_eq!(missing("a_total{job=\"y\"}", &[]), 1, "no such value");
    assert_eq!(
        missing("a_total{outcom!=\"failed\"}", &[]),
        1,
        "no such label, although nothing is not `failed`"
    );
    assert_eq!(missing("sum by (code) (a_total)", &[]), 1, "nothing to group by");
    assert_eq!(missing("a_total", &["code"]), 1, "nothing to show");
    assert!(Query::parse("here", "sum(", &[]).is_err());
}
