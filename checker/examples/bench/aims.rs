//! What is aimed at, and whether it holds: a family, the seconds and the memory that it may take.

use std::io::Cursor;

use checker::history::jsonl;
use checker::online::Online;

use super::baseline::Budget;
use super::cases::Case;
use super::measure::{Judge, cpu, measure};
use super::table::word;

/// Family, seconds, MB.
const AIMS: [(&str, f64, f64); 19] = [
    ("regu_c20_k1_n1000000_u0_valid", 0.1, 256.0),
    ("regu_c20_k1_n1000000_u0.05_valid", 0.1, 256.0),
    ("regu_c20_k1_n1000000_u0.05_invalid", 0.1, 256.0),
    ("regs_c10_k1_n100000_u0_valid", 0.3, 1024.0),
    ("regs_c10_k1_n100000_u0_invalid", 0.3, 1024.0),
    ("regs_c20_k1_n10000_u0_valid", 1.0, 1024.0),
    ("regs_c20_k1_n10000_u0_invalid", 1.0, 1024.0),
    ("regs_c50_k1_n1000_u0_valid", 10.0, 1024.0),
    ("regs_c50_k1_n1000_u0_invalid", 10.0, 1024.0),
    ("regs_c10_k1_n10000_u0.01_valid", 1.0, 256.0),
    ("regs_c10_k1_n10000_u0.01_invalid", 1.0, 256.0),
    ("regs_c10_k1_n100000_u0.01_valid", 1.0, 256.0),
    ("regs_c10_k1_n100000_u0.01_invalid", 1.0, 256.0),
    ("regu_c10_k100_n100000_u0_valid", 0.005, 1024.0),
    ("regs_c10_k100_n100000_u0_valid", 0.005, 1024.0),
    ("queue_c10_k1_n1000000_u0_valid", 0.5, 200.0),
    ("queue_c10_k1_n1000000_u0_invalid", 0.5, 200.0),
    ("stack_c10_k1_n1000000_u0_valid", 0.5, 200.0),
    ("stack_c10_k1_n1000000_u0_invalid", 0.5, 200.0),
];

/// Measures each and says whether it holds.
pub fn print() -> Result<(), String> {
    println!("\n| aim | verdict | one thread, s | two, s | at most | MB | at most | holds |");
    println!("|---|---|--:|--:|--:|--:|--:|---|");
    for (name, seconds, megabytes) in AIMS {
        let case: Case = name.parse()?;
        let budget = Budget {
            seconds: 10.0 * seconds.max(1.0),
            bytes: 1 << 30,
            threads: 1,
        };
        // Both cores may be used, so the time that passes counts; what one needs by itself counts, too.
        let both = Budget {
            threads: 2,
            ..budget
        };
        let [ours, two] = [budget, both].map(|budget| measure(&case, Judge::Ours, budget));
        let (ours, two) = (ours?, two?);
        let quick = ours.seconds.min(two.seconds) <= seconds;
        let holds = ours.decided() && two.decided() && quick;
        let holds = holds && ours.megabytes.max(two.megabytes) <= megabytes;
        println!(
            "| {name} | {} | {:.4} | {:.4} | {seconds} | {:.0} | {megabytes} | {} |",
            word(ours.valid),
            ours.seconds,
            two.seconds,
            ours.megabytes.max(two.megabytes),
            if holds { "yes" } else { "no" }
        );
    }
    reading()?;
    listening()
}

/// Lines of JSON are read at so many MB a second.
fn reading() -> Result<(), String> {
    let case: Case = "regs_c10_k100_n200000_u0.01_valid".parse()?;
    let (history, _) = case.history()?;
    let text: String = history
        .events()
        .map(|event| jsonl::to_line(&event))
        .collect();
    let begun = cpu();
    let read = jsonl::read("bench", Cursor::new(&text)).map_err(|error| error.to_string())?;
    let seconds = (cpu() - begun).as_secs_f64();
    assert_eq!(read.history.operations().len(), 200_000);
    let speed = text.len() as f64 / 1e6 / seconds;
    println!("\nReading JSON lines: {speed:.0} MB/s (aim: 200).");
    Ok(())
}

/// The online judge hears so many operations a second, asked every 50,000 events.
fn listening() -> Result<(), String> {
    let case: Case = "regu_c20_k100_n200000_u0.01_valid".parse()?;
    let (history, _) = case.history()?;
    let events: Vec<_> = history.events().collect();
    let (mut judge, begun) = (Online::default(), cpu());
    for (at, event) in events.iter().enumerate() {
        judge.hear(event).map_err(|error| error.to_string())?;
        if at % 50_000 == 0 && judge.verdict().is_some() {
            return Err("a right history was called wrong".into());
        }
    }
    let speed = 200_000.0 / (cpu() - begun).as_secs_f64();
    println!("\nListening while a run goes on: {speed:.0} operations/s (aim: 200000).");
    Ok(())
}
