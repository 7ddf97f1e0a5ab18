//! The page in a real browser, from the first set-up on. Pictures of each page are left in `target/screenshots`.
//!
//! Where chromium or chromedriver are missing, nothing is tested, and that is said.

mod driver;
mod provider;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use driver::Browser;
use pillarbox::gateway::{Gateway, Options};
use provider::{PASSWORD, Provider};
use serde_json::json;

const CONFIG: &str = r#"
[[smtp]]
name = "SMTP Server"
listen = ["127.0.0.1:0"]
[[pop3]]
name = "POP3 Server"
listen = ["127.0.0.1:0"]
[web]
listen = ["127.0.0.1:0"]
redirect_from = ["127.0.0.1:0"]
[schedule]
items = []
"#;

/// Pages an administrator can open: address and heading.
const PAGES: [(&str, &str); 22] = [
    ("", "Today"),
    ("queue", "Outgoing queue"),
    ("find", "Find a mail"),
    ("sessions", "Sessions"),
    ("users", "Users"),
    ("mappings", "Mappings"),
    ("domain_mappings", "Domain mappings"),
    ("connections", "Connections and senders"),
    ("schedule", "Schedule"),
    ("collectors", "Mail Collectors"),
    ("download_rules", "Download rules"),
    ("lan", "LAN forwarding"),
    ("smtp", "SMTP"),
    ("pop3", "POP3"),
    ("web", "This page"),
    ("general", "General"),
    ("dns", "DNS"),
    ("tls", "Certificate"),
    ("security", "Security"),
    ("blocks", "Kept out"),
    ("changes", "Changes"),
    ("about", "About"),
];

struct Place {
    gateway: Option<Gateway>,
    _dir: tempfile::TempDir,
}

impl Place {
    fn start() -> Place {
        let dir = tempfile::tempdir().unwrap();
        let config = dir.path().join("office.toml");
        std::fs::write(&config, CONFIG).unwrap();
        let user = nix::unistd::geteuid().is_root().then(|| "root".to_string());
        let options = Options { data: dir.path().join("data"), config: Some(config), user, ..Options::default() };
        Place { gateway: Some(Gateway::start(&options).unwrap()), _dir: dir }
    }

    fn address(&self, service: &str) -> String {
        let listeners = self.gateway.as_ref().unwrap().board().listeners();
        listeners.into_iter().find(|row| row.service == service).expect("the service listens").address
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            smol::block_on(gateway.stop()).unwrap();
        }
    }
}

#[test]
fn an_office_sets_its_box_up_and_lives_with_it() {
    let Some(browser) = Browser::start() else {
        eprintln!("skipped: chromium or chromedriver are not installed");
        return;
    };
    let (place, provider) = (Place::start(), Provider::start());
    let page = format!("https://{}/", place.address("Status page"));
    first_run(&browser, &page, &provider);
    users_and_settings(&browser, &page);
    mail_in_the_queue(&browser, &page, &place);
    every_page(&browser, &page);
    // The browser names each answer that is no 200.
    let complaints = browser.complaints().into_iter().filter(|line| !line.contains("Failed to load resource"));
    assert_eq!(complaints.collect::<Vec<_>>(), [""; 0]);
}

fn first_run(browser: &Browser, page: &str, provider: &Provider) {
    browser.go(page);
    browser.reads("Step 1 of 5");
    browser.picture("first-1");
    browser.fill("#first-name", "anna");
    browser.fill("#first-password", "short");
    browser.press("Begin");
    browser.reads("The password needs 8 characters at least");
    browser.fill("#first-password", "long enough");
    browser.press("Begin");
    browser.reads("Step 2 of 5");
    browser.fill("#first-domain", "office.example");
    browser.picture("first-2");
    browser.press("Go on");
    browser.reads("Step 3 of 5");
    browser.fill("#first-address", "info@office.example");
    browser.fill("#first-mail_password", "wrong");
    browser.find("#first-pop3_host");
    browser.reads("not in our table");
    browser.fill("#first-pop3_host", "127.0.0.1");
    browser.fill("#first-pop3_port", &provider.pop3.to_string());
    browser.run("document.getElementById('first-pop3-encryption').value = 'none'", json!([]));
    browser.press("Test and go on");
    browser.reads("The provider refused name or password");
    browser.picture("first-3");
    browser.fill("#first-mail_password", PASSWORD);
    browser.press("Test and go on");
    browser.reads("Step 4 of 5");
    browser.fill("#first-smtp_host", "127.0.0.1");
    browser.fill("#first-smtp_port", &provider.smtp.to_string());
    browser.run("document.getElementById('first-smtp-encryption').value = 'none'", json!([]));
    browser.picture("first-4");
    browser.press("Send a test mail and go on");
    browser.reads("Step 5 of 5");
    assert!(provider.sent.lock().unwrap()[0].contains("Subject: Test mail from Pillarbox"));
    browser.fill("#first-person", "bob");
    browser.fill("#first-person_password", "bob has a mailbox");
    browser.press("Add this person");
    browser.reads("bob@office.example");
    browser.picture("first-5");
    browser.press("Finish");
    browser.reads("Everything is ready");
    browser.picture("first-6");
    browser.press("To the overview");
    browser.reads("Mails taken since start");
}

