//! The report as readers meet it, in a headless Chromium. Says loudly what it leaves out where there is none.

mod chromium;
mod others;

use std::path::PathBuf;
use std::time::Instant;

use chromium::Chromium;
use harness::report::fixture::{self, Wanted};
use harness::report::{Run, render};
use tempfile::TempDir;

/// A page on disk and a browser to look at it with.
struct Reader {
    browser: Chromium,
    url: String,
    _folder: TempDir,
}

fn write(run: &Run) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("report.html");
    std::fs::write(&path, render(run)).expect("the page is written");
    (folder, path)
}

/// Opens a run's page in a window of a usual size; `None` where there is no Chromium.
fn read(run: &Run) -> Option<Reader> {
    let mut browser = Chromium::start(1100, 900)?;
    let (folder, path) = write(run);
    let url = format!("file://{}", path.display());
    browser.open(&url);
    Some(Reader {
        browser,
        url,
        _folder: folder,
    })
}

impl Reader {
    fn hash(&mut self) -> String {
        self.browser.text("location.hash")
    }

    fn readout(&mut self) -> String {
        self.browser
            .text("document.getElementById('readout').textContent")
    }

    fn shows(&mut self, selector: &str) -> bool {
        let script =
            format!("(e => !!e && e.offsetParent !== null)(document.querySelector('{selector}'))");
        self.browser.value(&script) == true
    }

    fn calm(&self) {
        let complaints = self.browser.complaints();
        assert!(complaints.is_empty(), "{complaints:#?}");
    }

    /// Presses the mouse at one share of a panel's width and releases it at another.
    fn drag(&mut self, panel: &str, from: f64, to: f64) {
        self.browser.value(&format!(
            "document.querySelector('{panel}').scrollIntoView({{block: 'center'}})"
        ));
        let [left, top, width, height] = self.browser.place(panel);
        let y = top + height / 2.0;
        let x = |share: f64| left + 84.0 + (width - 92.0) * share;
        self.browser.mouse("mousePressed", x(from), y);
        self.browser.mouse("mouseMoved", x((from + to) / 2.0), y);
        self.browser.mouse("mouseMoved", x(to), y);
        self.browser.mouse("mouseReleased", x(to), y);
        self.browser.settle();
    }

    /// From and to, in seconds, as the address has them.
    fn stretch(&mut self) -> (f64, f64) {
        let hash = self.hash();
        let times = hash
            .split(['#', '&'])
            .find_map(|part| part.strip_prefix("t="));
        let (from, to) = times
            .expect("a stretch")
            .split_once('-')
            .expect("two moments");
        (from.parse().expect("seconds"), to.parse().expect("seconds"))
    }
}

#[test]
fn pages_of_every_kind_open_without_a_complaint_or_a_request() {
    for run in [fixture::valid(), fixture::unknown(), fixture::calm()] {
        let Some(mut reader) = read(&run) else { return };
        assert!(reader.shows("#live .stack canvas"));
        assert!(!reader.shows(".static"), "the still pictures are for paper");
        assert!(reader.readout().contains(" ok, "));
        reader.calm();
    }
}

#[test]
fn a_drag_zooms_all_panels_and_the_address_keeps_it() {
    let Some(mut reader) = read(&fixture::valid()) else {
        return;
    };
    let whole = reader.readout();
    let rate = "#live figure:nth-of-type(5) canvas";
    let before = reader
        .browser
        .text(&format!("document.querySelector('{rate}').toDataURL()"));
    reader.drag("#live figure:nth-of-type(2) canvas", 0.25, 0.5);
    let (from, to) = reader.stretch();
    assert!(
        (6.0..9.5).contains(&from) && (14.0..17.0).contains(&to),
        "{from} {to}"
    );
    let zoomed = reader.readout();
    assert_ne!(whole, zoomed);
    let after = reader
        .browser
        .text(&format!("document.querySelector('{rate}').toDataURL()"));
    assert_ne!(before, after, "another panel follows");
    let hash = reader.hash();
    let url = format!("{}{hash}", reader.url);
    reader.browser.open(&url);
    assert_eq!(reader.stretch(), (from, to));
    let again = reader.readout();
    assert_eq!(again, zoomed, "the address brings the view back");
    reader.browser.key("0");
    assert_eq!(reader.hash(), "");
    assert_eq!(reader.readout(), whole);
    reader.calm();
}

