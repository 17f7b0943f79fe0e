//! `byway doctor`: what the node reaches, how it is reached, and what to try where something is missing.

use std::process::ExitCode;

use byway_api::local::{Diagnose, Diagnosis, Finding, FindingState};
use byway_base::limits::DIAL_TIMEOUT;

use crate::{
    context::Context,
    output::{Paint, plain},
    stop::Stop,
};

/// The exit code of a node of which something does not work.
const UNHEALTHY: u8 = 1;

pub(crate) async fn run(context: &Context) -> Result<ExitCode, Stop> {
    // The node asks others, each with a deadline of its own.
    let node = context.node.clone().with_deadline(DIAL_TIMEOUT);
    let diagnosis = node.call::<Diagnose>((), (), ()).await?;
    context.out.one(&diagnosis, |paint| describe(&diagnosis, paint))?;
    Ok(if diagnosis.healthy { ExitCode::SUCCESS } else { ExitCode::from(UNHEALTHY) })
}

fn describe(diagnosis: &Diagnosis, paint: Paint) -> String {
    let widest = diagnosis.findings.iter().map(|finding| finding.part.chars().count()).max().unwrap_or(0);
    let mut text: String = diagnosis.findings.iter().map(|finding| line(finding, widest, paint)).collect();
    let count = |state| diagnosis.findings.iter().filter(|finding| finding.state == state).count();
    let (failed, limited) = (count(FindingState::Failed), count(FindingState::Limited));
    text += &match (failed, limited) {
        (0, 0) => format!("{}\n", paint.good("nothing is missing")),
        (0, _) => format!("{limited} could be better\n"),
        _ => format!("{}, {limited} could be better\n", paint.bad(&format!("{failed} failed"))),
    };
    text
}

fn line(finding: &Finding, widest: usize, paint: Paint) -> String {
    let state = match finding.state {
        FindingState::Ok => paint.good("ok     "),
        FindingState::Limited => paint.strong("limited"),
        FindingState::Failed => paint.bad("failed "),
        FindingState::Off => paint.dim("off    "),
    };
    let (part, found) = (plain(&finding.part), plain(&finding.found));
    let mut text = format!("{state}  {part:widest$}  {found}\n");
    if let Some(hint) = &finding.hint {
        text += &format!("{:9}{:widest$}  try: {}\n", "", "", plain(hint));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(part: &str, state: FindingState, hint: Option<&str>) -> Finding {
        Finding { part: part.to_owned(), state, found: "seen".to_owned(), hint: hint.map(str::to_owned) }
    }

    #[test]
    fn each_part_is_a_line_with_what_to_try_below_it() {
        let findings = vec![
            finding("udp", FindingState::Ok, None),
            finding("transport", FindingState::Failed, Some("mend it\nnow")),
            finding("nat", FindingState::Limited, Some("wait")),
        ];
        let text = describe(&Diagnosis { version: 1, healthy: false, findings }, Paint::default());
        let expected = "\
ok       udp        seen
failed   transport  seen
                    try: mend it now
limited  nat        seen
                    try: wait
1 failed, 1 could be better
";
        assert_eq!(text, expected);
    }
}
