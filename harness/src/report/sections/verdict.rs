//! First of all: the verdict in a sentence, what broke when and under what, and how to repeat it.

use checker::Valid;

use super::super::data::Data;
use super::super::html::{Html, text};
use super::super::windows::Window;
use super::super::{plots, units};
use super::answers::{answers, during};
use super::tiles::tiles;
use crate::bugs;
use crate::plan::Plan;
use crate::whitebox;

/// A verdict's word.
pub fn word(valid: Valid) -> &'static str {
    match valid {
        Valid::Yes => "Valid",
        Valid::Unknown => "Unknown",
        Valid::No => "Invalid",
    }
}

/// The verdict's word for the page's first line: what is not wrong but too slow is not called invalid.
pub fn headline(data: &Data<'_>) -> &'static str {
    match (data.valid(), data.run.exit_code) {
        (Valid::No, 3) => "Service broken",
        (Valid::No, 4) => "Node failed",
        (valid, _) => word(valid),
    }
}

/// The section.
pub fn verdict(data: &Data<'_>) -> Html {
    let plan = &data.run.plan;
    let mut out = format!(
        "<div class=\"verdict\">\n<p class=\"run\">{} · {} · {} · seed {} · Ordeal {}</p>\n<h1><strong>{}:</strong> {}</h1>\n",
        text(&plan.system),
        text(&plan.workload),
        units::counted(plan.nodes.into(), "node"),
        plan.seed,
        text(&plan.version),
        headline(data),
        text(sentence(data)),
    );
    if let Some(warning) = beyond(data.run.exit_code) {
        out.push_str(&format!("<p class=\"warning\">{}</p>\n", text(warning)));
    }
    if !plan.bugs.is_empty() {
        let bugs = text(planted(plan, data.valid()));
        out.push_str(&format!("<p class=\"planted\">{bugs}</p>\n"));
    }
    for note in &data.run.notes {
        out.push_str(&format!("<p class=\"warning\">{}</p>\n", text(note)));
    }
    out.push_str("</div>\n");
    out.push_str(&answers(data).to_string());
    out.push_str(&tiles(data).to_string());
    out.push_str(&plots::overview(data).to_string());
    out.push_str(&format!(
        "<details class=\"repeat\"><summary>Repeat this plan</summary>\n<p class=\"note\">The same seed draws the same operations and faults, but real processes, disks and networks are not deterministic: the same plan can end otherwise.</p>\n<div><pre tabindex=\"0\"><code>{}</code></pre><button class=\"copy\" type=\"button\" hidden>Copy</button></div></details>\n",
        text(to_repeat(plan))
    ));
    Html::raw(out)
}

/// The plan's command without what is not needed to repeat it: where results go, and a binary that planted bugs have built.
fn to_repeat(plan: &Plan) -> String {
    let mut command = plan.command.clone();
    let needless = [(" --out '", true), (" --binary '", !plan.bugs.is_empty())];
    for (flag, _) in needless.iter().filter(|(_, drop)| *drop) {
        if let Some((before, rest)) = command.split_once(flag)
            && let Some((_, after)) = rest.split_once('\'')
        {
            command = format!("{before}{after}");
        }
    }
    command
}

/// What a verdict means where bugs were planted.
pub fn planted(plan: &Plan, valid: Valid) -> String {
    let bugs: Vec<String> = (plan.bugs.iter())
        .map(|name| match bugs::find(name) {
            Some(bug) => format!("{name}: {}", bug.about),
            None => name.clone(),
        })
        .collect();
    let bugs = format!(
        "A drill: this system was built with planted bugs ({})",
        bugs.join("; ")
    );
    match valid {
        Valid::No => format!("{bugs}, and the run found it faulty, as it should."),
        _ => format!("{bugs}, and the run found nothing: try other seeds or more time."),
    }
}

/// The verdict without its first word.
fn sentence(data: &Data<'_>) -> String {
    let summary = data.worst().map_or_else(
        || "nothing was judged, because no checker spoke.".to_string(),
        |verdict| verdict.summary.clone(),
    );
    let Some((verdict, violation)) = data.violation() else {
        // Checkers may begin with the word themselves.
        let word = word(data.valid()).to_lowercase();
        let rest = (summary.get(..word.len()))
            .filter(|begin| begin.eq_ignore_ascii_case(&word))
            .map(|_| {
                summary[word.len()..]
                    .trim_start_matches([':', ' '])
                    .to_string()
            });
        let rest = rest.filter(|rest| !rest.is_empty()).unwrap_or(summary);
        return rest.trim_end_matches('.').to_string();
    };
    let subject = match &violation.key {
        Some(key) => format!("key {key}"),
        None if verdict.checker == whitebox::NAME => "the nodes' evidence".to_string(),
        None => "the history".to_string(),
    };
    let broken = match verdict.checker.as_str() {
        "linearizable" => "is not linearizable".to_string(),
        whitebox::NAME => "shows that a node broke an invariant".to_string(),
        other => format!("fails the check {other:?}"),
    };
    let mut sentence = format!("{subject} {broken}");
    if violation.anomaly != "not linearizable" {
        sentence.push_str(&format!(" — {}", violation.anomaly));
    }
    if let Some(moment_ns) = data.moment_ns(violation) {
        sentence.push_str(&format!(" at {}", units::moment(moment_ns)));
        let active: Vec<&Window<'_>> = data.active(moment_ns, moment_ns).collect();
        match active.as_slice() {
            [] => {}
            [only] => sentence.push_str(&format!(" while {}", during(only))),
            [first, rest @ ..] => {
                let others = units::counted(rest.len() as u64, "other fault");
                sentence.push_str(&format!(" while {} (and {others})", during(first)));
            }
        }
    }
    sentence
}

/// What an exit code says that the verdict does not.
fn beyond(exit_code: u8) -> Option<&'static str> {
    match exit_code {
        3 => Some("Exit code 3: a demand on liveness or service was not met."),
        4 => Some("Exit code 4: a node panicked, or refused to start; its log says why."),
        70 => Some("Exit code 70: the harness itself failed; see the configuration section."),
        73 => Some("Exit code 73: results could not be written completely."),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_command_is_told_without_what_repeating_does_not_need() {
        let mut plan = fixture::invalid().plan;
        plan.command = "run --seed 3 --out '/a b' --binary '/c'".into();
        plan.bugs = vec!["x".into()];
        assert_eq!(to_repeat(&plan), "run --seed 3");
        plan.bugs.clear();
        assert_eq!(to_repeat(&plan), "run --seed 3 --binary '/c'");
    }
}
