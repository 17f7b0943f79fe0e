//! A page of documentation as its reader takes it: blocks of code, one after the other.

/// What stands between two fences.
#[derive(Debug, PartialEq, Eq)]
pub struct Block<'a> {
    /// As the opening fence says; empty if it does not.
    pub language: &'a str,
    /// Its lines.
    pub text: String,
}

/// All blocks, in order.
///
/// # Panics
/// If one does not end.
#[must_use]
pub fn blocks(page: &str) -> Vec<Block<'_>> {
    let (mut blocks, mut open) = (Vec::new(), None::<Block<'_>>);
    for line in page.lines() {
        open = match (open, line.strip_prefix("```")) {
            (None, Some(language)) => Some(Block { language, text: String::new() }),
            (Some(block), Some(_)) => {
                blocks.push(block);
                None
            }
            (Some(block), None) => Some(Block { text: block.text + line + "\n", ..block }),
            (None, None) => None,
        };
    }
    assert_eq!(open, None, "every block has an end");
    blocks
}

/// The commands of a block, without comments.
#[must_use]
pub fn commands(block: &str) -> Vec<&str> {
    block.lines().map(without_comment).filter(|line| !line.is_empty()).collect()
}

/// A `#` begins a comment where a word may begin and no quote is open.
fn without_comment(line: &str) -> &str {
    let begins = |at: usize| {
        let before = &line[..at];
        let apart = before.is_empty() || before.ends_with(' ');
        apart && ['\'', '"'].iter().all(|quote| before.matches(*quote).count() % 2 == 0)
    };
    let comment = line.match_indices('#').map(|(at, _)| at).find(|at| begins(*at));
    line[..comment.unwrap_or(line.len())].trim()
}

/// The commands that sentences name.
#[must_use]
pub fn mentioned(page: &str) -> Vec<&str> {
    // Every other piece between fences is a block.
    let prose = page.split("```").step_by(2);
    let spans = prose.flat_map(|text| text.split('`').skip(1).step_by(2));
    spans.filter(|span| span.starts_with("byway ") || span.starts_with("cargo ")).collect()
}

#[test]
fn blocks_and_mentions_are_told_apart_and_comments_dropped() {
    let page = "Run `byway up`, in `x`:\n```sh\nbyway a 'b # c'   # d\n# e\n\nf\n```\nor `cargo run`.\n```\ng\n```\n";
    let found = blocks(page);
    assert_eq!(found.iter().map(|block| block.language).collect::<Vec<_>>(), ["sh", ""]);
    assert_eq!(commands(&found[0].text), ["byway a 'b # c'", "f"]);
    assert_eq!(mentioned(page), ["byway up", "cargo run"]);
}
