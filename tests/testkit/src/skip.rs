//! What is not tested because the machine lacks something.

use std::{env, fmt::Display, fs::File, io::Write};

/// A file to which the reasons go as well: test runners keep what passing tests print to themselves.
pub const LIST: &str = "BYWAY_TEST_SKIPPED";

/// Says that a test, or a part of it, is skipped, and why.
#[expect(clippy::print_stderr, reason = "test runners show it beside the test")]
pub fn skipped(why: impl Display) {
    let line = format!("SKIPPED: {why}\n");
    eprint!("{line}");
    if let Some(list) = env::var_os(LIST) {
        let list = File::options().create(true).append(true).open(list);
        // At once, since tests of other processes write there too.
        list.and_then(|mut list| list.write_all(line.as_bytes()))
            .expect("the list of skipped tests is writable");
    }
}
