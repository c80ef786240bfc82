//! What the interactive plots are drawn from: a header in JSON and columns of operations, packed into the page.

mod choice;
mod columns;
mod deeds;
mod messages;
mod operations;
mod series;

use checker::Violation;
use serde::Serialize;
use serde_json::{Value, json};

use super::data::Data;
use super::html::Html;
use super::leaders::Role;
use super::palette::Colour;
use super::samples::Answer;
use super::{looks, stretches};
use columns::Column;
use operations::{Op, Operations};

/// The words of operations take no more bytes than this before packing.
const WORDS: usize = 6_000_000;

/// How the header and the columns are laid out; the script refuses another.
const FORMAT: u32 = 2;

#[derive(Serialize)]
struct Fault<'a> {
    id: u64,
    kind: &'a str,
    colour: String,
    pattern: &'static str,
    from: u64,
    to: u64,
    words: &'a str,
    effect: Option<&'a str>,
    targets: &'a [String],
}

/// The element that holds the data, and what was left out of it, in sentences.
pub fn embed(data: &Data<'_>) -> (Html, Vec<String>) {
    let mut left_out = Vec::new();
    let operations = Operations::new(&data.run.history);
    let end_ns = (operations.all.iter().map(|op| op.end_ns))
        .max()
        .unwrap_or(0)
        .max(data.end_ns);
    let violations = stretches::told(&data.run.verdicts);
    let windows: Vec<(u64, u64)> = (violations.iter())
        .filter_map(|violation| Some(stretches::around(violation, data.moment_ns(violation)?)))
        .collect();
    let choice = choice::choose(&operations.all, &windows, end_ns);
    let mut packed: Vec<(&str, Column)> = [
        "start", "latency", "verb", "node", "key", "process", "answer", "error", "invoke", "weight",
    ]
    .map(|name| (name, Column::default()))
    .into();
    for chosen in &choice.chosen {
        let op = &operations.all[chosen.at];
        let numbers = [
            op.start_ns / 1_000,
            // From microsecond to microsecond, so that an end is where its event is.
            op.end_ns / 1_000 - op.start_ns / 1_000,
            u64::from(op.verb),
            u64::from(op.node),
            u64::from(op.key),
            op.process,
            answer(op),
            u64::from(op.error),
            op.invoke,
            u64::from(chosen.weight),
        ];
        for ((name, column), number) in packed.iter_mut().zip(numbers) {
            match *name {
                "start" | "invoke" => column.push_rise(number),
                _ => column.push(number),
            }
        }
    }
    let said = messages::choose(&data.run.messages, &windows, &data.outages);
    left_out.extend(said.left_out.clone());
    packed.extend(said.columns());
    packed.extend(deeds::columns(&data.run.deeds));
    if data.run.messages_missed > 0 {
        left_out.push(format!(
            "{} between nodes came too fast to be written down.",
            super::units::counted(data.run.messages_missed, "message")
        ));
    }
    if !data.run.deeds.is_empty() {
        left_out.push("What nodes synced and committed is drawn around anomalies only: nodes/*.events.jsonl has it all.".into());
    }
    let (words, untold) = words(data, &operations, &choice.chosen);
    left_out.extend(choice.left_out.clone());
    if untold > 0 {
        left_out.push(format!(
            "Values of {} in the interactive plots: history.jsonl has them.",
            super::units::counted(untold, "operation")
        ));
    }
    let lengths: Vec<(&str, usize)> = (packed.iter())
        .map(|(name, column)| (*name, column.bytes().len()))
        .chain([("words", words.len())])
        .collect();
    let header = json!({
        "format": FORMAT,
        "end": end_ns / 1_000,
        "total": operations.all.len(),
        "embedded": choice.chosen.len(),
        "left_out": choice.left_out,
        "stretch": choice.stretch_ns / 1_000,
        "verbs": operations.verbs.all,
        "nodes": operations.nodes.all,
        "cluster": data.nodes,
        "keys": operations.keys.all,
        "errors": operations.errors.all,
        "faults": faults(data),
        "stalls": micros(data.stalls()),
        "outages": micros(data.outages.all.iter().map(|o| (o.from_ns, o.to_ns))),
        "reigns": (data.leaders.reigns.iter()).map(|reign| json!([
            reign.node,
            match reign.role { Role::Leader => "leader", Role::Candidate => "candidate", Role::Down => "down" },
            reign.term, reign.from_ns / 1_000, reign.to_ns / 1_000,
        ])).collect::<Vec<_>>(),
        "rollbacks": (data.rollbacks.all.iter()).map(|rollback| json!([
            rollback.node, rollback.time_ns / 1_000, super::rollbacks::ranges(&rollback.entries),
        ])).collect::<Vec<_>>(),
        "series": series::AllSeries::new(data),
        "violations": violations.iter().map(|violation| told(data, violation)).collect::<Vec<_>>(),
        "messages": said.chosen.len(),
        "deeds": data.run.deeds.len(),
        "kinds": crate::messages::kinds(),
        "messages_left_out": said.left_out,
        "columns": lengths,
    });
    // A value is always JSON.
    let header = header.to_string();
    let mut bytes = Vec::with_capacity(header.len() + 16 * choice.chosen.len() + words.len());
    bytes.extend((header.len() as u32).to_le_bytes());
    bytes.extend(header.as_bytes());
    for (_, column) in &packed {
        bytes.extend(column.bytes());
    }
    bytes.extend(words.as_bytes());
    let element = format!(
        "<script type=\"application/octet-stream\" id=\"data\">{}</script>\n",
        columns::pack(&bytes)
    );
    (Html::raw(element), left_out)
}

