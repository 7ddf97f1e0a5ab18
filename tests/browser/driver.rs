//! Drives a real browser without a window: WebDriver (W3C) spoken to chromedriver over plain HTTP.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// For one command, and for something to appear on the page.
const PATIENCE: Duration = Duration::from_secs(30);

/// A browser with one window; ends when dropped.
pub struct Browser {
    driver: Child,
    port: u16,
    session: String,
}

/// An element of the page.
#[derive(Clone)]
pub struct Element(String);

fn program(names: &[&str]) -> Option<String> {
    let there = |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|output| output.status.success());
    names.iter().find(there).map(|name| name.to_string())
}

impl Browser {
    /// `None` where chromium or chromedriver are not installed.
    pub fn start() -> Option<Browser> {
        let (chromium, driver) =
            (program(&["chromium", "chromium-browser", "google-chrome"])?, program(&["chromedriver"])?);
        let mut driver =
            Command::new(driver).arg("--port=0").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = lines
            .find_map(|line| line.unwrap().split("successfully on port ").nth(1)?.trim_end_matches('.').parse().ok());
        // Whoever stops reading would have the driver stop writing.
        std::thread::spawn(move || lines.for_each(drop));
        let mut browser = Browser { driver, port: port.expect("chromedriver names its port"), session: String::new() };
        let options = json!({
            "args": ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--window-size=1280,900", "--lang=en"],
            "binary": chromium_path(&chromium),
        });
        let wanted = json!({ "browserName": "chrome", "acceptInsecureCerts": true, "goog:chromeOptions": options,
            "goog:loggingPrefs": { "browser": "ALL" } });
        let told = browser.http("POST", "session", Some(json!({ "capabilities": { "alwaysMatch": wanted } })));
        browser.session = told["sessionId"].as_str().expect("a session").to_string();
        Some(browser)
    }

    fn http(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let head = format!(
            "{method} /{path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body.as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let mut length = 0;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            if line.trim().is_empty() {
                break;
            }
        }
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes).unwrap();
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        answer["value"].clone()
    }

    fn post(&self, path: &str, body: Value) -> Value {
        let told = self.http("POST", &format!("session/{}/{path}", self.session), Some(body));
        assert!(told["error"].is_null(), "{path}: {}", told["message"]);
        told
    }

    pub fn go(&self, address: &str) {
        self.post("url", json!({ "url": address }));
    }

    /// The value a script returns; `arguments` are its.
    pub fn run(&self, script: &str, arguments: Value) -> Value {
        self.post("execute/sync", json!({ "script": script, "args": arguments }))
    }

    /// The value a script hands to its last argument, a function.
    pub fn run_async(&self, script: &str, arguments: Value) -> Value {
        self.post("execute/async", json!({ "script": script, "args": arguments }))
    }

    /// Waits until `look` finds something.
    fn wait<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = look() {
                return found;
            }
            if Instant::now() > deadline {
                let page = self.run("return document.body.innerText", json!([]));
                self.picture("failed");
                panic!("no {what} on the page: {page}");
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The first element that a CSS selector means, as soon as it is there.
    pub fn find(&self, selector: &str) -> Element {
        self.wait(selector, || self.all(selector).into_iter().next())
    }

    pub fn all(&self, selector: &str) -> Vec<Element> {
        let path = format!("session/{}/elements", self.session);
        let found = self.http("POST", &path, Some(json!({ "using": "css selector", "value": selector })));
        let name = |one: &Value| Some(Element(one.as_object()?.values().next()?.as_str()?.to_string()));
        found.as_array().into_iter().flatten().filter_map(name).collect()
    }

    /// The button or link with exactly this text, as soon as it is there and can be seen.
    pub fn named(&self, text: &str) -> Element {
        let script = "return [...document.querySelectorAll('button,a,summary')].find((one) => one.textContent.trim() === arguments[0] \
                      && one.checkVisibility() && !one.disabled) ?? null";
        self.wait(text, || {
            let found = self.run(script, json!([text]));
            Some(Element(found.as_object()?.values().next()?.as_str()?.to_string()))
        })
    }

    pub fn click(&self, Element(element): &Element) {
        self.post(&format!("element/{element}/click"), json!({}));
    }

    pub fn press(&self, text: &str) {
        self.click(&self.named(text));
    }

    /// Puts a text into a field, in place of what is there.
    pub fn fill(&self, selector: &str, text: &str) {
        let element = self.find(selector);
        self.post(&format!("element/{}/clear", element.0), json!({}));
        self.post(&format!("element/{}/value", element.0), json!({ "text": text }));
    }

    /// Waits until the page has this text somewhere.
    pub fn reads(&self, text: &str) {
        self.wait(text, || {
            self.run("return document.body.innerText.includes(arguments[0])", json!([text])).as_bool().filter(|is| *is)
        });
    }

    /// Waits until nothing on the page is of this selector.
    pub fn is_gone(&self, selector: &str) {
        self.wait(&format!("end of {selector}"), || self.all(selector).is_empty().then_some(()));
    }

    pub fn size(&self, width: u32, height: u32) {
        self.post("window/rect", json!({ "width": width, "height": height }));
    }

    /// A command of the browser's developer tools.
    pub fn tools(&self, command: &str, parameters: Value) {
        self.post("goog/cdp/execute", json!({ "cmd": command, "params": parameters }));
    }

    pub fn dark(&self, is_dark: bool) {
        let value = if is_dark { "dark" } else { "light" };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.tools("Emulation.setEmulatedMedia", json!({ "features": features }));
    }

    /// Keeps a picture of the page in `target/screenshots`.
    pub fn picture(&self, name: &str) {
        use base64::Engine;
        let path = format!("session/{}/screenshot", self.session);
        let told = self.http("GET", &path, None);
        let Some(text) = told.as_str() else { return };
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&folder).unwrap();
        let bytes = base64::engine::general_purpose::STANDARD.decode(text).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes).unwrap();
    }

    /// What the browser complained about since the last time: errors of scripts, refused files.
    pub fn complaints(&self) -> Vec<String> {
        let told = self.post("se/log", json!({ "type": "browser" }));
        let severe = told.as_array().into_iter().flatten().filter(|line| line["level"] == "SEVERE");
        severe.map(|line| line["message"].as_str().unwrap_or_default().to_string()).collect()
    }
}

/// The driver wants a file, not a name.
fn chromium_path(name: &str) -> String {
    let found = Command::new("sh").arg("-c").arg(format!("command -v {name}")).output().unwrap();
    String::from_utf8(found.stdout).unwrap().trim().to_string()
}

impl Drop for Browser {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.http("DELETE", &format!("session/{}", self.session), None);
        }
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
