//! Logging in, and what a session may: the cookie, the token, lock-out, the first administrator.

use std::time::{Duration, Instant};

use serde_json::{Value, json as value};

use super::{Site, json, status};

pub const OFFICE: &str = "[[users]]\nname = \"anna\"\npassword = \"anna-secret\"\nadministrator = true\n\
    [[users]]\nname = \"bob\"\npassword = \"bob-secret\"\n\
    [general]\nmain_administrator = \"anna\"\ndefault_domain = \"office.example\"\n";

/// A browser: cookie and token.
pub struct Browser<'s> {
    site: &'s Site,
    cookie: String,
    token: String,
}

impl<'s> Browser<'s> {
    pub fn new(site: &'s Site) -> Browser<'s> {
        Browser { site, cookie: String::new(), token: String::new() }
    }

    /// Logged in.
    pub fn of(site: &'s Site, name: &str, password: &str) -> Browser<'s> {
        let mut browser = Browser::new(site);
        let (status, told) = browser.ask("POST", "session", Some(&value!({ "name": name, "password": password })));
        assert_eq!(status, "200", "{told}");
        browser
    }

    /// Takes the cookie and the token of an answer along.
    pub fn ask(&mut self, method: &str, path: &str, body: Option<&Value>) -> (String, Value) {
        let body = body.map(Value::to_string).unwrap_or_default();
        let mut fields = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
        if !self.cookie.is_empty() {
            fields.push_str(&format!("Cookie: {}\r\nX-CSRF-Token: {}\r\n", self.cookie, self.token));
        }
        let text = format!("{method} /api/v1/{path} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n{fields}\r\n{body}");
        let reply = self.site.send(text.as_bytes());
        if let Some(cookie) = reply.lines().find_map(|line| line.strip_prefix("Set-Cookie: ")) {
            for part in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/"] {
                assert!(cookie.contains(part), "{cookie}");
            }
            self.cookie = cookie.split(';').next().unwrap_or_default().to_string();
        }
        let told = json(&reply);
        if let Some(token) = told["token"].as_str() {
            self.token = token.to_string();
        }
        (status(&reply).to_string(), told)
    }

    pub fn get(&mut self, path: &str) -> (String, Value) {
        self.ask("GET", path, None)
    }
}

#[test]
fn strangers_see_nothing_but_the_login() {
    let site = Site::start(OFFICE);
    let mut stranger = Browser::new(&site);
    assert_eq!(stranger.get("session").1["state"], "logged out");
    for (method, path) in [
        ("GET", "status"),
        ("GET", "queue"),
        ("GET", "config"),
        ("GET", "config/file?secrets=yes"),
        ("GET", "users"),
        ("GET", "me"),
        ("DELETE", "users/anna"),
        ("POST", "queue/retry"),
        ("POST", "setup"),
        ("PUT", "me/password"),
    ] {
        assert_eq!(stranger.ask(method, path, Some(&value!({}))).0, "401", "{method} {path}");
    }
    assert_eq!(stranger.ask("POST", "backup", Some(&value!({ "to": "/tmp/x" }))).0, "403");
    assert_eq!(stranger.get("nothing").0, "404");
    assert_eq!(stranger.ask("PUT", "status", Some(&value!({}))).0, "405");
    let peer = site.get("/api/v1/status", "X-Pillarbox-Peer: 127.0.0.1\r\n");
    assert_eq!(status(&peer), "401", "what a client says of its address is not believed");
}

#[test]
fn a_login_opens_what_the_user_may() {
    let site = Site::start(OFFICE);
    let mut anna = Browser::of(&site, "anna", "anna-secret");
    assert_eq!(anna.get("session").1["administrator"], true);
    assert_eq!(anna.get("status").1["queue"]["length"], 0);
    let config = anna.get("config").1;
    assert_eq!(config["users"][0]["password"], "********");
    assert_eq!(anna.get("config/file?secrets=yes").0, "403");
    assert_eq!(anna.ask("POST", "backup", Some(&value!({ "to": "/tmp/x" }))).0, "403");
    let mut bob = Browser::of(&site, "bob", "bob-secret");
    assert_eq!(bob.get("me").1["addresses"][0], "bob@office.example");
    assert_eq!(bob.get("status").0, "403", "no administrator");
    assert_eq!(bob.ask("POST", "queue/retry", None).0, "403");
    assert_eq!(anna.ask("DELETE", "session", None).0, "200");
    assert_eq!(anna.get("status").0, "401");
}

#[test]
fn a_change_needs_the_token() {
    let site = Site::start(OFFICE);
    let mut anna = Browser::of(&site, "anna", "anna-secret");
    let token = std::mem::replace(&mut anna.token, "another".into());
    assert_eq!(anna.ask("POST", "queue/retry", None).0, "403");
    assert_eq!(anna.ask("DELETE", "session", None).0, "403");
    anna.token = token;
    assert_eq!(anna.ask("POST", "queue/retry", None).0, "200");
    let foreign = "POST /api/v1/session HTTP/1.1\r\nHost: b\r\nConnection: close\r\nContent-Type: text/plain\r\n\
                   Content-Length: 2\r\n\r\n{}";
    assert_eq!(status(&site.send(foreign.as_bytes())), "403", "a form of another site");
}

#[test]
fn guessing_is_slow_and_ends_in_a_block() {
    let site = Site::start(&format!("{OFFICE}[security]\nnever_block = []\n[security.logins]\nfailed_logins = 2\n"));
    let mut stranger = Browser::new(&site);
    let mut guess =
        |name: &str| stranger.ask("POST", "session", Some(&value!({ "name": name, "password": "wrong" }))).0;
    let began = Instant::now();
    assert_eq!(guess("anna"), "401");
    assert!(began.elapsed() >= Duration::from_secs(1), "guessing is slow");
    assert_eq!(guess("nobody"), "401", "an unknown name is told nothing else");
    assert!(super::within(site.connect()).is_err(), "kept out");
}

#[test]
fn settings_are_changed_one_by_one_and_noted() {
    let site = Site::start(OFFICE);
    let mut anna = Browser::of(&site, "anna", "anna-secret");
    let change = |one: Value| value!({ "changes": [one] });
    let to = change(value!({ "path": "general.default_domain", "was": "office.example", "to": "b.example" }));
    assert_eq!(anna.ask("POST", "config/changes", Some(&to)).1["stored"], true);
    assert_eq!(anna.ask("POST", "config/changes", Some(&to)).0, "409", "it is another one now");
    let wrong = change(value!({ "path": "general.max_hops", "to": 5 }));
    let (status, told) = anna.ask("POST", "config/changes", Some(&wrong));
    assert_eq!((status.as_str(), &told["fields"][0]["path"]), ("400", &value!("general.max_hops")));
    let add = change(value!({ "path": "users", "add": { "name": "carl", "password": "carl-secret" } }));
    assert_eq!(anna.ask("POST", "config/changes", Some(&add)).0, "200");
    let password = change(value!({ "path": "users[1].password", "to": "another secret" }));
    assert_eq!(anna.ask("POST", "config/changes", Some(&password)).0, "200");
    let own = change(value!({ "path": "users[0]", "remove": true }));
    assert_eq!(anna.ask("POST", "config/changes", Some(&own)).0, "400", "not oneself");
    Browser::of(&site, "carl", "carl-secret");
    Browser::of(&site, "bob", "another secret");
    let told = anna.get("audit").1;
    let line = |place: usize| -> Vec<&str> {
        ["who", "setting", "old", "new"].iter().map(|name| told["changes"][place][name].as_str().unwrap()).collect()
    };
    assert_eq!(line(0), ["anna", "users[bob].password", "********", "********"]);
    assert_eq!(line(2), ["anna", "general.default_domain", "office.example", "b.example"]);
    assert!(!told.to_string().contains("secret") && !told.to_string().contains("argon2"), "{told}");
}

#[test]
fn people_change_their_own_password() {
    const HASH: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$eDKC98EotoZXYNxIQVDiQA$ddg1hcKp49uKncELRVkDQqeebE6cAqgHMfyCUgL9lG0";
    let site = Site::start(&format!("{OFFICE}[security]\nminimum_password_length = 11\n"));
    let mut bob = Browser::of(&site, "bob", "bob-secret");
    let mut other = Browser::of(&site, "bob", "bob-secret");
    let mut change = |old: &str, new: &str| bob.ask("PUT", "me/password", Some(&value!({ "old": old, "new": new }))).0;
    assert_eq!(change("wrong", "long enough"), "400");
    assert_eq!(change("bob-secret", "short"), "400");
    assert_eq!(change("bob-secret", "ten letter"), "400", "the setting asks for more");
    assert_eq!(change("bob-secret", HASH), "400", "nobody can type a hash");
    assert_eq!(change("bob-secret", "long enough"), "200");
    assert_eq!(bob.get("me").0, "200", "this session goes on");
    assert_eq!(other.get("me").0, "401", "the others end");
    Browser::of(&site, "bob", "long enough");
}

#[test]
fn the_first_administrator_is_made_once() {
    let site = Site::start("");
    let mut first = Browser::new(&site);
    assert_eq!(first.get("session").1["state"], "new");
    assert_eq!(first.get("status").0, "401", "nothing else is open");
    let make = |browser: &mut Browser<'_>, name: &str, password: &str| {
        browser.ask("POST", "setup", Some(&value!({ "name": name, "password": password })))
    };
    assert_eq!(make(&mut first, "anna", "short").0, "400");
    let (status, told) = make(&mut first, "anna", "long enough");
    assert_eq!((status.as_str(), &told["administrator"]), ("200", &value!(true)));
    assert_eq!(first.get("config").1["general"]["main_administrator"], "anna");
    let mut second = Browser::new(&site);
    assert_eq!(second.get("session").1["state"], "logged out");
    assert_eq!(make(&mut second, "eve", "long enough").0, "401", "closed for good");
}