#[test]
fn filters_narrow_what_is_counted_and_stay_in_the_address() {
    let Some(mut reader) = read(&fixture::valid()) else {
        return;
    };
    let choose = "(e => { e.value = [...e.options].find(o => o.text === 'k3').value; e.dispatchEvent(new Event('change')); })(document.getElementById('filter-key'))";
    reader.browser.value(choose);
    reader.browser.settle();
    assert!(
        reader.readout().contains("key k3 only"),
        "{}",
        reader.readout()
    );
    reader
        .browser
        .value("document.getElementById('out-ok').click()");
    reader.browser.settle();
    assert!(
        reader.readout().contains(": 0 ok, "),
        "{}",
        reader.readout()
    );
    reader
        .browser
        .value("document.getElementById('node-0').click()");
    reader.browser.settle();
    let hash = reader.hash();
    for part in ["key=k3", "out=unequal%2Cfail%2Cinfo", "node="] {
        assert!(hash.contains(part), "{part} in {hash}");
    }
    let said = reader.readout();
    let url = format!("{}{hash}", reader.url);
    reader.browser.open(&url);
    assert_eq!(reader.readout(), said);
    let checked = "document.getElementById('out-ok').checked";
    assert_eq!(reader.browser.value(checked), false);
    reader.calm();
}

#[test]
fn the_keyboard_finds_the_anomaly_and_walks_operations() {
    let run = fixture::invalid();
    let violation = run.verdicts[0].violations[0].clone();
    let Some(mut reader) = read(&run) else { return };
    reader.browser.key("j");
    let said = reader
        .browser
        .text("document.getElementById('said').textContent");
    assert!(said.contains("Anomaly 1 of 1: stale read on key"), "{said}");
    assert!(said.contains(&violation.explanation), "{said}");
    let hash = reader.hash();
    let key = violation.key.clone().expect("a key");
    assert!(
        hash.contains("anomaly=1") && hash.contains(&format!("key={key}")),
        "{hash}"
    );
    assert!(reader.shows("#pinned"));
    let pinned = reader
        .browser
        .text("document.querySelector('#pinned').textContent");
    assert!(pinned.contains("Pinned: read"), "{pinned}");
    let (from, to) = reader.stretch();
    reader
        .browser
        .value("document.querySelector('.stack').focus()");
    reader.browser.key("ArrowRight");
    let (later, _) = reader.stretch();
    assert!(later > from);
    reader.browser.key("-");
    let (wider, end) = reader.stretch();
    assert!(end - wider > (to - from) * 1.5);
    reader.browser.key("n");
    let next = reader
        .browser
        .text("document.querySelector('#pinned').textContent");
    assert_ne!(next, pinned);
    reader.browser.key("Escape");
    assert!(!reader.shows("#pinned"));
    // The table of what is in view is for those who cannot see a drawing.
    reader
        .browser
        .value("document.getElementById('in-view').open = true");
    reader
        .browser
        .wait("document.querySelectorAll('#in-view tbody tr').length > 3");
    reader.calm();
}

#[test]
fn a_click_pins_the_operation_under_it() {
    let run = fixture::invalid();
    let violation = run.verdicts[0].violations[0].clone();
    let wrong = (violation.operations.iter()).find(|o| o.complete == Some(violation.prefix_end));
    let wrong = wrong.expect("a wrong operation");
    let Some(mut reader) = read(&run) else { return };
    reader.browser.key("j");
    reader.browser.key("Escape");
    let (from, to) = reader.stretch();
    let panel = "#live figure:nth-of-type(2) canvas";
    reader.browser.value(&format!(
        "document.querySelector('{panel}').scrollIntoView({{block: 'center'}})"
    ));
    let [left, top, width, height] = reader.browser.place(panel);
    let share = (wrong.start_ns as f64 / 1e9 - from) / (to - from);
    let x = left + 84.0 + (width - 92.0) * share;
    let wanted = format!("op={}", wrong.invoke);
    for step in 0..60 {
        let y = top + height * f64::from(step) / 60.0;
        reader.browser.mouse("mousePressed", x, y);
        reader.browser.mouse("mouseReleased", x, y);
        reader.browser.settle();
        if reader.hash().contains(&wanted) {
            assert!(reader.shows("#pinned"));
            return reader.calm();
        }
        reader.browser.value(&format!(
            "document.querySelector('{panel}').scrollIntoView({{block: 'center'}})"
        ));
    }
    panic!("no click pinned event {}: {}", wrong.invoke, reader.hash());
}

