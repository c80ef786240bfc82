//! Last: the plan, the machine, stalls of the harness, raw files, and what the page left out.

use super::super::data::Data;
use super::super::html::{Html, Table, code, text};
use super::super::units;

/// Stalls in the table.
const STALLS: usize = 20;

/// The section.
pub fn setup(data: &Data<'_>) -> Html {
    let mut out = plan(data);
    out.push_str(&environment(data));
    out.push_str(&stalls(data));
    out.push_str(&files(data));
    Html::raw(out)
}

fn plan(data: &Data<'_>) -> String {
    let plan = &data.run.plan;
    let ns = |time: std::time::Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let list = |names: &[String]| match names {
        [] => "none".to_string(),
        names => names.join(", "),
    };
    let rate = match plan.rate {
        rate if rate > 0.0 => format!("at most {rate} operations a second"),
        _ => "as fast as clients can".to_string(),
    };
    let rows = [
        ("System", plan.system.clone()),
        ("Workload", plan.workload.clone()),
        ("Nemesis", list(&plan.nemesis)),
        ("Nodes", plan.nodes.to_string()),
        (
            "Concurrency",
            units::counted(plan.concurrency as u64, "client"),
        ),
        ("Rate", rate),
        ("Keys", plan.keys.to_string()),
        ("Time", units::duration(ns(plan.time))),
        (
            "Interval of faults (mean)",
            units::duration(ns(plan.interval)),
        ),
        ("Seed", plan.seed.to_string()),
        ("A kill means", plan.kill_means.clone()),
        ("Replication", plan.replication.to_string()),
        ("Planted bugs", list(&plan.bugs)),
        ("Version", plan.version.clone()),
        ("Exit code", data.run.exit_code.to_string()),
    ];
    let mut table = Table::new("The plan", &["Setting", "Value"]);
    for (name, value) in rows {
        table.row(vec![name.into(), value.into()]);
    }
    table.to_string()
}

fn environment(data: &Data<'_>) -> String {
    if data.run.environment.is_empty() {
        return String::new();
    }
    let mut table = Table::new("The machine and the run", &["Fact", "Value"]);
    for (name, value) in &data.run.environment {
        table.row(vec![name.as_str().into(), value.as_str().into()]);
    }
    table.to_string()
}

fn stalls(data: &Data<'_>) -> String {
    let mut stalls: Vec<(u64, u64)> = data.stalls().collect();
    if stalls.is_empty() {
        return "<p>The harness itself was never kept waiting by the machine (no stall was recorded).</p>\n".into();
    }
    stalls.sort_by_key(|(from, to)| std::cmp::Reverse(to - from));
    let sum = stalls.iter().map(|(from, to)| to - from).sum();
    let mut table = Table::new(
        format!(
            "Stalls of the harness: {} in {}. The longest {}:",
            units::duration(sum),
            units::counted(stalls.len() as u64, "stall"),
            stalls.len().min(STALLS)
        ),
        &["#From", "#Length"],
    );
    for (from_ns, to_ns) in stalls.iter().take(STALLS) {
        table.row(vec![
            units::moment(*from_ns).into(),
            units::duration(to_ns - from_ns).into(),
        ]);
    }
    table.to_string()
}

fn files(data: &Data<'_>) -> String {
    let mut files = vec![
        ("plan.json".to_string(), "the plan"),
        ("history.jsonl".to_string(), "every event, one a line"),
        (
            "injuries.jsonl".to_string(),
            "every injury, before and after",
        ),
        (
            "observations.jsonl".to_string(),
            "what the harness saw of nodes and of itself",
        ),
        ("verdict.json".to_string(), "what the checkers said"),
        ("plots".to_string(), "the still plots, each a picture"),
    ];
    for node in &data.nodes {
        files.push((format!("nodes/{node}.log"), "a node's own log"));
        if data.run.judgement.is_some() {
            let path = format!("nodes/{node}.events.jsonl");
            files.push((path, "evidence of what a node did"));
        }
    }
    let mut out = String::from("<h3>Raw files</h3>\n<ul class=\"files\">\n");
    for (path, what) in files {
        out.push_str(&format!(
            "<li><a href=\"{}\">{}</a> {}</li>\n",
            text(&path),
            code(&path),
            text(what)
        ));
    }
    out.push_str("</ul>\n");
    out
}

/// What the page left out, in sentences.
pub fn left_out(sentences: &[String]) -> Html {
    let mut out = String::from(
        "<section id=\"left-out\" aria-labelledby=\"left-out-title\">\n<h2 id=\"left-out-title\">What was left out</h2>\n",
    );
    if sentences.is_empty() {
        out.push_str(
            "<p>Nothing: every operation, fault and observation is drawn or counted here.</p>\n",
        );
    } else {
        out.push_str("<ul>\n");
        for sentence in sentences {
            out.push_str(&format!("<li>{}</li>\n", text(sentence)));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
    Html::raw(out)
}
