//! Listings in pages.

use byway_base::limits::{PAGE, PAGE_MAX};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Part of a listing, and the cursor of what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Page<T> {
    /// The items of this page.
    pub items: Vec<T>,
    /// What to give as `cursor` for the next page; absent on the last. Opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Items to put on a page when `asked` are asked for: [`PAGE`] by default, from 1 to [`PAGE_MAX`].
#[must_use]
pub fn page_limit(asked: Option<u32>) -> usize {
    asked.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE_MAX).clamp(1, PAGE_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_holds_at_least_one_item_and_at_most_the_limit() {
        assert_eq!((page_limit(None), page_limit(Some(0)), page_limit(Some(7))), (PAGE, 1, 7));
        assert_eq!(page_limit(Some(u32::MAX)), PAGE_MAX);
    }
}