#[test]
fn messages_that_were_dropped_or_late_and_what_nodes_did_are_told_apart() {
    let Some(mut reader) = read(&fixture::invalid()) else {
        return;
    };
    reader.browser.key("j");
    reader.browser.settle();
    // Every place of the diagram is pointed at; what is said there is collected.
    let said = reader.browser.text(
        "(() => {
            const figures = [...document.querySelectorAll('#live figure')];
            const canvas = figures.find(f => f.textContent.includes('Messages between nodes')).querySelector('canvas');
            const box = canvas.getBoundingClientRect(), tip = document.querySelector('.tip'), said = new Set();
            for (let x = 84; x < box.width; x += 6) for (let y = 1; y < box.height; y += 5) {
                canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: box.left + x, clientY: box.top + y, bubbles: true }));
                if (!tip.hidden) said.add(tip.textContent);
            }
            return [...said].join('\\n');
        })()",
    );
    for part in [
        "bytes, dropped at",
        "bytes, passed on at",
        "delayed by 30.0 ms, passed on at",
        "had synced its log up to",
        "knew as committed its log up to",
    ] {
        assert!(said.contains(part), "{part:?} in {said}");
    }
    reader.calm();
}

#[test]
fn without_a_script_and_on_paper_verdict_tables_and_pictures_are_there() {
    let Some(mut reader) = read(&fixture::invalid()) else {
        return;
    };
    reader.browser.media("print", "light");
    assert!(reader.shows(".static svg") && !reader.shows("#live"));
    reader.browser.media("screen", "light");
    reader.browser.ask(
        "Emulation.setScriptExecutionDisabled",
        serde_json::json!({"value": true}),
    );
    let url = reader.url.clone();
    reader
        .browser
        .ask("Page.navigate", serde_json::json!({"url": url}));
    reader.browser.wait("document.querySelector('footer')");
    assert!(
        reader.shows(".static svg") && reader.shows(".verdict") && reader.shows("#faults table")
    );
    assert!(!reader.shows("#live") && !reader.shows("button.copy"));
    reader.calm();
}

#[test]
fn a_phone_shows_it_without_scrolling_sideways_and_night_is_dark() {
    let Some(mut reader) = read(&fixture::invalid()) else {
        return;
    };
    reader.browser.size(390, 844);
    reader.browser.key("j");
    let across = reader.browser.value("document.documentElement.scrollWidth");
    assert!(across.as_f64().expect("a width") <= 390.0, "{across} wide");
    let ground = "getComputedStyle(document.body).backgroundColor";
    let day = reader.browser.text(ground);
    let picture = "document.querySelector('#live canvas').toDataURL()";
    let drawn = reader.browser.text(picture);
    reader.browser.media("screen", "dark");
    reader.browser.settle();
    assert_ne!(reader.browser.text(ground), day);
    assert_ne!(reader.browser.text(picture), drawn, "the drawing follows");
    reader.calm();
}

/// Sizes and paint times: `cargo test -p harness --test browser -- --ignored --nocapture sizes`
#[test]
#[ignore = "measures for a minute; its limits are those of the page"]
fn sizes_and_paint_times() {
    const OPENINGS: usize = 7;
    println!("best of {OPENINGS} openings");
    println!("operations | page, bytes | drawn in s | first paint, s | interactive, s");
    for (seconds, latency_us) in [(30, 29_500), (60, 5_500), (360, 2_400)] {
        let run = fixture::invalid_like(&Wanted {
            seconds,
            latency_us,
            faults: &["partition", "kill", "pause"],
        });
        let operations = run.history.operations().len();
        let began = Instant::now();
        let bytes = render(&run).len();
        let drawn = began.elapsed().as_secs_f64();
        let Some(mut reader) = read(&run) else { return };
        let url = reader.url.clone();
        // The machine may be busy with something else: the best of some openings is the page's own.
        let (mut paint, mut ready) = (f64::MAX, f64::MAX);
        for _ in 0..OPENINGS {
            reader.browser.open(&url);
            let mut seconds = |mark: &str| {
                let at = format!("performance.getEntriesByName('{mark}')[0].startTime");
                reader.browser.value(&at).as_f64().expect("milliseconds") / 1e3
            };
            paint = paint.min(seconds("first-contentful-paint"));
            ready = ready.min(seconds("ready"));
        }
        println!("{operations} | {bytes} | {drawn:.1} | {paint:.2} | {ready:.2}");
        assert!(bytes < 8_000_000, "{bytes} bytes");
        assert!(paint < 2.0, "{paint} s");
        reader.calm();
    }
}