fn answer(op: &Op) -> u64 {
    let answer = match op.answer {
        Answer::Ok => 0,
        Answer::Unequal => 1,
        Answer::Fail => 2,
        Answer::Info => 3,
    };
    if op.is_final { answer + 4 } else { answer }
}

fn micros(stretches: impl Iterator<Item = (u64, u64)>) -> Vec<(u64, u64)> {
    stretches
        .map(|(from, to)| (from / 1_000, to / 1_000))
        .collect()
}

fn faults<'a>(data: &Data<'a>) -> Vec<Fault<'a>> {
    let each = data.windows.iter().map(|window| Fault {
        id: window.injury.id,
        kind: &window.injury.fault,
        colour: Colour::fault(&window.injury.fault).css(),
        pattern: looks::of(&window.injury.fault).pattern,
        from: window.from_ns / 1_000,
        to: window.to_ns / 1_000,
        words: &window.injury.description,
        effect: window.injury.effect.as_deref(),
        targets: &window.injury.targets,
    });
    each.collect()
}

fn told(data: &Data<'_>, violation: &Violation) -> Value {
    let moment_ns = data.moment_ns(violation);
    json!({
        "name": violation.anomaly,
        "key": violation.key,
        "words": violation.explanation,
        "at": moment_ns.map(|ns| ns / 1_000),
        "from": moment_ns.map(|ns| stretches::first_ns(violation, ns) / 1_000),
        "operations": (violation.operations.iter())
            .map(|o| json!([o.invoke, o.essential, o.complete == Some(violation.prefix_end)]))
            .collect::<Vec<_>>(),
    })
}

/// The words of every chosen operation, a line each; empty lines once there are too many. And how many have none.
fn words(data: &Data<'_>, operations: &Operations<'_>, chosen: &[choice::Chosen]) -> (String, u64) {
    let history = &data.run.history;
    let mut out = String::new();
    let mut untold = 0;
    for (at, chosen) in chosen.iter().enumerate() {
        if at > 0 {
            out.push('\n');
        }
        if out.len() < WORDS {
            let operation = &history.operations()[operations.all[chosen.at].number];
            out.push_str(&operations::words(history, operation));
        } else {
            untold += 1;
        }
    }
    (out, untold)
}
