//! A real browser, driven over the W3C WebDriver protocol by nothing but the standard library.
#![allow(unreachable_pub, clippy::expect_used, clippy::panic)] // a helper of a test may fail like the test

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// A headless Chromium. It ends when this is dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
    // Gone after the browser that writes into it.
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Starts one, or says why there is none.
    pub fn start() -> Result<Self, String> {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| {
                format!("chromedriver does not start ({e}): apt install chromium-driver")
            })?;
        let port = match port(&mut driver) {
            Some(port) => port,
            None => {
                let _ = driver.kill();
                let _ = driver.wait();
                return Err("chromedriver names no port".to_owned());
            }
        };
        let mut browser = Self {
            driver,
            port,
            session: String::new(),
            _profile: tempfile::tempdir().expect("a folder"),
        };
        let profile = format!("--user-data-dir={}", browser._profile.path().display());
        let mut args = vec![
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
        ];
        args.extend(["--no-first-run", "--disable-background-networking"]);
        args.extend(["--disable-component-update", "--disable-sync", &profile]);
        // /dev/shm may be small in a container.
        args.push("--disable-dev-shm-usage");
        let wanted = json!({"capabilities": {"alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": args},
            "goog:loggingPrefs": {"browser": "ALL"},
        }}});
        let session = browser.send("POST", "/session", &wanted)?;
        browser.session = session["sessionId"].as_str().expect("a session").to_owned();
        Ok(browser)
    }

    /// Opens a file.
    pub fn open(&self, file: &Path) {
        let file = file.canonicalize().expect("a file");
        self.call(
            "/url",
            &json!({"url": format!("file://{}", file.display())}),
        );
    }

    /// The window's width and height, and whether the system prefers dark colours.
    pub fn look_like(&self, width: u32, height: u32, dark: bool) {
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.devtools("Emulation.setDeviceMetricsOverride", &metrics);
        let scheme = if dark { "dark" } else { "light" };
        // Without motion: what moves cannot be clicked.
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": "reduce"},
        ]);
        self.devtools("Emulation.setEmulatedMedia", &json!({"features": features}));
    }

    fn devtools(&self, command: &str, params: &Value) {
        self.call(
            "/goog/cdp/execute",
            &json!({"cmd": command, "params": params}),
        );
    }

    /// What a script returns.
    pub fn eval(&self, script: &str) -> Value {
        let script = format!("return ({script});");
        self.call("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// The text that one sees of the first element that `css` selects.
    pub fn text(&self, css: &str) -> String {
        let element = self.element(css);
        let text = self.get(&format!("/element/{element}/text"));
        text.as_str()
            .unwrap_or_else(|| panic!("{css}: {text}"))
            .to_owned()
    }

    /// Clicks it, as a person does: it has to be there to be seen.
    pub fn click(&self, css: &str) {
        // Into the middle: at the edge something that stays in place may lie over it.
        let quoted = Value::from(css);
        self.eval(&format!(
            "document.querySelector({quoted}).scrollIntoView({{block: 'center'}})"
        ));
        let element = self.element(css);
        self.call(&format!("/element/{element}/click"), &json!({}));
    }

    /// Types into it.
    pub fn keys(&self, css: &str, text: &str) {
        let element = self.element(css);
        self.call(&format!("/element/{element}/value"), &json!({"text": text}));
    }

    fn element(&self, css: &str) -> String {
        let found = self.call("/element", &json!({"using": "css selector", "value": css}));
        let id = found
            .as_object()
            .and_then(|found| found.values().next()?.as_str());
        id.unwrap_or_else(|| panic!("{css}: {found}")).to_owned()
    }

    /// What the console has said since it was last asked.
    pub fn console(&self) -> Vec<String> {
        let lines = self.call("/se/log", &json!({"type": "browser"}));
        let lines = lines.as_array().expect("lines");
        lines.iter().map(ToString::to_string).collect()
    }

    fn call(&self, path: &str, body: &Value) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.send("POST", &path, body)
            .unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    fn get(&self, path: &str) -> Value {
        let path = format!("/session/{}{path}", self.session);
        self.send("GET", &path, &Value::Null)
            .unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    /// One request, one connection.
    fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, String> {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            self.port,
            body.len()
        );
        let exchange = || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
            stream.set_read_timeout(Some(Duration::from_secs(120)))?;
            stream.write_all(request.as_bytes())?;
            let mut stream = BufReader::new(stream);
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line)? > 2 {
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            let mut answer = vec![0; length];
            stream.read_exact(&mut answer)?;
            Ok(answer)
        };
        let answer: std::io::Result<Vec<u8>> = exchange();
        let answer = answer.map_err(|e| format!("no answer: {e}"))?;
        let mut answer: Value = serde_json::from_slice(&answer).map_err(|e| e.to_string())?;
        let value = answer["value"].take();
        match value.get("error") {
            Some(error) => Err(format!("{error}: {}", value["message"])),
            None => Ok(value),
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !self.session.is_empty() {
            let path = format!("/session/{}", self.session);
            let _ = self.send("DELETE", &path, &Value::Null);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The port that the driver says it listens on.
fn port(driver: &mut Child) -> Option<u16> {
    let mut lines = BufReader::new(driver.stdout.take()?).lines();
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(30) {
        let line = lines.next()?.ok()?;
        if let Some((_, port)) = line.split_once("successfully on port ") {
            return port.trim_end_matches('.').parse().ok();
        }
    }
    None
}
