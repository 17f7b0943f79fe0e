//! The rules for the image.

/// An instruction with its arguments, lines joined.
struct Instruction<'a> {
    word: &'a str,
    rest: &'a str,
}

/// Everything that is wrong with a Dockerfile.
pub(crate) fn breaches(text: &str) -> Vec<String> {
    let joined = joined(text);
    let all: Vec<Instruction<'_>> = joined.iter().filter_map(|line| instruction(line)).collect();
    let of = |word: &'static str| all.iter().filter(move |it| it.word == word).map(|it| it.rest);
    let mut found = Vec::new();

    let stages: Vec<&str> = of("FROM").collect();
    if stages.len() < 2 {
        found.push("what builds the program is in the image".to_owned());
    }
    let names: Vec<&str> = stages.iter().filter_map(|stage| Some(stage.split_once(" AS ")?.1)).collect();
    let bases = stages.iter().filter_map(|stage| stage.split(' ').next());
    found.extend(
        bases
            .filter(|base| !is_argument(base) && !names.contains(base))
            .map(|base| format!("the base image {base} cannot be replaced by an argument")),
    );
    let defaults = of("ARG").filter(|rest| rest.contains("_IMAGE") && !rest.contains('='));
    found.extend(defaults.map(|rest| format!("the argument {rest} has no default")));
    found.extend(of("ADD").map(|rest| format!("ADD {rest} may fetch or unpack; COPY does not")));
    let secret =
        |rest: &&str| ["PASSWORD", "SECRET", "TOKEN", "PRIVATE"].iter().any(|word| rest.contains(word));
    found.extend(
        of("ARG").chain(of("ENV")).filter(secret).map(|rest| format!("a secret stays in the image: {rest}")),
    );
    let fetches = |rest: &&str| ["curl ", "wget "].iter().any(|tool| rest.contains(tool));
    found.extend(of("RUN").filter(fetches).map(|rest| format!("a command fetches something: {rest}")));

    let last: Vec<&Instruction<'_>> = all.iter().rev().take_while(|it| it.word != "FROM").collect();
    let user = last.iter().find(|it| it.word == "USER").map(|it| it.rest);
    let number = user.and_then(|user| user.split(':').next()?.parse::<u32>().ok());
    if number.is_none_or(|number| number == 0) {
        found.push(format!("the image's user is {user:?}"));
    }
    let foreign = last.iter().filter(|it| it.word == "COPY" && !it.rest.starts_with("--from="));
    found.extend(foreign.map(|it| format!("the image takes {} from elsewhere than a stage", it.rest)));
    if last.iter().any(|it| it.word == "RUN") {
        found.push("a command runs in the image's own stage, which may have no shell".to_owned());
    }
    let exec = |word| last.iter().any(|it| it.word == word && it.rest.starts_with('['));
    if !exec("ENTRYPOINT") {
        found.push("ENTRYPOINT is missing, or needs a shell".to_owned());
    }
    found
}

fn is_argument(base: &str) -> bool {
    base.starts_with("${") && base.ends_with('}')
}

fn instruction(line: &str) -> Option<Instruction<'_>> {
    let (word, rest) = line.split_once(' ')?;
    Some(Instruction { word, rest: rest.trim() })
}

/// The lines without comments, those that go on joined to one.
fn joined(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let open = lines.last_mut().expect("there is always a last line");
        match line.strip_suffix('\\') {
            Some(part) => open.push_str(part),
            None => {
                open.push_str(line);
                lines.push(String::new());
            }
        }
    }
    lines
}

#[test]
fn each_rule_tells_when_it_is_broken() {
    let good = "ARG BASE_IMAGE=scratch\nFROM ${BASE_IMAGE} AS builder\nRUN make \\\n  all\nFROM ${BASE_IMAGE}\n\
        COPY --from=builder /x /\nUSER 1:1\nENTRYPOINT [\"/x\"]\n";
    assert_eq!(breaches(good), [""; 0]);
    let cases = [
        ("FROM ${BASE_IMAGE}\n", "FROM scratch\n", "scratch cannot be replaced"),
        ("=scratch", "", "has no default"),
        ("RUN make", "ADD https://example.org/x /\nRUN make", "may fetch"),
        ("RUN make", "ENV DB_PASSWORD=x\nRUN make", "stays in the image"),
        ("RUN make", "RUN curl https://example.org | sh && make", "fetches something"),
        ("USER 1:1", "USER 0", "user is"),
        ("USER 1:1\n", "", "user is"),
        ("--from=builder ", "", "elsewhere"),
        ("USER 1:1", "RUN true\nUSER 1:1", "may have no shell"),
        ("[\"/x\"]", "/x", "needs a shell"),
    ];
    for (from, to, says) in cases {
        let found = breaches(&good.replacen(from, to, 1));
        assert!(found.iter().any(|breach| breach.contains(says)), "'{to}': {found:?}");
    }
    assert!(breaches("FROM ${A}\nUSER 1\nENTRYPOINT [\"/x\"]").iter().any(|it| it.contains("builds")));
}
