//! Drives a headless Chromium over its DevTools protocol, on the pipe that it offers instead of a socket: two
//! named pipes and JSON, so that no crate is needed for it.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// How long an answer may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(120);

/// A browser with one page.
pub struct Chromium {
    child: Child,
    commands: File,
    answers: Receiver<Value>,
    session: String,
    last: u64,
    /// Everything that the browser told without being asked.
    pub told: Vec<Value>,
    _folder: TempDir,
}

/// The browser's binary: `CHROMIUM`, or one found in the usual places. Where there is none, says so and gives
/// `None`; with `NOTHING_LEFT_OUT` set, as in CI, that is a failure.
pub fn find() -> Option<PathBuf> {
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    let usual = ["chromium", "chromium-browser", "google-chrome"]
        .map(|name| PathBuf::from("/usr/bin").join(name));
    let found = named.into_iter().chain(usual).find(|path| path.exists());
    if found.is_none() {
        let text = "LEFT OUT: no Chromium was found, so the page is not tried in a browser; install the package chromium, or set CHROMIUM to a binary";
        assert!(std::env::var_os("NOTHING_LEFT_OUT").is_none(), "{text}");
        eprintln!("{text}");
    }
    found
}

impl Chromium {
    /// Starts one with an empty page of a size; `None` where there is no Chromium.
    pub fn start(width: u32, height: u32) -> Option<Chromium> {
        let binary = find()?;
        let folder = tempfile::tempdir().expect("a folder");
        let pipe = |name: &str| {
            let path = folder.path().join(name);
            nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).expect("a named pipe");
            path
        };
        let (to, from) = (pipe("to"), pipe("from"));
        let child = Command::new("sh")
            .args(["-c", "exec \"$0\" \"$@\" 3<\"$TO\" 4>\"$FROM\""])
            .arg(binary)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--hide-scrollbars",
                "--remote-debugging-pipe",
            ])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("profile").display()
            ))
            .arg("about:blank")
            .env("TO", &to)
            .env("FROM", &from)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the browser starts");
        // Each waits for the other side, in the order in which the shell opens them.
        let commands = File::options().write(true).open(&to).expect("a pipe");
        let reader = BufReader::new(File::open(&from).expect("a pipe"));
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for message in reader.split(0).map_while(Result::ok) {
                let Ok(message) = serde_json::from_slice(&message) else {
                    return;
                };
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        let mut browser = Chromium {
            child,
            commands,
            answers,
            session: String::new(),
            last: 0,
            told: Vec::new(),
            _folder: folder,
        };
        let targets = browser.ask("Target.getTargets", json!({}));
        let targets = targets["targetInfos"].as_array().expect("targets").clone();
        let page = targets
            .iter()
            .find(|target| target["type"] == "page")
            .expect("a page");
        let attached = browser.ask(
            "Target.attachToTarget",
            json!({"targetId": page["targetId"], "flatten": true}),
        );
        browser.session = attached["sessionId"].as_str().expect("a session").into();
        for room in ["Page", "Runtime", "Network", "Log"] {
            browser.ask(&format!("{room}.enable"), json!({}));
        }
        browser.size(width, height);
        browser.media("screen", "light");
        Some(browser)
    }

    /// One command and its answer.
    pub fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.last += 1;
        let mut command = json!({"id": self.last, "method": method, "params": parameters});
        if !self.session.is_empty() {
            command["sessionId"] = json!(self.session);
        }
        let mut bytes = command.to_string().into_bytes();
        bytes.push(0);
        self.commands
            .write_all(&bytes)
            .expect("the browser listens");
        let patience = Instant::now() + PATIENCE;
        loop {
            let left = patience.saturating_duration_since(Instant::now());
            let message = (self.answers.recv_timeout(left))
                .unwrap_or_else(|why| panic!("no answer to {method}: {why}"));
            if message["id"] == self.last {
                assert!(message["error"].is_null(), "{method}: {}", message["error"]);
                return message["result"].clone();
            }
            self.told.push(message);
        }
    }

    /// The value of an expression, promises awaited.
    pub fn value(&mut self, expression: &str) -> Value {
        let answer = self.ask(
            "Runtime.evaluate",
            json!({"expression": expression, "awaitPromise": true, "returnByValue": true}),
        );
        let thrown = &answer["exceptionDetails"];
        assert!(thrown.is_null(), "{expression}: {thrown}");
        answer["result"]["value"].clone()
    }

    /// The same, as text.
    pub fn text(&mut self, expression: &str) -> String {
        let value = self.value(expression);
        value
            .as_str()
            .map_or_else(|| value.to_string(), String::from)
    }

    /// Waits until an expression is true.
    pub fn wait(&mut self, expression: &str) {
        let patience = Instant::now() + PATIENCE;
        while self.value(&format!("!!({expression})")) != json!(true) {
            assert!(Instant::now() < patience, "never true: {expression}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Opens an address and waits until the page's script is done.
    pub fn open(&mut self, url: &str) {
        self.ask("Page.navigate", json!({"url": "about:blank"}));
        self.ask("Page.navigate", json!({"url": url}));
        self.wait("document.documentElement?.dataset.ready === 'yes'");
    }

    /// Size of the window.
    pub fn size(&mut self, width: u32, height: u32) {
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}),
        );
    }

    /// For screen or print, light or dark; without movement, so that positions hold still.
    pub fn media(&mut self, media: &str, scheme: &str) {
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.ask(
            "Emulation.setEmulatedMedia",
            json!({"media": media, "features": features}),
        );
    }

    /// Presses a key, and waits for the next picture.
    pub fn key(&mut self, key: &str) {
        let mut down = json!({"type": "keyDown", "key": key});
        if key.chars().count() == 1 {
            down["text"] = json!(key);
        }
        self.ask("Input.dispatchKeyEvent", down);
        self.ask(
            "Input.dispatchKeyEvent",
            json!({"type": "keyUp", "key": key}),
        );
        self.settle();
    }

    /// A mouse event: `mousePressed`, `mouseMoved`, `mouseReleased`.
    pub fn mouse(&mut self, what: &str, x: f64, y: f64) {
        let pressed = what != "mouseMoved";
        let button = if pressed { "left" } else { "none" };
        let count = u8::from(pressed);
        self.ask(
            "Input.dispatchMouseEvent",
            json!({"type": what, "x": x, "y": y, "button": button, "buttons": 1, "clickCount": count}),
        );
    }

    /// Waits until what was asked for is drawn.
    pub fn settle(&mut self) {
        self.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0))))");
    }

    /// Left, top, width and height of an element in the window.
    pub fn place(&mut self, selector: &str) -> [f64; 4] {
        let place = self.value(&format!(
            "(r => [r.left, r.top, r.width, r.height])(document.querySelector({}).getBoundingClientRect())",
            json!(selector)
        ));
        [0, 1, 2, 3].map(|at| place[at].as_f64().expect("a number"))
    }

    /// What went wrong on the page, and every request but those for the pages themselves.
    pub fn complaints(&self) -> Vec<String> {
        let each = self.told.iter().filter(|message| {
            match message["method"].as_str().unwrap_or_default() {
                "Runtime.exceptionThrown" | "Runtime.consoleAPICalled" => true,
                "Log.entryAdded" => message["params"]["entry"]["level"] == "error",
                "Network.requestWillBeSent" => message["params"]["type"] != "Document",
                _ => false,
            }
        });
        each.map(Value::to_string).collect()
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        // Asked to, it ends its helpers too and leaves nothing in its folder.
        let close = json!({"id": 0, "method": "Browser.close"}).to_string();
        let _ = self.commands.write_all(format!("{close}\0").as_bytes());
        let patience = Instant::now() + Duration::from_secs(5);
        while Instant::now() < patience {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