fn users_and_settings(browser: &Browser, page: &str) {
    browser.go(&format!("{page}#/users"));
    browser.press("Add a user");
    browser.reads("New entry");
    browser.picture("user");
    browser.fill("[data-path='name'] input", "carl");
    browser.fill("[data-path='password'] input", "carl has one too");
    browser.press("Save");
    browser.reads("carl");
    browser.go(&format!("{page}#/general"));
    browser.press("More");
    browser.fill("[data-path='general.max_hops'] input", "5");
    browser.reads("1 change");
    browser.press("Save");
    browser.reads("5 is below 20");
    browser.picture("wrong");
    browser.fill("[data-path='general.max_hops'] input", "30");
    browser.press("Save");
    browser.is_gone(".bar:not([hidden])");
    browser.go(&format!("{page}#/changes"));
    browser.reads("general.max_hops");
    browser.fill(".search input", "hops");
    browser.reads("Max hops");
    browser.picture("search");
}

/// Paused, the Connection leaves a mail in the queue.
fn mail_in_the_queue(browser: &Browser, page: &str, place: &Place) {
    browser.go(&format!("{page}#/connections/0"));
    browser.click(&browser.find("[data-path='connections[0].paused'] input"));
    browser.press("Save");
    browser.is_gone("form.settings");
    send(&place.address("SMTP Server"));
    browser.go(&format!("{page}#/queue"));
    browser.reads("Offer <b>42</b>");
    browser.click(&browser.find("tbody input[type=checkbox]"));
    browser.press("Hold");
    browser.reads("Held");
    browser.picture("queue-held");
    browser.press("Offer <b>42</b>");
    browser.reads("What was tried");
    browser.press("View source");
    browser.reads("the offer you asked for");
    browser.picture("queue-source");
    browser.click(&browser.find("dialog .buttons button"));
    browser.press("Delete");
    browser.click(&browser.find("dialog button.danger"));
    browser.reads("No mail waits to go out");
    browser.go(&format!("{page}#/find"));
    browser.fill("#search", "customer@example.net");
    browser.press("Find");
    browser.reads("Removed");
    browser.picture("find");
}

/// From the office to a customer, over the box.
fn send(address: &str) {
    let stream = TcpStream::connect(address).unwrap();
    let mut reader = BufReader::new(stream);
    let mail = "From: anna@office.example\r\nTo: customer@example.net\r\nSubject: Offer <b>42</b>\r\n\r\nHere is the offer you asked for.\r\n.";
    let commands =
        ["", "EHLO desk", "MAIL FROM:<anna@office.example>", "RCPT TO:<customer@example.net>", "DATA", mail, "QUIT"];
    for command in commands {
        if !command.is_empty() {
            reader.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
        }
        let mut line = String::new();
        while line.as_bytes().get(3) != Some(&b' ') {
            line.clear();
            assert!(reader.read_line(&mut line).unwrap() > 0, "the box closed the connection");
        }
        assert!(line.starts_with(['2', '3']), "{command}: {line}");
    }
}

/// Each page opens, on a screen and on a telephone, in the light and in the dark, and has no fault that a person with a
/// screen reader would stumble over.
fn every_page(browser: &Browser, page: &str) {
    let axe = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/target/axe/axe.min.js")).ok();
    if axe.is_none() {
        eprintln!("skipped: axe-core is not in target/axe");
    }
    for (address, heading) in PAGES {
        browser.go(&format!("{page}#/{address}"));
        let script = "return document.querySelector('h1')?.textContent === arguments[0]";
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while browser.run(script, json!([heading])) != true {
            assert!(std::time::Instant::now() < deadline, "no {heading}");
        }
        let name = if address.is_empty() { "today" } else { address };
        browser.picture(&format!("page-{name}"));
        if let Some(axe) = &axe {
            browser.run(axe, json!([]));
            let script = "axe.run(document).then((found) => arguments[0](found.violations.filter((one) => ['serious', 'critical'].includes(one.impact)) \
                          .map((one) => `${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(' | ')}`)))";
            assert_eq!(browser.run_async(script, json!([])), json!([]), "{heading}");
        }
        let wide = "return document.documentElement.scrollWidth <= window.innerWidth + 1";
        assert_eq!(browser.run(wide, json!([])), true, "{heading} is wider than the window");
    }
    browser.dark(true);
    for (address, name) in [("", "today"), ("users", "users"), ("collectors/0", "collector")] {
        browser.go(&format!("{page}#/{address}"));
        browser.find("h1");
        browser.picture(&format!("dark-{name}"));
    }
    browser.dark(false);
    browser.size(400, 800);
    for (address, name) in [("", "today"), ("users", "users"), ("smtp/0", "smtp"), ("connections/0", "connection")] {
        browser.go(&format!("{page}#/{address}"));
        browser.find("h1");
        browser.picture(&format!("narrow-{name}"));
        let wide = "return document.documentElement.scrollWidth <= window.innerWidth + 1";
        assert_eq!(browser.run(wide, json!([])), true, "{name} is wider than a telephone");
    }
    browser.size(1280, 900);
}
